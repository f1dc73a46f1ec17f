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
    test_a_higher_peer_preempts, test_a_higher_vipd_preempts, test_a_peer_adopts_the_interval_of_vipd,
    test_a_peer_that_leaves_is_followed_after_skew_time, test_a_peer_told_not_to_preempt_does_not,
    test_a_tie_is_broken_by_address, test_a_vipd_that_leaves_is_followed_after_skew_time,
    test_silent_death_of_the_peer_and_its_return, test_silent_death_of_vipd_and_its_return, test_unicast,
    test_vipd_adopts_the_interval_of_the_peer, test_vipd_told_not_to_preempt_does_not)
from testbed import ROOT, VIP_IPV4, wait_for

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


def first_advert(host, begin):
    """The first that leaves a host after begin(), without the IP header."""
    path = os.path.join(host.testbed.directory, "advert.pcap")
    capture = subprocess.Popen(host.inside(["tcpdump", "-i", "eth0", "-U", "-c", "1", "-w", path, "proto", "112"]),
                               stderr=subprocess.DEVNULL)
    try:
        wait_for("the capture runs", lambda: os.path.getsize(path))
        begin()
        capture.wait(timeout=15)
    finally:
        capture.kill()
        capture.wait()
    with open(path, "rb") as frames:
        packet = frames.read()[24 + 16 + 14:]  # headers of the file, of the frame in it, of Ethernet
    os.unlink(path)
    return packet[4 * (packet[0] & 15):int.from_bytes(packet[2:4], "big")]


def golden(name, source):
    """The bytes in the unit test, which are of 192.0.2.21, as they are from another source."""
    with open(os.path.join(ROOT, "tests/unit/test_advert_ipv4.c")) as text:
        [(size, values)] = re.findall(rf"{name}\[(\d+)\] = \{{(.*?)\}}", text.read(), re.S)
    data = bytes(int(value, 0) for value in values.split(",")).ljust(int(size), b"\0")
    head = struct.pack("!HH", 112, len(data)) + IPv4Address("224.0.0.18").packed if data[0] >> 4 == 3 else b""
    assert checksum(data + (head and head + IPv4Address("192.0.2.21").packed)) == 0
    zero = data[:6] + b"\0\0" + data[8:]
    return data[:6] + struct.pack("!H", checksum(zero + (head and head + IPv4Address(source).packed))) + data[8:]


def test_the_golden_bytes_are_those_of_the_peer(segment, peer):
    addresses = [VIP_IPV4, VIP_IPV4.replace("100", "101")]
    sent = first_advert(peer, lambda: peer.begin_with(priority=150, addresses=addresses))
    assert sent == golden("golden", peer.ipv4)


@pytest.mark.parametrize("peer", ["keepalived"], indirect=True)
def test_the_golden_bytes_of_version_2_are_those_of_the_peer(segment, peer):
    addresses = [VIP_IPV4, VIP_IPV4.replace("100", "101")]
    sent = first_advert(peer, lambda: peer.begin_with(priority=150, interval_ms=1000, addresses=addresses, version=2))
    assert sent == golden("version_2", peer.ipv4)


def test_a_peer_takes_the_checksum_with_pseudo_header_alone(segment, vipd, peer):
    """Why that is what vipd sends unless it is told otherwise: with the one of RFC 9568 each believes that it is alone."""
    vipd.begin_with(priority=200, checksum="rfc9568")
    segment.settles(vipd, vipd)
    peer.begin_with(priority=100)
    wait_for("two holders", segment.holders, lambda names: names == [vipd.name, peer.name])
    vipd.change(checksum="rfc5798")
    segment.settles(vipd, vipd)


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
    sent = first_advert(vipd, lambda: vipd.begin_with(priority=100, checksum=checksum_setting))
    assert sent == advert(vipd.ipv4, priority=100, pseudo=pseudo)


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
