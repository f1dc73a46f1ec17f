# SPDX-License-Identifier: Apache-2.0
"""vipctl doctor and the segment: who advertises, who answers for the address, and what the firewall lets through."""

import contextlib
import os
import signal
from concurrent import futures

import pytest
from doctor import Doctor, calm, finds, services, world, write  # noqa: F401, F811 (fixtures)
from hostile import advert, sequence
from hosts import Host
from keys import make_key, use
from testbed import VIP, adverts_pass, ip_batch, run, wait_for

pytestmark = pytest.mark.together("doctor")


def test_two_holders(world):
    """The second server does not hear the group any more, and takes over what the first still holds."""
    second, third = world.nodes[1:]
    with second.deaf_to("ff02::12"):
        wait_for("the second takes over too", world.holders, lambda names: len(names) == 2)
        doctor = Doctor(third)
        doctor.says("wire", "failure", "SPLIT BRAIN")
        assert "fe80::11" in doctor.of("wire")[0]["found"] and "fe80::12" in doctor.of("wire")[0]["found"]
        doctor.says("speakers", "failure", "2 routers advertise")
        assert doctor.sign("foreign") == "fine"
        check = wait_for("vipd notices", lambda: world.nodes[0].vipctl("check", check=False), lambda done: done.returncode == 2)
        assert check.stdout.startswith("CRITICAL: api: SPLIT BRAIN: 02:00:00:00:00:12 also claims"), check


def test_no_peers(calm):
    node = calm.nodes[2]
    node.blackhole()
    wait_for("it is alone", lambda: node.router()["state"], "active".__eq__)
    finds(node, "warning", "peers", "no peers")


@contextlib.contextmanager
def firewall(node, rules, family="inet"):
    node.exec("nft", f"table {family} doctor {{ {rules}\n }}")
    try:
        yield
    finally:
        node.exec("nft", f"delete table {family} doctor")


DROPPED_IN = [
    ("inet", "chain c { type filter hook input priority 0; policy drop; iifname lo accept; meta l4proto { tcp, udp, icmpv6 } accept; }"),
    ("ip6", "map verdicts { type inet_proto : verdict; elements = { 112 : drop }; }\n"
            "chain c { type filter hook prerouting priority -300; meta l4proto vmap @verdicts; }"),
    ("ip6", "chain c { type filter hook input priority 0; ip6 saddr fe80::11 ip6 hoplimit 255 meta pkttype multicast drop; }"),
    ("netdev", "chain c { type filter hook ingress device eth0 priority 0; ip6 nexthdr 112 drop; }"),
]


def test_firewall_in(world):
    """However it is written: what counts is that adverts come in and do not arrive. On the holder nobody can see that."""
    holder, backup = world.nodes[0], world.nodes[2]
    for family, rules in DROPPED_IN:
        with firewall(backup, rules, family):
            doctor = Doctor(backup, "firewall")
            doctor.says("firewall", "failure", "none reached vipd: this machine drops them")
            assert f"{family} doctor c" in doctor.of("firewall")[0]["advice"], doctor.of("firewall")
    with firewall(backup, DROPPED_IN[0][1]):
        Doctor(backup, "firewall", more=["env", "PATH=/nonexistent"]).says("firewall", "failure", "none reached vipd")
    with firewall(holder, DROPPED_IN[0][1]):
        Doctor(holder, "firewall").says("firewall", "unknown", "in: nobody else advertises now")


def test_firewall_out(world):
    node = world.nodes[0]
    for family, rules in [("inet", "chain c { type filter hook output priority 0; ip6 daddr ff02::/16 meta l4proto 112 drop; }"),
                          ("netdev", "chain c { type filter hook egress device eth0 priority 0; ip6 nexthdr 112 drop; }")]:
        with firewall(node, rules, family):
            Doctor(node, "firewall").says("firewall", "failure", "none left: this machine drops them")


def test_deaf_without_membership(world):
    """What the kernel discards because nobody has joined is not the firewall's. Here a rule does it, and the list is hidden."""
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/$$/net && : >/proc/$$/net/igmp6 && exec "$@"', "sh"]
    with firewall(world.nodes[2], DROPPED_IN[0][1]):
        Doctor(world.nodes[2], "firewall", more=hidden).says("firewall", "failure", "nobody here is a member of ff02::12")


