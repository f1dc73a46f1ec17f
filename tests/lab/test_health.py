"""Checks: what they notice, how fast, and what they put up with."""

import signal
import time

from lab import transitions, wait_for

ONCE = {"interval": "1h", "timeout": "2s", "fall": 5, "rise": 1}  # whatever happens in the test is not by the interval


def asked_again(node, before):
    """The check has asked once more than `before`."""
    return wait_for("another probe", node.probes, lambda now: sum(now.values()) > sum(before.values()))


def watching(node, check=None):
    """`node` with a check that asks by itself once an hour, and has asked once since."""
    before = node.probes()
    node.reconfigure({**ONCE, **(check or {}), "url": f"https://[{node.address}]:6443/readyz"})
    asked_again(node, before)
    return node.probes()


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


def test_a_server_that_closes_every_connection(lab, nodes):
    """No wire then, and no loop: one probe an interval."""
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="0")
    lab.wait_holder(nodes[0])
    before, begin = nodes[0].probes(), time.monotonic()
    end = wait_for("ten probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 10)
    took = time.monotonic() - begin
    assert end["failure"] == before["failure"]
    assert end["success"] - before["success"] <= 3 + took / 0.2, "more than its interval of 200 ms allows"


def test_stopped_server_with_a_long_interval(lab, nodes):
    """A stopped process closes nothing: `fall` timeouts it is."""
    nodes[0].reconfigure({"interval": "300ms", "timeout": "300ms", "fall": 3})
    nodes[0].api_signal(signal.SIGSTOP)
    lab.wait_holder(nodes[1])
    assert nodes[0].check()["last_error"] == "timeout after 300ms"
