# SPDX-License-Identifier: Apache-2.0
"""Trials: the three servers run vipd or keepalived in turn, each trial begins with a new group, and a client watches."""

import contextlib
import time

from basics import wait_for
from contenders import MAKES
from probe import Probe
from testbed import Cluster

PROBE_PRIORITY = 60
# What the client asks. kernel: a port where nobody listens, so that whoever has the address answers; api: the API server.
PROBES = {"kernel": {"connect_us": 200, "request_ms": 50, "closed": True, "priority": PROBE_PRIORITY},
          "api": {"connect_us": 200, "request_ms": 50, "priority": PROBE_PRIORITY},
          "usual": {"request_ms": 20}}


class Trials(Cluster):
    """with Trials() as trials: … begin(make, setup) …"""

    def __init__(self):
        super().__init__(check_interval="1s")
        self.client_probes, self.probed = [], (None, ())
        self.members, self.undo = self.nodes, contextlib.ExitStack()

    def begin(self, make, setup, servers=3, probe="usual", prepare=None, deadline=None):
        """A new group, whose first server holds everything and serves the client.

        prepare(trials, node) gives more arguments of the agent of a server, and tells trials.undo how to clean up. probe: of
        PROBES, or None.
        """
        self.clear()
        self.api_start()
        self.setup, self.members, self.vips = setup, self.nodes[:servers], setup.vips
        for node in self.members:
            node.agent = MAKES[make](node, setup, **(prepare(self, node) if prepare else {}))
            node.agent.start()
        self.set_probe(probe)
        self.settle(deadline or 30 + len(setup.addresses) / 40)

    def settle(self, deadline=20.0):
        """The first is the only holder and serves the client, and goes on doing so for a moment."""
        for node in self.members:
            first = node is self.nodes[0]
            wait_for(f"{node.name} is what it was", lambda agent=node.agent, first=first: agent.settled(first), deadline=deadline)
        self.served_by(self.nodes[0])
        self.watch(0.3 + 2 * self.setup.interval_ms / 1000)
        held = [node.agent.held() for node in self.members]
        assert held == [len(self.setup.addresses)] + [0] * (len(held) - 1), f"the group is not calm: {held} addresses held"

    def clear(self):
        """Nothing runs and nothing is left, whatever a trial has done; self.undo is done."""
        for node in self.nodes:
            if node.agent:
                node.agent.end()
                node.agent = None
            node.forget_drains()
        self.undo.close()
        for node in self.nodes:
            with open(f"/proc/{node.anchor.pid}/net/dev") as interfaces:
                if "eth0" not in interfaces.read():
                    node.interface_create()
            node.addresses_end()
            node.plug()

    @property
    def client_probe(self):
        return self.client_probes[0]

    def set_probe(self, name):
        """A client of each family."""
        if (name, self.vips) == self.probed:
            return
        for probe in self.client_probes:
            probe.close()
        self.client_probes = [Probe(self.client, vip, **PROBES[name]) for vip in self.vips] if name else []
        self.probed = name, self.vips

    def served_by(self, node):
        for probe in self.client_probes:
            wait_for(f"the client of {probe.vip} is served by {node.name}", probe.answered_by, lambda name: name == node.name)

    def held_by(self, node, deadline=15.0):
        wait_for(f"{node.name} holds the address", node.has_address, deadline=deadline)

    def watch(self, seconds):
        """Time that has to pass, because what is looked for may come late."""
        time.sleep(seconds)  # sleep-ok: shows that nothing happens for so long, and for that there is nothing to wait for

    def close(self):
        self.clear()
        super().close()
