# SPDX-License-Identifier: Apache-2.0
"""What passed an interface during a trial, and when, by the kernel's clock."""

import time

from packets import Sniffer

LATE_S = 1.2  # a batched sniffer tells once a second


class Capture(Sniffer):
    def __init__(self, testbed, namespace="switch", interface="br0"):
        super().__init__(testbed.directory, namespace, interface, batched=True)

    def mark(self):
        super().mark()
        self.since = time.time()

    def packets(self):
        """Since the mark, in the order of time. `server`: the end of the sender's MAC, as Host.number."""
        time.sleep(LATE_S)  # sleep-ok: what has passed is known by then
        seen = [packet for packet in self.seen() if packet.get("at", 0) >= self.since]
        for packet in seen:
            packet["server"] = packet["from"][-2:]
        return sorted(seen, key=lambda packet: packet["at"])


def adverts(packets, server, vrid=None):
    """When this server sent its adverts, in seconds."""
    return [p["at"] for p in packets if "advert" in p and p["server"] == server and vrid in (None, p["vrid"])]


def announcements(packets, server):
    return [p for p in packets if "target" in p and p["server"] == server]


def down_interval_s(interval_ms, priority):
    """Active_Down_Interval, RFC 9568 section 6.1."""
    return (3 * interval_ms + (256 - priority) / 256 * interval_ms) / 1000
