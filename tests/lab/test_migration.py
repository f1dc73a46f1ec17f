# SPDX-License-Identifier: Apache-2.0
"""From keepalived to vipd, one server after the other, in the order of docs/from-keepalived.md: no request is lost."""

import os
import signal
import subprocess
import threading

import pytest

import keepalived
from basics import BUILD, VIP, VIP_IPV4, wait_for

VRID, INTERVAL_MS, HIGHEST = 100, 200, 254
pytestmark = pytest.mark.skipif(not keepalived.installed, reason="keepalived is not installed")


class Server:
    def __init__(self, lab, node):
        self.node, self.daemon, self.vip = node, keepalived.Keepalived(node), lab.vips[0]
        self.others = [other.ipv4 for other in lab.nodes if other is not node]

    def keepalived_start(self, unicast):
        addresses = [self.vip] if "." in self.vip else [keepalived.group_link_local(VRID), self.vip]
        self.daemon.begin([keepalived.instance(VRID, self.node.priority, INTERVAL_MS, addresses, unicast_to=unicast and self.others)])

    def keepalived_stop(self):
        """As systemd does it."""
        os.kill(self.daemon.process.pid, signal.SIGTERM)
        self.daemon.process.wait(timeout=15)
        self.daemon.end()

    def import_config(self):
        path = os.path.join(self.node.directory, "keepalived.conf")
        done = subprocess.run([f"{BUILD}/vipctl", "import", path], capture_output=True, text=True, timeout=15)
        assert done.returncode == 0, done.stderr
        self.text = done.stdout + f"""
            node = "{self.node.name}"; run_as = "root"; metrics = {{ listen = ""; }};
            control = {{ socket = "{self.node.socket_path}"; group = "root"; admin_group = "root"; }};"""
        self.vipd_priority(self.node.priority)

    def vipd_priority(self, priority):
        assert self.text.count(f"priority = {self.node.priority};") == 1
        with open(self.node.config_path, "w") as out:
            out.write(self.text.replace(f"priority = {self.node.priority};", f"priority = {priority};"))

    def move(self):
        self.import_config()
        self.keepalived_stop()
        self.node.vipd_start()
        wait_for(f"{self.node.name} is Backup", lambda: self.node.router()["state"], lambda state: state == "backup")

    def prefer(self, priority):
        self.vipd_priority(priority)
        self.node.vipctl("reload")

    def leave(self):
        if self.daemon.process:
            self.daemon.end()
            self.node.interface_down()  # takes the addresses with it
            self.node.interface_up()


in_ipv4 = pytest.mark.vips(VIP_IPV4)


@pytest.fixture(params=["multicast", pytest.param("multicast", id="ipv4", marks=in_ipv4), pytest.param("unicast", id="ipv4-unicast", marks=in_ipv4)])
def servers(lab, request):
    """keepalived on all, where vipd was."""
    servers = [Server(lab, node) for node in lab.nodes]
    for server in servers:
        server.node.vipd_stop()
    for server in servers:
        server.keepalived_start(request.param == "unicast")
    lab.wait_holder(lab.nodes[0])
    yield servers
    for server in servers:
        server.leave()
        if server.node.vipd:
            server.node.vipd_stop()


class Watch:
    """Whether the address was nowhere for a moment, as the kernels say."""

    def __init__(self, lab):
        self.lab, self.gaps, self.ended = lab, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.002):
            # twice: while the servers are looked at one by one, it may move to one that has been looked at
            self.gaps += not self.lab.holders() and not self.lab.holders()

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.gaps


@pytest.mark.long
def test_no_request_is_lost_on_the_way_from_keepalived(lab, servers, probe):
    first, second, third = servers
    watch = Watch(lab)
    third.move()
    second.move()
    second.prefer(HIGHEST)
    lab.wait_holder(second.node)
    wait_for("the client is served by it", probe.answered_by, lambda name: name == second.node.name)
    first.move()
    second.prefer(second.node.priority)
    lab.wait_holder(first.node)
    wait_for("the client is served by the first again", probe.answered_by, lambda name: name == first.node.name)
    seen = probe.mark()
    assert watch.end() == 0, "nobody had the address"
    assert seen["requests"]["lost"] == 0, seen
