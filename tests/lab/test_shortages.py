# SPDX-License-Identifier: Apache-2.0
"""What a process tries once, while the kernel has neither memory nor descriptors: it is not lacking for the rest of its life."""

import mmap
import os
import shutil
import signal
import struct

import pytest

from families import wait_both, wait_reached
from keys import auth, make_key, write_auth
from testbed import BOTH, SANITIZED, adverts_pass, build_preload, wait_for

pytestmark = pytest.mark.skipif(SANITIZED, reason="the sanitizers must come first")
KINDS = ("configuration", "arp", "drains", "check", "metrics", "delay", "settings", "key", "certificate", "timeline",
         "groups")  # as in shortage.c


class Shortage:
    """Of the first server's kernel. times(kind): how often that still fails."""

    def __init__(self, node):
        library, path = (os.path.join(node.directory, name) for name in ("shortage.so", "shortage"))
        build_preload("lab/shortage.c", library)
        with open(path, "wb") as file:
            file.truncate(mmap.PAGESIZE)
        os.chmod(path, 0o666)
        self.file = open(path, "r+b")  # pylint: disable=consider-using-with
        self.page = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)
        self.environment = {"LD_PRELOAD": library, "VIPD_SHORTAGE": path}

    def say(self, kind, times):
        struct.pack_into("=i", self.page, 4 * KINDS.index(kind), times)

    def times(self, kind):
        return struct.unpack_from("=i", self.page, 4 * KINDS.index(kind))[0]

    def wait_over(self, kind):
        wait_for(f"it has failed: {kind}", lambda: self.times(kind), lambda left: left == 0)


@pytest.fixture
def shortage(lab, nodes):
    shortage = Shortage(nodes[0])
    nodes[0].vipd_stop()
    nodes[0].vipd_start(**shortage.environment)
    lab.wait_holder(nodes[0])
    yield shortage
    shortage.page.close()
    shortage.file.close()


def end(node, name):
    os.kill(node.vipd_pids()[name], signal.SIGKILL)


def looked(node):
    """Its check runs."""
    count = lambda: node.metric("vipd_check_results_total", check="apiserver", result="success")
    before = wait_for("it has metrics", count, lambda now: now is not None)
    wait_for("it is looked at", count, lambda now: now > before + 2)


@pytest.mark.parametrize("child", ["engine", "control"])
def test_a_configuration_that_cannot_be_handed_over(lab, nodes, shortage, child):
    """To a new process: another one gets it."""
    shortage.say("configuration", 1)
    end(nodes[0], child)
    shortage.wait_over("configuration")
    adverts_pass(nodes[0], 5)
    lab.wait_holder(nodes[0])
    looked(nodes[0])


@pytest.mark.parametrize("command", ["drain", "resume"])
def test_a_command_before_the_configuration(nodes, shortage, command):
    """To an engine that has started and waits for it, because the machine is busy: it is done afterwards."""
    if command == "resume":
        nodes[0].drain()
    before = nodes[0].vipd_pids()["engine"]
    shortage.say("delay", 1)
    end(nodes[0], "engine")
    wait_for("another one runs", lambda: nodes[0].vipd_pids().get("engine"), lambda pid: pid and pid != before)
    nodes[0].exec("curl", "-sSf", "--unix-socket", nodes[0].socket_path, "-X", "POST", f"http://vipd/v1/{command}")
    shortage.say("delay", 0)
    wait_for("it is done", lambda: nodes[0].router()["drained"], lambda drained: drained == (command == "drain"))


def test_a_new_configuration_that_cannot_be_handed_over(nodes, shortage):
    """To processes that have one: it is tried again, and both have it in the end."""
    shortage.say("configuration", 2)
    nodes[0].write_config({**nodes[0].config(), "group": {"interval": "500ms"}})
    nodes[0].vipctl("reload", check=False)
    shortage.wait_over("configuration")
    wait_for("the others hear of it", lambda: [member["interval_ms"] for member in nodes[1].router()["group"]["members"]],
             lambda intervals: 500 in intervals)


