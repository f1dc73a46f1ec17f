# SPDX-License-Identifier: Apache-2.0
"""What vipd takes and refuses on the wire, and what it answers in which state: RFC 9568 sections 5, 6.4 and 7.1."""

import re
import struct
import sys
from ipaddress import IPv6Address

import pytest

from testbed import VIP, run, wait_for
from segment import GROUP_LINK_LOCAL, VRID

SENDER = """
import socket, sys
packet, source, to, hops, checksum = sys.argv[1:]
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 112)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, int(hops))
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, int(hops))
if checksum == "True":
    s.setsockopt(socket.IPPROTO_IPV6, 7, 6)  # IPV6_CHECKSUM: the kernel puts it there
index = socket.if_nametoindex("eth0")
s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND: also an address of somebody else
s.bind((source, 0, 0, index if source.startswith("fe80") else 0))
s.sendto(bytes.fromhex(packet), (to, 0, 0, index))
"""


def advert(version_type=0x31, vrid=VRID, priority=254, count=None, interval=10, addresses=(GROUP_LINK_LOCAL, VIP)):
    head = struct.pack("!BBBBHH", version_type, vrid, priority, len(addresses) if count is None else count, interval, 0xbad)
    return head + b"".join(IPv6Address(address).packed for address in addresses)


def send(host, packet, source=None, to="ff02::12", hops=255, checksum=True):
    host.exec(sys.executable, "-c", SENDER, packet.hex(), source or host.link_local, to, str(hops), str(checksum))


def dropped(vipd, reason):
    """How many adverts have been refused for this reason, on the interface or for the virtual router."""
    status, text = vipd.http("GET", "/metrics")
    assert status == 200
    return sum(float(value) for labels, value in re.findall(r"^vipd_adverts_dropped_total\{(.*)\} (\S+)$", text, re.M)
               if f'reason="{reason}"' in labels)


REFUSED = {
    "bad_hop_limit": (advert(), {"hops": 254}),
    "bad_version": (advert(version_type=0x21), {}),
    "bad_type": (advert(version_type=0x32), {}),
    "too_short": (advert()[:4], {"checksum": False}),
    "no_address": (advert(addresses=()), {}),
    "bad_length": (advert(count=3), {}),
    "bad_interval": (advert(interval=0), {}),
    "bad_checksum": (advert(), {"checksum": False}),
    "bad_source": (advert(), {"source": "global"}),
    "unknown_vrid": (advert(vrid=VRID + 1), {}),
    "own_packet": (advert(), {"source": "fe80::11"}),  # of vipd itself
}


def test_what_fails_a_check_is_counted_and_changes_nothing(segment, vipd):
    """Twice each: both count, the log tells of it once; of other groups on the link it tells nothing."""
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    transitions = vipd.transitions()
    for reason, (packet, how) in REFUSED.items():
        before = dropped(vipd, reason)
        if how.get("source") == "global":
            how["source"] = segment.client.address
        for _ in range(2):
            send(segment.client, packet, **how)
        wait_for(f"two are refused as {reason}", lambda: dropped(vipd, reason), lambda now: now == before + 2)
        assert vipd.log("vipd").count(f"({reason})") == (reason != "unknown_vrid")
    assert vipd.router()["counters"]["adverts_received"] == 0
    assert vipd.transitions() == transitions and vipd.holds()
    send(segment.client, advert())  # the same without a fault
    wait_for("it gives way", vipd.transitions, lambda now: now > transitions)
    assert vipd.became("backup") == "higher_priority"


@pytest.mark.parametrize("to", ["the group", "vipd"])
def test_unicast_peers_and_nobody_else(segment, vipd, to):
    """Refused is who is not in `peers`, wherever the advert is sent."""
    vipd.begin_with(priority=100, peers=[segment.peers["keepalived"].link_local])
    wait_for("it is Active", vipd.holds)
    send(segment.client, advert(), to="ff02::12" if to == "the group" else vipd.link_local)
    wait_for("it is refused", lambda: dropped(vipd, "unknown_peer"), lambda count: count == 1)
    assert vipd.router()["state"] == "active"


@pytest.mark.parametrize("interval", [0x0a | 0xf000, 0x0a])
def test_the_reserve_field_is_ignored(segment, vipd, interval):
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    send(segment.client, advert(interval=interval))
    wait_for("it gives way", lambda: vipd.router()["counters"]["adverts_received"], lambda count: count == 1)
    assert vipd.became("backup") == "higher_priority"


def test_one_forged_interval_silences_nobody_for_long(segment, vipd):
    """40.95 s would be more than two minutes without a holder; within the deadline there is one again."""
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    send(segment.client, advert(interval=4095))
    wait_for("it gives way", vipd.holds, lambda holds: not holds)
    segment.settles(vipd, vipd)


def test_a_losing_advert_is_answered_at_once(segment, vipd):
    """At an interval of 40 s the next advert is far away."""
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    vipd.change(advert_interval="40s")
    wait_for("the interval is in force", lambda: vipd.router()["advert_interval_ms"], lambda ms: ms == 40000)
    for priority in (50, 0):
        sent = vipd.router()["counters"]["adverts_sent"]
        send(segment.client, advert(priority=priority))
        wait_for("an answer", lambda: vipd.router()["counters"]["adverts_sent"], lambda now: now == sent + 1)
    assert vipd.router()["state"] == "active"


def groups(host):
    with open(f"/proc/{host.anchor.pid}/net/igmp6") as lines:
        return {str(IPv6Address(int(group, 16))) for _, name, group, *_ in map(str.split, lines) if name == "eth0"}


def test_a_backup_does_not_answer_for_the_address(segment, vipd):
    """It has joined the groups, but only the Active answers Neighbor Solicitations."""
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    vipd.change(when_unhealthy="resign", track_interfaces=["absent0"])
    wait_for("it has let go", vipd.holds, lambda holds: not holds)
    assert {"ff02::12", "ff02::1:ff00:100"} <= groups(vipd)
    segment.client.exec("sh", "-c", "echo 100 > /proc/sys/net/ipv6/neigh/eth0/retrans_time_ms; ip neigh flush all")
    segment.answering_mac()
    wait_for("nobody answers", neighbor_state, lambda state: state == "FAILED")
    vipd.change(when_unhealthy="demote")
    segment.settles(vipd, vipd)


def neighbor_state():
    return run("ip", "-n", "client", "-6", "neigh", "show", VIP).stdout.split()[-1]
