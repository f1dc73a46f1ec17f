# SPDX-License-Identifier: Apache-2.0
"""Figures, not tests: tests/lab/run bench_health.py -s. RUNS=30 is the number of deaths for each interval."""

import datetime
import os
import signal
import statistics
import time

import pytest

from testbed import PREFIX, Probe, adverts_pass, transitions, wait_for

RUNS = int(os.environ.get("RUNS", "30"))


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(name, values):
    values = sorted(values)
    at = lambda part: values[min(len(values) - 1, int(part * len(values)))]
    print(f"\n{name}: n {len(values)}, min {values[0]:.1f}, median {statistics.median(values):.1f}, p90 {at(0.9):.1f}, "
          f"max {values[-1]:.1f}", end="")


@pytest.mark.parametrize("interval", ["100ms", "10ms"])
def test_api_server_killed(lab, nodes, interval):
    """Longest time in which the client could not connect, while the API server of the holder dies by SIGKILL."""
    for node in nodes:
        node.reconfigure(router={"advert_interval": interval}, check={"interval": "1s"})
    probe = Probe(lab.client, request_ms=20)
    gaps = []
    for _ in range(RUNS):
        lab.wait_holder(nodes[0])
        wait_for("the first server answers", probe.answered_by, lambda name: name == nodes[0].name)
        wait_for("the check has a tripwire", nodes[0].check, lambda c: c["state"] == "passing" and not c["last_error"])
        probe.mark()
        nodes[0].api_kill()
        wait_for("the second server answers", probe.answered_by, lambda name: name == nodes[1].name)
        gaps.append(probe.mark()["connect"]["gap_ms"])
        nodes[0].api_start()
    probe.close()
    spread(f"API server killed, advert_interval {interval}, check interval 1s: gap for the client in ms", gaps)


def test_api_server_hangs(lab, nodes):
    """Longest time in which the client could not connect, while the API server of the holder hangs; checks as shipped."""
    for node in nodes:
        node.reconfigure({"interval": "250ms", "timeout": "500ms", "fall": 2})
    probe = Probe(lab.client, request_ms=20)
    gaps = []
    for _ in range(max(1, RUNS // 3)):
        lab.wait_holder(nodes[0])
        wait_for("the first server answers", probe.answered_by, lambda name: name == nodes[0].name)
        hung_ms = 1000 * time.time()
        nodes[0].api_signal(signal.SIGSTOP)
        lab.wait_holder(nodes[1])
        gaps.append(instant_ms(nodes[1].router()["since"]) - hung_ms)
        nodes[0].api_signal(signal.SIGCONT)
    probe.close()
    spread("API server hangs, 250ms, 500ms, fall 2: until another server is Active, in ms", gaps)


def instant_ms(text):
    return 1000 * datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_one_of_the_dead_recovers(lab, nodes):
    """All API servers die at once, one comes back: from its check's passing to its being Active; Skew_Time is 61 ms."""
    took, moved = [], 0
    for _ in range(max(1, RUNS // 3)):
        for node in nodes:
            wait_for("the check has a tripwire", node.check, lambda c: c["state"] == "passing" and not c["last_error"])
        lab.wait_holder(nodes[0])
        before = transitions(nodes)
        for node in nodes:
            node.api_signal(signal.SIGKILL)
        for node in nodes:
            node.api_kill()
            wait_for("unhealthy", node.router, lambda r: not r["healthy"])
        adverts_pass(nodes[0], 10)
        moved += transitions(nodes) != before
        nodes[2].api_start()
        lab.wait_holder(nodes[2])
        took.append(instant_ms(nodes[2].router()["since"]) - instant_ms(nodes[2].check()["since"]))
        for node in nodes[:2]:
            node.api_start()
    print(f"\nall API servers dead at once: {moved} of {len(took)} times something moved", end="")
    spread("the third one comes back: from passing to Active in ms", took)


def test_fifty_checks(lab, nodes):
    """
    50 https checks at 100 ms on one router: CPU of control, lateness of the engine's loop before and meanwhile. The
    engine of another server, which holds an address of its own and has nothing to do with them, shows what of it
    comes from the machine they share.
    """
    def late_us(node, since=(0, 0)):
        now = [node.metric("vipd_loop_lateness_seconds_" + what) for what in ("sum", "count")]
        return now, 1e6 * (now[0] - since[0]) / max(1, now[1] - since[1])

    def measure(seconds):
        pids = nodes[0].vipd_pids()
        late, cpu, begin = [late_us(node)[0] for node in nodes[:2]], {r: cpu_s(pid) for r, pid in pids.items()}, time.monotonic()
        time.sleep(seconds)  # sleep-ok: the time that is measured
        took = time.monotonic() - begin
        used = {role: 100 * (cpu_s(pid) - cpu[role]) / took for role, pid in pids.items()}
        print(f": CPU of control {used['control']:.1f} %, of the engine {used['engine']:.1f} %; loop late on average "
              f"{late_us(nodes[0], late[0])[1]:.0f} us, that of the other server {late_us(nodes[1], late[1])[1]:.0f} us", end="")

    def with_checks(count, interval):
        config = nodes[0].config()
        one = config["checks"][0]
        config["checks"] = [{**one, "name": f"check{i}", "interval": interval} for i in range(count)]
        config["virtual_routers"][0]["checks"] = [check["name"] for check in config["checks"]]
        nodes[0].write_config(config)
        nodes[0].vipctl("reload")
        wait_for("all pass", nodes[0].status, lambda s: [c["state"] for c in s["checks"]] == ["passing"] * count)
    other = nodes[1].config()
    other["virtual_routers"].append({"name": "other", "interface": "eth0", "vrid": 101, "addresses": [PREFIX + "101"]})
    nodes[1].write_config(other)
    nodes[1].vipctl("reload")
    wait_for("it holds its own", nodes[1].has_address, lambda _: nodes[1].has_address(PREFIX + "101"))
    for _ in range(2):
        for count, interval in ((1, "1s"), (50, "100ms")):
            with_checks(count, interval)
            print(f"\n{count} checks at {interval}", end="")
            measure(int(os.environ.get("SECONDS", "10")))
