# SPDX-License-Identifier: Apache-2.0
"""Engines that die, and the keys and addresses of those that die again and again.

VIPD_KILLS: how often the holder's engine is killed in all; VIPD_STOPPED_S: how long it is stopped. `make soak` takes 20
and 8.
"""

import contextlib
import json
import mmap
import os
import signal

import pytest

from keys import auth, make_key, roll_out, write_auth, write_key
from packets import Sniffer
from testbed import BUILD, VIP, VIP_IPV4, adverts_pass, ip_batch, transitions, wait_for

pytestmark = pytest.mark.vips(VIP, VIP_IPV4)

FD_BOARD = 5  # include/vipd/message.h
KILLS = int(os.environ.get("VIPD_KILLS", "2"))
STOPPED_S = int(os.environ.get("VIPD_STOPPED_S", "1"))


def kill_engine(node):
    """Kills it and waits for the next one."""
    before = wait_for("an engine runs", node.vipd_pids, lambda pids: "engine" in pids)["engine"]
    os.kill(before, signal.SIGKILL)
    wait_for("another engine runs", node.vipd_pids, lambda pids: pids.get("engine") not in (None, before))


def is_adopted(node):
    router = node.router()
    return router["state"] == "active" and "took over from the engine before" in router["reason"]


def takeovers(nodes):
    """All that the backups tell of: on a busy machine the worst of them may be the first to hear why."""
    return [(node.name, event["number"], event["reason"]) for node in nodes[1:]
            for event in json.loads(node.http("GET", "/v1/events")[1])["events"] if event.get("to") == "active"]


def resigned(before, nodes):
    return any("resigned" in takeover[2] for takeover in takeovers(nodes) if takeover not in before)


def third_death(node):
    for _ in range(2):
        kill_engine(node)
        wait_for("it goes on as Active", lambda: is_adopted(node))
    os.kill(node.vipd_pids()["engine"], signal.SIGKILL)


def anew(lab, node):
    """Another guardian, which has seen no engine die."""
    node.special = True
    lab.restore()


@pytest.fixture(autouse=True)
def young_guardian(lab, nodes):
    anew(lab, nodes[0])
    yield
    nodes[0].special = True  # the next test begins with another one


def test_killed_engines_are_seen_by_nobody(lab, nodes, probe):
    """Two deaths in a minute at most, so vipd is started anew (a planned move) after each two."""
    for kill in range(KILLS):
        if kill and kill % 2 == 0:
            anew(lab, nodes[0])
            wait_for("the client is served by it", probe.answered_by, lambda name: name == nodes[0].name)
        watcher = nodes[0].spawn(["ip", "monitor", "address", "dev", "eth0"], f"monitor-{kill}")
        before = transitions(nodes)
        probe.mark()
        kill_engine(nodes[0])
        wait_for("it goes on as Active", lambda: is_adopted(nodes[0]))
        adverts_pass(nodes[0], 5)  # longer than the others wait
        assert transitions(nodes) == before
        probe.lost_nothing()
        nodes[0].end(watcher)
        with open(os.path.join(nodes[0].directory, f"monitor-{kill}.log")) as log:
            assert "Deleted" not in log.read()


def test_the_third_death_in_a_minute_is_a_handover(lab, nodes, probe):
    before = takeovers(nodes)
    third_death(nodes[0])
    wait_for("another takes over because of it", lambda: resigned(before, nodes))
    lab.wait_holder(nodes[0])  # an engine that stays alive is a candidate like any other
    probe.lost_nothing()


