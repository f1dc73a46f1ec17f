# SPDX-License-Identifier: Apache-2.0
"""How long the kernel keeps the address when nobody is left to remove it: all processes of the holder killed, or stopped.

tests/lab/run bench_lease.py -s [-k killed]; VIPD_RUNS: how often each (10). Prints; what it asserts is the bound of
docs/design.md.
"""

import os
import signal
import time

import pytest

from testbed import wait_for

RUNS = int(os.environ.get("VIPD_RUNS", "10"))
LEASE_S = 3


def stop_all(node):
    for pid in node.vipd_pids().values():
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_lease(lab, nodes, how):
    seconds = []
    for run in range(RUNS):
        lab.restore()
        # any moment between two renewals, which are a third of the lease apart
        wait_for("a moment", lambda begin=time.monotonic(): time.monotonic() - begin, lambda past: past > run / RUNS)
        begin = time.monotonic()
        if how == "killed":
            nodes[0].vipd_kill_all()
        else:
            stop_all(nodes[0])
        wait_for("the lease is over", nodes[0].has_address, lambda there: not there)
        seconds.append(time.monotonic() - begin)
        if how == "stopped":
            for pid in nodes[0].vipd_pids().values():
                os.kill(pid, signal.SIGCONT)
    seconds.sort()
    print(f"\nlease of {LEASE_S} s, everything {how}: address gone after {seconds[0]:.2f} s at best, "
          f"{seconds[len(seconds) // 2]:.2f} s in the middle, {seconds[-1]:.2f} s at worst of {RUNS}")
    assert LEASE_S * 2 / 3 - 1 <= seconds[0] and seconds[-1] <= LEASE_S + 1
