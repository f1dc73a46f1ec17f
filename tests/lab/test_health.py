# SPDX-License-Identifier: Apache-2.0
"""Checks: what they notice, how fast, and what they put up with."""

import os
import pathlib
import shutil
import signal
import time

import pytest

from checks import asked_again, fails, passes, processes, watching
from testbed import VIP, adverts_pass, sample, transitions, wait_for


def test_tripwire(lab, nodes, probe):
    watching(nodes[0])
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[1].name)
    check = nodes[0].check()
    assert (check["state"], check["last_error"]) == ("failing", "connection refused")


def test_a_server_that_closes_idle_connections(lab, nodes):
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="1s")
    lab.wait_holder(nodes[0])
    before = transitions(nodes)
    probes = watching(nodes[0])
    for _ in range(3):  # asked again only because the connection was closed
        probes = asked_again(nodes[0], probes)
    assert probes["failure"] == nodes[0].probes()["failure"] and nodes[0].check()["state"] == "passing"
    assert transitions(nodes) == before and lab.holders() == [nodes[0].name]


def test_every_kept_connection_has_ended_when_it_is_needed(lab, nodes):
    """More of them in a row than libcurl puts up with."""
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="50ms")
    lab.wait_holder(nodes[0])
    nodes[0].reconfigure({"interval": "150ms"})
    before = nodes[0].probes()
    after = wait_for("twenty probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 20)
    assert after["failure"] == before["failure"]


def test_a_server_that_closes_every_connection(lab, nodes):
    """No tripwire then, and no loop: one probe an interval."""
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="0")
    lab.wait_holder(nodes[0])
    before, begin = nodes[0].probes(), time.monotonic()
    end = wait_for("ten probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 10)
    took = time.monotonic() - begin
    assert end["failure"] == before["failure"]
    assert end["success"] - before["success"] <= 3 + took / 0.2, "more than its interval of 200 ms allows"


def connections(node):
    """The local ports of connections to the API server."""
    lines = node.exec("ss", "-Htn", "state", "established", "dport", "=", ":6443").stdout.splitlines()
    return {line.split()[2].rpartition(":")[2] for line in lines}


def test_many_probes_on_one_connection(nodes):
    """Four a second cost no handshake. As the check `apiserver` of conf/vipd.conf."""
    nodes[0].reconfigure({"interval": "250ms", "timeout": "500ms", "fall": 2})
    asked_again(nodes[0], nodes[0].probes())
    before, kept = nodes[0].probes(), connections(nodes[0])
    wait_for("eight probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 8)
    assert connections(nodes[0]) == kept and len(kept) == 1


def test_stopped_server_with_a_long_interval(lab, nodes):
    """A stopped process closes nothing: `fall` timeouts it is, not one less."""
    nodes[0].reconfigure({"interval": "300ms", "timeout": "300ms", "fall": 4})
    before = nodes[0].probes()["failure"]
    nodes[0].api_signal(signal.SIGSTOP)

    def look():
        page = nodes[0].metrics()  # one page: what it says belongs together
        return sample(page, "vipd_check_results_total", result="failure") - before, sample(page, "vipd_check_up")
    seen = {}
    wait_for("the check fails", lambda: seen.setdefault(*look()), lambda up: up == 0)
    assert all(up for failures, up in seen.items() if failures < 4), seen
    lab.wait_holder(nodes[1])
    assert nodes[0].check()["last_error"] == "timeout after 300ms"


def test_weight_and_any(lab, nodes):
    """A failing check with a weight moves the address and makes nobody unhealthy; of two checks one is enough."""
    flags = [os.path.join(nodes[0].directory, f"flag{i}") for i in range(3)]
    config = nodes[0].config()
    config["checks"] += [{"name": f"flag{i}", "type": "file", "path": flag, "exists": False, "interval": "100ms", "rise": 1, "fall": 1,
                          "flap_count": 0} for i, flag in enumerate(flags)]
    config["virtual_routers"][0]["checks"] = ["apiserver", {"name": "flag0", "weight": -60}, {"any": ["flag1", "flag2"]}]
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")
    passes(nodes[0], 3)

    def flag(i, there):
        open(flags[i], "w").close() if there else os.unlink(flags[i])
        wait_for("it is noticed", lambda: nodes[0].check(1 + i)["state"], lambda s: s == ("failing" if there else "passing"))
    flag(1, True)
    flag(0, True)
    lab.wait_holder(nodes[1])
    router = nodes[0].router()
    assert (router["healthy"], router["effective_priority"], router["lowered"]) == (True, 90, 60)
    assert router["lowered_reason"].startswith("flag0: ") and router["health_reason"] is None
    assert "90 (of 150)" in nodes[0].vipctl("status", check=False).stdout
    flag(0, False)
    lab.wait_holder(nodes[0])
    flag(2, True)
    lab.wait_holder(nodes[1])
    assert nodes[0].router()["health"] == "failing" and nodes[0].router()["health_reason"].startswith("flag1: ")
    flag(1, False)
    lab.wait_holder(nodes[0])
    os.unlink(flags[2])


def test_certificate(lab, nodes):
    certificate = nodes[0].check()["certificate"]
    assert (certificate["covers"], certificate["missing"]) == ([VIP], []) and certificate["expires"]
    assert nodes[0].metric("vipd_check_certificate_covers_address", address=VIP) == 1
    assert nodes[0].metric("vipd_check_certificate_expiry_timestamp_seconds", check="apiserver") > time.time()
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(certificate="server-without-vip")
    lab.wait_holder(nodes[0])  # by the address of this node it is alive and well
    certificate = wait_for("it is seen", lambda: nodes[0].check()["certificate"], lambda c: c["missing"] == [VIP])
    assert certificate["covers"] == []
    assert nodes[0].metric("vipd_check_certificate_covers_address", address=VIP) == 0
    status = nodes[0].vipctl("status", check=False)
    assert status.returncode == 1 and f"does not name {VIP}" in status.stdout
    log = nodes[0].log()
    assert f"api: check apiserver: the server's certificate does not name {VIP}: " in log and "the server's certificate expires at" in log


def test_not_allowed_to_ask(lab, nodes):
    nodes[0].reconfigure(check={"cert": None, "key": None})
    check = wait_for("flagged", nodes[0].check, lambda c: c["unauthorized"])
    assert check["state"] == "passing" and "401" in check["last_error"] and "client certificate" in check["last_error"]
    assert nodes[0].metric("vipd_check_unauthorized", check="apiserver") == 1
    assert "passing, but blind" in nodes[0].vipctl("status", check=False).stdout
    assert lab.holders() == [nodes[0].name] and nodes[0].router()["healthy"]
    nodes[0].reconfigure()
    wait_for("allowed again", nodes[0].check, lambda c: not c["unauthorized"])


def test_403_of_a_server_that_starts(lab, nodes):
    """It has answered before, so this is no question of permission: it is not ready."""
    forbidden = nodes[0].not_ready + "-403"
    open(forbidden, "w").close()
    try:
        fails(nodes[0], 0, "HTTP status 403")
        lab.wait_holder(nodes[1])
        assert not nodes[0].check()["unauthorized"]
    finally:
        os.unlink(forbidden)
    lab.wait_holder(nodes[0])


def test_a_penalty_loses_to_nobody_who_does_not_answer(lab, nodes):
    """The API servers of both backups were restarted, and have to prove themselves for an hour; then the holder's dies."""
    for node in nodes:
        node.reconfigure({"flap_count": 1, "flap_delay": "1h"})
    for node in nodes[1:]:
        node.api_kill()
        wait_for("it fails", node.router, lambda r: r["health"] == "failing")
        node.api_start()
        router = wait_for("it recovers", node.router, lambda r: r["health"] == "recovering")
        assert 17 <= router["effective_priority"] <= 31 and not router["healthy"]
        assert "apiserver: recovering: failed 1 times within 10m" in router["health_reason"]
        assert (node.check()["state"], node.check()["health"]) == ("failing", "recovering")
        assert node.metric("vipd_check_recovering", check="apiserver") == 1
    assert lab.holders() == [nodes[0].name]
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start()  # of the same grade now, and no reason to move it back
    wait_for("it recovers", nodes[0].router, lambda r: r["health"] == "recovering")
    adverts_pass(nodes[1], 5)
    assert lab.holders() == [nodes[1].name]


def test_rotated_client_certificate(lab, nodes):
    def rotate(name):
        for kind in ("crt", "key"):
            path = f"{nodes[0].directory}/client.{kind}"
            shutil.copy(f"{lab.tls}/{name}.{kind}", path + ".new")
            os.rename(path + ".new", path)
    rotate("stranger")
    nodes[0].reconfigure(check={"cert": nodes[0].directory + "/client.crt", "key": nodes[0].directory + "/client.key"})
    fails(nodes[0], 0, "HTTP status 400")
    lab.wait_holder(nodes[1])
    rotate("client")
    lab.wait_holder(nodes[0])
    assert nodes[0].check()["last_error"] is None


def test_tracked_interface(lab, nodes):
    for node in nodes[:2]:
        node.exec("ip", "link", "del", "eth1", check=False)
        node.exec("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far1")
        node.exec("ip", "link", "set", "eth1", "up")
        node.exec("ip", "link", "set", "far1", "up")
        node.reconfigure(router={"track_interfaces": ["eth1"]})
    lab.wait_holder(nodes[0])
    wait_for("it is healthy", lambda: nodes[0].router()["healthy"])
    before = transitions(nodes)
    for lose, words in ((("link", "set", "far1", "down"), "has no carrier"), (("link", "set", "eth1", "down"), "is down"),
                        (("link", "del", "eth1"), "does not exist")):
        nodes[0].exec("ip", *lose)
        lab.wait_holder(nodes[1])
        wait_for("the reason", lambda: nodes[0].router()["health_reason"], lambda r: r == "tracked interface eth1 " + words)
        if "set" in lose:
            nodes[0].exec("ip", *lose[:-1], "up")
            lab.wait_holder(nodes[0])
    nodes[0].reconfigure()
    lab.wait_holder(nodes[0])
    nodes[1].exec("ip", "link", "del", "eth1")
    assert transitions(nodes)[0] == before[0] + 6


def test_drain_for_a_time(lab, nodes):
    assert nodes[0].http("POST", "/v1/drain?for=10")[0] == 400 and nodes[0].router()["drained"] is False
    nodes[0].drain("--for", "2s", "api")
    lab.wait_holder(nodes[1])
    router = nodes[0].router()
    assert router["drained_until"] > router["drained_since"] and router["drained_by"] == 0
    assert " until " in nodes[0].vipctl("status", check=False).stdout
    assert nodes[0].metric("vipd_router_drained_until_timestamp_seconds") > time.time() - 2
    lab.wait_holder(nodes[0])
    assert nodes[0].router()["drained"] is False and nodes[0].metric("vipd_router_drained_by_uid") == -1


def test_drain_survives_its_processes(lab, nodes):
    nodes[0].drain("--for", "1h")
    until = nodes[0].router()["drained_until"]
    for role in ("engine", "control"):
        pid = nodes[0].vipd_pids()[role]
        os.kill(pid, signal.SIGKILL)
        wait_for("another one", lambda: nodes[0].vipd_pids().get(role), lambda now, pid=pid: now not in (None, pid))
    router = wait_for("it answers", nodes[0].router)
    assert router["drained"] and router["drained_until"] == until and lab.holders() == [nodes[1].name]
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])


