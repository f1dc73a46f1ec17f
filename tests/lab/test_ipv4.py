# SPDX-License-Identifier: Apache-2.0
"""Virtual routers with addresses of both families: one election, one holder, one ARP cache."""

import contextlib
import datetime
import json
import os
import re
import signal
import subprocess

import pytest

from clients import Ears, is_announcement
from families import entry, has, neighbour, wait_both, wait_reached
from hosts import Host
from keys import auth, make_key
from testbed import BOTH, PREFIX_IPV4, VIP_IPV4, ip_batch, run, wait_for

pytestmark = pytest.mark.vips(*BOTH)


def test_both_families_move_together(nodes, lab):
    """A planned move, a dead server, a process that is killed and its return."""
    first, second, third = nodes
    wait_reached(lab.client, first)
    assert first.router()["family"] == "ipv4"
    first.drain()
    wait_both(nodes, second)
    wait_reached(lab.client, second)
    first.vipctl("resume")
    wait_both(nodes, first)
    first.blackhole()
    wait_for("the second has both", lambda: has(second), lambda seen: seen == (True, True))
    wait_reached(lab.client, second)
    first.plug()
    wait_both(nodes, first)
    first.vipd_kill_all()
    wait_both(nodes, second)
    wait_reached(lab.client, second)
    assert second.vipd_stop(signal.SIGTERM) == 0
    wait_both(nodes, third)
    wait_reached(lab.client, third)


def members(node):
    """Of the group, as it shows them: name -> what it knows."""
    group = node.router()["group"]
    return {member["node"]: member for member in group["members"]} if group else {}


def all_know(nodes, what, wanted):
    """Each shows this of all: `what` of a member, in the order of the servers."""
    names = [node.name for node in nodes]
    for node in nodes:
        wait_for(f"{node.name} knows {what} of all", lambda node=node: [members(node).get(name, {}).get(what) for name in names],
                 lambda seen: seen == wanted)


