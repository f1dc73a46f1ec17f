# SPDX-License-Identifier: Apache-2.0
"""Long ones: `make soak`. COMMANDS is how many programs run in all, SOAK_S how long a server closes idle connections."""

import os
import time

from testbed import transitions, wait_for

COMMANDS = int(os.environ.get("COMMANDS", "10000"))
SOAK_S = int(os.environ.get("SOAK_S", "60"))
MARK = "31538"  # in the command line of all that is started
SCRIPTS = {  # by what they do: the script, the state of the check
    "passes": ("exit 0", "passing"),
    "forks": (f"sleep {MARK} & sleep {MARK} & exit 0", "passing"),
    "leaves": (f"setsid sleep {MARK} & setsid sh -c 'sleep {MARK} & setsid sleep {MARK}' & exit 0", "passing"),
    "hangs": (f"trap '' TERM; sleep {MARK}", "failing"),
    "prints": (f"exec yes {MARK}", "failing"),
    "dies": ("kill -SEGV $$", "failing"),
}
EACH = 3  # checks of every kind


class Process:
    """Figures of control."""

    def __init__(self, node):
        self.node, self.pid = node, node.vipd_pids()["control"]
        self.zombies = set()

    def rss_kb(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(next(line.split()[1] for line in status if line.startswith("VmRSS")))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def children(self):
        """[(process id, state)] of those that it has not reaped, and of those that carry the mark."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as line:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
                    words = line.read().replace("\0", " ")
            except OSError:
                continue
            if int(parent) == self.pid or MARK in words:
                found.append((int(pid), state))
        return found

    def look(self, what):
        children = self.children()
        zombies = {pid for pid, state in children if state == "Z"}
        assert not zombies & self.zombies, "there at the last look already"
        self.zombies = zombies
        print(f"\n{what}: RSS {self.rss_kb()} kB, {self.descriptors()} descriptors, {len(children)} processes below, "
              f"{len(zombies)} of them zombies at this moment", end="")


def test_a_server_that_closes_idle_connections_for_long(lab, nodes):
    """Every second on all servers: nothing fails, nothing moves."""
    for node in nodes:
        node.api_kill()
        wait_for("unhealthy", node.router, lambda r: not r["healthy"])
        node.api_start(keepalive="1s")
        wait_for("healthy", node.router, lambda r: r["healthy"])
    lab.wait_holder(nodes[0])
    for node in nodes:
        node.reconfigure({"interval": "10s"})
    before, moves = [node.probes() for node in nodes], transitions(nodes)
    time.sleep(SOAK_S)  # sleep-ok: the soak is this time
    assert transitions(nodes) == moves and lab.holders() == [nodes[0].name]
    for node, then in zip(nodes, before):
        now = node.probes()
        asked = now["success"] - then["success"]
        print(f"\n{node.name}: {asked:.0f} probes in {SOAK_S} s at an interval of 10 s, "
              f"{now['failure'] - then['failure']:.0f} failed", end="")
        assert asked > SOAK_S * 0.4 and now["failure"] == then["failure"]


def test_ten_thousand_commands(lab, nodes):
    """Nothing of them is left at any moment but those that run, and nothing grows."""
    node, before = nodes[0], transitions(nodes)
    process = Process(node)
    config = node.config()
    for name, (script, _) in SCRIPTS.items():
        config["checks"] += [{"name": f"{name}{i}", "type": "exec", "interval": "20ms", "timeout": "100ms", "flap_count": 0,
                              "command": ["/bin/sh", "-c", script]} for i in range(EACH)]
    process.look("before")
    node.write_config(config)
    node.vipctl("reload")

    def total():
        return sum(node.metric("vipd_check_results_total", check=f"{name}{i}", result=result)
                   for name, (_, state) in SCRIPTS.items() for i in range(EACH)
                   for result in ("success", "failure") if (result == "success") == (state == "passing"))
    begun = None
    for part in range(1, 6):
        wait_for("more of them", total, lambda n, part=part: n >= part * COMMANDS / 5, 600)
        process.look(f"after {total():.0f} commands")
        begun = begun or (process.rss_kb(), process.descriptors())
    for name, (_, state) in SCRIPTS.items():
        seen = [check["state"] for check in node.status()["checks"] if check["name"].startswith(name)]
        assert seen == [state] * EACH, (name, seen)
    end = process.rss_kb()
    node.reconfigure()
    wait_for("nothing is left", process.children, lambda left: not left)
    process.look("in the end")
    assert end < begun[0] * 1.2 and process.descriptors() <= begun[1]
    assert transitions(nodes) == before and lab.holders() == [node.name]
