# SPDX-License-Identifier: Apache-2.0
"""What a client sees when the holder goes, in every way there is: the longest silence, and what was lost.

Every trial is a new group. The client connects every 0.2 ms, to a port where nobody listens (the reset comes from the kernel
that has the address), or to the API server where that is what dies; and it asks over HTTPS twenty times a second. The
fault comes at a random moment between two adverts. `excess_ms` is how much later the client was answered again than the last
advert heard plus Active_Down_Interval: what the program adds to what the protocol asks for.
"""

import os
import random
import re
import signal
import time

import report
from basics import wait_for
from capture import Capture, adverts, down_interval_s
from contenders import Setup
from trials import Trials

RUNS = 3
FIELDS = ["fault", "interval_ms", "make", "run", "gap_ms", "next_gap_ms", "connects", "connects_lost", "requests_failed", "requests_lost",
          "excess_ms", "probe_late_ms", "trouble"]


def silent(trials, one):
    one.blackhole()


def sigterm(trials, one):
    one.agent.terminate()


def drain(trials, one):
    one.agent.drain()


def api_killed(trials, one):
    one.api_kill()


def agent_killed(trials, one):
    one.agent.signal("guardian", signal.SIGKILL)


def all_killed(trials, one):
    one.agent.kill_all()


# In a group of some seconds the second vipd knows that it is next; without hints it waits for Skew_Time, as others do.
API_KILLED, WITHOUT_HINTS = "API server killed", "API server killed, no hints"
FAULTS = {"silent death": silent, "SIGTERM": sigterm, "drain": drain, API_KILLED: api_killed, WITHOUT_HINTS: api_killed,
          "agent killed": agent_killed, "all killed": all_killed}


def excess_ms(packets, window, interval_ms, priority):
    """From the end of Active_Down_Interval at the successor to the first answer that the client got."""
    if window["connect"]["gap_open"]:
        return None
    answered = window["begin_ns"] / 1e9 + window["connect"]["gap_at_ms"] / 1e3 + clocks()
    heard = adverts(packets, "11")
    return (answered - heard[-1] - down_interval_s(interval_ms, priority)) * 1e3 if heard else None


def clocks():
    """CLOCK_REALTIME minus CLOCK_MONOTONIC: captures tell the one, the probe the other."""
    best = None
    for _ in range(20):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        if best is None or after - before < best[0]:
            best = after - before, wall - (before + after) / 2
    return best[1]


PUNCTUAL_MS = 1.0  # a probe that was later than that itself may have seen nothing but that


def knows_that_it_is_next(node):
    return (node.router()["group"] or {}).get("next_until_ms")


def trial(trials, capture, fault, interval_ms, make):
    more = {"top": {"group": {"hints": False}}} if fault == WITHOUT_HINTS else {}
    trials.begin(make, Setup(interval_ms), probe="api" if FAULTS[fault] is api_killed else "kernel", prepare=lambda *_: more)
    one, two, _ = trials.nodes
    if fault == API_KILLED and make == "vipd":
        wait_for("the second knows that it is next", lambda: knows_that_it_is_next(two))
    trials.client_probe.mark()
    capture.mark()
    trials.watch(0.3 + random.random() * interval_ms / 1000)
    FAULTS[fault](trials, one)
    trials.served_by(two)
    trials.watch(1.1)  # announcements go on for a second: a second gap would be among them
    window = trials.client_probe.ask("peek")
    trials.client_probe.mark()
    connect, requests = window["connect"], window["requests"]
    return {"gap_ms": connect["gap_ms"], "next_gap_ms": connect["next_gap_ms"],
            "connects": connect["tried"], "connects_lost": connect["refused"] + connect["unanswered"], "requests_failed": requests["retried"],
            "requests_lost": requests["lost"], "probe_late_ms": connect["late_ms"],
            "excess_ms": excess_ms(capture.packets(), window, interval_ms, two.priority) if fault == "silent death" else None}


def main(runs):
    faults = [name for name in FAULTS if re.search(os.environ.get("FAULTS", ""), name, re.IGNORECASE)]
    intervals = report.asked("INTERVALS", [10, 100, 1000])
    results = report.Results("failover", FIELDS)
    shown = False
    with Trials() as trials:
        capture = Capture(trials)
        for interval_ms in intervals:
            for fault in faults:
                for number in range(1, (runs or RUNS) + 1):
                    for make in report.MAKES[:1] if fault == WITHOUT_HINTS else report.asked("MAKES", report.MAKES):
                        row = {"fault": fault, "interval_ms": interval_ms, "make": make, "run": number}
                        try:
                            row.update(trial(trials, capture, fault, interval_ms, make))
                        except (AssertionError, RuntimeError) as error:
                            row["trouble"] = str(error)
                        results.add(**row)
                    if not shown:
                        report.configurations("failover", trials)
                        shown = True
        capture.close()
    keys = ["fault", "interval_ms", "make"]
    results.summary(keys, "gap_ms", ["connects", "connects_lost", "requests_failed", "requests_lost"])
    for row in results.rows:
        if row.get("gap_ms") is not None and row["probe_late_ms"] < PUNCTUAL_MS:
            row["gap_of_punctual_probe_ms"] = row["gap_ms"]
    results.summary(keys, "gap_of_punctual_probe_ms")
    results.summary(keys, "next_gap_ms")
    results.summary(keys, "excess_ms")
    results.plot()