def test_a_check_without_memory(lab, nodes, shortage):
    """A reload that changes it: the API server is looked at all the same."""
    shortage.say("check", 1)
    config = nodes[0].config()
    config["checks"][0]["timeout"] = "900ms"
    nodes[0].write_config(config)
    nodes[0].vipctl("reload", check=False)
    shortage.wait_over("check")
    looked(nodes[0])
    lab.wait_holder(nodes[0])


def test_a_keeper_that_cannot_see_which_groups_are_joined(nodes, shortage):
    """Another one can."""
    shortage.say("groups", 1)
    end(nodes[0], "keeper")
    shortage.wait_over("groups")
    wait_for("another keeper runs", lambda: "keeper" in nodes[0].vipd_pids())
    assert "keeper: cannot read" not in nodes[0].log()


def test_drains_that_cannot_be_read(nodes, shortage):
    """No start undrained: systemd tries again."""
    nodes[0].drain()
    nodes[0].vipd_stop()
    shortage.say("drains", 1)
    nodes[0].vipd_start(**shortage.environment)
    assert nodes[0].vipd_wait() == 1 and "not starting undrained" in nodes[0].log()
    assert shortage.times("drains") == 0
    nodes[0].vipd_start(**shortage.environment)
    wait_for("it is drained", lambda: nodes[0].router()["drained"])


@pytest.mark.parametrize("kind, text", [
    ("settings", "vipd.conf: cannot read: Too many open files in system"),
    ("key", '/keys/1": Too many open files in system'),
    ("certificate", "cannot be read: Too many open files in system"),
    ("timeline", "Cannot allocate memory"),
], ids=["settings", "key", "certificate", "timeline"])
def test_files_that_cannot_be_read_at_a_start(lab, nodes, shortage, kind, text):
    """systemd tries again: what is wrong (exit status 2) it would not, and without a certificate no check would ever pass."""
    write_auth(nodes[0], auth("receive-only", 1, {1: make_key(lab, 1)[0]}))
    nodes[0].vipd_stop()
    shortage.say(kind, 1)
    nodes[0].vipd_start(**shortage.environment)
    assert nodes[0].vipd_wait() == 1 and text in nodes[0].log()
    nodes[0].vipd_start(**shortage.environment)
    lab.wait_holder(nodes[0])
    looked(nodes[0])


def test_a_new_certificate_that_cannot_be_read(lab, nodes, shortage):
    """The one before stays in force, and the new one is read a moment later."""
    for name in ("ca.crt", "stranger.crt"):
        shutil.copy(f"{lab.tls}/{name}", nodes[0].directory)
    nodes[0].reconfigure(check={"ca": nodes[0].directory + "/ca.crt"})
    looked(nodes[0])
    shortage.say("certificate", 1)
    os.rename(nodes[0].directory + "/stranger.crt", nodes[0].directory + "/ca.crt")
    shortage.wait_over("certificate")
    wait_for("the new one counts", lambda: nodes[0].check()["state"], lambda state: state == "failing")
    assert "cannot be read: Too many open files in system" in nodes[0].log()


@pytest.mark.vips(*BOTH)
def test_a_socket_for_arp_that_cannot_be_opened(lab, nodes, shortage):
    """Another engine has one."""
    shortage.say("arp", 1)
    end(nodes[0], "engine")
    shortage.wait_over("arp")
    wait_both(nodes, nodes[0])
    for node, action in ((nodes[1], "drain"), (nodes[0], "resume")):
        nodes[0].vipctl(action)
        wait_both(nodes, node)
        wait_reached(lab.client, node)


def test_pages_that_cannot_be_made(nodes, shortage):
    """However often that failed: the next one is made when it can be, and is no old one."""
    shortage.say("metrics", 40)
    while shortage.times("metrics"):
        nodes[0].exec("curl", "-sS", "--max-time", "5", "http://[::1]:9752/metrics")
    sent = lambda: nodes[0].metric("vipd_adverts_sent_total")
    wait_for("there is a page", sent)
    adverts_pass(nodes[0], 3)
    now = nodes[0].router()["counters"]["adverts_sent"]
    assert sent() >= now
