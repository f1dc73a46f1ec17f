# SPDX-License-Identifier: Apache-2.0
"""Multicast groups: joined while they are of use, however many there are, and again after the kernel has forgotten them."""

import ipaddress
import os
import signal

import pytest

from clients import connected, end_connections
from families import wait_both, wait_reached
from hostile import MAC
from hostile_ipv4 import arp
from testbed import BOTH, PREFIX, VIP, VIP_IPV4, ip_batch, wait_for

DEBIAN_12 = 20480  # net.core.optmem_max


def groups(node):
    """The IPv6 groups of eth0."""
    lines = node.exec("ip", "-6", "maddr", "show", "dev", "eth0").stdout.split("\n")
    return {line.split()[1] for line in lines if line.strip().startswith("inet6")}


def solicited_node(address):
    low = ipaddress.ip_address(address).packed[-3:]
    return str(ipaddress.ip_address(bytes.fromhex("ff0200000000000000000001ff") + low))


def optmem_max(node, value):
    node.exec("sh", "-c", f"echo {value} > /proc/sys/net/core/optmem_max")


def heard(node):
    return node.router()["counters"]["adverts_received"]


def forget_groups(node):
    """The kernel removes IPv6 from the interface, and with it every membership."""
    ip_batch(node.name, [f"link set eth0 mtu {mtu}" for mtu in (1200, 1500)])
    node.interface_up()


def test_mtu_below_1280_and_back(lab, nodes):
    forget_groups(nodes[1])
    wait_for("it is back", lambda: nodes[1].router()["state"], lambda state: state == "backup")
    count = heard(nodes[1])
    wait_for("it hears the holder", lambda: heard(nodes[1]), lambda now: now > count + 20)
    lab.wait_holder(nodes[0])


def start_short(node):
    """With no memory for options of sockets; then there is."""
    usual = node.exec("cat", "/proc/sys/net/core/optmem_max").stdout.strip()
    said = lambda: node.log().count("cannot join a multicast group: ")
    before = said()
    node.vipd_stop()
    optmem_max(node, 1)
    try:
        node.vipd_start()
        wait_for("it says so", said, lambda now: now > before)
        assert "ff02::12" not in groups(node)
        wait_for("it does not take part", node.router, lambda router: router["state"] == "fault" and "cannot join" in router["reason"])
    finally:
        optmem_max(node, usual)


def test_a_failed_join_is_tried_again(lab, nodes):
    """Who does not hear the holder would be a second one."""
    begin = len(nodes[1].log())
    start_short(nodes[1])
    wait_for("it has joined", lambda: groups(nodes[1]), lambda joined: {"ff02::12", solicited_node(VIP)} <= joined)
    wait_for("it takes part", lambda: nodes[1].router()["state"], lambda state: state == "backup")
    lab.wait_holder(nodes[0])
    assert "-> Active" not in nodes[1].log(begin)


def test_who_has_not_joined_yet_waits(lab, nodes):
    """The keeper may have to wait for a lock of the kernel: whoever does not hear the holder must not think that there is none."""
    node = nodes[1]
    state = lambda: (node.router()["state"], node.router()["reason"])
    begin, keeper = len(node.log()), node.vipd_pids()["keeper"]
    os.kill(keeper, signal.SIGSTOP)
    forget_groups(node)
    wait_for("it says what it waits for", state, lambda now: "the kernel is busy" in now[1])
    wait_for("another keeper joins", state, lambda now: now[0] == "backup")
    wait_for("it hears the holder", node.router, lambda router: router["active_router"] and not router["active_router"]["self"])
    assert "-> Active" not in node.log(begin)


@pytest.mark.vips(*BOTH)
def test_a_shortage_at_the_start_passes(lab, nodes, attacker):
    """Sockets are opened once in the life of an engine: they do later what they are for."""
    start_short(nodes[1])
    wait_for("it hears the holder", lambda: heard(nodes[1]), lambda count: count > 5)
    wait_both(nodes, nodes[0])
    wait_reached(lab.client, nodes[0])
    end_connections(*nodes)
    with connected(lab, VIP, VIP_IPV4):
        wait_for("the clients are known", lambda: nodes[1].router()["connections"]["known"], lambda count: count == 2)
        nodes[0].drain()
        wait_both(nodes, nodes[1])
        wait_reached(lab.client, nodes[1])
        wait_for("it has told them", lambda: nodes[1].router()["connections"]["told"], lambda told: told == 2)
    wait_for("a foreign holder is noticed", lambda: attacker.send(*arp(1)) or nodes[1].router()["conflict"]["mac"], lambda mac: mac == MAC)