def test_drain_survives_vipd(lab, nodes):
    """A crash at once, a stop, and not a reboot."""
    nodes[0].drain("--for", "1h")
    nodes[0].vipd_kill_all()
    drains = nodes[0].socket_path + ".drains"
    kept = wait_for("it is written down", lambda: os.path.exists(drains) and pathlib.Path(drains).read_text())
    begin = len(nodes[0].log())
    nodes[0].vipd_start()
    before = wait_for("it answers", nodes[0].router)
    assert before["drained"] and before["drained_until"] and "api: still drained, by user 0" in nodes[0].log(begin)
    nodes[0].vipd_stop()
    nodes[0].vipd_start()
    after = wait_for("it answers", nodes[0].router)
    assert all(after[key] == before[key] for key in ("drained", "drained_since", "drained_until", "drained_by"))
    assert lab.holders() == [nodes[1].name] and pathlib.Path(drains).read_text() == kept
    nodes[0].vipd_stop()
    pathlib.Path(drains).write_text("another boot\n" + kept.split("\n", 1)[1])
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    wait_for("it is forgotten", lambda: not os.path.exists(drains))


def test_the_shutdown_of_a_machine_ends_no_drain_of_a_person(lab, nodes):
    """Nor does a person's drain end because the machine has started."""
    def drained():
        return nodes[0].router()["drained"], nodes[0].router().get("drained_for_shutdown")
    nodes[0].drain("--shutdown")
    assert drained() == (True, True)
    nodes[0].vipd_stop()
    begin = len(nodes[0].log())
    nodes[0].vipd_start()
    wait_for("it is known after a stop", drained, lambda now: now == (True, True))
    assert "api: still drained, because vipd-drain.service was stopped" in nodes[0].log(begin)
    os.kill(nodes[0].vipd_pids()["engine"], signal.SIGKILL)
    wait_for("another engine", lambda: nodes[0].status()["engine"]["responding"])
    assert nodes[0].vipctl("resume", "--shutdown").stdout == "api: takes part\n"
    lab.wait_holder(nodes[0])

    nodes[0].drain()
    nodes[0].vipctl("drain", "--force", "--shutdown")
    assert nodes[0].vipctl("resume", "--shutdown").stdout == "api: stays drained, by uid 0; take part again: vipctl resume api\n"
    assert drained() == (True, False) and lab.holders() == [nodes[1].name]
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])

    nodes[0].drain("--shutdown")
    nodes[0].vipctl("drain")
    assert drained() == (True, False)
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])


