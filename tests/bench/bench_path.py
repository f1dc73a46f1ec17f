"""From the end of Active_Down_Interval to the first Neighbor Advertisement on the wire, and vipd's own account of it.

The capture is at the successor: when the last advert came, when the first announcement left. The end is computed from
the first of them, so the time until the program had heard the advert is part of the result.
"""

import random

import paper
from arena import open_arena, window_ms
from capture import Capture
from lab import wait_for

RUNS = 10
STEPS = ("woke", "advert_sent", "address_asked", "address_notified", "announced")
FIELDS = ["interval_ms", "make", "run", "path_us", "advert_us", *(f"{step}_us" for step in STEPS), "trouble"]


def trial(arena, interval_ms, make):
    arena.begin_trial(make, interval_ms, probe=None)
    one, two, _ = arena.nodes
    capture = Capture(two.name, "eth0", arena.directory)
    try:
        arena.watch(0.3 + random.random() * interval_ms / 1000)
        one.blackhole()
        wait_for("the successor holds the address", two.has_address)
        arena.watch(0.2)
        packets = capture.packets()
    finally:
        capture.close()
    heard = [p.at_ns for p in packets if p.vrid is not None and p.server == one.number][-1]
    end_ns = heard + window_ms(interval_ms, two.priority) * 1e6
    announced = [p.at_ns for p in packets if p.target and p.server == two.number and p.at_ns > heard][0]
    advert = [p.at_ns for p in packets if p.vrid is not None and p.server == two.number and p.at_ns > heard][0]
    row = {"path_us": (announced - end_ns) / 1e3, "advert_us": (advert - end_ns) / 1e3}
    if make == "vipd":
        steps = two.router()["last_takeover"]["steps_us"]
        row.update({f"{step}_us": steps[step] for step in STEPS})
    return row


def main(runs):
    results = paper.Results("path", FIELDS)
    with open_arena() as arena:
        arena.open()
        for interval_ms in paper.asked("INTERVALS", [10, 100]):
            for number in range(1, (runs or RUNS) + 1):
                for make in paper.MAKES:
                    row = {"interval_ms": interval_ms, "make": make, "run": number}
                    try:
                        row.update(trial(arena, interval_ms, make))
                    except (AssertionError, RuntimeError, IndexError) as error:
                        row["trouble"] = str(error)
                    results.add(**row)
        paper.configurations("path", arena)
    for value in ("path_us", "advert_us", *(f"{step}_us" for step in STEPS)):
        results.summary(["interval_ms", "make"], value)
    results.plot()
