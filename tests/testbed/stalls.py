# SPDX-License-Identifier: Apache-2.0
"""Whether this machine lets anybody run: how late a thread wakes up that only sleeps, and the time that a hypervisor took away.

An engine of realtime class suffers from the second alone; the servers that it is tested with from both.
"""

import os
import threading
import time

STEP_S = 0.02
STALL_MS = 100  # an advert interval of most tests: who is kept away for three of them counts as dead
TICK_MS = 1000 // os.sysconf("SC_CLK_TCK")


def stolen_ms():
    """Of each processor, since the start of the machine."""
    with open("/proc/stat", encoding="ascii") as lines:
        return [int(line.split()[8]) * TICK_MS for line in lines if line.startswith("cpu") and line[3].isdigit()]


class Stalls:
    """Of the time since begin() was called last."""

    def __init__(self):
        self.begin()
        threading.Thread(target=self.watch, daemon=True).start()

    def begin(self):
        self.late_ms, self.stolen_before = 0.0, stolen_ms()

    def watch(self):
        while True:
            due = time.monotonic() + STEP_S
            time.sleep(STEP_S)  # sleep-ok: what is measured
            self.late_ms = max(self.late_ms, (time.monotonic() - due) * 1000)

    def why(self):
        """What was too much, or None."""
        stolen = max((now - before for now, before in zip(stolen_ms(), self.stolen_before)), default=0)
        if stolen >= STALL_MS:
            return f"a processor was taken away for {stolen} ms"
        return f"who slept was woken {self.late_ms:.0f} ms late" if self.late_ms >= STALL_MS else None