def test_groups_are_left_with_their_addresses(lab, nodes):
    other = PREFIX + "abcd"
    nodes[1].reconfigure(router={"addresses": [VIP, other]})
    wait_for("joined", lambda: groups(nodes[1]), lambda joined: solicited_node(other) in joined)
    nodes[1].reconfigure(router={"addresses": [VIP]})
    wait_for("left", lambda: groups(nodes[1]), lambda joined: solicited_node(other) not in joined)
    assert solicited_node(VIP) in groups(nodes[1])


@pytest.mark.long
@pytest.mark.alone
def test_255_routers_with_16_addresses(lab, nodes):
    """With the limit of Debian 12, where 365 memberships fill a socket: all are joined, and it hears and is heard."""
    usual = nodes[0].exec("cat", "/proc/sys/net/core/optmem_max").stdout.strip()
    addresses = [[f"2001:db8:79fb::{vrid:x}:{i:x}" for i in range(16)] for vrid in range(1, 256)]
    pair = nodes[:2]
    for node in nodes:
        node.vipd_stop()

    def routers(node, field):
        return [router[field] for router in node.status()["virtual_routers"]]
    try:
        for node, count in zip(pair, (1, 16)):  # the kernel takes long for thousands of addresses, so only the Backup has all
            optmem_max(node, DEBIAN_12)
            config = node.config()
            router = {**config["virtual_routers"][0], "advert_interval": "1s", "kernel_lease": "0s", "checks": []}
            del router["name"], config["checks"]
            config["virtual_routers"] = [{**router, "vrid": vrid, "addresses": addresses[vrid - 1][:count]}
                                         for vrid in range(1, 256)]
            config["virtual_routers"][0]["priority"] = 100 + count
            node.write_config(config)
            node.vipd_start()
        wait_for("one is Active for all but the first", lambda: [set(routers(node, "state")[1:]) for node in pair],
                 lambda states: states == [{"active"}, {"backup"}], 60)
        wait_for("the other for that", lambda: [routers(node, "state")[0] for node in pair],
                 lambda states: states == ["backup", "active"], 30)
        assert {solicited_node(a) for of_router in addresses for a in of_router} < groups(pair[1])
        assert not any(c["advert_send_errors"] for node in pair for c in routers(node, "counters"))
    finally:
        for node in pair:
            optmem_max(node, usual)
            node.vipd_stop()


@pytest.fixture
def other_link(nodes):
    ip_batch(nodes[0].name, ["link add other0 type veth peer name other1", "link set other1 up", "link set other0 up", "addr add fe80::7/64 dev other0 nodad"])
    yield "other0"
    ip_batch(nodes[0].name, ["link del other0"])


@pytest.mark.parametrize("lease", ["3s", "0s"])
def test_an_heir_does_not_wait(lab, nodes, probe, other_link, lease):
    """The new engine has its links in another order: it goes on with the address, and has not found it as a stranger's."""
    node = nodes[0]
    config = node.config()
    router = {**config["virtual_routers"][0], "kernel_lease": lease}
    config["virtual_routers"] = [{**router, "name": "other", "interface": other_link, "vrid": 7, "addresses": [PREFIX + "7"]}, router]
    node.write_config(config)
    node.vipctl("reload")
    wait_for("both are held", lambda: [r["addresses"][0]["kernel"] for r in node.status()["virtual_routers"]], lambda now: now == ["present"] * 2)
    begin, engine = len(node.log()), node.vipd_pids()["engine"]
    probe.mark()
    os.kill(engine, signal.SIGKILL)
    wait_for("another engine", lambda: node.vipd_pids().get("engine"), lambda pid: pid not in (None, engine))
    wait_for("it is Active", lambda: [r["state"] for r in node.status()["virtual_routers"]], lambda now: now == ["active"] * 2)
    lab.wait_holder(node)
    assert "put there by somebody else" not in node.log(begin)
    assert probe.mark()["requests"]["lost"] == 0


def test_a_reload_waits_for_what_it_names(lab, nodes):
    """The groups are joined anew before the engine knows a source or a tracked interface that is new: nothing of that moves the address."""
    node = nodes[0]
    begin = len(node.log())
    own = next(a["local"] for a in node.addresses() if a["local"].startswith("fe80"))
    for router in ({"source": own}, {"track_interfaces": ["lo"]}):
        node.reconfigure(router=router)
        lab.wait_holder(node)
    assert "state change" not in node.log(begin) and "now failing" not in node.log(begin)