SPEAK_UDP = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, int(sys.argv[1]))
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
s.sendto(b"vipd", ("224.0.0.18", 9752))
"""


def test_the_group_knows_itself(nodes, lab):
    """Hellos of an IPv4 election: to the group, signed, and to peers."""
    first, second, third = nodes
    all_know(nodes, "address", [node.ipv4 for node in nodes])
    all_know(nodes, "advertised", [node.ipv4 for node in nodes])
    all_know(nodes, "state", ["active", "backup", "backup"])
    second.drain()
    third.drain()
    all_know(nodes, "can_take_over", [False] * 3)
    refused = first.vipctl("drain", check=False)
    assert refused.returncode == 1 and second.name in refused.stderr, refused
    second.vipctl("resume")
    third.vipctl("resume")
    for ttl, reason in ((64, "bad_hop_limit"), (255, "too_short")):
        before = first.status()["group"]["dropped"].get(reason, 0)
        lab.client.exec("python3", "-c", SPEAK_UDP, str(ttl))
        wait_for(f"{first.name} counts {reason}", lambda reason=reason: first.status()["group"]["dropped"].get(reason, 0),
                 lambda now, before=before: now > before)

    path, _ = make_key(lab, 1)
    for mode in ("receive-only", "enforce"):
        for node in nodes:
            node.reconfigure(router={"auth": auth(mode, 1, {1: path})})
    all_know(nodes, "signed", [True] * 3)
    for node in nodes:
        peers = [other.ipv4 for other in nodes if other is not node]
        node.reconfigure(router={"peers": peers, "auth": auth("enforce", 1, {1: path})})
    os.kill(first.vipd_pids()["control"], signal.SIGKILL)  # what it knew is forgotten
    all_know(nodes, "presence", ["here"] * 3)
    wait_both(nodes, first)


def test_another_order_of_addresses_is_a_split_group(nodes, lab):
    """Two elections with the same addresses: all servers name the one that is different, and it names them."""
    first, second, third = nodes
    third.reconfigure(router={"addresses": [*BOTH[::-1]]})
    for node, others in ((first, [third]), (second, [third]), (third, [first, second])):
        rivals = wait_for(f"{node.name} names {[other.name for other in others]}", lambda node=node: (node.router()["group"] or {}).get("rivals", []),
                          lambda found, others=others: {rival["node"] for rival in found} == {other.name for other in others})
        assert all(rival["claims"] in BOTH and rival["vrid"] == 100 for rival in rivals)
        assert "SPLIT GROUP" in node.vipctl("status", check=False).stdout
        critical = node.vipctl("check", check=False)
        assert critical.returncode == 2 and "SPLIT GROUP" in critical.stdout, critical
    third.reconfigure()
    for node in nodes:
        wait_for(f"{node.name} names nobody", lambda node=node: node.router()["group"]["rivals"], lambda found: found == [])


@pytest.fixture
def clients(lab):
    """Linux; and what it takes from nobody who was not asked: on the one replies, as Windows does, on the other requests."""
    made = []
    for number, ignored in enumerate(("reply", "request"), start=60):
        host = Host(lab, f"no-{ignored}", str(number))
        made.append(host)
        host.exec("nft", f"table arp t {{ chain c {{ type filter hook input priority 0; "
                         f"arp operation {ignored} arp saddr ip {VIP_IPV4} arp daddr ip {VIP_IPV4} counter drop; }}; }}")
    yield [lab.client, *made]
    for host in made:
        assert "counter packets 0" not in host.exec("nft", "list", "ruleset").stdout, f"{host.name} has ignored nothing"
        host.close()


class Believing:
    """What a client hears of the address from now on, and when its ARP entry says so. `stack` ends it."""

    def __init__(self, client, stack):
        self.client, self.ears, self.text = client, stack.enter_context(contextlib.closing(Ears(client))), ""
        self.monitor = client.spawn(["stdbuf", "-oL", "ip", "-ts", "monitor", "neigh", "dev", "eth0"], "neigh", stdout=subprocess.PIPE, text=True)
        stack.callback(client.end, self.monitor)
        os.set_blocking(stack.enter_context(self.monitor.stdout).fileno(), False)
        wait_for(f"the monitor of {client.name} reports", self.marked)

    def marked(self):
        mark = f"{PREFIX_IPV4}222 dev eth0"
        ip_batch(self.client.name, [f"neigh replace {mark} lladdr 02:00:00:00:00:de nud permanent", f"neigh delete {mark}"])
        return self.entry_at(f"{PREFIX_IPV4}222", "02:00:00:00:00:de")

    def entry_at(self, address, mac):
        self.text += "".join(self.monitor.stdout)
        return re.search(rf"\[(.*?)\] {address} lladdr {mac}", self.text)

    def took(self, node):
        """From the announcement of the new holder, or the client's own question after it, to the entry."""
        mac, own = f"02:00:00:00:00:{node.number}", bytes.fromhex(f"0200000000{self.client.number}")
        said = wait_for(f"{self.client.name} has an entry", lambda: self.entry_at(VIP_IPV4, mac))
        entry_at = datetime.datetime.fromisoformat(said[1]).timestamp()
        frames = [(at, data) for at, data in self.ears.frames() if data[12:14] == b"\x08\x06" and at <= entry_at]
        begin = [at for at, data in frames if is_announcement(data, VIP_IPV4, mac)][:1]
        begin += [at for at, data in frames if begin and data[6:12] == own]
        return f"{1000 * (entry_at - max(begin)):.1f} ms" if begin else "before any announcement"


def test_every_state_of_an_arp_entry_is_left_at_once(nodes, clients):
    """Without sending anything, where there was an entry with a MAC address. Each state sees a move of its own. `-s` shows how
    long it took."""
    first, second, _ = nodes
    old, new = first, second
    for state in ("reachable", "stale", "delay", "probe", "failed", "none"):
        for client in clients:
            wait_reached(client, old)
        with contextlib.ExitStack() as stack:
            believing = [Believing(client, stack) for client in clients]
            for client in clients:
                if state == "none":
                    run("ip", "-n", client.name, "neigh", "flush", "to", VIP_IPV4)
                else:
                    lladdr = [] if state == "failed" else ["lladdr", f"02:00:00:00:00:{old.number}"]
                    run("ip", "-n", client.name, "neigh", "replace", VIP_IPV4, *lladdr, "nud", state, "dev", "eth0")
            first.drain() if new is second else first.vipctl("resume")
            wait_both(nodes, new)
            for client in clients:
                wait_for(f"{client.name} believes the announcement instead of an entry that is {state}",
                         lambda client=client: (neighbour if state in ("failed", "none") else entry)(client, VIP_IPV4),
                         lambda mac: mac == f"02:00:00:00:00:{new.number}", 2.5)
            print(f"{state}:", *(f"{each.client.name} {each.took(new)}" for each in believing))
        old, new = new, old


