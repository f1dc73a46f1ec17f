# SPDX-License-Identifier: Apache-2.0
"""What hellos cost, and whether a flood of them disturbs: 10,000 a second in 5,000 names, while the Active is watched.

vipd alone: keepalived has nothing like it. Hellos are not signed here, so each of the flood's is believed as far as there is room:
the worst case. `status_ms` is the time of `vipctl status` as a person waits for it, without that of entering the namespace;
`woke_late_p99_us` is the bound of the bucket of the engine's own histogram. The difference in `control_ms_per_s` between one hello
every 10 s and ten a second, by 9.9, is what one a second costs; between one every 10 s and one a second it is lost in the noise.
"""

import re
import threading

import report
from basics import run
from bench_cost import measure
from bench_scale import jitter
from capture import Capture
from contenders import Setup
from hostile import Attacker, hello
from testbed import BUILD
from trials import Trials

SECONDS, NAMES, RATE = 10, 5000, 10000
FLOOD = "flood"
FIELDS = ["interval_ms", "hellos", "run", "members", "sent_per_s", "control_ms_per_s", "engine_ms_per_s", "woke_late_p99_us", "woke_late_most_us",
          "jitter_p50_us", "jitter_p99_us", "jitter_worst_us", "missed", "status_ms", "transitions"]
LOADS = {"every 10 s": "10s", "every second": "1s", "ten a second": "100ms", FLOOD: "1s"}


def lateness(node):
    """Upper bound in us -> how often the engine's loop woke up as late as that, or less."""
    found = re.findall(r'^vipd_loop_lateness_seconds_bucket\{le="([^"]+)"\} (\d+)$', node.metrics(), re.M)
    return {float(bound) * 1e6: int(count) for bound, count in found}


def late(before, after):
    grown = {bound: after[bound] - before.get(bound, 0) for bound in after}
    whole = max(grown.values())
    return {"woke_late_p99_us": min(bound for bound, count in grown.items() if count >= 0.99 * whole),
            "woke_late_most_us": min(bound for bound, count in grown.items() if count == whole)}


def status_ms(node, times=9):
    """Median of what `vipctl status` takes."""
    command = f"{BUILD}/vipctl -s {node.socket_path} status >/dev/null"
    took = node.exec("bash", "-c", f"for _ in {{1..{times}}}; do TIMEFORMAT=%R; time {command}; done", check=False)
    return sorted(float(line) * 1e3 for line in took.stderr.splitlines())[times // 2]


def measured(node, attacker, load, seconds):
    """Its processes during the load, what the attacker sent a second, and the time of a status."""
    sent, whole = [0], seconds + 3  # with the time of status_ms()
    frames = [hello(f"fe80::66:{number:x}", node=f"n{number}", state=1) for number in range(NAMES)] if load == FLOOD else []
    flood = threading.Thread(target=lambda: sent.append(attacker.flood(frames, RATE, whole)))
    if frames:
        flood.start()
    rows = {row["process"]: row["cpu_ms_per_s"] for row in measure([node], seconds)}
    waited = status_ms(node)
    if frames:
        flood.join()
    return rows, sent[-1] / whole, waited


def trial(trials, capture, attacker, load, interval_ms, seconds):
    trials.begin("vipd", Setup(interval_ms), probe=None, prepare=lambda *_: {"top": {"group": {"interval": LOADS[load]}}})
    one = trials.nodes[0]
    before, moved = lateness(one), one.router()["counters"]["transitions"]
    capture.mark()
    rows, sent_per_s, waited = measured(one, attacker, load, seconds)
    packets = capture.packets()
    router = one.router()
    return {"members": len(router["group"]["members"]), "sent_per_s": sent_per_s, "control_ms_per_s": rows["control"],
            "engine_ms_per_s": rows["engine"], **late(before, lateness(one)), **jitter(packets, one.number, interval_ms), "status_ms": waited,
            "transitions": router["counters"]["transitions"] - moved}


def main(runs):
    seconds = report.asked("LASTS", [SECONDS])[0]
    results = report.Results("group", FIELDS)
    with Trials() as trials:
        capture, attacker = Capture(trials), Attacker(trials)
        for interval_ms in report.asked("INTERVALS", [10, 100]):
            for load in LOADS:
                for number in range(1, (runs or 1) + 1):
                    results.add(interval_ms=interval_ms, hellos=load, run=number, **trial(trials, capture, attacker, load, interval_ms, seconds))
        attacker.close()
        capture.close()
