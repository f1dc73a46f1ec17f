# SPDX-License-Identifier: Apache-2.0
"""The check of conf/vipd.conf before what a real kube-apiserver said (tests/kubernetes/recordings)."""

import json
import os
import sys

import pytest

from testbed import wait_for

REPLAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "replay.py")
ALIVE, UNAUTHORIZED = ["200-livez-exclude-etcd.http", 0], ["401-readyz.http", 0]


# what a check of type kubernetes asks
APISERVER, ETCD = "/readyz?exclude=etcd&exclude=etcd-readiness", "/readyz?exclude=etcd"


class Replay:
    """The API server of the first node, which says what it is told to say."""

    def __init__(self, node):
        self.node, self.path = node, os.path.join(node.directory, "answers")
        self.say(ALIVE, ALIVE)
        tls = node.testbed.tls
        self.process = node.spawn([sys.executable, "-B", REPLAY, f"{tls}/server.crt", f"{tls}/server.key",
                                   f"{tls}/ca.crt", self.path], "replay")

    def say(self, apiserver, etcd):
        with open(self.path + ".new", "w") as out:
            json.dump({APISERVER: apiserver, ETCD: etcd}, out)
        os.rename(self.path + ".new", self.path)

    def state(self, index):
        return self.node.check(index)["state"]

    def becomes(self, *states):
        wait_for(f"the checks are {states}", lambda: (self.state(0), self.state(1)), lambda seen: seen == states)


@pytest.fixture
def api(lab, nodes):
    """Before it: a check as in the example, quicker, and with the timeouts that it has there."""
    nodes[0].api_kill()
    api = Replay(nodes[0])
    nodes[0].reconfigure({"type": "kubernetes", "url": None, "expect": None, "port": 6443, "timeout": "500ms", "interval": "100ms",
                          "ready": {"interval": nodes[0].testbed.check_interval, "fall": 2}})
    api.becomes("passing", "passing")
    yield api
    nodes[0].end(api.process)


def test_etcd_hung(lab, nodes, api):
    """The one check goes on passing; the other says which gate fails, because it waits long enough."""
    before = nodes[0].probes()["failure"]
    api.say(ALIVE, ["500-readyz-exclude-etcd-hung.http", 2.0])
    api.becomes("passing", "failing")
    assert "[-]etcd-readiness failed" in nodes[0].check(1)["last_error"]
    assert nodes[0].probes()["failure"] == before
    lab.wait_holder(nodes[1])


@pytest.mark.parametrize("answer", ["403-readyz-starting.http", "500-readyz-starting.http", "401-readyz.http"])
def test_starts(lab, nodes, api, answer):
    """A server that once knew our certificate and now refuses it is starting, or otherwise not to be trusted."""
    api.say([answer, 0], [answer, 0])
    api.becomes("failing", "failing")
    assert f"HTTP status {answer[:3]}" in nodes[0].check(0)["last_error"]
    lab.wait_holder(nodes[1])


def test_never_allowed_to_ask(lab, nodes, api):
    """A mistake of the configuration, and no reason to move the address."""
    api.say(UNAUTHORIZED, UNAUTHORIZED)
    nodes[0].vipd_stop()
    nodes[0].vipd_start()
    wait_for("asked", lambda: nodes[0].check(0)["last_error"], lambda text: text and "HTTP status 401" in text)
    api.becomes("passing", "passing")
