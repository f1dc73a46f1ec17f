"""Prints every Neighbor Advertisement that reaches an interface, a line of JSON each: sniff.py INTERFACE

sniff.py INTERFACE adverts: also every VRRP advertisement, and of each packet when and from which MAC it came.
"""

import json
import socket
import sys
import time

ETH_P_IPV6 = 0x86DD
ICMPV6, VRRP, ADVERTISEMENT, TARGET_LINK_LAYER = 58, 112, 136, 2

packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
packets.bind((sys.argv[1], 0))
adverts = "adverts" in sys.argv[2:]
print(json.dumps({"ready": True}), flush=True)
while True:
    try:
        frame = packets.recv(2048)
    except OSError:  # the interface was down or is gone
        if not adverts:
            raise
        time.sleep(0.01)  # sleep-ok: between two looks at an interface that is away
        continue
    ip, payload = frame[14:54], frame[54:]
    more = {"at": time.time(), "from": frame[6:12].hex(":")} if adverts else {}
    source = socket.inet_ntop(socket.AF_INET6, ip[8:24])
    if adverts and ip[6] == VRRP and len(payload) >= 8:
        print(json.dumps({"advert": payload[2], "source": source, **more}), flush=True)
    if len(payload) < 24 or ip[6] != ICMPV6 or payload[0] != ADVERTISEMENT:
        continue
    option = payload[24:32]
    print(json.dumps({
        "to": frame[:6].hex(":"), "source": source,
        "destination": socket.inet_ntop(socket.AF_INET6, ip[24:40]), "hop_limit": ip[7],
        "router": bool(payload[4] & 0x80), "solicited": bool(payload[4] & 0x40), "override": bool(payload[4] & 0x20),
        "target": socket.inet_ntop(socket.AF_INET6, payload[8:24]),
        "mac": option[2:8].hex(":") if option[:1] == bytes([TARGET_LINK_LAYER]) else None, **more}), flush=True)
