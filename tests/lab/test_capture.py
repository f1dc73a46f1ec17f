# SPDX-License-Identifier: Apache-2.0
"""The flight recorder: what it has of a takeover, as tshark reads it."""

import os
import shutil
import signal
import subprocess

import pytest

from hostile import advert
from packets import of_file
from testbed import BUILD, VIP, adverts_pass, wait_for

FIELDS = """_ws.expert.severity _ws.malformed frame.time_epoch frame.interface_name frame.packet_flags_direction frame.comment
    ipv6.src ipv6.dst ipv6.hlim vrrp.prio vrrp.checksum.status icmpv6.type icmpv6.checksum.status
    icmpv6.nd.na.target_address""".split()
GOOD = "1"


@pytest.fixture(autouse=True)
def tshark():
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed: apt-get install --no-install-recommends tshark")


def packets(path):
    fields = [word for field in FIELDS for word in ("-e", field)]
    read = subprocess.run(["tshark", "-n", "-o", "vrrp.v3_checksum_as_in_v2:FALSE", "-r", path, "-T", "fields",
                           "-E", "separator=|", *fields], check=True, capture_output=True, text=True)
    return [dict(zip(FIELDS, line.split("|"), strict=True)) for line in read.stdout.splitlines()]


def check_dissection(seen):
    times = [float(packet["frame.time_epoch"]) for packet in seen]
    assert times == sorted(times)
    for packet in seen:
        assert not packet["_ws.malformed"] and packet["frame.interface_name"] == "eth0", packet
        if packet["vrrp.prio"]:
            assert packet["vrrp.checksum.status"] == GOOD, packet
        else:
            assert packet["icmpv6.type"] in ("135", "136") and packet["icmpv6.checksum.status"] == GOOD, packet


def check_other_reader(path, seen):
    """libpcap, which knows no comments, finds the same adverts and announcements in the file as tshark."""
    read = of_file(path)
    assert [p["advert"] for p in read if "advert" in p] == [int(p["vrrp.prio"]) for p in seen if p["vrrp.prio"]]
    assert [p["target"] for p in read if "target" in p] == [
        p["icmpv6.nd.na.target_address"] for p in seen if p["icmpv6.nd.na.target_address"]]


def capture(node):
    path = os.path.join(node.directory, "capture.pcapng")
    node.vipctl("capture", "-o", path)
    seen = packets(path)
    check_other_reader(path, seen)
    return seen


def test_why_it_moved(lab, nodes):
    nodes[0].drain()
    lab.wait_holder(nodes[1])
    adverts_pass(nodes[1], 3)
    seen = capture(nodes[1])
    check_dissection(seen)
    told = [packet for packet in seen if "resigned" in packet["frame.comment"]]
    assert told and "backup -> active" in told[-1]["frame.comment"]
    at = seen.index(told[-1])
    before = [packet for packet in seen[:at] if packet["ipv6.src"] == nodes[0].link_local]
    assert before[-1]["vrrp.prio"] == "0"  # that is why
    assert told[-1]["vrrp.prio"] == "120" and told[-1]["ipv6.src"] == nodes[1].link_local
    announced = [packet for packet in seen[at:] if packet["icmpv6.nd.na.target_address"] == VIP]
    assert announced


@pytest.mark.long
def test_it_outlives_the_engine(nodes):
    nodes[0].special = True  # its guardian has seen an engine die
    adverts_pass(nodes[0], 5)
    before = capture(nodes[0])
    os.kill(nodes[0].vipd_pids()["engine"], signal.SIGKILL)
    wait_for("it goes on as Active", lambda: "the engine before" in nodes[0].router()["reason"])
    adverts_pass(nodes[0], 5)
    after = capture(nodes[0])
    check_dissection(after)
    assert before[-1] in after and any("adopted" in p["frame.comment"] or "engine before" in p["frame.comment"] for p in after)


def test_what_was_refused_has_its_reason(nodes, attacker):
    attacker.send(advert("fe80::66", hops=254))
    wait_for("it is recorded", lambda: capture(nodes[1]),
             lambda seen: any(p["frame.comment"] == "vipd: refused: bad_hop_limit" for p in seen))


def test_no_file_is_written_to_a_terminal(nodes):
    refused = nodes[0].exec("script", "-qec", f"{BUILD}/vipctl -s {nodes[0].socket_path} capture", "/dev/null", check=False)
    assert refused.returncode == 2 and "-o FILE" in refused.stdout