def test_unicast_peers_and_an_engine_that_dies_again_and_again(nodes):
    """Priority 0 of the guardian goes to the peers, too."""
    first, second, _ = nodes
    for node in nodes:
        node.reconfigure(router={"peers": [other.ipv4 for other in nodes if other is not node]})
    wait_both(nodes, first)
    wait_for("the second hears it", lambda: second.router()["active_router"]["address"], lambda address: address == first.ipv4)
    for _ in range(3):
        engine = wait_for("there is an engine", lambda: first.vipd_pids()["engine"])
        wait_for("it is Active", lambda: first.router()["state"], lambda state: state == "active")
        os.kill(engine, signal.SIGKILL)
        wait_for("it is gone", lambda engine=engine: first.vipd_pids().get("engine"), lambda pid, old=engine: pid != old)
    wait_for("the second took over", lambda: second.router()["reason"], lambda reason: reason == f"{first.name} resigned")


def test_the_address_is_never_a_source(nodes):
    """Also when the host's own address comes back after it."""
    first = nodes[0]
    run("ip", "-n", first.name, "addr", "del", f"{first.ipv4}/24", "dev", "eth0")
    wait_for("without an address of its own it cannot be the holder", lambda: has(nodes[1]), lambda seen: seen == (True, True))
    run("ip", "-n", first.name, "addr", "add", f"{first.ipv4}/24", "dev", "eth0")
    wait_both(nodes, first)
    run("ip", "-n", first.name, "route", "replace", "198.51.100.0/24", "dev", "eth0")
    for target in ("192.0.2.77", "198.51.100.1"):
        [route] = json.loads(run("ip", "-n", first.name, "-json", "route", "get", target).stdout)
        assert route["prefsrc"] == first.ipv4, route


SPEAK_ARP = """
import socket, sys
kind, address, mac = sys.argv[1:]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0x806))
mac, address = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(address)
s.send(bytes([255] * 6) + mac + bytes.fromhex("08060001080006040002") + mac + address + mac + address)
"""


def test_a_foreign_holder_is_found_and_answered(nodes, lab):
    """Somebody has the IPv4 address by hand; he answers when he is asked, and he announces."""
    first = nodes[0]
    client = lab.client
    wait_reached(client, first)
    before = first.router()["counters"]["foreign_announcements"]
    assert nodes[2].vipd_stop() == 0  # it would remove the address
    run("ip", "-n", nodes[2].name, "addr", "add", f"{VIP_IPV4}/24", "dev", "eth0")
    try:
        conflict = wait_for("it is found by a question", lambda: first.router()["conflict"],
                            lambda conflict: conflict["address"] == VIP_IPV4, deadline=20)
        assert conflict["kind"] == "address"
        assert conflict["mac"] == f"02:00:00:00:00:{nodes[2].number}"
    finally:
        run("ip", "-n", nodes[2].name, "addr", "del", f"{VIP_IPV4}/24", "dev", "eth0", check=False)
    nodes[2].exec("python3", "-c", SPEAK_ARP, "reply", VIP_IPV4, f"02:00:00:00:00:{nodes[2].number}")
    wait_for("its announcement is counted", lambda: first.router()["counters"]["foreign_announcements"],
             lambda now: now > before)
    wait_reached(client, first)


def doctor(node, *names):
    """What it found of the segment, or by finders of these names, as pairs of sign and text."""
    words = ["doctor", "-c", node.config_path, "-o", "json", *(names or ("peers", "speakers", "wire", "foreign", "firewall"))]
    return [(finding["sign"], finding["found"]) for finding in json.loads(node.vipctl(*words, check=False).stdout)["findings"]]


def test_the_doctor_asks_by_arp(nodes):
    first, second, third = nodes
    found = doctor(first)
    for address in BOTH:
        assert ("fine", f"{address}: held here, and nobody else answers for it") in found, found
    found = doctor(second)
    assert any(text.startswith(f"one router advertises vrid 100: {first.ipv4}") for _, text in found), found
    assert any(text.startswith(f"{VIP_IPV4}: one answer, of 02:00:00:00:00:{first.number}") for _, text in found), found
    assert ("fine", "in: advertisements that reach this machine reach vipd") in found, found
    assert third.vipd_stop() == 0
    run("ip", "-n", third.name, "addr", "add", f"{VIP_IPV4}/24", "dev", "eth0")
    try:
        found = doctor(first)
        assert any(grade == "failure" and text.startswith(f"SPLIT BRAIN: {VIP_IPV4}") for grade, text in found), found
    finally:
        run("ip", "-n", third.name, "addr", "del", f"{VIP_IPV4}/24", "dev", "eth0")


