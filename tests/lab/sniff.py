"""Prints every Neighbor Advertisement that reaches an interface, a line of JSON each: sniff.py INTERFACE"""

import json
import socket
import sys

ETH_P_IPV6 = 0x86DD
ICMPV6, ADVERTISEMENT, TARGET_LINK_LAYER = 58, 136, 2

packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
packets.bind((sys.argv[1], 0))
print(json.dumps({"ready": True}), flush=True)
while True:
    frame = packets.recv(2048)
    ip, icmp = frame[14:54], frame[54:]
    if len(icmp) < 24 or ip[6] != ICMPV6 or icmp[0] != ADVERTISEMENT:
        continue
    option = icmp[24:32]
    print(json.dumps({
        "to": frame[:6].hex(":"), "source": socket.inet_ntop(socket.AF_INET6, ip[8:24]),
        "destination": socket.inet_ntop(socket.AF_INET6, ip[24:40]), "hop_limit": ip[7],
        "router": bool(icmp[4] & 0x80), "solicited": bool(icmp[4] & 0x40), "override": bool(icmp[4] & 0x20),
        "target": socket.inet_ntop(socket.AF_INET6, icmp[8:24]),
        "mac": option[2:8].hex(":") if option[:1] == bytes([TARGET_LINK_LAYER]) else None}), flush=True)
