# SPDX-License-Identifier: Apache-2.0
"""A switch with hosts on it, each a network namespace, with real addresses, real HTTPS servers and real agents.

A Testbed owns the switch (a bridge with multicast snooping and a querier, as a real one has) and its hosts. A Cluster is three
servers and a client. Everything is made and ended by process id; space.enter() has seen to it that nothing outside can be
reached.
"""

import contextlib
import os
import shutil

from basics import BOTH, BUILD, NAME, PREFIX, PREFIX_IPV4, ROOT, SANITIZED, SANITIZER, URL, VIP, VIP_IPV4, adverts_pass, build_preload, config_text, \
    ip_batch, run, sample, transitions, wait_for  # noqa: F401 (the tests import what they need from here)
from hosts import Host
from node import Node, UnixConnection  # noqa: F401
from probe import Probe, Probes  # noqa: F401
from servers import make_certificates
from space import is_inside


class Testbed:
    """with Testbed() as testbed: …; its hosts add themselves as they are made. vips: the addresses that its group moves."""

    vips = (VIP,)

    def __init__(self, forwarding=False, snooping=True):
        if not is_inside():
            raise RuntimeError("the testbed is made in namespaces of its own: use one of the run programs below tests")
        self.forwarding, self.hosts = forwarding, []
        self.directory = "/run/testbed"
        self.tls = self.directory + "/tls"
        self.environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}
        os.mkdir(self.directory, 0o755)
        run("ip", "netns", "add", "switch")
        run("ip", "-n", "switch", "link", "set", "lo", "up")
        self.bridge("br0", snooping)

    def bridge(self, name, snooping=True):
        ip_batch("switch", [
            f"link add name {name} type bridge stp_state 0 forward_delay 0 mcast_snooping {int(snooping)} mcast_querier 1 "
            "mcast_query_response_interval 100",
            f"link set {name} addrgenmode none", f"link set {name} up", f"addr add fe80::1/64 dev {name} nodad"])

    @contextlib.contextmanager
    def switch_drops(self, what):
        """What matches is not forwarded."""
        def nft(rules):
            run("nsenter", "--net=/run/netns/switch", "nft", rules)
        nft(f"table bridge drops {{ chain c {{ type filter hook forward priority 0; {what} drop; }}; }}")
        try:
            yield
        finally:
            nft("delete table bridge drops")

    def partition(self, *hosts):
        """These hosts see each other and nobody else; the carriers stay."""
        mark = self.directory + "/partition"
        if not os.path.exists(mark):
            self.bridge("br1")
            os.mkdir(mark)
        for host in hosts:
            host.plug("br1")

    def curl(self, url):
        return ["curl", "-sS", "--noproxy", "*", "--max-time", "5", "--cacert", f"{self.tls}/ca.crt",
                "--cert", f"{self.tls}/client.crt", "--key", f"{self.tls}/client.key", url]

    def wait_holder(self, host, deadline=15.0):
        wait_for(f"{host.name} is the one holder", self.holders, lambda names: names == [host.name], deadline)

    def logs(self):
        """Name and text of every log of every host."""
        for host in self.hosts:
            yield from host.logs()

    def close(self):
        for host in reversed(self.hosts.copy()):
            host.close()
        run("ip", "netns", "delete", "switch")
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Cluster(Testbed):
    """Three servers and a client. `node_class` is what the servers are."""

    node_class = Node

    def __init__(self, forwarding=True, check_interval="200ms"):
        super().__init__(forwarding)
        self.check_interval = check_interval
        make_certificates(self.tls)
        self.nodes = [self.node_class(self, f"k8s-node{i:02}", f"1{i}", priority)
                      for i, priority in enumerate((150, 120, 100), start=1)]
        self.client = Host(self, "client", "50")

    def api_start(self):
        """Every server's, and each answers."""
        for node in self.nodes:
            if node.api is None:
                node.api_start()
        for node in self.nodes:
            if not node.api_known:
                wait_for(f"the API server of {node.name}", node.api_answers)

    def start(self):
        self.api_start()
        for node in self.nodes:
            node.vipd_start()

    def restore(self):
        """Three healthy servers, the first holds the VIP."""
        self.client.plug()
        for node in self.nodes:
            node.restore()
        self.api_start()
        for node in self.nodes:
            first = node is self.nodes[0]
            wanted = ("active" if first else "backup", True, False, node.priority, first)
            wait_for(f"{node.name} is {wanted}", node.brief, lambda seen, wanted=wanted: seen == wanted)
        for node in self.nodes:  # one that a restart with other keys has left lasts for some seconds
            wait_for(f"{node.name} knows of no conflict", lambda node=node: node.router()["conflict"], lambda seen: seen is None)
        count = len(self.nodes)
        for node in self.nodes:  # who was cut off hears the hellos of the others within a second
            wait_for(f"{node.name} knows the group", node.group, lambda seen: seen == (count, count - 1))
            node.forget_others()
        servers = {node.name for node in self.nodes}
        for node in self.nodes:  # of those that have another address of their own now, too
            wait_for(f"{node.name} tells of no other holder", node.told_holders, lambda told: told & servers == {self.nodes[0].name})

    def holders(self):
        """The names of the servers on whose interface the VIP is, as their kernels say."""
        return [node.name for node in self.nodes if node.has_address()]
