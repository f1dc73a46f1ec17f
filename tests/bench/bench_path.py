# SPDX-License-Identifier: Apache-2.0
"""From the end of Active_Down_Interval to the first Neighbor Advertisement on the wire, and vipd's own account of it.

The capture is at the successor: when the last advert came, when the first announcement left. The end is computed from
the first of them, so the time until the program had heard the advert is part of the result.
"""

import random

import report
from capture import Capture, adverts, announcements, down_interval_s
from contenders import Setup
from testbed import wait_for
from trials import Trials

RUNS = 10
STEPS = ("woke", "advert_sent", "address_asked", "address_notified", "announced")
FIELDS = ["interval_ms", "make", "run", "path_us", "advert_us", *(f"{step}_us" for step in STEPS), "trouble"]


def trial(trials, interval_ms, make):
    trials.begin(make, Setup(interval_ms), probe=None)
    one, two, _ = trials.nodes
    capture = Capture(trials, two.name, "eth0")
    try:
        trials.watch(0.3 + random.random() * interval_ms / 1000)
        one.blackhole()
        wait_for("the successor holds the address", two.has_address)
        trials.watch(0.2)
        packets = capture.packets()
    finally:
        capture.close()
    heard = adverts(packets, one.number)[-1]
    end = heard + down_interval_s(interval_ms, two.priority)
    announced = [p["at"] for p in announcements(packets, two.number) if p["at"] > heard][0]
    advert = [at for at in adverts(packets, two.number) if at > heard][0]
    row = {"path_us": (announced - end) * 1e6, "advert_us": (advert - end) * 1e6}
    if make == "vipd":
        steps = two.router()["last_takeover"]["steps_us"]
        row.update({f"{step}_us": steps[step] for step in STEPS})
    return row


def main(runs):
    results = report.Results("path", FIELDS)
    with Trials() as trials:
        for interval_ms in report.asked("INTERVALS", [10, 100]):
            for number in range(1, (runs or RUNS) + 1):
                for make in report.asked("MAKES", report.MAKES):
                    row = {"interval_ms": interval_ms, "make": make, "run": number}
                    try:
                        row.update(trial(trials, interval_ms, make))
                    except (AssertionError, RuntimeError, IndexError) as error:
                        row["trouble"] = str(error)
                    results.add(**row)
        report.configurations("path", trials)
    for value in ("path_us", "advert_us", *(f"{step}_us" for step in STEPS)):
        results.summary(["interval_ms", "make"], value)
    results.plot()
