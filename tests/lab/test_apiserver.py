# SPDX-License-Identifier: Apache-2.0
"""The checks of conf/vipd.conf before what a real kube-apiserver said (tests/kubernetes/recordings)."""

import json
import os
import re
import sys

import pytest

from testbed import ROOT, wait_for

REPLAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "replay.py")
ALIVE, UNAUTHORIZED = ["200-livez-exclude-etcd.http", 0], ["401-readyz.http", 0]


def shipped_urls():
    """The paths that the example asks for, in its order: apiserver, etcd."""
    with open(os.path.join(ROOT, "conf", "vipd.conf")) as example:
        return re.findall(r'(?m)^\s*url\s*=\s*"https://\[::1\]:6443(\S*)"', example.read())


APISERVER, ETCD = shipped_urls()


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
    """Before it: the two checks of the example, quicker, and with the timeouts that they have there."""
    nodes[0].api_kill()
    api = Replay(nodes[0])
    base = "https://[::1]:6443"
    nodes[0].reconfigure({"name": "apiserver", "url": base + APISERVER, "timeout": "500ms", "interval": "100ms"},
                         more={"name": "etcd", "url": base + ETCD, "type": "https", "timeout": "3s", "fall": 2,
                               **{key: nodes[0].config()["checks"][0][key] for key in ("ca", "cert", "key")}})
    api.becomes("passing", "passing")
    yield api
    nodes[0].end(api.process)


def test_two_checks_are_shipped():
    assert "exclude=etcd" in APISERVER and "exclude=etcd-readiness" in APISERVER, "or the timeout is below etcd's"
    assert "etcd-readiness" not in ETCD, "or nothing asks for etcd"


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
