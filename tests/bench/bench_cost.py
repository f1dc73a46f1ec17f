# SPDX-License-Identifier: Apache-2.0
"""What it costs while nothing happens, with a health check and without (CHECKED=0): CPU time and context switches of Active and Backup, and memory.

PLAIN=1: vipd without what keepalived does not have: one hello every ten seconds, and nobody asks for clients.

Active and Backup have a processor each, as on two machines. Left alone the scheduler puts a Backup of normal class on
the processor of the Active that has just sent to it, where the kernel's code is warm in the caches (half the time for a
wake-up of either make), and leaves one of realtime class on its own.

CPU time is what the scheduler has counted for every process of the agent, children that have ended (check scripts)
included as far as their parent was charged with them.
"""

import itertools
import os
import time

import report
from contenders import Setup
from trials import Trials


SECONDS = 10
ROLES = ("guardian", "engine", "keeper", "control")  # keepalived: the parent and its VRRP process
FIELDS = ["interval_ms", "make", "run", "server", "process", "cpu_ms_per_s", "switches_per_s", "pss_kib", "private_kib", "checked"]
SUMS = FIELDS[5:9]


def usage(pid):
    """ns on a processor, children that have ended, context switches of all threads."""
    switches = on_cpu = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            on_cpu += int(stat.read().split()[0])
        with open(f"/proc/{pid}/task/{task}/status") as status:
            switches += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return on_cpu, (int(fields[13]) + int(fields[14])) * 10**9 // os.sysconf("SC_CLK_TCK"), switches


def memory(pid):
    """PSS and private memory, KiB."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        for line in list(lines)[1:]:
            name, value = line.split()[:2]
            found[name.rstrip(":")] = int(value)
    return found["Pss"], found["Private_Clean"] + found["Private_Dirty"]


def separate(nodes):
    """The second server is alone on its processor."""
    processors = sorted(os.sched_getaffinity(0))
    for number, node in enumerate(nodes):
        for pid in node.agent.pids().values():
            for task in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(task), {processors[number % 2 % len(processors)]})


def measure(servers, seconds):
    """A row for every process of these servers, and what passed meanwhile."""
    before = {(node.name, role): (pid, usage(pid)) for node in servers for role, pid in node.agent.pids().items()
              if role in ROLES}
    begin = time.monotonic()
    time.sleep(seconds)  # sleep-ok: the time that is measured
    passed = time.monotonic() - begin
    rows = []
    for (server, role), (pid, was) in before.items():
        now = usage(pid)
        pss, private = memory(pid)
        rows.append({"server": server, "process": role, "cpu_ms_per_s": (now[0] + now[1] - was[0] - was[1]) / 1e6 / passed,
                     "switches_per_s": (now[2] - was[2]) / passed, "pss_kib": pss, "private_kib": private})
    return rows


def plain(*_):
    """More of the configuration, as Trials.begin() wants it."""
    return {"top": {"group": {"interval": "10s"}}, "router": {"reset_connections": False}} if report.asked("PLAIN", [0])[0] else {}


def main(runs):
    results = report.Results("cost", FIELDS)
    whole = []
    with Trials() as trials:
        for interval_ms, checked in itertools.product(report.asked("INTERVALS", [10, 100]), report.asked("CHECKED", [1, 0])):
            for number in range(1, (runs or 1) + 1):
                for make in report.MAKES:
                    try:
                        trials.begin(make, Setup(interval_ms, checked=bool(checked)), probe=None, prepare=plain if make == "vipd" else None)
                    except AssertionError as error:
                        print(f"{make}, {interval_ms} ms: {error}")
                        continue
                    separate(trials.nodes)
                    rows = measure(trials.nodes[:2], report.asked("LASTS", [SECONDS])[0])
                    for row in rows:
                        row["server"] = "Active" if row["server"] == trials.nodes[0].name else "Backup"
                        results.add(interval_ms=interval_ms, make=make, run=number, checked=checked, **row)
                    for server in ("Active", "Backup"):
                        mine = [row for row in rows if row["server"] == server]
                        whole.append([interval_ms, checked, make, number, server, *(
                            f"{sum(row[field] for row in mine):.2f}" for field in SUMS)])
        report.configurations("cost", trials)
    report.table(["interval_ms", "checked", "make", "run", "server", *SUMS], whole, os.path.join(report.DIRECTORY, "cost.txt"))
    results.plot()
