# SPDX-License-Identifier: Apache-2.0
"""From keepalived to vipd, one server after the other, in the order of docs/from-keepalived.md: no request is lost."""

import os
import signal
import subprocess
import threading
import time

import pytest

import keepalived
from basics import BUILD, VIP, VIP_IPV4, wait_for

VRID, INTERVAL_MS, HIGHEST = 100, 200, 254
SKEW_MS = INTERVAL_MS * (256 - 120) / 256  # a keepalived that is stopped as holder leaves the address to nobody for this long
pytestmark = pytest.mark.skipif(not keepalived.installed, reason="keepalived is not installed")


class Server:
    def __init__(self, lab, node, unicast=False):
        self.node, self.daemon, self.vip, self.unicast = node, keepalived.Keepalived(node), lab.vips[0], unicast
        self.others = [other.ipv4 for other in lab.nodes if other is not node]

    def keepalived_start(self, version=3):
        addresses = [self.vip] if "." in self.vip else [keepalived.group_link_local(VRID), self.vip]
        interval_ms = INTERVAL_MS if version == 3 else 1000
        self.daemon.begin([keepalived.instance(VRID, self.node.priority, interval_ms, addresses, unicast_to=self.unicast and self.others, version=version)])

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
        self.write()

    def write(self):
        with open(self.node.config_path, "w") as out:
            out.write(self.text)

    def change(self, old, new):
        assert self.text.count(old) == 1
        self.text = self.text.replace(old, new)
        self.write()
        self.node.vipctl("reload")

    def move(self):
        self.import_config()
        self.keepalived_stop()
        self.node.vipd_start()
        wait_for(f"{self.node.name} is Backup", lambda: self.node.router()["state"], lambda state: state == "backup")

    def move_back(self):
        """It is a Backup."""
        self.node.vipd_stop()
        self.keepalived_start()

    def leave(self):
        if self.daemon.process:
            self.daemon.end()
            self.node.interface_down()  # takes the addresses with it
            self.node.interface_up()


in_ipv4 = pytest.mark.vips(VIP_IPV4)


def keepalived_everywhere(lab, unicast, version=3):
    """keepalived on all, where vipd was."""
    servers = [Server(lab, node, unicast) for node in lab.nodes]
    for server in servers:
        server.node.vipd_stop()
    for server in servers:
        server.keepalived_start(version)
    lab.wait_holder(lab.nodes[0])
    yield servers
    for server in servers:
        server.leave()
        if server.node.vipd:
            server.node.vipd_stop()


@pytest.fixture(params=["multicast", pytest.param("multicast", id="ipv4", marks=in_ipv4), pytest.param("unicast", id="ipv4-unicast", marks=in_ipv4)])
def servers(lab, request):
    yield from keepalived_everywhere(lab, unicast=request.param == "unicast")


@pytest.fixture
def servers_of_version_2(lab):
    yield from keepalived_everywhere(lab, unicast=False, version=2)


class Watch:
    """How long the address was nowhere, as the kernels say. A moment is right: keepalived removes it when it hears the advert that
    vipd sends before it asks for the address."""

    def __init__(self, lab):
        self.lab, self.longest_ms, self.ended = lab, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def run(self):
        seen = time.monotonic()
        while not self.ended.wait(0.002):
            begin = time.monotonic()
            if self.lab.holders():
                seen = time.monotonic()
            else:
                self.longest_ms = max(self.longest_ms, 1000 * (begin - seen))

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def they_move(lab, servers, probe):
    """Steps 2 to 6."""
    first, second, third = servers
    third.move()
    second.move()
    second.change(f"priority = {second.node.priority};", f"priority = {HIGHEST};")
    lab.wait_holder(second.node)
    wait_for("the client is served by it", probe.answered_by, lambda name: name == second.node.name)
    first.move()
    second.change(f"priority = {HIGHEST};", f"priority = {second.node.priority};")
    lab.wait_holder(first.node)
    wait_for("the client is served by the first again", probe.answered_by, lambda name: name == first.node.name)


def adverts_are_faster(servers):
    """Step 7, and nobody else takes over."""
    moves = [server.node.router()["counters"]["transitions"] for server in servers]
    for server in servers:
        server.change(f'advert_interval = "{INTERVAL_MS}ms";', 'advert_interval = "100ms";')
    for server in servers:
        wait_for("the new interval is in force", lambda server=server: server.node.router()["advert_interval_ms"], lambda ms: ms == 100)
    assert [server.node.router()["counters"]["transitions"] for server in servers] == moves


def they_move_back(lab, servers, probe):
    """Up to where keepalived takes it from keepalived. A Backup of keepalived is silent, so the holder knows of none."""
    first, second, third = servers
    third.move_back()
    second.move_back()
    assert "NOT DRAINED" in first.node.vipctl("drain", check=False).stderr
    done = first.node.vipctl("drain", "--force", check=False)  # until somebody takes it, if that takes a while
    assert "now held by" in done.stdout or "NOBODY TOOK OVER" in done.stderr, done
    lab.wait_holder(second.node)
    wait_for("the client is served by keepalived", probe.answered_by, lambda name: name == second.node.name)


@pytest.mark.long
def test_no_request_is_lost_on_the_way_from_keepalived(lab, servers, probe):
    with Watch(lab) as watch:
        they_move(lab, servers, probe)
        adverts_are_faster(servers)
        they_move_back(lab, servers, probe)
    seen = probe.mark()
    assert watch.longest_ms < SKEW_MS / 2, "nobody had the address"
    assert seen["requests"]["lost"] == 0, seen
    servers[0].move_back()
    lab.wait_holder(servers[0].node)


@pytest.mark.long
@pytest.mark.vips(VIP_IPV4)
def test_from_version_2_to_version_3(lab, servers_of_version_2):
    """Step 1: while they speak different versions there are two holders, and one at the end."""
    first, second, third = servers_of_version_2
    for server in second, third:
        server.keepalived_stop()
        server.keepalived_start()
    wait_for("two hold it", lab.holders, lambda names: names == [first.node.name, second.node.name])
    first.keepalived_stop()
    first.keepalived_start()
    lab.wait_holder(first.node)
