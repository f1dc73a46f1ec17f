"""What passed an interface, with the kernel's timestamps: adverts and Neighbor Advertisements, by tcpdump."""

import dataclasses
import os
import re
import signal
import struct
import subprocess
import time

from lab import wait_for

FILTER = "ip6 and (ip6[6] == 112 or (ip6[6] == 58 and ip6[40] == 136))"
PCAP_NS = 0xA1B23C4D


@dataclasses.dataclass
class Packet:
    at_ns: int  # CLOCK_REALTIME
    server: str  # the last byte of the sender's MAC, as text: Host.number
    vrid: int = None  # of an advert
    priority: int = None
    target: bytes = None  # of a Neighbor Advertisement


class Capture:
    """What passed is known up to a second later: to be woken for every packet would cost those who send them."""

    def __init__(self, namespace, interface, directory):
        self.path = os.path.join(directory, f"{namespace}-{interface}.pcap")
        self.offset, self.since_ns = 24, 0
        self.log = os.path.join(directory, f"tcpdump-{interface}.log")
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{namespace}", "tcpdump", "-i", interface, "-w", self.path, "-U", "-s", "128",
                 "-B", "32768", "--time-stamp-precision=nano", "-Z", "root", FILTER],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_for("tcpdump listens", lambda: open(self.log).read(), lambda text: "listening on" in text)

    def mark(self):
        """What is told next begins now."""
        self.since_ns = time.time_ns()

    def packets(self):
        """Since the mark; once."""
        time.sleep(1.2)  # sleep-ok: tcpdump writes once a second (no immediate mode: it would wake with every packet)
        with open(self.path, "rb") as file:
            magic = struct.unpack("=I", file.read(4))[0]
            assert magic == PCAP_NS, f"not a capture in nanoseconds: {magic:x}"
            file.seek(self.offset)
            data = file.read()
        found, at = [], 0
        while at + 16 <= len(data):
            seconds, nanoseconds, kept, _ = struct.unpack_from("=IIII", data, at)
            if at + 16 + kept > len(data):
                break
            at_ns = seconds * 10**9 + nanoseconds
            packet = decode(at_ns, data[at + 16:at + 16 + kept]) if at_ns >= self.since_ns else None
            if packet:
                found.append(packet)
            at += 16 + kept
        self.offset += at
        return sorted(found, key=lambda packet: packet.at_ns)

    def lost(self):
        """Packets that the kernel could not hand over; known once it is closed."""
        match = re.search(r"(\d+) packets dropped by kernel", open(self.log).read())
        return int(match[1]) if match else 0

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=3)
            except subprocess.TimeoutExpired:  # it looks at signals when a packet comes
                self.process.kill()
                self.process.wait()
        os.unlink(self.path)


def decode(at_ns, frame):
    """An Ethernet frame with IPv6; None if it is of no interest."""
    if len(frame) < 54 + 8:
        return None
    server = f"{frame[11]:02x}"
    if frame[20] == 112:
        return Packet(at_ns, server, vrid=frame[55], priority=frame[56])
    if frame[20] == 58 and len(frame) >= 54 + 24:
        return Packet(at_ns, server, target=frame[62:78])
    return None
