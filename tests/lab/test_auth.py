# SPDX-License-Identifier: Apache-2.0
"""Authentication while the group runs: beginning with it, changing the key, and key files that cannot be used.

What a stepped clock does is shown by the fault matrix (tests/faults).
"""

import os
import re
import threading

import pytest

from hostile import dropped
from keys import auth, make_key, roll_out, use, write_auth, write_key
from testbed import SANITIZED, transitions, wait_for


@pytest.fixture
def keys(lab):
    """Id -> path and id -> bytes of two keys."""
    made = {key_id: make_key(lab, key_id) for key_id in (1, 2)}
    return {key_id: path for key_id, (path, _) in made.items()}, {key_id: key for key_id, (_, key) in made.items()}


def everybody_is_heard(nodes):
    """Both others accept the holder's adverts, now and from here on."""
    def heard():
        return [node.router()["counters"]["adverts_received"] for node in nodes[1:]]
    before = heard()
    wait_for("the others hear the holder", heard, lambda now: all(n >= b + 2 for n, b in zip(now, before)))


def auth_refusals(node):
    return {reason: count for reason, count in dropped(node).items() if reason.startswith("auth_")}


def one_by_one(nodes, *arguments):
    """Reloads server by server; after each all hear the holder, and nobody has moved or refused anything."""
    before, refused = transitions(nodes), [auth_refusals(node) for node in nodes]
    for node in nodes:
        use(node, *arguments)
        everybody_is_heard(nodes)
        assert node.router()["auth"] == arguments[0]
    assert transitions(nodes) == before
    assert [auth_refusals(node) for node in nodes] == refused


