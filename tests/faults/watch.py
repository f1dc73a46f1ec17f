# SPDX-License-Identifier: Apache-2.0
"""What is seen of a fault: who held the addresses when, as the kernels tell it; what the clients saw; who changed state.

With addresses of both families it is as if there were one, which has no holder while one of the two has none, and which is
split while each is on another server. A Watch follows `ip monitor` in every server, so that no moment is too short to be seen; its times are those at which
the monitor was told, to be believed to a millisecond on an idle machine.
"""

import datetime
import os
import re
import time

from basics import run, stolen_ms, wait_for
from packets import Sniffer

EVENT = re.compile(r"\[(\S+?)\]\s+(Deleted )?.*\binet6? ([0-9a-f:.]+)/")
SETTLED_MS = 1.0  # shorter than this is not told as a step of its own
SKEW_MS = 5.0  # two monitors are two processes: so far their times may be apart on a busy machine


def log_from(path, begin=0):
    try:
        with open(path, errors="replace") as log:
            log.seek(begin)
            return log.read()
    except FileNotFoundError:
        return ""


class Follower:
    """The log file of a process of ours that writes lines, and where it stood at the last mark."""

    def __init__(self, host, command, name):
        self.path = os.path.join(host.directory, name + ".log")
        self.process = host.spawn(command, name)
        self.begin = 0

    def mark(self):
        self.begin = os.path.getsize(self.path)

    def text(self):
        return log_from(self.path, self.begin)


class Seen:
    """One run of one row, in numbers. Attributes are the columns of the CSV."""

    def __init__(self):
        self.holders, self.none_ms, self.several_ms, self.held_by = "", 0.0, 0.0, []
        self.split_ms = self.partly_ms = 0.0  # each family on another server; a server with addresses of one family alone
        self.transitions, self.takeovers = [], 0
        self.lost = self.retried = self.answered = 0
        self.gap_ms = self.late_ms = 0.0  # of the client that saw the longest
        self.difference_ms = None  # between the clients of both families
        self.stolen_ms = 0.0  # by the host of a virtual machine, of all processors
        self.burst = 0
        self.seconds = 0.0


