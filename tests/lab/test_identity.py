# SPDX-License-Identifier: Apache-2.0
"""A reload that changes what a virtual router is, its VRID: the address is handed over inside the node, and nothing is forgotten."""

import pytest

from hostile import advert
from testbed import BUILD, ip_batch, wait_for


SLOW = {"advert_interval": "1s", "kernel_lease": "12s"}  # there is time while it hands over


def reload_with(node, **router):
    config = node.config()
    config["virtual_routers"][0].update(router)
    node.write_config(config)
    node.vipctl("reload")


def state_of(node, vrid):
    return next((r["state"] for r in node.status()["virtual_routers"] if r["vrid"] == vrid), None)


def alone(nodes):
    for node in nodes[1:]:
        node.vipd_stop()


def slow_and_alone(nodes):
    """An address that is gone for an interval would be missed by several requests."""
    alone(nodes)
    reload_with(nodes[0], **SLOW)
    wait_for("the interval is in force", lambda: nodes[0].router()["advert_interval_ms"], lambda ms: ms == 1000)


def test_another_vrid_costs_no_moment_without_the_address(lab, nodes, probe):
    """The old router hands over to the new one, which must not take its address for a stray."""
    slow_and_alone(nodes)
    probe.mark()
    reload_with(nodes[0], **SLOW, vrid=101)
    wait_for("the new one is Active, the old one has gone",
             lambda: [state_of(nodes[0], vrid) for vrid in (100, 101)], lambda states: states == [None, "active"])
    assert nodes[0].has_address()
    probe.lost_nothing()


def test_a_router_that_is_put_back_while_it_hands_over_goes_on(lab, nodes, probe):
    slow_and_alone(nodes)
    probe.mark()
    reload_with(nodes[0], **SLOW, vrid=101)
    reload_with(nodes[0], **SLOW, vrid=100)
    wait_for("it is Active again, the other one has gone",
             lambda: [state_of(nodes[0], vrid) for vrid in (100, 101)], lambda states: states == ["active", None])
    probe.lost_nothing()


def test_another_vrid_with_our_address_is_a_conflict(lab, nodes, attacker):
    lab.wait_holder(nodes[0])
    seen = wait_for("it is seen", lambda: attacker.send(advert(attacker.host.link_local, vrid=52)) or nodes[0].router()["conflict"])
    assert (seen["kind"], seen["vrid"], seen["mac"]) == ("vrid", 52, None)
    page = nodes[0].vipctl("status", check=False).stdout
    assert "VRID 52 lists the same address" in page
    wait_for("it is over", lambda: nodes[0].router()["conflict"] is None)


ROUTERS = 255  # as many as there are slots


def full(node, interface):
    """A configuration with a router in every slot."""
    config = node.config()
    router = {**config["virtual_routers"][0], "interface": interface, "advert_interval": "300ms", "kernel_lease": "0s", "checks": []}
    del router["name"]
    config["checks"] = []
    config["virtual_routers"] = [{**router, "vrid": vrid, "addresses": [f"2001:db8:{interface[-1]}::{vrid:x}"]}
                                 for vrid in range(1, ROUTERS + 1)]
    return config


def routers(node):
    return {(r["interface"], r["state"]) for r in node.status()["virtual_routers"]}


@pytest.mark.alone
def test_a_reload_that_waits_for_slots(lab, nodes):
    """Nothing is in force before everything is; a stop meanwhile ends it, and starts nothing any more."""
    alone(nodes)
    node = nodes[0]
    ip_batch(node.name, ["link add lan1 type veth peer name lan2", *(f"link set {name} addrgenmode eui64 up" for name in ("lan1", "lan2"))])
    try:
        node.write_config(full(node, "lan1"))
        node.vipctl("reload")
        wait_for("all are Active", lambda: routers(node), lambda seen: seen == {("lan1", "active")})
        node.write_config(full(node, "lan2"))
        node.vipctl("reload")
        assert {interface for interface, _ in routers(node)} == {"lan2"}, "in force when it says so"
        assert len(node.status()["virtual_routers"]) == ROUTERS
        wait_for("all are Active", lambda: routers(node), lambda seen: seen == {("lan2", "active")})
        node.write_config(full(node, "lan1"))
        before = len(node.log())
        reload = node.spawn([f"{BUILD}/vipctl", "-s", node.socket_path, "reload"], "reload")
        wait_for("they hand over", lambda: routers(node), lambda seen: ("lan2", "initialize") in seen)
        assert node.vipd_stop() == 0
        assert reload.wait(timeout=15) != 0
        node.processes.remove(reload)
        log = node.log(before)
        assert "lan1" not in log and "-> Backup" not in log, log
        assert "2001:db8" not in node.exec("ip", "-6", "addr", "show", "dev", "lan2").stdout
    finally:
        ip_batch(node.name, ["link delete lan1"])
