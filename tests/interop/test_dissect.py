# SPDX-License-Identifier: Apache-2.0
"""tshark looks at every packet that vipd sends, from start to stop, with a successor that is not vipd."""

import os
import shutil
import signal
import subprocess

import pytest

from testbed import VIP, run, wait_for
from segment import GROUP_LINK_LOCAL, VRID

FIELDS = """_ws.expert.severity _ws.malformed eth.src eth.dst ipv6.src ipv6.dst ipv6.hlim ipv6.tclass ipv6.plen
    vrrp.version vrrp.type vrrp.virt_rtr_id vrrp.prio vrrp.addr_count vrrp.reserved_mbz vrrp.short_adver_int
    vrrp.checksum.status vrrp.ipv6_addr
    icmpv6.type icmpv6.code icmpv6.checksum.status icmpv6.nd.na.flag.r icmpv6.nd.na.flag.s icmpv6.nd.na.flag.o
    icmpv6.nd.na.target_address icmpv6.opt.type icmpv6.opt.linkaddr""".split()
GOOD = "1"  # of a checksum's status


def tshark(*arguments):
    return ["tshark", "-n", "-o", "vrrp.v3_checksum_as_in_v2:FALSE", *arguments]


class Capture:
    """What leaves one host, taken at its port of the switch."""

    def __init__(self, segment, host):
        self.path = os.path.join(segment.directory, "capture.pcap")
        with open(os.path.join(segment.directory, "capture.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["nsenter", "--net=/run/netns/switch", *tshark(
                    "-q", "-i", host.port, "-w", self.path, "-F", "pcap", "-p", "-f",
                    f"ether src {host.mac()} and (ip6 proto 112 or (icmp6 and ip6[40] == 136))")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("the capture runs", lambda: b"Capture started" in open(log.name, "rb").read())

    def packets(self):
        """Ends the capture; one dict a packet, in which fields that are not there are empty."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=15)
        fields = [word for field in FIELDS for word in ("-e", field)]
        text = subprocess.run(tshark("-r", self.path, "-T", "fields", "-E", "separator=|", *fields), check=True,
                              capture_output=True, text=True).stdout
        return [dict(zip(FIELDS, line.split("|"), strict=True)) for line in text.splitlines()]


@pytest.fixture
def capture(segment, vipd):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed: apt-get install --no-install-recommends tshark")
    capture = Capture(segment, vipd)
    yield capture
    capture.process.kill()
    capture.process.wait(timeout=15)


@pytest.mark.parametrize("peer, forwarding", [("keepalived", 0), ("frr", 1)], indirect=["peer"])
def test_every_packet_of_vipd_is_in_order(segment, vipd, peer, capture, forwarding):
    vipd.sysctl({"all/forwarding": forwarding})
    run("ip", "-n", "client", "neigh", "flush", "all")
    vipd.begin_with(priority=200)
    segment.settles(vipd, vipd)
    peer.begin_with(priority=100)
    segment.settles(vipd, vipd)
    assert vipd.http("POST", "/v1/drain")[0] == 200
    segment.wait_holder(peer)
    assert vipd.http("POST", "/v1/resume")[0] == 200
    segment.settles(vipd, vipd)
    vipd.leave()
    segment.wait_holder(peer)
    packets = capture.packets()
    assert not [p for p in packets if p["_ws.expert.severity"] or p["_ws.malformed"]]
    adverts = [p for p in packets if p["vrrp.type"]]
    of_the_vip = [p for p in packets if p["icmpv6.nd.na.target_address"] == VIP]
    check_adverts(vipd, adverts)
    check_announcements(vipd, [p for p in of_the_vip if not is_set(p, "s")], forwarding)
    answers = [p for p in of_the_vip if is_set(p, "s")]  # the kernel's, for the address that vipd gave it
    assert answers and {is_set(p, "r") for p in answers} == {bool(forwarding)}


def is_set(packet, flag):
    return packet[f"icmpv6.nd.na.flag.{flag}"] in ("1", "True")


def check_adverts(vipd, adverts):
    assert {p["vrrp.prio"] for p in adverts} == {"200", "0"}
    for p in adverts:
        assert (p["eth.src"], p["eth.dst"]) == (vipd.mac(), "33:33:00:00:00:12")
        assert (p["ipv6.src"], p["ipv6.dst"], p["ipv6.hlim"]) == (vipd.link_local, "ff02::12", "255")
        assert int(p["ipv6.tclass"], 0) == 0xc0 and p["ipv6.plen"] == str(8 + 2 * 16)
        assert (p["vrrp.version"], p["vrrp.type"], p["vrrp.virt_rtr_id"]) == ("3", "1", str(VRID))
        assert (p["vrrp.reserved_mbz"], p["vrrp.short_adver_int"]) == ("0", "10")
        assert p["vrrp.checksum.status"] == GOOD
        assert (p["vrrp.addr_count"], p["vrrp.ipv6_addr"]) == ("2", f"{GROUP_LINK_LOCAL},{VIP}")


def check_announcements(vipd, announcements, forwarding):
    assert len(announcements) >= 2, "one for each time that it became Active, at least"
    for p in announcements:
        assert (p["eth.src"], p["eth.dst"]) == (vipd.mac(), "33:33:00:00:00:01")
        assert (p["ipv6.src"], p["ipv6.dst"], p["ipv6.hlim"]) == (VIP, "ff02::1", "255")
        assert (p["icmpv6.type"], p["icmpv6.code"], p["icmpv6.checksum.status"]) == ("136", "0", GOOD)
        assert [is_set(p, flag) for flag in "rso"] == [bool(forwarding), False, True]
        assert (p["icmpv6.opt.type"], p["icmpv6.opt.linkaddr"]) == ("2", vipd.mac())
