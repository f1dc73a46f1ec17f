# SPDX-License-Identifier: Apache-2.0
"""Active means that the kernel has the address, and the status says what the kernel says."""

import os
import signal

import pytest

from testbed import VIP, adverts_pass, transitions, wait_for


def delete_address(node):
    node.exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")


def test_a_removed_address_comes_back_without_a_transition(lab, nodes):
    before, counters = transitions(nodes), nodes[0].router()["counters"]
    delete_address(nodes[0])
    wait_for("the address is back", nodes[0].has_address)
    wait_for("it was counted and announced", lambda: nodes[0].router()["counters"],
             lambda now: now["address_restored"] == counters["address_restored"] + 1
             and now["announcements_sent"] > counters["announcements_sent"])
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before


def test_the_client_does_not_notice_a_removed_address(lab, nodes, probe):
    delete_address(nodes[0])
    wait_for("the address is back", nodes[0].has_address)
    wait_for("the client is served", lambda: probe.ask("peek")["requests"]["ok"], lambda ok: ok >= 5)
    window = probe.mark()
    assert window["requests"]["lost"] == 0, window
    assert {run["node"] for run in window["nodes"]} == {nodes[0].name}


@pytest.mark.alone
def test_an_address_that_is_removed_as_it_comes(lab, nodes):
    """Also before the kernel has told that it is there. It comes back when whoever does that has stopped."""
    commands = os.path.join(nodes[1].directory, "snatch")
    with open(commands, "w") as out:
        out.write(f"addr del {VIP}/128 dev eth0\n" * 60000)
    snatcher = nodes[1].spawn(["ip", "-6", "-force", "-batch", commands], "snatch")
    nodes[0].drain()
    snatcher.wait()
    lab.wait_holder(nodes[1])


def test_the_lease_is_renewed(lab, nodes):
    before, counters = transitions(nodes), nodes[0].router()["counters"]
    adverts_pass(nodes[0], 50)  # 5 s; the kernel would have removed the address after 3
    assert lab.holders() == [nodes[0].name]
    assert nodes[0].router()["counters"]["address_restored"] == counters["address_restored"]
    assert transitions(nodes) == before


def test_the_status_follows_the_kernel_not_the_engine(lab, nodes):
    engine = nodes[0].vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    assert nodes[0].router()["addresses"] == [{"address": VIP, "held": True, "kernel": "present"}]
    delete_address(nodes[0])
    [address] = nodes[0].router()["addresses"]
    assert address["held"] is False and address["kernel"] != "present"
    assert nodes[0].metric("vipd_address_held", address=VIP) == 0
    assert nodes[0].router()["state"] == "active"  # what the engine said last
    os.kill(engine, signal.SIGCONT)


def test_a_late_engine_steps_down(lab, nodes, probe):
    engine = nodes[0].vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    wait_for("the next server takes over", nodes[1].has_address)
    wait_for("and serves the client", probe.answered_by, lambda name: name == nodes[1].name)
    became = nodes[0].router()["counters"]["became_active"]
    os.kill(engine, signal.SIGCONT)
    wait_for("it lost the address and was elected anew", lambda: nodes[0].router()["counters"]["became_active"],
             lambda count: count == became + 1)
    lab.wait_holder(nodes[0])
    wait_for("and serves the client", probe.answered_by, lambda name: name == nodes[0].name)


def test_a_late_backup_hears_first(lab, nodes):
    """Stopped, a process wakes without having been told what there is to read: the holder's adverts have come."""
    before = transitions(nodes)
    engine = nodes[1].vipd_pids()["engine"]
    heard = nodes[1].router()["counters"]["adverts_received"]
    os.kill(engine, signal.SIGSTOP)
    adverts_pass(nodes[0], 8)
    os.kill(engine, signal.SIGCONT)
    wait_for("it has heard them", lambda: nodes[1].router()["counters"]["adverts_received"], lambda now: now >= heard + 8)
    assert transitions(nodes) == before
