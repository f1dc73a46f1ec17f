# SPDX-License-Identifier: Apache-2.0
"""What tests of checks share: how to configure one that asks when it is told to, and how to wait for what it says."""

import os

from testbed import wait_for

ONCE = {"interval": "1h", "timeout": "2s", "fall": 5, "rise": 1}  # whatever happens in the test is not by the interval
HTTP = {"url": "http://[::1]:8080/", "type": "http", "ca": None, "cert": None, "key": None}


def asked_again(node, before):
    """The check has asked once more than `before`."""
    return wait_for("another probe", node.probes, lambda now: sum(now.values()) > sum(before.values()))


def watching(node, check=None, **more):
    """`node` with a check that asks by itself once an hour, and has asked once since."""
    before = node.probes()
    node.reconfigure({**ONCE, **(check or {}), "url": f"https://[{node.address}]:6443/readyz"}, **more)
    asked_again(node, before)
    return node.probes()


def fails(node, index, *words):
    """The check fails and says so in these words; the node is demoted, and its reason names the check."""
    check = wait_for("the check fails", lambda: node.check(index), lambda c: c["state"] == "failing")
    for word in words:
        assert word in check["last_error"], check["last_error"]
    reason = wait_for("the node is unhealthy", lambda: node.router()["health_reason"])
    assert reason.startswith(check["name"] + ": "), reason


def passes(node, index):
    wait_for("the check passes", lambda: node.check(index), lambda c: c["state"] == "passing")


def processes(word):
    """Processes with `word` in their command line, and zombies."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as line, open(f"/proc/{pid}/stat") as stat:
                zombie = stat.read().rpartition(")")[2].split()[0] == "Z"
                if zombie or word in line.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found
