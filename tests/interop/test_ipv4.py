# SPDX-License-Identifier: Apache-2.0
"""The scenarios of test_peers.py over IPv4, and what IPv4 alone has: two checksums, and VRRPv2."""

import os
import re
import struct
import subprocess
import sys
from ipaddress import IPv4Address

import pytest

from segment import VRID
from test_peers import (  # noqa: F401 (they are run with the segment below)
    test_a_higher_peer_preempts, test_a_higher_vipd_preempts, test_a_peer_that_leaves_is_followed_after_skew_time,
    test_a_tie_is_broken_by_address, test_a_vipd_that_leaves_is_followed_after_skew_time,
    test_silent_death_of_the_peer_and_its_return)
from testbed import VIP_IPV4, wait_for

SENDER = """
import socket, sys
packet, to = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(to))
s.sendto(bytes.fromhex(packet), ("224.0.0.18", 0))
"""


@pytest.fixture
def segment(segment):
    segment.vips = (VIP_IPV4,)
    yield segment
    segment.clear()
    del segment.vips


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def advert(source, version=3, priority=254, pseudo=True):
    def packed(sum_):
        interval = 10 if version == 3 else 1
        return struct.pack("!BBBBHH", version << 4 | 1, VRID, priority, 1, interval, sum_) + IPv4Address(VIP_IPV4).packed + (
            bytes(8) if version == 2 else b"")
    data = packed(0)
    head = IPv4Address(source).packed + IPv4Address("224.0.0.18").packed + struct.pack("!HH", 112, len(data))
    return packed(checksum((head if pseudo and version == 3 else b"") + data))


def send(host, packet):
    host.exec(sys.executable, "-c", SENDER, packet.hex(), host.ipv4)


@pytest.mark.parametrize("pseudo", [True, False])
def test_either_checksum_is_taken(segment, vipd, pseudo):
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    send(segment.client, advert(segment.client.ipv4, pseudo=pseudo))
    wait_for("it gives way", lambda: vipd.became("backup"), lambda why: why == "higher_priority")
    assert vipd.active() == segment.client.ipv4 and not any(vipd.router()["dropped"].values())


@pytest.mark.parametrize("checksum_setting, pseudo", [("rfc5798", True), ("rfc9568", False)])
def test_the_checksum_that_is_configured_is_sent(segment, vipd, checksum_setting, pseudo):
    path = os.path.join(segment.directory, "checksum.pcap")
    capture = subprocess.Popen(vipd.inside(["tcpdump", "-i", "eth0", "-U", "-c", "1", "-w", path, "proto", "112"]),
                               stderr=subprocess.DEVNULL)
    vipd.begin_with(priority=100, checksum=checksum_setting)
    try:
        capture.wait(timeout=15)
    finally:
        capture.kill()
    with open(path, "rb") as frames:
        data = frames.read()
    assert advert(vipd.ipv4, priority=100, pseudo=pseudo) in data


def test_vrrp_version_2_is_named(segment, vipd):
    """Once, and only of our own VRID."""
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    packet = advert(segment.client.ipv4, version=2)
    for _ in range(2):
        send(segment.client, packet)
    wait_for("it is told", lambda: vipd.log("vipd"), lambda log: "(vrrp_version_2)" in log)
    said = re.findall(r"refused an advert of (\S+) \(vrrp_version_2\): it speaks VRRPv2: set version 3 there", vipd.log("vipd"))
    assert said == [segment.client.ipv4] and vipd.holds()
