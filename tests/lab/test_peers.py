# SPDX-License-Identifier: Apache-2.0
"""Unicast peers: the group works without multicast, and hears nobody else."""

import os
import signal

import pytest

from testbed import PREFIX, ip_batch, wait_for


def use_peers(lab, kind):
    """Every server knows the two others by link-local ("fe80::") or global (PREFIX) addresses."""
    for node in lab.nodes:
        config = node.config()
        config["virtual_routers"][0]["peers"] = [kind + other.number for other in lab.nodes if other is not node]
        node.write_config(config)
    for node in lab.nodes:
        node.vipctl("reload")


@pytest.mark.parametrize("kind", ["fe80::", PREFIX])
def test_peers(lab, nodes, probe, kind):
    use_peers(lab, kind)
    lab.wait_holder(nodes[0])
    wait_for("the others hear it where it sends from", lambda: [n.router()["active_router"]["address"] for n in nodes[1:]],
             lambda seen: seen == [kind + nodes[0].number] * 2)
    nodes[0].blackhole()
    wait_for("the second has it", nodes[1].has_address)
    wait_for("the client goes on", probe.answered_by, lambda name: name == nodes[1].name)
    nodes[0].plug()
    lab.wait_holder(nodes[0])


def sources(lab):
    """Where the others hear the first server from."""
    return [node.router()["active_router"]["address"] for node in lab.nodes[1:]]


@pytest.fixture
def another_address(nodes):
    """The first server has one more, which its kernel lists before the one that the others have among their peers."""
    another = "2001:db8:eeee::11"
    ip_batch(nodes[0].name, [f"addr add {another}/64 dev eth0 nodad"])
    yield another
    ip_batch(nodes[0].name, [f"addr del {another}/64 dev eth0"])


def test_several_addresses(lab, nodes, another_address):
    """It sends from the one that a route to its peers uses, at every start."""
    use_peers(lab, PREFIX)
    lab.wait_holder(nodes[0])
    nodes[0].vipd_stop()
    lab.wait_holder(nodes[1])
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    wait_for("the others hear it", lambda: sources(lab), lambda seen: seen == [PREFIX + nodes[0].number] * 2)


def test_source(lab, nodes, another_address):
    """The one that the configuration names, also after a restart of the engine."""
    for node in nodes:
        peers = [another_address if other is nodes[0] else PREFIX + other.number for other in nodes if other is not node]
        node.reconfigure(router={"peers": peers, **({"source": another_address} if node is nodes[0] else {})})
    wait_for("the others hear it", lambda: sources(lab), lambda seen: seen == [another_address] * 2)
    os.kill(nodes[0].vipd_pids()["engine"], signal.SIGKILL)
    before = nodes[1].router()["counters"]["adverts_received"]
    wait_for("they go on", lambda: nodes[1].router()["counters"]["adverts_received"], lambda n: n > before + 10)
    assert sources(lab) == [another_address] * 2
    nodes[0].reconfigure(router={"peers": [PREFIX + other.number for other in nodes[1:]], "source": f"{PREFIX}99"})
    wait_for("one that it does not have is a fault", nodes[0].router,
             lambda r: r["state"] == "fault" and "does not have the address that `source` names" in r["reason"])


def test_others_are_refused(lab, nodes):
    config = nodes[1].config()
    config["virtual_routers"][0]["peers"] = [nodes[2].link_local]
    nodes[1].write_config(config)
    nodes[1].vipctl("reload")
    wait_for("adverts of the first are refused and counted", lambda: nodes[1].router()["dropped"].get("unknown_peer", 0))
