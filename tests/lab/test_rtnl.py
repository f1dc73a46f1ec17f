# SPDX-License-Identifier: Apache-2.0
"""Somebody else holds the kernel's RTNL lock: a slow driver, the deletion of many interfaces. Nothing moves."""

import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

from basics import stolen_ms
from testbed import VIP, run, transitions, wait_for

# the lock is one for all namespaces, so what runs beside it waits, too
pytestmark = pytest.mark.alone


@pytest.fixture(scope="session")
def hold_program(tmp_path_factory):
    program = tmp_path_factory.mktemp("rtnl") / "hold_rtnl"
    run(os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-pthread", "-o", program,
        os.path.join(os.path.dirname(__file__), "hold_rtnl.c"))
    return program


@pytest.fixture
def hold(lab, hold_program):
    """Called with milliseconds: the lock is held when it returns. The result waits for the end of that."""
    holders = []

    def begin(ms):
        holder = subprocess.Popen(lab.client.inside([str(hold_program), str(ms)]), stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout.readline() == "held\n"

        def end():
            assert holder.stdout.readline() == "released\n"
            assert holder.wait() == 0
        return end

    yield begin
    for holder in holders:
        with contextlib.suppress(ProcessLookupError):
            holder.kill()
        holder.wait()
        holder.stdout.close()


def at_interval(lab, nodes, interval, lease="3s"):
    for node in nodes:
        node.reconfigure(router={"advert_interval": interval, "kernel_lease": lease})
    lab.wait_holder(nodes[0])


class Adverts:
    """How many the Active should have sent since then, did send, and each Backup has heard.

    Each is due an interval after the one before was due. One is excused for each whole interval that the machine kept an engine
    from its processor, or its memory on a disk, as the engine itself says; for what it was busy with, none is.
    """

    EXCUSES = ("not_scheduled", "page_fault")

    def __init__(self, nodes, interval):
        self.nodes, self.interval_s = nodes, int(interval.removesuffix("ms")) / 1000
        self.heard = [self.count(node, "received") for node in nodes[1:]]
        self.late = [self.late_s(node) for node in nodes]
        self.sent = self.count(nodes[0], "sent")
        self.begin, self.stolen = time.monotonic(), stolen_ms()

    @staticmethod
    def count(node, what):
        return node.router()["counters"]["adverts_" + what]

    @staticmethod
    def late_s(node):
        found = re.findall(r'^vipd_engine_late_seconds_total{cause="(\w+)"} (\S+)$', node.metrics(), re.MULTILINE)
        return {cause: float(seconds) for cause, seconds in found}

    def late_since(self, node):
        before = self.late[self.nodes.index(node)]
        return {cause: seconds - before[cause] for cause, seconds in self.late_s(node).items()}

    def check(self):
        elapsed_s = time.monotonic() - self.begin
        stolen_s = (stolen_ms() - self.stolen) / 1000
        sent = self.count(self.nodes[0], "sent") - self.sent
        for node, before in zip(self.nodes[1:], self.heard):
            wait_for(f"{node.name} has heard them", lambda node=node, before=before: (
                self.count(self.nodes[0], "sent") - self.sent, self.count(node, "received") - before), lambda both: both[0] <= both[1])
        for node in self.nodes:
            late = self.late_since(node)
            busy_s = sum(seconds for cause, seconds in late.items() if cause not in self.EXCUSES)
            assert busy_s - stolen_s < self.interval_s, f"{node.name} waited for something: {late}"
        excused_s = sum(self.late_since(self.nodes[0])[cause] for cause in self.EXCUSES) + stolen_s
        due = (elapsed_s - excused_s) / self.interval_s - 2  # one at either end
        assert sent >= due, f"{sent} adverts in {elapsed_s:.3f} s, {excused_s:.3f} s of them excused"


@pytest.mark.parametrize("interval", ["10ms", "100ms"])
@pytest.mark.parametrize("ms", [1000, pytest.param(3000, marks=pytest.mark.long)])
def test_nothing_moves(lab, nodes, hold, probe, interval, ms):
    """For a second with the shortest lease, so that a renewal falls into it; for longer than the lease."""
    at_interval(lab, nodes, interval)
    before, restored = transitions(nodes), nodes[0].router()["counters"]["address_restored"]
    adverts = Adverts(nodes, interval)
    end = hold(ms)
    assert nodes[0].router()["addresses"][0]["kernel"] == "present", "the status waits for nobody"
    end()
    adverts.check()
    assert transitions(nodes) == before
    wait_for("the address is there", nodes[0].has_address)
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before
    assert nodes[0].router()["counters"]["address_restored"] == restored
    window = probe.mark()
    assert window["requests"]["lost"] == 0, window


@pytest.mark.parametrize("ms", [1000, pytest.param(3000, marks=pytest.mark.long)])
def test_a_takeover_meanwhile_ends_with_the_address(lab, nodes, hold, ms):
    """Nobody can have the address while the lock is held; the first who took over has it then, and announces it."""
    at_interval(lab, nodes, "100ms")
    before = nodes[1].router()["counters"]["announcements_sent"]
    begin = len(nodes[1].log())
    end = hold(ms)
    os.kill(nodes[0].vipd_pids()["engine"], signal.SIGSTOP)
    try:
        wait_for("the next one takes over", lambda: nodes[1].log(begin), lambda new: "Backup -> Active" in new)
        end()
        wait_for("and has the address", nodes[1].has_address)
        wait_for("the other has not", nodes[0].has_address, lambda has: not has)
        wait_for("it is announced", lambda: nodes[1].router()["counters"]["announcements_sent"], lambda n: n > before)
        assert nodes[1].log(begin).count("state change") == 1
    finally:
        os.kill(nodes[0].vipd_pids()["engine"], signal.SIGCONT)
    lab.wait_holder(nodes[0])


def test_a_dead_keeper_is_restarted(lab, nodes, probe):
    """Also one that waits for the lock, which it can only leave with what it has asked for."""
    before, keeper = transitions(nodes), nodes[0].vipd_pids()["keeper"]
    os.kill(keeper, signal.SIGKILL)
    wait_for("another keeper runs", nodes[0].vipd_pids, lambda pids: pids.get("keeper") not in (None, keeper))
    nodes[0].exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")
    wait_for("the address is back", nodes[0].has_address)
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before


def test_a_keeper_that_hangs_is_replaced(lab, nodes):
    keeper = nodes[0].vipd_pids()["keeper"]
    os.kill(keeper, signal.SIGSTOP)
    nodes[0].exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")
    wait_for("another keeper runs", nodes[0].vipd_pids, lambda pids: pids.get("keeper") not in (None, keeper))
    wait_for("the address is back", nodes[0].has_address)
    lab.wait_holder(nodes[0])
    assert "keeper has given no sign of life" in nodes[0].log()


def test_a_keeper_that_dies_while_it_waits(lab, nodes, hold, probe):
    at_interval(lab, nodes, "100ms")
    before, keeper = transitions(nodes), nodes[0].vipd_pids()["keeper"]
    end = hold(2000)
    wait_for("a renewal waits", lambda: state_of(keeper) == "D")
    os.kill(keeper, signal.SIGKILL)
    end()
    wait_for("another keeper runs", nodes[0].vipd_pids, lambda pids: pids.get("keeper") not in (None, keeper))
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before
    window = probe.mark()
    assert window["requests"]["lost"] == 0, window


@pytest.mark.long
def test_the_guardian_waits_for_a_moment_only(lab, nodes, hold):
    """A start and a stop while the lock is held for longer than a hung keeper is left alone: they go on, and say why."""
    before, keeper = transitions(nodes)[:1], nodes[0].vipd_pids()["keeper"]
    at_interval(lab, nodes[:1], "100ms")
    nodes[2].vipd_stop()
    begin = [len(node.log()) for node in nodes]

    def new(index):
        return nodes[index].log(begin[index])

    end = hold(9000)
    nodes[2].vipd_start()
    nodes[1].vipd_stop()
    assert "the kernel does not answer" in new(1)
    wait_for("the start goes on", nodes[2].vipd_pids, lambda pids: "engine" in pids)
    assert "the kernel does not answer" in new(2)
    wait_for("the keeper is known to wait", lambda: new(0), lambda text: "keeper has waited in the kernel" in text)
    assert state_of(keeper) == "D", "all that was while the lock was held"
    end()
    nodes[1].vipd_start()
    for node in nodes[1:]:
        wait_for(f"{node.name} is a Backup", node.router, lambda r: r["state"] == "backup")
    lab.wait_holder(nodes[0])
    assert nodes[0].vipd_pids()["keeper"] == keeper
    assert transitions(nodes)[:1] == before


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]