def test_a_keeper_that_starts_after_a_handover_puts_nothing_back(lab, nodes):
    """The orders of the dead engine are valid for a while after the addresses were removed."""
    nodes[0].reconfigure(router={"advert_interval": "2s", "kernel_lease": "60s"})
    lab.wait_holder(nodes[0], 60)
    keeper = nodes[0].vipd_pids()["keeper"]
    watcher = nodes[0].spawn(["ip", "monitor", "address", "dev", "eth0"], "monitor-orders")
    for _ in range(2):
        kill_engine(nodes[0])
        wait_for("it goes on as Active", lambda: is_adopted(nodes[0]))
    adverts_pass(nodes[0], 1)
    os.kill(nodes[0].vipd_pids()["engine"], signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    wait_for("the address is removed", nodes[0].has_let_go, deadline=30)
    wait_for("another keeper runs", nodes[0].vipd_pids, lambda pids: pids.get("keeper") not in (None, keeper), 30)
    wait_for("it is a Backup", lambda: nodes[0].router()["state"], lambda state: state == "backup")
    nodes[0].end(watcher)
    with open(os.path.join(nodes[0].directory, "monitor-orders.log")) as log:
        events = log.read().splitlines()
    removed = min(i for i, line in enumerate(events) if "Deleted" in line and VIP in line)
    assert not [line for line in events[removed + 1:] if VIP in line], events


def test_a_handover_in_place_of_the_engine_is_signed(lab, nodes):
    path, _ = make_key(lab, 1)
    roll_out(nodes, {1: path})
    lab.wait_holder(nodes[0])
    before = takeovers(nodes)
    third_death(nodes[0])
    wait_for("another takes over because of it", lambda: resigned(before, nodes))
    lab.wait_holder(nodes[0])


def test_an_engine_learns_that_its_guardian_is_gone_behind_its_last_message(lab, nodes):
    """It was stopped, or had no processor, while the guardian handed it a configuration and was killed."""
    pids, config = nodes[0].vipd_pids(), nodes[0].config()
    os.kill(pids["engine"], signal.SIGSTOP)
    config["checks"].append({**config["checks"][0], "name": "another"})
    nodes[0].write_config(config)
    os.kill(pids["guardian"], signal.SIGHUP)
    wait_for("control has the new configuration", lambda: len(nodes[0].status()["checks"]), lambda count: count == 2)
    os.kill(pids["guardian"], signal.SIGKILL)
    nodes[0].vipd_wait()
    os.kill(pids["engine"], signal.SIGCONT)
    wait_for("the engine has ended", lambda: not os.path.exists(f"/proc/{pids['engine']}"))
    lab.wait_holder(nodes[1])


def test_a_handover_that_is_cut_short_is_finished(lab, nodes, probe):
    """The engine is killed when vipd stops: the others hear of it, and the address stays until one has it."""
    before, pids = takeovers(nodes), nodes[0].vipd_pids()
    os.kill(pids["engine"], signal.SIGSTOP)
    os.kill(pids["guardian"], signal.SIGTERM)
    os.kill(pids["engine"], signal.SIGKILL)
    assert nodes[0].vipd_wait() == 0
    lab.wait_holder(nodes[1])
    assert resigned(before, nodes)
    probe.lost_nothing()


def test_each_router_keeps_its_address_for_its_own_interval(lab, nodes):
    other = VIP + "1"
    config = nodes[0].config()
    [router] = config["virtual_routers"]
    config["virtual_routers"] = [router, {**router, "name": "slow", "vrid": 101, "addresses": [other],
                                          "advert_interval": "1s", "kernel_lease": "1h"}]
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")
    held = lambda: {address["local"] for address in nodes[0].addresses()} & {VIP, other}
    wait_for("it holds both", held, lambda now: now == {VIP, other})
    lab.wait_holder(nodes[0])
    pids = nodes[0].vipd_pids()
    os.kill(pids["engine"], signal.SIGSTOP)
    os.kill(pids["guardian"], signal.SIGTERM)
    os.kill(pids["engine"], signal.SIGKILL)
    assert wait_for("the first goes", held, lambda now: VIP not in now) == {other}
    assert nodes[0].vipd_wait() == 0 and not held()


@pytest.mark.parametrize("guardian, others", [
    (signal.SIGTERM, signal.SIGTERM), (signal.SIGKILL, signal.SIGTERM), (signal.SIGABRT, signal.SIGABRT)],
    ids=["stop", "dead guardian", "watchdog"])
def test_systemd_signals_everybody(lab, nodes, probe, guardian, others):
    """KillMode=control-group: on a stop, when the main process has died, and when the watchdog bites."""
    before, pids = takeovers(nodes), nodes[0].vipd_pids()
    os.kill(pids.pop("guardian"), guardian)
    for pid in pids.values():
        with contextlib.suppress(ProcessLookupError):  # it may have followed its guardian already
            os.kill(pid, others)
    nodes[0].vipd_wait()
    lab.wait_holder(nodes[1])
    assert resigned(before, nodes)
    probe.lost_nothing()


def test_the_watchdog_of_a_hung_guardian_is_a_handover(lab, nodes, probe):
    """SIGABRT for everybody, and a guardian that does not even die of it."""
    before, pids = takeovers(nodes), nodes[0].vipd_pids()
    os.kill(pids["guardian"], signal.SIGSTOP)
    os.kill(pids["engine"], signal.SIGABRT)
    lab.wait_holder(nodes[1])
    assert resigned(before, nodes)
    probe.lost_nothing()
    nodes[0].vipd_kill_all()


def test_an_engine_that_dies_while_it_writes_on_the_board_is_adopted(lab, nodes):
    """Its record stays half written: what it held and its drain are in there."""
    for drained in (False, True):
        if drained:
            nodes[0].drain()
            lab.wait_holder(nodes[1])
        engine = nodes[0].vipd_pids()["engine"]
        with open(f"/proc/{engine}/fd/{FD_BOARD}", "r+b") as file, mmap.mmap(file.fileno(), 0) as board:
            name = board.find(b"api\0".ljust(64, b"\0") + b"eth0\0")
            assert name > 8
            os.kill(engine, signal.SIGSTOP)
            board[name - 8] |= 1  # the sequence number of its lock
            os.kill(engine, signal.SIGKILL)
        wait_for("another engine runs", nodes[0].vipd_pids, lambda pids: pids.get("engine") not in (None, engine))
        if not drained:
            wait_for("it goes on as Active", lambda: is_adopted(nodes[0]))
    assert wait_for("it answers", nodes[0].router)["drained"]
    lab.wait_holder(nodes[1])


def test_a_stopped_engine_does_not_keep_its_address(lab, nodes):
    """Long before the lease is over: the guardian removes what the engine would let go of."""
    config = nodes[0].config()
    config["virtual_routers"][0]["kernel_lease"] = "1h"
    assert nodes[0].vipd_stop() == 0
    nodes[0].write_config(config)
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    engine = nodes[0].vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    lab.wait_holder(nodes[1])
    os.kill(engine, signal.SIGCONT)
    lab.wait_holder(nodes[0])  # which is better, and comes back when it runs again


def test_a_stopped_engine_resumes_quietly(lab, nodes):
    """What it missed it does not catch up on: no burst of adverts or of Neighbor Advertisements."""
    sniffer = Sniffer(lab.directory, nodes[2].name)
    engine = nodes[0].vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    lab.wait_holder(nodes[1])
    adverts_pass(nodes[1], 10 * STOPPED_S)
    assert nodes[0].vipd_pids()["engine"] == engine  # not yet taken for hung
    sniffer.mark()
    os.kill(engine, signal.SIGCONT)
    lab.wait_holder(nodes[0])
    adverts_pass(nodes[0], 15)
    assert lab.holders() == [nodes[0].name]
    own = [packet for packet in sniffer.seen() if packet["from"] == "02:00:00:00:00:11"]
    sniffer.close()
    announced = [packet.get("arp", "neighbor") for packet in own if "target" in packet]
    adverts = [packet for packet in own if "advert" in packet]
    assert adverts[0]["advert"] == 150 and own[0] is adverts[0]  # it speaks when it is elected, not before
    assert max(map(announced.count, announced)) <= 10 and len(adverts) <= 35, own  # a schedule twice, for the loser's last word
    windows = [sum(a["at"] <= b["at"] < a["at"] + 0.05 for b in adverts) for a in adverts]
    assert max(windows) <= 4, own


def test_release_beside_a_running_one_whose_configuration_was_spoilt(lab, nodes):
    nodes[0].write_config("this is no configuration")
    nodes[0].release()
    assert nodes[0].has_address()
    nodes[0].vipd_kill_all()
    nodes[0].release()
    assert nodes[0].has_let_go()


def test_release_waits_for_an_engine_that_hands_over(lab, nodes, probe):
    """The guardian is dead, its engine may still hand over. The keeper removes what is stale meanwhile."""
    pids = nodes[0].vipd_pids()
    os.kill(pids["control"], signal.SIGSTOP)
    os.kill(pids["engine"], signal.SIGSTOP)
    nodes[0].vipd_stop(signal.SIGKILL)
    release = nodes[0].spawn([f"{BUILD}/vipd", "-c", nodes[0].config_path, "--release"], "release")
    wait_for("it waits", lambda: "waiting for the engine" in dict(nodes[0].logs())[f"{nodes[0].name}/release.log"])
    assert release.poll() is None
    os.kill(pids["engine"], signal.SIGKILL)
    assert release.wait(timeout=15) == 0 and nodes[0].has_let_go()
    nodes[0].processes.remove(release)
    os.kill(pids["control"], signal.SIGCONT)


def test_release_removes_all(lab, nodes):
    """More than one dump holds."""
    config, addresses = nodes[0].config(), [f"2001:db8:79fb:77::{n:x}" for n in range(1, 641)]
    [router] = config["virtual_routers"]
    config["virtual_routers"] = [{**router, "name": f"r{vrid}", "vrid": vrid, "addresses": addresses[vrid * 16:][:16]}
                                 for vrid in range(1, 40)]
    config["virtual_routers"].append({**router, "addresses": addresses[:16]})
    assert nodes[0].vipd_stop() == 0
    nodes[0].write_config(config)
    ip_batch(nodes[0].name, [f"addr add {a}/128 dev eth0 nodad noprefixroute preferred_lft 0" for a in addresses])
    held = lambda: [a["local"] for a in nodes[0].addresses() if a["local"] in addresses]
    assert len(held()) == 640
    nodes[0].release()
    assert held() == []


def test_a_spoilt_key_is_no_key_for_a_new_engine(lab, nodes):
    path, key = make_key(lab, 1)
    roll_out(nodes, {1: path})
    lab.wait_holder(nodes[0])
    before = transitions(nodes)
    write_key(path, "too short\n")
    try:
        kill_engine(nodes[0])
        wait_for("it goes on as Active", lambda: is_adopted(nodes[0]))
        adverts_pass(nodes[0], 5)
        assert transitions(nodes) == before
    finally:
        write_key(path, f"hex:{key.hex()}\n")


@pytest.mark.parametrize("text, mode, complaint", [
    ("short\n", 0o600, "shorter"), ("hex:" + "00" * 32 + "\n", 0o644, "chmod 600")], ids=["short", "open"])
def test_the_check_of_a_configuration_looks_at_its_keys(lab, nodes, text, mode, complaint):
    path, _ = make_key(lab, 2)
    write_key(path, text, mode)
    write_auth(nodes[0], auth("enforce", 2, {2: path}))
    checked = nodes[0].exec(f"{BUILD}/vipd", "-n", "-c", nodes[0].config_path, check=False)
    assert checked.returncode == 2 and complaint in checked.stderr
    [line] = checked.stderr.splitlines()
    with open(nodes[0].config_path) as lines:
        assert path in lines.read().splitlines()[int(line.split(":")[1]) - 1]