def test_notify(lab, nodes):
    told = os.path.join(nodes[0].directory, "told")
    script = os.path.join(nodes[0].directory, "notify")
    with open(script, "w") as out:
        out.write(f'#!/bin/sh\nsleep 0.2\necho "$VIPD_NUMBER $VIPD_ROUTER $VIPD_FROM $VIPD_STATE $VIPD_ADDRESSES $VIPD_REASON" >>{told}\n'
                  "sleep 31537 &\n")  # sleep-ok: what notify leaves behind
    os.chmod(script, 0o755)
    nodes[0].reconfigure(notify=script)
    begin = nodes[0].status()["virtual_routers"][0]["counters"]["transitions"]
    nodes[0].drain()
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])

    def lines():
        with open(told) as file:
            return [line.split(" ", 5) for line in file.read().splitlines()]
    count = nodes[0].router()["counters"]["transitions"] - begin
    seen = wait_for("all are told", lines, lambda found: len(found) >= count)
    assert [line[2:4] for line in seen] == [["active", "backup"], ["backup", "active"]]
    numbers = [int(line[0]) for line in seen]
    assert numbers == sorted(numbers) and {(line[1], line[4]) for line in seen} == {("api", VIP)}
    assert seen[0][5] == "drained"
    wait_for("nothing is left of it", lambda: processes("31537"), lambda left: not left)