def test_the_doctor_knows_what_hides_an_address(nodes):
    """Settings of the kernel, rules, and routes by which nobody finds it, or nothing that comes to it is taken."""
    node = nodes[2]

    def setting(name, value, where="eth0"):
        node.exec("sh", "-c", f"echo {value} > /proc/sys/net/ipv4/conf/{where}/{name}")

    def found():
        [finding] = doctor(node, "arp")
        return finding
    assert found()[0] == "fine" and "answers for the address" in found()[1], found()
    for where, value in (("eth0", 3), ("all", 8)):
        setting("arp_ignore", value, where)
        assert found()[0] == "failure" and f"net.ipv4.conf.{where}.arp_ignore is {value}" in found()[1], found()
        setting("arp_ignore", 0, where)
    setting("arp_ignore", 2)
    assert found()[0] == "fine", found()  # it lies in a subnet of the interface
    setting("arp_ignore", 0)
    node.exec("nft", "table arp t { chain c { type filter hook output priority 0; arp operation reply drop; }; }")
    assert found() == ("warning", "there are rules for ARP that drop something: arp t c"), found()
    node.exec("nft", "delete table arp t")
    run("ip", "-n", node.name, "link", "add", "name", "other0", "type", "bridge")
    run("ip", "-n", node.name, "addr", "add", "198.51.100.1/24", "dev", "other0")
    run("ip", "-n", node.name, "link", "set", "other0", "up")
    try:
        run("ip", "-n", node.name, "route", "add", "default", "via", "198.51.100.2")
        assert found()[0] == "fine", found()
        setting("rp_filter", 1)
        assert found()[0] == "warning" and "the default route leads to other0" in found()[1], found()
        run("ip", "-n", node.name, "route", "add", nodes[0].ipv4, "via", "198.51.100.2")
        wait_for("it hears nobody any more", lambda: node.router()["state"], lambda state: state == "active")
        said = doctor(node, "arp", "speakers")
        assert any(sign == "failure" and text.startswith(f"adverts of {nodes[0].ipv4} come in on eth0, and the route to it leads to other0")
                   for sign, text in said), said
    finally:
        setting("rp_filter", 0)
        run("ip", "-n", node.name, "link", "delete", "other0")


STORM = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0x806))
for i in range(10000):
    mac, operation = bytes([2, 0xbb, 0, 0, i >> 8 & 255, i & 255]), bytes([0, 1 + i % 2])
    address = socket.inet_aton("192.0.2.100" if i % 4 else f"192.0.2.{i % 250}")
    s.send(bytes([255] * 6) + mac + bytes.fromhex("080600010800" + "0604") + operation + mac + address + bytes(6) + address)
"""


def test_a_storm_of_arp_moves_nothing(nodes, lab):
    first, second, _ = nodes
    before = [node.router()["counters"]["transitions"] for node in nodes]
    lab.client.exec("python3", "-c", STORM)
    for host in (*nodes, lab.client):  # of each other they have learned nonsense
        host.exec("ip", "neigh", "flush", "dev", "eth0")
    wait_both(nodes, first)
    assert [node.router()["counters"]["transitions"] for node in nodes] == before
    wait_reached(second, first)
    for node in nodes:
        assert node.vipctl("status", check=False).stdout.count("CONFLICT") <= 1


def test_the_capture_shows_both_families(nodes):
    first = nodes[0]
    first.drain()
    wait_both(nodes, nodes[1])
    path = f"{first.directory}/both.pcapng"
    first.vipctl("capture", "-o", path)
    shown = run("tcpdump", "-n", "-r", path, check=False).stdout
    assert re.search(rf"{first.ipv4} > 224\.0\.0\.18: VRRPv3, Advertisement, vrid 100, prio 150.* length 12", shown), shown
    assert re.search(rf"Request who-has {VIP_IPV4} .*tell {VIP_IPV4}", shown), shown  # some hosts believe only one of the two
    assert re.search(rf"Reply {VIP_IPV4} is-at 02:00:00:00:00:{first.number}", shown), shown