class Watch:
    def __init__(self, trials):
        self.trials = trials
        # before everything but vipd's engine, or a busy machine would shift the times; without that right, as it comes
        punctual = ["chrt", "-f", "10"] if run("chrt", "-f", "10", "true", check=False).returncode == 0 else []
        self.monitors = [Follower(node, [*punctual, "ip", "-o", "-ts", "monitor", "address"], "monitor")
                         for node in trials.nodes]
        self.sniffer = Sniffer(trials.directory, trials.nodes[2].name)
        for monitor, node in zip(self.monitors, trials.nodes):
            self.try_out(monitor, node)

    @staticmethod
    def try_out(monitor, node):
        """Until the monitor tells of an address, it does not listen yet."""
        address = "2001:db8:ffff::1/128"

        def told():
            node.exec("ip", "addr", "replace", address, "dev", "lo", "nodad")
            node.exec("ip", "addr", "delete", address, "dev", "lo")
            return address in monitor.text()
        wait_for(f"the monitor of {node.name}", told)

    def begin(self):
        for follower in (*self.monitors, self.sniffer):
            follower.mark()
        self.vips = self.trials.vips
        self.first = [{i for i, node in enumerate(self.trials.nodes) if node.has_address(vip)} for vip in self.vips]
        agents = [node.agent for node in self.trials.nodes]
        self.logs = [os.path.getsize(agent.log_path) if os.path.exists(agent.log_path) else 0 for agent in agents]
        self.before = [agent.counted() for agent in agents]
        self.stolen = stolen_ms()
        self.begun = time.time()
        for probe in self.trials.client_probes:
            probe.mark()

    def end(self):
        """What was seen since begin()."""
        seen, windows, end = Seen(), [probe.mark() for probe in self.trials.client_probes], time.time()
        seen.seconds, seen.stolen_ms = end - self.begun, stolen_ms() - self.stolen
        seen.lost, seen.retried, seen.answered = (
            sum(window["requests"][key] for window in windows) for key in ("lost", "retried", "ok"))
        gaps = [window["connect"]["gap_ms"] for window in windows]
        seen.gap_ms, seen.late_ms = max(gaps), max(window["connect"]["late_ms"] for window in windows)
        if len(gaps) > 1:
            seen.difference_ms = max(gaps) - min(gaps)
        self.count_holders(seen, end)
        seen.transitions = [self.transitions(i) for i in range(len(self.trials.nodes))]
        seen.burst = burst(self.sniffer.seen(), self.trials.nodes[0], self.begun)
        return seen

    def changes(self):
        """(time, server, which address, whether it has it from then on), in the order of time."""
        found = []
        for index, monitor in enumerate(self.monitors):
            for line in monitor.text().splitlines():
                event = EVENT.match(line)
                if event and event[3] in self.vips:
                    at = datetime.datetime.fromisoformat(event[1]).timestamp()
                    found.append((at, index, self.vips.index(event[3]), not event[2]))
        return sorted(found)

    def count_holders(self, seen, end):
        has = [set(holders) for holders in self.first]  # of each address
        steps = [[self.begun, [set(holders) for holders in has]]]
        for at, index, vip, now in self.changes():
            if (index in has[vip]) != now:
                has[vip] ^= {index}
                seen.takeovers += now and vip == 0
                steps.append([at, [set(holders) for holders in has]])
        steps = in_order(steps)
        told = []
        for (at, state), (until, _) in zip(steps, [*steps[1:], [end, None]]):
            count, lasted = fewest(state), (until - at) * 1000
            seen.none_ms += lasted if count == 0 else 0
            seen.several_ms += lasted if max(map(len, state)) > 1 else 0
            seen.split_ms += lasted if count and not set.intersection(*state) and lasted >= SKEW_MS else 0
            seen.partly_ms += lasted if any(holders != state[0] for holders in state) else 0
            if told and told[-1][0] == count:
                told[-1][1] += lasted
            elif count == 0 or lasted >= SETTLED_MS or not told or until == end:
                told.append([count, lasted])
        merged = []
        for count, lasted in told:
            if merged and merged[-1][0] == count:
                merged[-1][1] += lasted
            else:
                merged.append([count, lasted])
        if len(merged) > 9:
            counts = [count for count, _ in merged]
            seen.holders = f"{min(counts)} to {max(counts)}, {len(merged) - 1} changes"
        else:
            seen.holders = ", ".join(str(count) if count == 1 else f"{count} for {span(lasted)}" for count, lasted in merged)
        seen.held_by = sorted(set.union(*(holders for _, state in steps for holders in state)))

    def transitions(self, index):
        agent, before = self.trials.nodes[index].agent, self.before[index]
        now = agent.counted()
        if before and now and before[0] == now[0]:
            return now[1] - before[1]
        return len(agent.state_change.findall(log_from(agent.log_path, self.logs[index])))


def fewest(state):
    """How many servers have the address that the fewest have."""
    return min(map(len, state))


def in_order(steps):
    """Without the moments in which nobody held it only because the gain of one server was told after the loss of another."""
    kept = steps[:1]
    for before, step, after in zip(steps, steps[1:], [*steps[2:], None]):
        if after and not fewest(step[1]) and (after[0] - step[0]) * 1000 < SKEW_MS and before[1] != after[1]:
            continue
        kept.append(step)
    return kept


def span(ms):
    return f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def burst(packets, node, since, window_s=0.1):
    """The most packets of one kind that this server sent within one advertisement interval of 100 ms."""
    times = {}
    for packet in packets:
        if packet.get("from") == f"02:00:00:00:00:{node.number}" and packet["at"] >= since:
            kind = "advert" if "advert" in packet else packet.get("arp", "neighbor advertisement")
            times.setdefault(kind, []).append(packet["at"])
    return max((sum(at <= other < at + window_s for other in kind) for kind in times.values() for at in kind), default=0)
