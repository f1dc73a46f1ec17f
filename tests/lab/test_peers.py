"""Unicast peers: the group works without multicast, and hears nobody else."""

import pytest

from testbed import PREFIX, wait_for


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


def test_others_are_refused(lab, nodes):
    config = nodes[1].config()
    config["virtual_routers"][0]["peers"] = [nodes[2].link_local]
    nodes[1].write_config(config)
    nodes[1].vipctl("reload")
    wait_for("adverts of the first are refused and counted", lambda: nodes[1].router()["dropped"].get("unknown_peer", 0))
