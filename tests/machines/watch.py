# SPDX-License-Identifier: Apache-2.0
"""Who held the address when, sampled from the kernels every few milliseconds, and what a client lost meanwhile."""

import json
import subprocess
import threading
import time

from basics import BUILD, URL, VIP

SAMPLE_S = 0.004


class Client:
    """The probe of the lab in a namespace of its own: 20 requests a second, a connect every 2 ms."""

    def __init__(self, namespace, tls):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace}", f"{BUILD}/lab/probe", "-i", "2000", "-r", "50", "-l", "2000", "-a", f"{tls}/ca.crt",
             "-c", f"{tls}/client.crt", "-k", f"{tls}/client.key", VIP, "6443", URL],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.kill()
        self.process.wait()

    def served(self):
        nodes = self.ask("peek")["nodes"]
        return nodes[-1]["node"] if nodes else None


class Watch:
    def __init__(self, machines, client):
        self.machines, self.client = machines, client
        self.changes = []
        threading.Thread(target=self.sample, daemon=True).start()

    def sample(self):
        before = None
        while True:
            now = tuple(m.name for m in self.machines if m.has_address())
            if now != before:
                self.changes.append((time.monotonic(), now))
                before = now
            time.sleep(SAMPLE_S)  # sleep-ok: the step in which it samples

    def begin(self):
        self.begun = time.monotonic()
        self.client.ask("mark")

    def end(self):
        """Of the window since begin(): holders over time, requests lost of how many, longest silence in ms."""
        window = self.client.ask("mark")
        end = time.monotonic()
        steps = [(max(at, self.begun), names) for at, names in self.changes]
        steps = [step for index, step in enumerate(steps)
                 if index + 1 == len(steps) or steps[index + 1][0] > self.begun]
        told = []
        for index, (at, names) in enumerate(steps):
            until = steps[index + 1][0] if index + 1 < len(steps) else end
            who = "+".join(name[-2:] for name in names) or "nobody"
            told.append(who if index + 1 == len(steps) else f"{who} {(until - at) * 1000:.0f} ms")
        requests = window["requests"]
        return {"holders": ", ".join(told), "lost": requests["lost"], "retried": requests["retried"],
                "requests": requests["lost"] + requests["retried"] + requests["ok"], "gap_ms": window["connect"]["gap_ms"]}
