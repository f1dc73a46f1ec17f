"""Somebody else holds the kernel's RTNL lock: a slow driver, the deletion of many interfaces. Nothing moves."""

import contextlib
import os
import signal
import subprocess

import pytest

from testbed import BUILD, VIP, run, transitions, wait_for


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


def log_of(node):
    return dict(node.logs())[f"{node.name}/vipd.log"]


@pytest.mark.parametrize("interval", ["10ms", "100ms"])
@pytest.mark.parametrize("ms", [1000, 3000])
def test_nothing_moves(lab, nodes, hold, probe, interval, ms):
    """For a second with the shortest lease, so that a renewal falls into it; for longer than the lease."""
    at_interval(lab, nodes, interval)
    before = transitions(nodes)
    end = hold(ms)
    assert nodes[0].router()["addresses"][0]["kernel"] == "present", "the status waits for nobody"
    end()
    assert transitions(nodes) == before
    wait_for("the address is there", nodes[0].has_address)
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before
    assert nodes[0].router()["counters"]["address_restored"] == 0
    window = probe.mark()
    assert window["requests"]["lost"] == 0, window


@pytest.mark.parametrize("ms", [1000, 3000])
def test_a_takeover_meanwhile_ends_with_the_address(lab, nodes, hold, ms):
    """Nobody can have the address while the lock is held; the first who took over has it then, and announces it."""
    at_interval(lab, nodes, "100ms")
    before = nodes[1].router()["counters"]["announcements_sent"]
    log = log_of(nodes[1])
    end = hold(ms)
    os.kill(nodes[0].vipd_pids()["engine"], signal.SIGSTOP)
    try:
        wait_for("the next one takes over", lambda: log_of(nodes[1])[len(log):], lambda new: "Backup -> Active" in new)
        end()
        wait_for("and has the address", nodes[1].has_address)
        wait_for("the other has not", nodes[0].has_address, lambda has: not has)
        wait_for("it is announced", lambda: nodes[1].router()["counters"]["announcements_sent"], lambda n: n > before)
        assert log_of(nodes[1])[len(log):].count("state change") == 1
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
    assert "keeper has given no sign of life" in log_of(nodes[0])


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


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]