def memory_holds(pid, secret):
    """Whether these bytes are anywhere in what the process can write to."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for begin, end, rights in re.findall(r"^(\w+)-(\w+) (\S+)", maps.read(), re.M):
            if not rights.startswith("rw"):
                continue
            memory.seek(int(begin, 16))
            if secret in memory.read(int(end, 16) - int(begin, 16)):
                return True
    return False


def test_rollout_moves_nothing(lab, nodes, probe, keys):
    paths, _ = keys
    for mode in ("receive-only", "permissive", "enforce"):
        one_by_one(nodes, mode, 1, paths)
    requests = probe.mark()["requests"]
    assert requests["ok"] > 0 and requests["lost"] == 0, requests
    lab.wait_holder(nodes[0])


def test_a_skipped_step_is_refused_by_those_behind(nodes, keys):
    """Why the order matters: a server without auth takes nothing that is signed, and says so."""
    paths, _ = keys
    use(nodes[0], "permissive", 1, paths)
    wait_for("refused", lambda: [auth_refusals(node).get("auth_unexpected", 0) for node in nodes[1:]], lambda seen: min(seen) > 0)
    for node in nodes[1:]:
        assert "auth is not configured here" in node.log()
    wait_for("the advice of whoever took over", lambda: [node.vipctl("status", check=False).stdout for node in nodes[1:]],
             lambda shown: any("Most likely: adverts were refused (auth_unexpected)" in text for text in shown))


@pytest.mark.long
def test_change_of_key_moves_nothing(lab, nodes, probe, keys):
    paths, _ = keys
    roll_out(nodes, {1: paths[1]})
    one_by_one(nodes, "enforce", 1, paths)
    one_by_one(nodes, "enforce", 2, paths)
    one_by_one(nodes, "enforce", 2, {2: paths[2]})
    os.unlink(paths[1])
    one_by_one(nodes, "enforce", 2, {2: paths[2]})
    requests = probe.mark()["requests"]
    assert requests["ok"] > 0 and requests["lost"] == 0, requests
    lab.wait_holder(nodes[0])


def test_a_key_that_was_removed_counts_no_more(nodes, keys):
    paths, _ = keys
    roll_out(nodes, {1: paths[1]})
    use(nodes[2], "enforce", 2, {2: paths[2]})
    wait_for("the old key is unknown there", lambda: auth_refusals(nodes[2]).get("auth_unknown_key", 0))


@pytest.mark.skipif(SANITIZED, reason="the sanitizers map terabytes to write to")
def test_keys_leave_no_trace(lab, nodes, keys):
    """Not in a log, not in an answer, not in the memory of a process."""
    paths, keys = keys
    roll_out(nodes, paths)
    use(nodes[0], "enforce", 2, {2: paths[2]})
    everybody_is_heard(nodes)
    pids = nodes[0].vipd_pids()
    assert memory_holds(pids["guardian"], paths[2].encode()), "what is there is found"
    for key in keys.values():
        for text in (key, key.hex().encode()):
            assert not any(memory_holds(pid, text) for pid in pids.values())
    said = "".join([text for _, text in lab.logs()] + [nodes[0].http("GET", "/v1/status")[1], nodes[0].metrics()])
    assert not any(key.hex() in said for key in keys.values())


UNUSABLE = {
    "readable by others": (lambda path: os.chmod(path, 0o644), "run chmod 600"),
    "readable by the group": (lambda path: os.chmod(path, 0o640), "run chmod 600"),
    "of another owner": (lambda path: os.chown(path, 65534, 0), "run chown root"),
    "missing": (os.unlink, "does not exist; copy it from another server"),
    "a directory": (lambda path: (os.unlink(path), os.mkdir(path)), "not a regular file"),
    "too short": (lambda path: write_key(path, f"hex:{'ab' * 31}\n"), "shorter than 32 bytes; make a new one"),
    "empty": (lambda path: write_key(path, ""), "is empty; write one line"),
    "no hexadecimal": (lambda path: write_key(path, f"hex:{'xy' * 32}\n"), "only 0-9, a-f"),
}


def spoil(path, how):
    """The file as described, and the advice that is due."""
    write_key(path, f"hex:{'ab' * 32}\n")
    change, advice = UNUSABLE[how]
    change(path)
    return f'auth key 2, file = "{path}": ', advice


def test_an_unusable_key_is_refused(nodes, keys):
    """By a reload, which changes nothing, and at the start."""
    (good, path), node = keys[0].values(), nodes[2]
    use(node, "receive-only", 1, {1: good})
    before = transitions(nodes)
    write_auth(node, auth("enforce", 2, {1: good, 2: path}))
    for how in UNUSABLE:
        complaint, advice = spoil(path, how)
        refused = node.vipctl("reload", check=False)
        assert refused.returncode != 0 and complaint in refused.stderr and advice in refused.stderr, (how, refused)
        assert node.router()["auth"] == "receive-only"
    everybody_is_heard(nodes)
    assert transitions(nodes) == before
    assert node.vipd_stop() == 0
    for how in UNUSABLE:
        complaint, advice = spoil(path, how)
        begin = len(node.log())
        node.vipd_start()
        assert node.vipd_wait() == 2, how
        assert complaint in node.log(begin) and advice in node.log(begin), (how, node.log(begin))


def test_a_key_that_is_spoilt_while_in_use_stays_in_force(nodes, keys):
    """The guardian sees a changed file by itself; one that cannot be used is reported and not taken."""
    paths, _ = keys
    roll_out(nodes, {1: paths[1]})
    good = open(paths[1]).read()
    before = transitions(nodes)
    write_key(paths[1], "short\n")
    wait_for("all complain", lambda: [n.log().count("the one before stays in force") for n in nodes],
             lambda seen: min(seen) > 0)
    everybody_is_heard(nodes)
    assert transitions(nodes) == before
    write_key(paths[1], good)


def test_a_key_file_that_is_written_while_it_is_read(nodes, keys):
    """In place, as an editor does. The key is the one before or the new one, and never none: `enforce` sends nothing unsigned."""
    paths, _ = keys
    roll_out(nodes, {1: paths[1]})
    good = open(paths[1]).read()
    before, refused = transitions(nodes), [auth_refusals(node) for node in nodes]
    done = threading.Event()

    def rewrite():
        while not done.is_set():
            for text in ("", good[:20], good):
                with open(paths[1], "w") as out:
                    out.write(text)
                    out.flush()
                    done.wait(0.005)  # so that it is read in each of these states

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        read = []
        wait_for("it was read at good and at bad moments", lambda: read.append(nodes[0].vipctl("reload", check=False).returncode) or read,
                 lambda read: read.count(0) > 1 and len(read) - read.count(0) > 1, 30)
    finally:
        done.set()
        writer.join()
    everybody_is_heard(nodes)
    assert [auth_refusals(node) for node in nodes] == refused
    assert transitions(nodes) == before
