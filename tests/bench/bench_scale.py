"""Many virtual routers on one interface, with a holder and a Backup: CPU, how punctual the adverts are, and all of them at once.

Jitter is how far the time between two adverts of a virtual router is off the interval, as a capture at the switch tells it.
An advert is missed where the time is over one and a half intervals. Then the holder dies silently, and each address has a
time from the end of its Active_Down_Interval until it is announced.
"""

import socket

import paper
from arena import open_arena, vips, window_ms
from bench_cost import measure
from bench_false import takeovers
from capture import Capture
from lab import wait_for


SECONDS = 10
FIELDS = ["interval_ms", "routers", "make", "run", "active_ms_per_s", "backup_ms_per_s", "jitter_p50_us", "jitter_p99_us",
          "jitter_worst_us", "missed", "false_takeovers", "takeover_p50_ms", "takeover_worst_ms", "taken_over", "trouble"]


def by_router(packets, server):
    """Times of the adverts of a server, by VRID."""
    times = {}
    for p in packets:
        if p.vrid is not None and p.server == server:
            times.setdefault(p.vrid, []).append(p.at_ns)
    return times


def jitter(packets, server, interval_ms):
    waits = [later - sooner for times in by_router(packets, server).values() for sooner, later in zip(times, times[1:])]
    off = sorted(abs(wait / 1e3 - interval_ms * 1e3) for wait in waits)
    if not off:
        return {}
    return {"jitter_p50_us": paper.part(off, 0.5), "jitter_p99_us": paper.part(off, 0.99), "jitter_worst_us": off[-1],
            "missed": sum(wait > 1.5e6 * interval_ms for wait in waits)}


def takeover(packets, arena, interval_ms):
    """ms from the end of Active_Down_Interval to the announcement, of all addresses."""
    one, two = arena.taking_part
    heard = sorted(max(times) for times in by_router(packets, one.number).values())
    if not heard:
        return {"taken_over": 0}
    end_ns = heard[-1] + window_ms(interval_ms, two.priority) * 1e6  # of the last of them
    wanted, first = {socket.inet_pton(socket.AF_INET6, vip) for vip in vips(two.count)}, {}
    for p in packets:
        if p.target in wanted and p.server == two.number and p.at_ns > heard[-1]:
            first.setdefault(p.target, (p.at_ns - end_ns) / 1e6)
    times = sorted(first.values())
    if not times:
        return {"taken_over": 0}
    return {"taken_over": len(times), "takeover_p50_ms": paper.part(times, 0.5), "takeover_worst_ms": times[-1]}


def trial(arena, capture, interval_ms, count, make, row):
    arena.begin_trial(make, interval_ms, count, servers=2, probe=None, checked=False, deadline=20 + interval_ms / 20)
    one, two = arena.taking_part
    capture.mark()
    costs = measure([one, two], paper.asked("LASTS", [SECONDS])[0])
    for name, node in (("active_ms_per_s", one), ("backup_ms_per_s", two)):
        row[name] = sum(cost["cpu_ms_per_s"] for cost in costs if cost["server"] == node.name)
    packets = capture.packets()
    row.update(jitter(packets, one.number, interval_ms))
    row["false_takeovers"] = sum(takeovers([p for p in packets if p.vrid == vrid], one.number)
                                 for vrid in by_router(packets, two.number))
    capture.mark()
    arena.watch(0.2)
    one.blackhole()
    try:
        wait_for("the Backup holds everything", two.held, lambda held: held == count, 10)
    finally:
        arena.watch(0.5)
        row.update(takeover(capture.packets(), arena, interval_ms))


def main(runs):
    results = paper.Results("scale", FIELDS)
    with open_arena() as arena:
        arena.open()
        capture = Capture("switch", "br0", arena.directory)
        for interval_ms in paper.asked("INTERVALS", [10, 100]):
            for count in paper.asked("ROUTERS", [1, 16, 64, 255]):
                for number in range(1, (runs or 1) + 1):
                    for make in paper.MAKES:
                        row = {"interval_ms": interval_ms, "routers": count, "make": make, "run": number}
                        try:
                            trial(arena, capture, interval_ms, count, make, row)
                        except (AssertionError, RuntimeError, OSError) as error:
                            row["trouble"] = str(error)[:120]
                        results.add(**row)
        capture.close()
        print(f"packets that the capture lost: {capture.lost()}")
    results.plot()
