# SPDX-License-Identifier: Apache-2.0
"""Many virtual routers on one interface, with a holder and a Backup: CPU, how punctual the adverts are, and all of them at once.

Jitter is how far the time between two adverts of a virtual router is off the interval, as a capture at the switch tells it.
An advert is missed where the time is over one and a half intervals. Then the holder dies silently, and each address has a
time from the end of its Active_Down_Interval until it is announced.
"""

import report
from bench_cost import measure
from bench_false import takeovers
from capture import Capture, announcements, down_interval_s
from contenders import Setup
from testbed import wait_for
from trials import Trials


SECONDS = 10
FIELDS = ["interval_ms", "routers", "make", "run", "active_ms_per_s", "backup_ms_per_s", "jitter_p50_us", "jitter_p99_us",
          "jitter_worst_us", "missed", "false_takeovers", "takeover_p50_ms", "takeover_worst_ms", "taken_over", "trouble"]


def by_router(packets, server):
    """Times of the adverts of a server, by VRID."""
    times = {}
    for p in packets:
        if "advert" in p and p["server"] == server:
            times.setdefault(p["vrid"], []).append(p["at"])
    return times


def jitter(packets, server, interval_ms):
    waits = [later - sooner for times in by_router(packets, server).values() for sooner, later in zip(times, times[1:])]
    off = sorted(abs(wait * 1e6 - interval_ms * 1e3) for wait in waits)
    if not off:
        return {}
    return {"jitter_p50_us": report.part(off, 0.5), "jitter_p99_us": report.part(off, 0.99), "jitter_worst_us": off[-1],
            "missed": sum(wait * 1e3 > 1.5 * interval_ms for wait in waits)}


def takeover(packets, trials, interval_ms):
    """ms from the end of Active_Down_Interval to the announcement, of all addresses."""
    one, two = trials.members
    heard = sorted(max(times) for times in by_router(packets, one.number).values())
    if not heard:
        return {"taken_over": 0}
    end = heard[-1] + down_interval_s(interval_ms, two.priority)  # of the last of them
    wanted, first = set(trials.setup.addresses), {}
    for p in announcements(packets, two.number):
        if p["target"] in wanted and p["at"] > heard[-1]:
            first.setdefault(p["target"], (p["at"] - end) * 1e3)
    times = sorted(first.values())
    if not times:
        return {"taken_over": 0}
    return {"taken_over": len(times), "takeover_p50_ms": report.part(times, 0.5), "takeover_worst_ms": times[-1]}


def trial(trials, capture, interval_ms, count, make, row):
    trials.begin(make, Setup(interval_ms, count=count, checked=False), servers=2, probe=None, deadline=30 + interval_ms / 20)
    one, two = trials.members
    capture.mark()
    costs = measure([one, two], report.asked("LASTS", [SECONDS])[0])
    for name, node in (("active_ms_per_s", one), ("backup_ms_per_s", two)):
        row[name] = sum(cost["cpu_ms_per_s"] for cost in costs if cost["server"] == node.name)
    packets = capture.packets()
    row.update(jitter(packets, one.number, interval_ms))
    row["false_takeovers"] = sum(takeovers([p for p in packets if p.get("vrid") == vrid], one.number)
                                 for vrid in by_router(packets, two.number))
    capture.mark()
    trials.watch(0.2)
    one.blackhole()
    try:
        wait_for("the Backup holds everything", two.agent.held, lambda held: held == count, 10)
    finally:
        trials.watch(0.5)
        row.update(takeover(capture.packets(), trials, interval_ms))


def main(runs):
    results = report.Results("scale", FIELDS)
    with Trials() as trials:
        capture = Capture(trials)
        for interval_ms in report.asked("INTERVALS", [10, 100]):
            for count in report.asked("ROUTERS", [1, 16, 64, 255]):
                for number in range(1, (runs or 1) + 1):
                    for make in report.MAKES:
                        row = {"interval_ms": interval_ms, "routers": count, "make": make, "run": number}
                        try:
                            trial(trials, capture, interval_ms, count, make, row)
                        except (AssertionError, RuntimeError, OSError) as error:
                            row["trouble"] = str(error)[:120]
                        results.add(**row)
        print(f"packets that the capture lost: {capture.close()}")
    results.plot()
