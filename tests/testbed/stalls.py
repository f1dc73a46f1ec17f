# SPDX-License-Identifier: Apache-2.0
"""Whether this machine lets anybody run: a process that only sleeps tells when it was woken late, or a processor taken away.

It is a process and not a thread, which would have to wait for what Python does in the test.
"""

import contextlib
import os
import subprocess
import sys
import time

STEP_S = 0.05
STALL_MS = 200  # two advert intervals of most tests; who is silent for three counts as dead
TICK_MS = 1000 // os.sysconf("SC_CLK_TCK")


def stolen_ms():
    """By a hypervisor, of each processor, since the start of the machine."""
    with open("/proc/stat", encoding="ascii") as lines:
        return [int(line.split()[8]) * TICK_MS for line in lines if line.startswith("cpu") and line[3].isdigit()]


def watch():
    """A line for each stall, with the time at its end. Ends with the process that began it."""
    parent, before = os.getppid(), stolen_ms()
    stolen = [0] * len(before)  # in steps that follow each other
    while os.getppid() == parent:
        due = time.monotonic() + STEP_S
        time.sleep(STEP_S)  # sleep-ok: what is measured
        late_ms, now = (time.monotonic() - due) * 1000, stolen_ms()
        stolen = [sum_ms + new - old if new > old else 0 for sum_ms, new, old in zip(stolen, now, before)]
        before = now
        if late_ms >= STALL_MS:
            print(time.time(), f"who slept was woken {late_ms:.0f} ms late", flush=True)
        elif max(stolen, default=0) >= STALL_MS:
            print(time.time(), f"a processor was taken away for {max(stolen)} ms", flush=True)


class Stalls:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def read(self):
        """What was told until now, or its pipe would be full at some time."""
        with contextlib.suppress(BlockingIOError):
            while new := os.read(self.process.stdout.fileno(), 1 << 16):
                self.text += new
        return [line.split(maxsplit=1) for line in self.text.decode().splitlines()]

    def why(self, begin, end):
        """The last stall between these times (of the wall clock), or None."""
        found = [what for when, what in self.read() if begin < float(when) < end + 2 * STEP_S]
        return found[-1] if found else None


if __name__ == "__main__":
    watch()
