# SPDX-License-Identifier: Apache-2.0
"""Capture files on disk: one after each move, a bounded number of them, and a full disk that hurts nothing."""

import contextlib
import os
import shutil

import pytest

from testbed import run, wait_for
from test_capture import check_dissection, packets


@pytest.fixture
def recording(lab, nodes):
    """The directory of the first server, which runs as nobody."""
    directory = os.path.join(nodes[0].directory, "captures")
    os.mkdir(directory)
    run("mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=1k,mode=755,uid=65534", "captures", directory)
    config = nodes[0].config()
    config.update(record_dir=directory, run_as="nobody")
    config["control"]["group"] = "nogroup"
    assert nodes[0].vipd_stop() == 0
    nodes[0].write_config(config)
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    yield directory
    if nodes[0].vipd:
        nodes[0].vipd_stop()
    run("umount", "--lazy", directory)  # the last file may be on its way
    os.rmdir(directory)


def files(directory):
    return sorted(name for name in os.listdir(directory) if name.startswith("vipd-"))


def move(lab, nodes, probe):
    """There and back; a request that meets both moves would be lost."""
    nodes[0].drain()
    lab.wait_holder(nodes[1])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[1].name)
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])


def recorder(node):
    return node.status()["recorder"]


def test_a_move_leaves_a_file(lab, nodes, recording):
    [first] = wait_for("the start is recorded", lambda: files(recording), lambda names: len(names) == 1)
    assert first.endswith("-api-active.pcapng")
    assert nodes[0].vipd_stop() == 0  # what is new is written at the end
    last = wait_for("the stop is recorded", lambda: files(recording), lambda names: len(names) == 2)[-1]
    assert last.endswith("-api-initialize.pcapng")
    if shutil.which("tshark"):
        seen = packets(os.path.join(recording, last))
        check_dissection(seen)
        assert any("active -> initialize" in packet["frame.comment"] for packet in seen)
        assert any(packet["vrrp.prio"] == "0" for packet in seen)
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])


def test_a_hundred_files_are_kept(nodes, recording):
    for number in range(120):
        open(os.path.join(recording, f"vipd-20200101T000000.{number:03}Z-api-active.pcapng"), "w").close()
    names = wait_for("the oldest go", lambda: files(recording), lambda now: len(now) == 100)
    assert names[0] == "vipd-20200101T000000.021Z-api-active.pcapng" and names[-1] > "vipd-2021"


@pytest.mark.long
def test_a_full_disk_hurts_nothing(lab, nodes, recording, probe):
    filler = os.path.join(recording, "filler")
    nodes[0].vipd_stop()
    for name in files(recording):
        os.unlink(os.path.join(recording, name))
    with open(filler, "wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass
    nodes[0].vipd_start()
    seen = wait_for("the start is not recorded", lambda: recorder(nodes[0]), lambda r: r["failures"] == 1)
    assert "No space" in seen["last_error"] and nodes[0].metric("vipd_capture_file_failures_total") == 1
    assert "No space" in nodes[0].vipctl("status", check=False).stdout
    log = nodes[0].log()
    assert log.count(f'cannot write a capture file to record_dir = "{recording}": No space left') == 1
    assert not files(recording) and not os.path.exists(os.path.join(recording, "unfinished"))
    os.unlink(filler)
    move(lab, nodes, probe)
    wait_for("it works again", lambda: recorder(nodes[0]), lambda r: r["files_written"] == 1 and not r["last_error"], 30)
    probe.lost_nothing()
