# SPDX-License-Identifier: Apache-2.0
"""What is seen of a row: who had the address when, as the kernels tell it, and what became of kubectl's requests."""

import collections
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from testbed import VIP, run, wait_for

MOST_KUBECTL = 8  # at the same time, or a busy machine would have nothing else to do
ADDRESS = re.compile(rf"\[(\S+?)\]\s+(Deleted )?.*\binet6 {VIP}/")
SKEW_S = 0.005  # two monitors are two processes: so far their times may be apart

CAUSES = (("refused", "refused|Connect call failed"), ("timeout", "timeout|deadline|Timeout"), ("cut", "EOF|reset by peer|broken pipe|connection lost"),
          ("403", "orbidden"), ("401", "nauthorized"), ("unreachable", "no route|unreachable"),
          ("etcd", "etcdserver|leader"), ("503", "unable to handle|ServiceUnavailable"))


def cause(text):
    return next((name for name, pattern in CAUSES if re.search(pattern, text)), "other: " + text.strip()[:60])


class Client:
    """client.py on the client."""

    def __init__(self, testbed):
        tls, program = testbed.tls, os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.py")
        self.host = testbed.client
        self.log = os.path.join(self.host.directory, "client.log")
        self.process = self.host.spawn([sys.executable, "-B", program, f"{tls}/ca.crt", f"{tls}/admin.crt", f"{tls}/admin.key",
                                        f"https://[{VIP}]:6443/api/v1/namespaces/default"], "client",
                                       stderr=subprocess.DEVNULL)
        wait_for("the client is answered", lambda: any(not failure for _, _, failure in self.seen()))

    def seen(self):
        """(begin, end, "" or the cause of the failure) of each request, in the order of their ends."""
        with open(self.log) as text:
            lines = [json.loads(line) for line in text if line.endswith("\n")]
        return [(begun, ended, failure and cause(failure)) for begun, ended, failure in lines]

    def end(self):
        self.host.end(self.process)
        seen = sorted(self.seen())
        os.unlink(self.log)
        return seen


class Kept:
    """kept.py on the client."""

    kinds = ("watch", "http2")

    def __init__(self, cluster):
        tls, program = cluster.tls, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kept.py")
        run(*cluster.kubectl("create", "configmap", "kept"), check=False)
        self.host = cluster.client
        self.log = os.path.join(self.host.directory, "kept.log")
        self.process = self.host.spawn([sys.executable, "-B", program, f"{tls}/ca.crt", f"{tls}/admin.crt", f"{tls}/admin.key", VIP], "kept")
        for kind in self.kinds:
            wait_for(f"the {kind} is answered", lambda kind=kind: self.answered(kind, 0))

    def answered(self, kind, since):
        """When that was of one that was begun later than this, or None."""
        with open(self.log) as text:
            lines = [json.loads(line) for line in text if line.startswith("[") and line.endswith("\n")]
        return next((answered for of, begun, answered, _, _ in lines if of == kind and begun > since and answered), None)

    def end(self):
        self.host.end(self.process)
        os.unlink(self.log)


class Kubectl:
    """kubectl itself, a new process each second, whether the last has ended or not: how many there were and how many failed."""

    def __init__(self, testbed):
        self.command = testbed.kubectl("get", "--raw", "/api/v1/namespaces/default")
        self.over, self.running, self.count, self.failed = threading.Event(), [], 0, []
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while not self.over.wait(1) or self.running:
            if not self.over.is_set() and len(self.running) < MOST_KUBECTL:
                self.running.append(subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                     stderr=subprocess.PIPE, text=True))
                self.count += 1
            for process in [process for process in self.running if process.poll() is not None]:
                self.running.remove(process)
                with process.stderr as text:
                    self.failed += [cause(text.read())] if process.returncode else []
            if self.over.is_set():
                time.sleep(0.05)  # sleep-ok: between two looks

    def end(self):
        self.over.set()
        self.thread.join()