@pytest.mark.long
def test_all_servers_die_at_the_same_moment(lab, nodes, probe):
    """No transition at all, where Skew_Time is waited for. Who comes back takes the address, though it is the last in the order of
    priorities."""
    for node in nodes:  # Skew_Time is how late one may notice, and this machine may be busy
        watching(node, router={"advert_interval": "500ms"}, group={"hints": False})
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[0].name)
    before = transitions(nodes)
    for node in nodes:
        node.api_signal(signal.SIGKILL)
    for node in nodes:
        node.api_kill()
        wait_for("unhealthy", node.router, lambda r: not r["healthy"])
    adverts_pass(nodes[0], 5)
    assert transitions(nodes) == before and lab.holders() == [nodes[0].name]
    nodes[2].api_start()
    nodes[2].reconfigure(router={"advert_interval": "500ms"}, group={"hints": False})
    lab.wait_holder(nodes[2])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[2].name)
    assert [now - then for now, then in zip(transitions(nodes), before)] == [1, 0, 1]


def test_all_servers_stop_within_an_interval(lab, nodes, probe):
    """Each notices in its own time, so the address may move; when all have, nothing does until one comes back."""
    before = transitions(nodes)
    for node in nodes:
        node.api_signal(signal.SIGSTOP)
    for node in nodes:
        wait_for("unhealthy", node.router, lambda r: not r["healthy"])
    [holder] = wait_for("one holder", lab.holders, lambda names: len(names) == 1)
    moved = [now - then for now, then in zip(transitions(nodes), before)]
    adverts_pass(next(node for node in nodes if node.name == holder), 10)
    assert [now - then for now, then in zip(transitions(nodes), before)] == moved, "no transition among the unhealthy"
    nodes[2].api_signal(signal.SIGCONT)
    lab.wait_holder(nodes[2])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[2].name)


def test_without_preemption_a_demoted_holder_does_not_come_back(lab, nodes):
    for node in nodes:
        node.reconfigure(router={"preempt": False})
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start()
    wait_for("healthy again", nodes[0].router, lambda r: r["healthy"])
    adverts_pass(nodes[1], 10)
    assert lab.holders() == [nodes[1].name]
