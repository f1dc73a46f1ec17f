# SPDX-License-Identifier: Apache-2.0
"""The client: see probe/probe.c. A window runs from one mark to the next."""

import json
import os
import subprocess

from basics import BUILD, VIP


class Client:
    def lost_nothing(self):
        """In the window that ends now."""
        window = self.mark()
        assert window["requests"]["lost"] == 0, window


class Probe(Client):
    """closed: connects to a port where nobody listens. priority: the thread that connects is real-time, because what it is late
    itself would look like an outage."""

    def __init__(self, host, vip=VIP, connect_us=1000, request_ms=10, limit_ms=2000, closed=False, priority=None):
        tls = host.testbed.tls
        self.host, self.vip = host, vip
        url = f"https://{f'[{vip}]' if ':' in vip else vip}:6443/readyz"
        self.process = host.spawn(
            [f"{BUILD}/lab/probe", *(["-n"] if closed else []), "-i", str(connect_us), "-r", str(request_ms), "-l", str(limit_ms),
             "-a", f"{tls}/ca.crt", "-c", f"{tls}/client.crt", "-k", f"{tls}/client.key", vip, "1" if closed else "6443", url],
            "probe", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if priority:
            self.ask("peek")  # its threads run
            connects = sorted(map(int, os.listdir(f"/proc/{self.process.pid}/task")))[1]
            os.sched_setscheduler(connects, os.SCHED_FIFO, os.sched_param(priority))

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe has gone, exit status {self.process.wait()}")
        return json.loads(line)

    def mark(self):
        return self.ask("mark")

    def answered_by(self):
        """Which server gave the last good answer of this window."""
        nodes = self.ask("peek")["nodes"]
        return nodes[-1]["node"] if nodes else None

    def close(self):
        self.host.end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class Probes(Client):
    """Clients of several addresses, which should see the same."""

    def __init__(self, host, vips, request_ms):
        self.probes = [Probe(host, vip, request_ms=request_ms * len(vips)) for vip in vips]

    def mark(self):
        windows = [probe.mark() for probe in self.probes]
        requests = {key: sum(window["requests"][key] for window in windows) for key in ("ok", "retried", "lost")}
        return {"requests": {**requests, "error": [window["requests"]["error"] for window in windows]}}

    def answered_by(self):
        """The server that gave all of them the last good answer; None if they differ."""
        names = {probe.answered_by() for probe in self.probes}
        return names.pop() if len(names) == 1 else None

    def close(self):
        for probe in self.probes:
            probe.close()
