# SPDX-License-Identifier: Apache-2.0
"""What somebody who means harm sends in IPv4: adverts in any packet, and ARP; see hostile.py."""

import hashlib
import hmac
import secrets
import socket
import struct

from basics import PREFIX_IPV4, VIP_IPV4
from hostile import MAC, VRID, VRRP, namespace, ones_complement, sequence

GROUP, FORGER = "224.0.0.18", PREFIX_IPV4 + "66"
ETH_P_IP, ETH_P_ARP = 0x800, 0x806
BROADCAST = "ff:ff:ff:ff:ff:ff"


def octets(mac):
    return bytes.fromhex(mac.replace(":", ""))


def packed(address):
    return socket.inet_aton(address)


def group_mac(address):
    return "01:00:5e:%02x:%02x:%02x" % (packed(address)[1] & 0x7f, *packed(address)[2:])


def frames(payload, source=FORGER, destination=GROUP, ttl=255, options=b"", cut=None, ident=1, mac=None, wrong_header=False):
    """A packet as frames. cut: in two fragments of `ident`, the second from this byte on. wrong_header: its checksum."""
    def one(part, offset, more):
        fields = [0x40 | 5 + len(options) // 4, 0xc0, 20 + len(options) + len(part), ident, more << 13 | offset // 8, ttl, VRRP]
        head = struct.pack("!BBHHHBB", *fields)
        rest = packed(source) + packed(destination) + options
        checksum = ones_complement(head + b"\0\0" + rest) ^ wrong_header
        return (octets(mac or group_mac(destination)) + octets(MAC) + struct.pack("!H", ETH_P_IP) + head
                + struct.pack("!H", checksum) + rest + part)
    return [one(payload, 0, 0)] if cut is None else [one(payload[:cut], 0, 1), one(payload[cut:], cut, 0)]


def trailer(pdu, source, key=None, family=4):
    begin = struct.pack("!BBHQ", 1, 1, 0, sequence())
    covered = bytes((family, 3, pdu[1], 0)) + packed(source) + bytes(12) + pdu[:6] + b"\0\0" + pdu[8:] + begin + bytes(16)
    return begin + (hmac.new(key, covered, hashlib.sha256).digest()[:16] if key else secrets.token_bytes(16))


def advert(source=FORGER, priority=254, interval=10, vrid=VRID, version=3, kind=1, count=None, addresses=(VIP_IPV4,), more=b"",
           pseudo=True, wrong_checksum=False, auth=None, destination=GROUP, **packet):
    """Right except for what the arguments say. auth: keywords of trailer(); packet: of frames()."""
    pdu = struct.pack("!BBBBHH", version << 4 | kind, vrid, priority, len(addresses) if count is None else count, interval, 0)
    pdu += b"".join(map(packed, addresses))
    if auth is not None:
        pdu += trailer(pdu, source, **auth)
    pdu += more
    head = packed(source) + packed(destination) + struct.pack("!HH", VRRP, len(pdu)) if pseudo else b""
    checksum = ones_complement(head + pdu) ^ wrong_checksum
    return frames(pdu[:6] + struct.pack("!H", checksum) + pdu[8:], source, destination, **packet)


def arp(operation, sender=VIP_IPV4, target=VIP_IPV4, sender_mac=MAC, target_mac=MAC, to=BROADCAST, sizes=0x0604, hardware=1):
    return [octets(to) + octets(MAC) + struct.pack("!HHHHH", ETH_P_ARP, hardware, ETH_P_IP, sizes, operation)
            + octets(sender_mac) + packed(sender) + octets(target_mac) + packed(target)]


def heard_adverts(attacker, source, count):
    """The next adverts of this router, as frames."""
    with namespace(attacker.host.name):
        ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
    with ears:
        ears.settimeout(5)
        heard = []
        while len(heard) < count:
            data = ears.recv(2048)
            if data[12:14] == b"\x08\0" and data[23] == VRRP and data[26:30] == packed(source):
                heard.append(data)
        return heard
