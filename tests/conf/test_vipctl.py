# SPDX-License-Identifier: Apache-2.0
"""The commands of vipctl, against an agent of a few lines (fake_agent.py). VIPD_BUILD names the directory of vipctl; run from the top
directory."""

import json
import os
import socketserver
import subprocess

import pytest

from fake_agent import (
    CAPTURE, VIPCTL, address_left, agent, at, backup, check_recovers, drained, foreign_group, grouped, healthy_status,
    holder_unknown, kept, kept_by_another, member, taken_by)
from test_command_line import commands


def test_drain_asks_first(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or (200, {})
    grouped(agent.status, member(2, health="failing", reason="apiserver: HTTP 500"), member(3, presence="lost"), can_take_over=0)
    done = agent.run("drain")
    assert done.returncode == 1 and not asked
    assert "api: NOT DRAINED: this node holds the address, and no healthy server can take over" in done.stderr
    assert "k8s-node02: apiserver: HTTP 500" in done.stderr and "vipctl drain --force api\n" in done.stderr
    agent.run("drain", "--force")
    assert asked == ["/v1/drain"]
    # A member that is lost is that first, also after it was heard as Active.
    group = agent.status["virtual_routers"][0]["group"]
    group["without_hello"] = [member(3)["address"]]
    assert agent.run("drain").returncode == 1 and len(asked) == 1
    # Nothing is known of a router that sends no hello: it may take over.
    group["without_hello"].append("fe80::99")
    done = agent.run("drain", "api")
    assert asked[1:] == ["/v1/drain?router=api"]
    assert done.stderr.startswith("api: of the servers that send hellos none can take over; fe80::99, which sends none, may\n")


def test_a_drain_at_shutdown_does_without_the_reason(agent):
    """An agent of before (in a pod, perhaps) does not know the argument, and the address is to move all the same."""
    asked = []
    agent.on_post = lambda path: asked.append(path) or ((400, {"error": "no argument shutdown"}) if "shutdown" in path else (200, {}))
    backup(agent.status).update(drained=True)
    done = agent.run("drain", "--force", "--shutdown")
    assert done.returncode == 0 and asked == ["/v1/drain?shutdown=1", "/v1/drain"], done.stderr
    asked.clear()
    agent.on_post = lambda path: asked.append(path) or (200, {})
    assert agent.run("drain", "--shutdown", "--force", "api").returncode == 0 and asked == ["/v1/drain?router=api&shutdown=1"]


def test_forget(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or (200, {"forgotten": 1})
    done = agent.run("forget", "k8s-node03")
    assert done.returncode == 0 and done.stdout == "k8s-node03 is forgotten\n" and asked == ["/v1/forget?node=k8s-node03"]
    done = agent.run("forget", "-o", "json", "k8s-node03")
    assert done.returncode == 0 and done.stdout == '{"forgotten":1}\n'
    done = agent.run("forget")
    assert done.returncode == 2 and "NODE, or --lost" in done.stderr and len(asked) == 2
    done = agent.run("forget", "k8s-node03", b"\xff")
    assert done.returncode == 2 and "argument 2 is not UTF-8" in done.stderr and not done.stdout and len(asked) == 2


def test_forget_several(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or ((404, {"error": "there is no member b"}) if path.endswith("=b") else (200, {"forgotten": 2}))
    done = agent.run("forget", "a", "b", "c")
    assert done.returncode == 4 and done.stdout == "a is forgotten\nc is forgotten\n" and done.stderr == "vipctl: there is no member b\n"
    assert asked == [f"/v1/forget?node={node}" for node in "abc"]
    assert agent.run("forget", "-o", "json", "a", "b", "c").stdout == '{"forgotten":4}\n'
    # Those that are lost, each name once.
    asked.clear()
    grouped(agent.status, member(2), member(3, presence="lost"), member(4, presence="lost", node="k8s-node03"), member(5, presence="stopped"))
    done = agent.run("forget", "--lost")
    assert done.returncode == 0 and done.stdout == "k8s-node03 is forgotten\n" and asked == ["/v1/forget?node=k8s-node03"]
    grouped(agent.status, member(2))
    done = agent.run("forget", "--lost")
    assert done.returncode == 0 and done.stdout == "no server is lost\n" and len(asked) == 1
    assert agent.run("forget", "--lost", "-o", "json").stdout == '{"forgotten":0}\n'


@pytest.mark.parametrize("states, code", [(["done", "off"], 0), (["done", "failing"], 1), (["failing", "waiting"], 1), ([], 0)])
def test_publish_says_by_its_exit_status_whether_all_are_told(agent, states, code):
    agent.status["publish"] = [{"router": "api", "target": "dns a.b at c", "state": state, "last_error": "REFUSED", "published": []} for state in states]
    done = agent.run("publish")
    assert done.returncode == code and ("FAILING" in done.stdout) == bool(code)
    done = agent.run("publish", "-o", "json")
    assert done.returncode == code and [target["state"] for target in json.loads(done.stdout)] == states


def drain(agent, *steps):
    """Answers a drain; then each look at the status brings the next step."""
    def post(path):
        agent.steps = list(steps)
        return 200, {"drained": True, "routers": ["api"]}
    agent.on_post = post


def test_drain_says_who_holds_it_now(agent):
    drain(agent, drained, address_left, backup)
    done = agent.run("drain", "api")
    assert done.returncode == 0 and done.stdout == "api: drained, now held by fe80::12 (priority 120)\n"
    assert agent.run("-o", "json", "drain").stdout == '{"drained": true, "routers": ["api"]}\n'


def test_drain_while_another_server_keeps_it(agent):
    """That one is drained, too, and healthy: its priority says nothing of its checks."""
    drain(agent, drained, address_left, kept_by_another)
    done = agent.run("drain")
    assert (done.returncode, done.stdout) == (0, "api: drained, now held by k8s-node02 (priority 1)\n"), done


@pytest.mark.parametrize("steps, says", [
    ((drained, address_left, kept), "NOBODY TOOK OVER"),
    ((drained, address_left, taken_by(31)), "UNHEALTHY"),
    ((drained, address_left, taken_by(5)), "now held by fe80::12 (priority 5)"),
    ((backup,), "NOT DRAINED"),
    ((drained, address_left), "STILL HERE"),
    ((drained, holder_unknown), "NOBODY HOLDS IT"),
])
def test_drain_that_does_not_end_well(agent, steps, says):
    drain(agent, *steps)
    done = agent.run("drain")
    assert done.returncode == 1 and says in done.stderr and done.stdout == ""


def test_a_drain_that_nobody_takes_over_is_told_at_once(agent):
    """Not when the time is over in which somebody could: then another look would find the next step."""
    drain(agent, drained, address_left, kept, backup, backup)
    assert "NOBODY TOOK OVER" in agent.run("drain").stderr and agent.steps


def test_drain_for_a_time(agent):
    asked = []
    drain(agent, drained, address_left, backup)
    steps = agent.on_post
    agent.on_post = lambda path: asked.append(path) or steps(path)
    for arguments in (["--for", "10m"], ["--for=10m", "api"]):
        agent.status = healthy_status()
        done = agent.run("drain", *arguments)
        assert done.returncode == 0, done.stderr
    assert asked == ["/v1/drain?for=10m", "/v1/drain?router=api&for=10m"]
    agent.on_post = lambda path: (400, {"error": "for=10: write a number and a unit"})
    done = agent.run("drain", "--for", "10")
    assert done.returncode == 4 and done.stderr == "vipctl: for=10: write a number and a unit\n"


def test_status_says_until_when_it_is_drained(agent):
    backup(agent.status).update(drained=True, drained_since="2026-11-22T16:00:00.000Z", drained_by=1000,
                                drained_until="2026-11-22T16:10:00.000Z")
    shown = agent.run("status", env={"TZ": "UTC"}).stdout
    assert "api: drained since 2026-11-22 16:00:00.000 by uid 1000 until 2026-11-22 16:10:00.000; " in shown
    agent.status["virtual_routers"][0]["drained_until"] = None
    assert " until " not in agent.run("status").stdout


def test_the_end_of_a_shutdown_is_none_of_a_drain(agent):
    """Nor is it asked of an agent that would end every drain."""
    asked = []
    agent.on_post = lambda path: (asked.append(path), (200, {}))[1]
    router = backup(agent.status)
    done = agent.run("resume", "--shutdown")
    assert (done.returncode, done.stdout) == (0, "api: takes part\n") and asked == ["/v1/resume?shutdown=1"]
    router.update(drained=True, drained_since="2026-11-22T16:00:00.000Z", drained_by=1000, drained_for_shutdown=False, drained_until=None)
    done = agent.run("resume", "--shutdown")
    assert (done.returncode, done.stdout) == (0, "api: stays drained, by uid 1000; take part again: vipctl resume api\n")
    router.update(drained_for_shutdown=True)
    assert "by uid 1000, because the machine was being stopped; " in " ".join(agent.run("status").stdout.split())
    asked.clear()
    agent.on_post = lambda path: (asked.append(path), (400, {"error": "there is no argument 'shutdown'"}))[1]
    assert agent.run("resume", "--shutdown").returncode == 4 and asked == ["/v1/resume?shutdown=1"]


def test_the_name_is_escaped(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or (404, {"error": "there is no virtual router"})
    assert agent.run("drain", "a b&router=c").returncode == 4
    assert asked == ["/v1/drain?router=a%20b%26router%3Dc"]


def test_refusals(agent):
    agent.on_post = lambda path: (403, {"error": "only root may do this"})
    done = agent.run("drain")
    assert done.returncode == 4 and done.stderr == "vipctl: only root may do this\n"
    agent.on_post = lambda path: (200, {"reloaded": True, "warnings": "c: warning: this\n"})
    done = agent.run("reload")
    assert (done.returncode, done.stderr, done.stdout) == (0, "c: warning: this\n", "the configuration is reloaded and in force\n")
    agent.on_post = lambda path: (422, {"error": "c:1: first\nc:2: second\n"})
    done = agent.run("reload")
    assert done.returncode == 4 and done.stderr.endswith(":\nc:1: first\nc:2: second\n") and done.stdout == ""


def test_events_come_line_by_line(agent):
    event = {"number": 1, "at": "2026-11-22T16:00:00.123Z", "router": "api", "from": "backup", "to": "active",
             "reason": "no advertisement for 310ms"}
    line = json.dumps(event).encode()
    agent.stream = [[line[:20], line[20:] + b"\n" + line[:5], line[5:] + b"\n\n" + b'{"lost":3}\n'], [line + b"\n"]]
    shown = "2026-11-22 16:00:00.123  api       backup -> active      no advertisement for 310ms"
    with subprocess.Popen([VIPCTL, "-s", agent.path, "events", "-f"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={"TZ": "UTC"}) as follower:
        lines = [follower.stdout.readline().rstrip() for _ in range(4)]
        follower.kill()
        said = follower.stderr.read()
    assert lines == [shown, shown, "(3 transitions are not recorded any more)", shown]
    assert agent.followed == ["/v1/events?follow=1&last=10", "/v1/events?follow=1&since=1"]
    assert "the agent has ended: waiting for it" in said and "the agent is back" in said


FINDINGS = ["agent", "engine", "reload", "router", "holder", "conflict", "group", "health"]


@pytest.mark.parametrize("arguments", [
    ["status"], ["events"], ["events", "-f"], ["events", "--group"], ["explain"], ["drain"], ["resume"], ["forget", "node2"], ["publish"],
    ["publish", "--dry-run"], ["metrics"], ["capture"], ["check"], ["doctor", *FINDINGS], ["watch"]], ids=" ".join)
def test_an_agent_that_hangs_is_told(agent, arguments):
    """Before whoever is on call loses patience: the agent here hangs for longer than agent.run() waits."""
    agent.hangs.set()
    if arguments == ["watch"]:
        with subprocess.Popen([VIPCTL, "-s", agent.path, "watch"], stdout=subprocess.PIPE, text=True) as program:
            assert "! the agent of this node does not answer" in program.stdout.readline()
            program.kill()
        return
    done = agent.run(*arguments, timeout=20)
    if arguments == ["check"]:
        assert done.returncode == 2 and done.stdout.startswith("CRITICAL: the agent does not answer"), done
    elif arguments[0] == "doctor":
        assert done.returncode == 2 and "agent          the agent does not answer on" in done.stdout and "7 not looked at" in done.stdout, done
    else:
        assert done.returncode == 3 and "the agent does not answer on" in done.stderr and not done.stdout, done


def test_every_command_that_asks_the_agent_is_tried_with_one_that_hangs():
    tried = {mark.args[1][i][0] for mark in test_an_agent_that_hangs_is_told.pytestmark for i in range(len(mark.args[1]))}
    others = {"reload",  # waits for what it reads: ten seconds
              "manifest", "init", "import", "help"}
    assert tried | others == set(commands())


def test_times_are_not_of_the_wall_clock(agent):
    """Somebody has set it back by a day since."""
    router, check = agent.status["virtual_routers"][0], agent.status["checks"][0]
    agent.status.update(started=at(-86400), uptime_ms=7200000)
    backup(agent.status).update(since=at(-86400), state_ms=65000)
    router["addresses"][0]["kernel"] = "present"
    check.update(since=at(-86400), state_ms=125000)
    shown = agent.run("status").stdout
    assert "up 2h00m" in shown and "1m05s" in shown and "2m05s" in shown, shown
    assert "ADDRESS LEFT BEHIND" in shown


def capture(agent, path):
    done = agent.run("capture", "-o", str(path))
    return done.returncode, done.stdout, done.stderr


def test_a_capture_replaces_a_file_whole(agent, tmp_path):
    path = tmp_path / "capture"
    assert capture(agent, path) == (0, "", "") and path.read_bytes() == CAPTURE
    path.write_bytes(b"old")
    path.chmod(0o640)
    before = path.stat().st_ino
    assert capture(agent, path) == (0, "", "") and path.read_bytes() == CAPTURE
    assert path.stat().st_ino != before and path.stat().st_mode & 0o777 == 0o640
    assert {child.name for child in tmp_path.iterdir()} == {"capture", "sock"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_capture_keeps_the_owner(agent, tmp_path):
    path = tmp_path / "capture"
    path.write_bytes(b"old")
    os.chown(path, 65534, 12345)
    path.chmod(0o640)
    assert capture(agent, path) == (0, "", "") and path.read_bytes() == CAPTURE
    there = path.stat()
    assert (there.st_uid, there.st_gid, there.st_mode & 0o777) == (65534, 12345, 0o640)


def test_a_capture_goes_to_what_is_there(agent, tmp_path):
    """A device, a pipe and a symbolic link stay what they are."""
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as cat:
        assert capture(agent, pipe) == (0, "", "")
        assert cat.communicate(timeout=30)[0] == CAPTURE and pipe.is_fifo()
    target.write_bytes(b"old")
    link.symlink_to(target)
    assert capture(agent, link) == (0, "", "")
    assert link.is_symlink() and target.read_bytes() == CAPTURE
    code, _, said = capture(agent, "/dev/full")
    assert code == 1 and said == "vipctl: cannot write /dev/full: No space left on device\n"


def test_nobody_chooses_where_a_capture_is_written(agent, tmp_path):
    """Whoever may write to the directory cannot make root write through a link of the name that comes next."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"secret")
    (tmp_path / "capture.new").symlink_to(victim)
    assert capture(agent, tmp_path / "capture")[0] == 0 and victim.read_bytes() == b"secret"


def test_a_capture_to_standard_output(agent):
    for arguments in (["capture"], ["capture", "-o", "-"], ["-o", "-", "capture"]):
        done = subprocess.run([VIPCTL, "-s", agent.path, *arguments], stdout=subprocess.PIPE, timeout=30, check=True)
        assert done.stdout == CAPTURE


def test_unreachable(tmp_path):
    def run(path):
        return subprocess.run([VIPCTL, "-s", str(path), "status"], capture_output=True, text=True, timeout=30)
    done = run(tmp_path / "none")
    assert done.returncode == 3 and "no such socket" in done.stderr and "systemctl start vipd" in done.stderr
    socketserver.UnixStreamServer(str(tmp_path / "dead"), None).server_close()
    done = run(tmp_path / "dead")
    assert done.returncode == 3 and "connection refused" in done.stderr


def test_output_that_cannot_be_written(agent):
    with open("/dev/full", "w") as full:
        done = subprocess.run([VIPCTL, "-s", agent.path, "metrics"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=30)
    assert done.returncode == 1 and "No space left" in done.stderr


@pytest.mark.parametrize("change, code, line", [
    (lambda status: None, 0, "OK: api: by VRRP this node is the holder"),
    (backup, 0, "OK: api: by VRRP fe80::12 (priority 120) is the holder"),
    (foreign_group, 2, "CRITICAL: api: VRID TAKEN: fe80::12 advertises VRID 100 with other addresses, so nobody holds ours"),
    (lambda status: backup(status, 5000), 2, "CRITICAL: api: by VRRP nobody is the holder: fe80::12 has been silent for 5000 ms"),
    (lambda status: status["virtual_routers"][0].update(drained=True, drained_since="2026-01-01"), 1, "WARNING: api: drained since"),
    (lambda status: status["virtual_routers"][0].update(state="fault", reason="eth0 is down"), 2, "CRITICAL: api: fault: eth0 is down"),
    (lambda status: status["checks"][0].update(state="failing", last_error="refused"), 2, "CRITICAL: apiserver: failing since"),
    (check_recovers, 1, "WARNING: apiserver: recovering since"),
    (lambda status: status["checks"][0].update(unauthorized=True, last_error="401"), 1, "WARNING: apiserver: passing, but blind: 401"),
    (lambda status: status.update(publish=[{"router": "api", "target": "dns a.b at c", "state": "failing", "last_error": "REFUSED"}]), 1,
     "WARNING: api: dns a.b at c cannot be told: REFUSED"),
    (lambda status: status["engine"].update(responding=False), 2, "CRITICAL: the engine of vipd does not respond"),
])
def test_check_is_a_plugin_of_monitoring(agent, change, code, line):
    agent.status["version"] = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    change(agent.status)
    done = agent.run("check")
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith(line) and done.stdout.count("\n") == 1, done.stdout


def test_check_of_a_pod_asks_for_vipd_alone(agent):
    """Of an agent that has no status, whose health checks fail: restarting it would not help."""
    done = agent.run("check", "--alive")
    assert (done.returncode, done.stdout, done.stderr) == (0, "OK: the engine gives signs of life\n", "")
    agent.healthz = 503, b"the engine has not answered for 5s\n"
    done = agent.run("check", "--alive")
    assert (done.returncode, done.stdout) == (2, "") and "the engine has not answered for 5s" in done.stderr
    done = subprocess.run([VIPCTL, "-s", agent.path + ".none", "check", "--alive"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "the agent is not running here" in done.stderr
    assert agent.run("-o", "json", "check", "--alive").returncode == 2


@pytest.mark.parametrize("options, words", [
    (["--resolver", "here", "--name", "a.b"], "--resolver here: write an address"),
    (["--resolver", "[::1]:99999", "--name", "a.b"], "write an address"),
    (["--resolver", "[::1]:53"], "--resolver needs --name"),
    (["dns"], "doctor has no finding 'dns'; there are: configuration"),
    (["-o", "yaml"], "only json is known"),
])
def test_doctor_refuses_what_it_does_not_understand(agent, options, words):
    done = agent.run("doctor", *options)
    assert done.returncode == 2 and words in done.stderr and not done.stdout, done
