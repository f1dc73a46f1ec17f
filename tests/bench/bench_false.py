# SPDX-License-Identifier: Apache-2.0
"""Takeovers that nobody asked for, while both processors are oversubscribed twelve times by endless loops."""

import os

import report
from capture import Capture
from contenders import Setup
from trials import Trials


SECONDS, TIMES = 60, 12
FIELDS = ["interval_ms", "make", "run", "seconds", "false_takeovers", "trouble"]


def takeovers(packets, holder):
    """How often somebody else began to advertise. A priority of 0 is no claim."""
    senders = [p["server"] for p in packets if p.get("advert")]
    return sum(now != holder and now != before for before, now in zip([holder, *senders], senders))


def trial(trials, capture, interval_ms, make, seconds):
    trials.begin(make, Setup(interval_ms, checked=False), probe=None)
    load = [trials.client.spawn(["timeout", str(seconds + 30), "sh", "-c", "while :; do :; done"], "load")
            for _ in range(TIMES * os.cpu_count())]
    try:
        capture.mark()
        trials.watch(seconds)
        packets = capture.packets()
    finally:
        for process in load:
            trials.client.end(process)
    return takeovers(packets, trials.nodes[0].number)


def main(runs):
    seconds = report.asked("LASTS", [SECONDS])[0]
    results = report.Results("false", FIELDS)
    with Trials() as trials:
        capture = Capture(trials)
        for interval_ms in report.asked("INTERVALS", [10, 30, 100]):
            for number in range(1, (runs or 1) + 1):
                for make in report.MAKES:
                    row = {"interval_ms": interval_ms, "make": make, "run": number, "seconds": seconds}
                    try:
                        row["false_takeovers"] = trial(trials, capture, interval_ms, make, seconds)
                    except (AssertionError, RuntimeError) as error:
                        row["trouble"] = str(error)
                    results.add(**row)
        report.configurations("false", trials)
        capture.close()
    results.summary(["interval_ms", "make"], "false_takeovers")
