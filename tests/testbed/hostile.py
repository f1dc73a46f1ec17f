# SPDX-License-Identifier: Apache-2.0
"""Somebody on the segment who means harm: builds any frame, sends it once or ten thousand times a second, and listens.

Frames are built here byte by byte and leave through a packet socket, so nothing of the kernel puts them right.
"""

import contextlib
import ctypes
import hashlib
import hmac
import os
import re
import secrets
import socket
import struct
import time

from basics import VIP
from hosts import Host
from plugin import LATE

VRRP, ICMPV6, UDP, HELLO_PORT = 112, 58, 17, 9752
GROUP, ALL_NODES, VRID = "ff02::12", "ff02::1", 100
ETH_P_IPV6 = 0x86dd
MAC = "02:00:00:00:00:66"
CLONE_NEWNET = 0x40000000


def packed(address):
    return socket.inet_pton(socket.AF_INET6, address)


def ones_complement(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def checksum(source, destination, protocol, data):
    return ones_complement(packed(source) + packed(destination) + struct.pack("!II", len(data), protocol) + data)


def put_checksum(data, offset, source, destination, protocol):
    data = data[:offset] + b"\0\0" + data[offset + 2:]
    return data[:offset] + struct.pack("!H", checksum(source, destination, protocol, data)) + data[offset + 2:]


def multicast_mac(address):
    return b"\x33\x33" + packed(address)[12:]


def frame(payload, source, destination, protocol, hops=255, mac=None):
    """mac: of the receiver; that of the group by default."""
    to = bytes.fromhex(mac.replace(":", "")) if mac else multicast_mac(destination)
    return (to + bytes.fromhex(MAC.replace(":", "")) + struct.pack("!HIHBB", ETH_P_IPV6, 6 << 28, len(payload), protocol, hops)
            + packed(source) + packed(destination) + payload)


def sequence(shift=0.0):
    """A point in time as the trailer has it."""
    return int((time.time() + shift) * 2**32) & 0xffffffffffff0000


def trailer(pdu, source, key=None, key_id=1, number=None, kind=1, reserved=0):
    """Signed by `key`; without one the MAC is a guess."""
    begin = struct.pack("!BBHQ", kind, key_id, reserved, sequence() if number is None else number)
    if key is None:
        return begin + secrets.token_bytes(16)
    covered = bytes((6, 3, pdu[1], 0)) + packed(source) + pdu[:6] + b"\0\0" + pdu[8:] + begin + bytes(16)
    return begin + hmac.new(key, covered, hashlib.sha256).digest()[:16]


def advert(source, priority=254, interval_cs=10, vrid=VRID, version=3, kind=1, count=None, addresses=("fe80::100", VIP),
           destination=GROUP, hops=255, mac=None, auth=None, more=b"", wrong_checksum=False):
    """A frame with an advert that is right except for what the arguments say. auth: keywords of trailer()."""
    pdu = struct.pack("!BBBBHH", version << 4 | kind, vrid, priority, len(addresses) if count is None else count,
                      interval_cs, 0) + b"".join(map(packed, addresses))
    if auth is not None:
        pdu += trailer(pdu, source, **auth)
    pdu = put_checksum(pdu + more, 6, source, destination, VRRP)
    if wrong_checksum:
        pdu = pdu[:6] + bytes((pdu[6] ^ 1,)) + pdu[7:]
    return frame(pdu, source, destination, VRRP, hops, mac)


def field(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def group_datagram(source, magic, content, vrid=VRID, key=None, hops=255, flags=None, shift=0.0):
    """A frame with what vipds tell each other. key: of adverts; without one it is not signed."""
    data = magic + bytes((1, (1 if key else 0) if flags is None else flags, 6, vrid)) + content
    if key:
        begin = struct.pack("!BBHQ", 1, 1, 0, sequence(shift))
        derived = hmac.new(key, b"vipd hello 1", hashlib.sha256).digest()
        covered = packed(source) + packed(GROUP) + data + begin + bytes(16)
        data += begin + hmac.new(derived, covered, hashlib.sha256).digest()[:16]
    udp = struct.pack("!HHHH", HELLO_PORT, HELLO_PORT, 8 + len(data), 0) + data
    return frame(put_checksum(udp, 6, source, GROUP, UDP), source, GROUP, UDP, hops)


def hello(source, node="forged", vrid=100, number=None, state=2, priority=254, content=None, flags=None, **more):
    """A frame; more: see group_datagram()."""
    return group_datagram(source, b"vipd", content if content is not None else (
        field(1, node.encode()) + field(3, bytes(16) + struct.pack("!QI", number or sequence(), 1000))
        + field(5, bytes((state, 2, priority, priority, 2))) + field(7, struct.pack("!IBBB", 100, 1, 0, 0))), vrid=vrid, flags=flags, **more)


def neighbor_advertisement(target=VIP, claims=MAC, asked_by=None):
    """Unsolicited, O set: what a holder sends, with somebody else's MAC. Or the answer to a server that has asked."""
    to, mac = (asked_by.link_local, f"02:00:00:00:00:{asked_by.number}") if asked_by else (ALL_NODES, None)
    data = (struct.pack("!BBHI", 136, 0, 0, (3 if asked_by else 1) << 29) + packed(target) + b"\x02\x01"
            + bytes.fromhex(claims.replace(":", "")))
    return frame(put_checksum(data, 2, target, to, ICMPV6), target, to, ICMPV6, mac=mac)


@contextlib.contextmanager
def namespace(name):
    """This thread is in that network namespace; what it opens there stays there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{name}") as there:
        assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


class Attacker:
    def __init__(self, testbed):
        self.host = Host(testbed, "attacker", "66")
        with namespace(self.host.name):
            self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.out.bind(("eth0", 0))
            self.ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
            self.ears.bind(("eth0", ETH_P_IPV6))
            self.ears.settimeout(5)
            self.member = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)  # so that the switch forwards the group
            self.member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                                   packed(GROUP) + struct.pack("=I", socket.if_nametoindex("eth0")))

    def send(self, *frames):
        for one in frames:
            self.out.send(one)

    def flood(self, frames, per_second, seconds):
        """All of `frames` in turn, evenly; returns how many left.

        What is late is left out: a burst would fill the queue that the namespaces share, at the cost of the client.
        """
        begin, sent, due = time.monotonic(), 0, 0
        while (passed := time.monotonic() - begin) < seconds:
            now_due = int(passed * per_second)
            for _ in range(min(now_due - due, per_second // 100)):
                self.out.send(frames[sent % len(frames)])
                sent += 1
            due = now_due
            time.sleep(0.001)  # sleep-ok: the rate that was asked for
        return sent

    def hear(self, wanted, count=1):
        """The next frames from others that are wanted, as they come; what came before does not count."""
        self.ears.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.ears.recv(2048)
        self.ears.settimeout(5)
        heard, end = [], time.monotonic() + 5
        while len(heard) < count:
            assert time.monotonic() < end, f"not heard within 5 s; so far: {heard}"
            data, (_, _, direction, _, _) = self.ears.recvfrom(2048)
            if direction != socket.PACKET_OUTGOING and wanted(data):
                heard.append(data)
        return heard

    def hear_adverts(self, source, count):
        return self.hear(lambda data: data[20] == VRRP and data[22:38] == packed(source), count)

    def hear_announcement(self):
        """Whose MAC the next announcement of the VIP to all nodes names."""
        [data] = self.hear(lambda data: data[20] == ICMPV6 and data[38:54] == packed(ALL_NODES) and data[54] == 136
                           and data[62:78] == packed(VIP))
        return data[-6:].hex(":")

    def close(self):
        for each in (self.out, self.ears, self.member):
            each.close()
        self.host.close()


# what an attack leaves behind on a server

def dropped(node):
    """Reason -> how many, over everything that this server has refused."""
    reasons = {}
    for labels, value in re.findall(r"^vipd_adverts_dropped_total\{(.*)\} (\d+)$", node.metrics(), re.M):
        reason = re.search(r'reason="(\w+)"', labels)[1]
        reasons[reason] = reasons.get(reason, 0) + int(value)
    return {reason: count for reason, count in reasons.items() if count}


def growth(before, after):
    return {reason: after[reason] - before.get(reason, 0) for reason in after if after[reason] != before.get(reason, 0)}


def cpu_seconds(node):
    with open(f"/proc/{node.vipd_pids()['engine']}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def log_lines(node):
    """Of the engine, which hears the packets; what it says of a busy machine does not count."""
    lines = node.log().splitlines()
    return sum(" engine: " in line and LATE not in line for line in lines)
