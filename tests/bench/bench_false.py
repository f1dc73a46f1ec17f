"""Takeovers that nobody asked for, while both processors are oversubscribed twelve times by endless loops."""

import os

import paper
from arena import open_arena
from capture import Capture


SECONDS, TIMES = 60, 12
FIELDS = ["interval_ms", "make", "run", "seconds", "false_takeovers", "trouble"]


def takeovers(packets, holder):
    """How often somebody else began to advertise. A priority of 0 is no claim."""
    senders = [p.server for p in packets if p.vrid is not None and p.priority]
    return sum(now != holder and now != before for before, now in zip([holder, *senders], senders))


def trial(arena, capture, interval_ms, make, seconds):
    arena.begin_trial(make, interval_ms, probe=None, checked=False)
    load = [arena.client.spawn(["timeout", str(seconds + 30), "sh", "-c", "while :; do :; done"], "load")
            for _ in range(TIMES * os.cpu_count())]
    try:
        capture.mark()
        arena.watch(seconds)
        packets = capture.packets()
    finally:
        for process in load:
            arena.client.end(process)
    return takeovers(packets, arena.nodes[0].number)


def main(runs):
    seconds = paper.asked("LASTS", [SECONDS])[0]
    results = paper.Results("false", FIELDS)
    with open_arena() as arena:
        arena.open()
        capture = Capture("switch", "br0", arena.directory)
        for interval_ms in paper.asked("INTERVALS", [10, 30, 100]):
            for number in range(1, (runs or 1) + 1):
                for make in paper.MAKES:
                    row = {"interval_ms": interval_ms, "make": make, "run": number, "seconds": seconds}
                    try:
                        row["false_takeovers"] = trial(arena, capture, interval_ms, make, seconds)
                    except (AssertionError, RuntimeError) as error:
                        row["trouble"] = str(error)
                    results.add(**row)
        paper.configurations("false", arena)
        capture.close()
    results.summary(["interval_ms", "make"], "false_takeovers")
