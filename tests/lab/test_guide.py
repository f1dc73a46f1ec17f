"""Moves that the guide (docs/k3s-calico.md) promises to be without an outage."""

from lab import VIP, wait_for


def foreign_address(node, verb):
    """What kube-vip and the like do to the interface."""
    node.exec("ip", "-6", "addr", verb, VIP + "/128", "dev", "eth0", *(["nodad"] if verb == "add" else []))


def test_from_a_program_that_puts_the_address_on_an_interface(lab, nodes, probe):
    first = nodes[0]
    for node in reversed(nodes):
        node.vipd_stop()
    foreign_address(first, "add")
    wait_for("the client is served again", probe.answered_by, lambda name: name == first.name)
    probe.mark()
    first.vipd_start()  # on the same server
    wait_for("vipd holds it", lambda: first.router()["state"], lambda state: state == "active")
    foreign_address(first, "del")  # the other program ends, and takes along what it believes to be its own
    wait_for("the address is back", first.has_address)
    for node in nodes[1:]:
        node.vipd_start()
    lab.wait_holder(first)
    wait_for("all take part", lambda: [node.router()["state"] for node in nodes],
             lambda states: states == ["active", "backup", "backup"])
    first.vipctl("drain")
    lab.wait_holder(nodes[1])
    wait_for("the client is served by the next", probe.answered_by, lambda name: name == nodes[1].name)
    window = probe.mark()
    assert window["requests"]["lost"] == 0 and window["requests"]["ok"] > 0, window


def test_from_one_server_to_three(lab, nodes, probe):
    """Steps 3, 5 and 7 with the guide's preempt = false: who joins moves nothing, a drain loses nothing, a resume moves nothing."""
    first = nodes[0]
    for node in reversed(nodes):
        node.vipd_stop()
        config = node.config()
        config["virtual_routers"][0].update(preempt=False, priority=100)
        node.write_config(config)
    first.vipd_start()
    lab.wait_holder(first)
    wait_for("the client is served", probe.answered_by, lambda name: name == first.name)
    probe.mark()
    for node in nodes[1:]:
        node.vipd_start()
        wait_for("it takes part", lambda node=node: node.router()["state"], lambda state: state == "backup")
    assert lab.holders() == [first.name]
    assert "now held by" in first.vipctl("drain").stdout
    assert first.name not in lab.holders()
    first.vipctl("resume")
    assert first.router()["state"] == "backup"
    window = probe.mark()
    assert window["requests"]["lost"] == 0 and window["requests"]["ok"] > 0, window