class Addresses:
    """Follows the VIP on every server by `ip monitor`."""

    def __init__(self, cluster):
        self.nodes = cluster.nodes
        self.logs = [os.path.join(node.directory, "monitor.log") for node in self.nodes]
        # before everything but vipd's engine, or a busy machine would shift the times; without that right, as it comes
        punctual = ["chrt", "-f", "10"] if run("chrt", "-f", "10", "true", check=False).returncode == 0 else []
        self.processes = [node.spawn([*punctual, "ip", "-o", "-ts", "-6", "monitor", "address"], "monitor") for node in self.nodes]
        for node, log in zip(self.nodes, self.logs):
            wait_for(f"the monitor of {node.name}", lambda node=node, log=log: self.told(node, log))
        self.first = [node.has_address() for node in self.nodes]
        self.begun = time.time()

    @staticmethod
    def told(node, log):
        address = "2001:db8:ffff::1/128"
        node.exec("ip", "addr", "replace", address, "dev", "lo", "nodad")
        node.exec("ip", "addr", "delete", address, "dev", "lo")
        with open(log) as text:
            return address in text.read()

    def changes(self):
        """(time, number of the server, whether it has the address from then on)"""
        for index, log in enumerate(self.logs):
            with open(log) as text:
                for line in text:
                    event = ADDRESS.match(line)
                    at = event and datetime.datetime.fromisoformat(event[1]).timestamp()
                    if event and at >= self.begun:
                        yield at, index, not event[2]

    def steps(self):
        """[(time, names of the holders from then on)]"""
        has, steps = list(self.first), [(self.begun, self.names(self.first))]
        for at, index, now in sorted(self.changes()):
            if has[index] != now:
                has[index] = now
                steps.append((at, self.names(has)))
        return [step for step, after in zip(steps, [*steps[1:], None])
                if step[1] or not after or after[0] - step[0] > SKEW_S]

    def end(self):
        steps = self.steps()
        for node, process, log in zip(self.nodes, self.processes, self.logs):
            node.end(process, signal.SIGTERM)
            os.unlink(log)
        return steps

    def names(self, has):
        return tuple(node.name for node, here in zip(self.nodes, has) if here)


class Seen:
    """One run of one row. Times are in seconds from the mark, the moment of the fault."""

    def __init__(self):
        self.steps, self.requests, self.mark, self.end, self.notes = [], [], None, None, {}
        self.kubectl, self.kubectl_failed = 0, []

    def spans(self, of):
        """The moments after the mark in which of(holders) is true, and how long each was."""
        found = []
        for (at, names), (until, _) in zip(self.steps, [*self.steps[1:], (self.end, None)]):
            if until > self.mark and of(names):
                found.append(until - max(at, self.mark))
        return found

    @property
    def none_s(self):
        return sum(self.spans(lambda names: not names))

    @property
    def several_s(self):
        return sum(self.spans(lambda names: len(names) > 1))

    @property
    def moves(self):
        """How often somebody got the address who had not had it."""
        return sum(bool(set(now[1]) - set(before[1])) for before, now in zip(self.steps, self.steps[1:]))

    @property
    def moved_s(self):
        """From the mark until somebody got it who did not have it then, or None."""
        at_mark = [names for at, names in self.steps if at <= self.mark][-1]
        return next((at - self.mark for at, names in self.steps if at > self.mark and set(names) - set(at_mark)), None)

    @property
    def failed(self):
        return [request for request in self.requests if request[2]]

    @property
    def outage_s(self):
        """The longest time in which no request was answered."""
        good = sorted(ended for _, ended, failure in self.requests if not failure)
        return max((after - before for before, after in zip(good, good[1:])), default=0.0)

    def causes(self):
        counts = collections.Counter(request[2] for request in self.failed)
        return ", ".join(f"{count} {name}" for name, count in counts.most_common())


class Watch:
    """with Watch(cluster): …; a row calls mark() at its fault. What was seen is in `seen` afterwards."""

    def __init__(self, testbed):
        self.testbed, self.seen = testbed, Seen()

    def mark(self):
        self.seen.mark = time.time()

    def __enter__(self):
        self.addresses = Addresses(self.testbed)
        self.client, self.kubectl = Client(self.testbed), Kubectl(self.testbed)
        self.mark()
        return self

    def __exit__(self, *_):
        self.kubectl.end()
        self.seen.requests = self.client.end()
        self.seen.kubectl, self.seen.kubectl_failed = self.kubectl.count, self.kubectl.failed
        self.seen.end = time.time()
        self.seen.steps = self.addresses.end()