def test_own_adverts_come_back(world):
    """As a bond or a bridge in the wrong mode sends them: that is not a second holder."""
    node = world.nodes[0]
    run("ip", "-n", "switch", "link", "set", node.port, "type", "bridge_slave", "hairpin", "on")
    try:
        doctor = Doctor(node, "speakers", "wire", "firewall")
        doctor.says("speakers", "warning", "come back")
        assert doctor.signs("failure") == set(), doctor
    finally:
        run("ip", "-n", "switch", "link", "set", node.port, "type", "bridge_slave", "hairpin", "off")


def test_somebody_else_answers(world):
    """As MetalLB does on the segment: it answers for the address and knows nothing of VRRP."""
    stranger = Host(world, "metallb", "77")
    try:
        stranger.exec("ip", "addr", "add", VIP + "/128", "dev", "eth0", "nodad")
        for node in world.nodes[:2]:
            doctor = Doctor(node)
            doctor.says("foreign", "failure", "02:00:00:00:00:77")
            doctor.says("wire", "failure", "SPLIT BRAIN")
    finally:
        stranger.close()


def test_many_addresses_on_an_interface_with_another_name(world):
    """All of them are asked for, where they are."""
    node, client = world.nodes[2], world.client
    addresses = [f"2001:db8:79fb:1::{number:x}" for number in range(1, 81)]
    routers = ", ".join(
        f'{{ name = "r{i}"; interface = "other0"; vrid = {i + 1}; priority = 100; addresses = '
        f'[{", ".join(f"{chr(34)}{a}{chr(34)}" for a in addresses[16 * i:16 * i + 16])}]; }}' for i in range(5))
    path = write(node.directory + "/many.conf", f"virtual_routers = ({routers});\n")
    ip_batch(client.name, [f"addr add {address}/128 dev eth0 nodad" for address in addresses])
    ip_batch(node.name, ["link property add dev eth0 altname other0"])
    try:
        doctor = Doctor(node, "-c", path, "interface", "wire")
        assert doctor.signs("fine") == {"interface"}, doctor
        assert all("answered for by 02:00:00:00:00:50" in finding["found"] for finding in doctor.of("wire")), doctor
        assert len(doctor.of("wire")) == len(addresses)
    finally:
        ip_batch(node.name, ["link property del dev eth0 altname other0"])
        ip_batch(client.name, [f"addr del {address}/128 dev eth0" for address in addresses])


@contextlib.contextmanager
def sending(attacker, frame):
    """It sends that frame a hundred times a second meanwhile."""
    with futures.ThreadPoolExecutor() as pool:
        flood = pool.submit(attacker.flood, [frame], 100, 3)
        yield
        flood.result()


def test_clock_is_off(world, attacker):
    """What somebody of the group signs is 90 s ahead."""
    path, _ = make_key(world, 1)
    for mode in ("receive-only", "permissive"):
        for node in world.nodes:
            use(node, mode, 1, {1: path})
    adverts_pass(world.nodes[0], 2)
    assert "the holder's" in Doctor(world.nodes[1], "clock").of("clock")[0]["found"]
    source = attacker.host.link_local
    with sending(attacker, advert(source, priority=1, auth={"number": sequence(90)})):
        doctor = Doctor(world.nodes[1])
    doctor.says("clock", "failure", f"the clock of {source} is ")
    doctor.says("firewall", "warning", "in: vipd refused ")


def test_vrid_of_another_group(world, attacker):
    source = attacker.host.link_local
    with sending(attacker, advert(source, priority=1, addresses=("fe80::200", "2001:db8::200"))):
        doctor = Doctor(world.nodes[1])
    doctor.says("speakers", "failure", f"vrid 100 is also used for other addresses, by {source} (priority 1,")


def test_what_a_silent_engine_said_is_not_believed(world):
    """The address has moved to another server meanwhile, whatever the board of this one says."""
    node = world.nodes[0]
    world.wait_holder(node)
    engine = node.vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    try:
        wait_for("it is noticed", lambda: node.status()["engine"]["responding"], lambda there: not there)
        found = Doctor(node)
    finally:
        os.kill(engine, signal.SIGCONT)
    found.says("agent", "failure", "does not respond")
    for name in ("router", "holder", "conflict", "group", "firewall"):
        assert {finding["sign"] for finding in found.of(name)} == {"unknown"}, name
    found.says("wire", "fine", f"{VIP}: one answer, of 02:00:00:00:00:12")
    world.wait_holder(node)
