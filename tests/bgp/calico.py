# SPDX-License-Identifier: Apache-2.0
"""A stand-in for what lies between the EndpointSlice and BIRD: on each server Calico's confd and kube-proxy.

Of confd, what it does with a Service of externalTrafficPolicy Local: the /128 is a static blackhole route of BIRD as long as a
ready endpoint has this node's name; then BIRD reads its configuration again. Of kube-proxy: what arrives for the VIP goes to
the ready endpoint on this node, or nowhere. docs/bgp-lab.md says of which versions this is true.
"""

import threading
import time

from slices import Slices

LOOK_S = 0.05


class Calico(Slices):
    """on_change(server, advertises) is called for each server whose place in the slice has changed."""

    def __init__(self, world, on_change):
        super().__init__(world.client)
        self.nodes, self.on_change = world.nodes, on_change
        self.advertises = {node.name: True for node in world.nodes}  # what the manifest says at first
        self.changed = {}  # name: when its place changed last
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        while not self.over.wait(LOOK_S):
            try:
                ready = self.ready()
            except FileNotFoundError:
                continue
            for node in self.nodes:
                now = ready.get(node.name, False)
                if now != self.advertises[node.name]:
                    self.advertises[node.name], self.changed[node.name] = now, time.monotonic()
                    self.on_change(node, now)

    def end(self):
        self.over.set()
        self.thread.join()
        super().end()
