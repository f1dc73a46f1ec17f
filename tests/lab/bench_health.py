"""Figures, not tests: tests/lab/run bench_health.py -s. RUNS=30 is the number of deaths for each interval."""

import os
import statistics
import time

import pytest

from lab import Probe, run, wait_for

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
        wait_for("the check has a wire", nodes[0].check, lambda c: c["state"] == "passing" and not c["last_error"])
        probe.mark()
        nodes[0].api_kill()
        wait_for("the second server answers", probe.answered_by, lambda name: name == nodes[1].name)
        gaps.append(probe.mark()["connect"]["gap_ms"])
        nodes[0].api_start()
    probe.close()
    spread(f"API server killed, advert_interval {interval}, check interval 1s: gap for the client in ms", gaps)


def test_fifty_checks(lab, nodes):
    """50 https checks at 100 ms on one router: CPU of control, lateness of the engine's loop before and meanwhile."""
    def lateness():
        return (nodes[0].metric("vipd_loop_lateness_seconds_sum"), nodes[0].metric("vipd_loop_lateness_seconds_count"))

    def measure(seconds):
        pids = nodes[0].vipd_pids()
        late, cpu, begin = lateness(), {role: cpu_s(pid) for role, pid in pids.items()}, time.monotonic()
        time.sleep(seconds)
        took, after = time.monotonic() - begin, lateness()
        print(f", CPU of control {100 * (cpu_s(pids['control']) - cpu['control']) / took:.1f} %, of the engine "
              f"{100 * (cpu_s(pids['engine']) - cpu['engine']) / took:.1f} %, loop late on average "
              f"{1e6 * (after[0] - late[0]) / (after[1] - late[1]):.0f} us", end="")
    config = nodes[0].config()
    print("\n1 check at 200 ms", end="")
    measure(8)
    one = config["checks"][0]
    config["checks"] = [{**one, "name": f"check{i}", "interval": "100ms"} for i in range(50)]
    config["virtual_routers"][0]["checks"] = [check["name"] for check in config["checks"]]
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")
    wait_for("all pass", nodes[0].status, lambda s: [c["state"] for c in s["checks"]] == ["passing"] * 50)
    print("\n50 checks at 100 ms", end="")
    measure(8)


def test_ten_thousand_commands(lab, nodes):
    """Commands that fork a child and are killed with it: memory, descriptors and processes before and after."""
    runs = int(os.environ.get("COMMANDS", "10000"))
    config = nodes[0].config()
    for i in range(20):
        config["checks"].append({"name": f"c{i}", "type": "exec", "interval": "10ms", "flap_count": 0,
                                 "command": ["/bin/sh", "-c", "sleep 31538 & exit 0"]})
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")
    pid = nodes[0].vipd_pids()["control"]

    def total():
        return sum(nodes[0].metric("vipd_check_results_total", check=f"c{i}", result="success") for i in range(20))

    def look():
        with open(f"/proc/{pid}/status") as status:
            rss = next(line.split()[1] for line in status if line.startswith("VmRSS"))
        zombies = run("ps", "-eo", "stat=", check=False).stdout.split().count("Z")
        return f"RSS {rss} kB, {len(os.listdir(f'/proc/{pid}/fd'))} descriptors, {zombies} zombies"
    wait_for("a beginning", total, lambda n: n >= runs / 10, 200)
    print(f"\nafter {total():.0f} commands: {look()}", end="")
    wait_for("the end", total, lambda n: n >= runs, 400)
    print(f"\nafter {total():.0f} commands: {look()}", end="")
    nodes[0].reconfigure()
    assert lab.holders() == [nodes[0].name]
