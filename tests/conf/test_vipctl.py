# SPDX-License-Identifier: Apache-2.0
"""What vipctl makes of the agent's answers: an agent of a few lines stands in for vipd, because a real one cannot be
brought into every state on purpose. VIPD_BUILD names the directory of vipctl; run from the top directory."""

import datetime
import http.server
import json
import os
import socketserver
import subprocess
import threading

import pytest

VIPCTL = os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipctl")
VIP = "2001:db8::100"
CAPTURE = bytes(range(256)) * 400


def at(seconds_ago):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def healthy_status():
    return {
        "node": "node1", "version": "1", "pid": 1, "started": at(3600), "config": {"path": "/etc/vipd/vipd.conf"},
        "engine": {"responding": True, "heartbeat_ms": 1},
        "virtual_routers": [{
            "name": "api", "vrid": 100, "interface": "eth0", "state": "active", "since": at(100),
            "reason": "no advertisement for 310ms", "priority": 100, "effective_priority": 100, "healthy": True,
            "health_reason": None, "drained": False, "checks": ["apiserver"], "advert_interval_ms": 100, "late_ms": 300.781, "handover_ms": 200,
            "addresses": [{"address": VIP, "held": True, "kernel": "present"}],
            "active_router": {"address": "fe80::1", "priority": 100, "self": True, "last_seen_ms": 12}}],
        "checks": [{"name": "apiserver", "type": "https", "state": "passing", "since": at(50), "last_ms": 3.1,
                    "last_error": None}]}


def backup(status, last_seen_ms=10):
    router = status["virtual_routers"][0]
    router.update(state="backup", active_router={"address": "fe80::12", "priority": 120, "self": False,
                                                 "last_seen_ms": last_seen_ms})
    router["addresses"][0].update(held=False, kernel="absent")
    return router


class Agent(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        super().__init__(path, Handler)
        self.path = path
        self.status = healthy_status()
        self.on_post = lambda path: (200, {})
        self.stream = []
        self.followed = []
        self.hangs = threading.Event()
        self.awake = threading.Event()
        self.steps = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def run(self, *arguments, **more):
        return subprocess.run([VIPCTL, "-s", self.path, *arguments], capture_output=True, text=True, **{"timeout": 30, **more})


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, code, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.server.hangs.is_set():
            self.server.awake.wait(30)
            return
        if self.path == "/v1/status":
            self.answer(200, self.server.status)
            if self.server.steps:
                self.server.steps.pop(0)(self.server.status)
        elif self.path.startswith("/v1/events?follow=1"):
            self.send_response(200)
            self.end_headers()
            self.server.followed.append(self.path)
            for piece in self.server.stream.pop(0) if self.server.stream else []:
                self.wfile.write(piece)
                self.wfile.flush()
            if not self.server.stream:
                self.server.awake.wait(30)
        elif self.path == "/v1/capture":
            self.answer(200, CAPTURE)
        elif self.path == "/metrics":
            self.answer(200, b"vipd_up 1\n")
        else:
            self.answer(404, {"error": f"there is no {self.path}"})

    def do_POST(self):
        if self.server.hangs.is_set():
            self.server.awake.wait(30)
            return
        self.answer(*self.server.on_post(self.path))


@pytest.fixture
def agent(tmp_path):
    server = Agent(str(tmp_path / "sock"))
    yield server
    server.awake.set()
    server.shutdown()
    server.server_close()


def test_all_is_well(agent):
    done = agent.run("status")
    assert done.returncode == 0 and "this node" in done.stdout and "on eth0" in done.stdout and "!" not in done.stdout
    backup(agent.status)
    done = agent.run("status")
    assert done.returncode == 0 and "fe80::12 (priority 120)" in done.stdout and "!" not in done.stdout


def engine_hangs(status):
    status["engine"].update(responding=False, heartbeat_ms=5200)


def address_missing(status):
    status["virtual_routers"][0]["addresses"][0]["kernel"] = "absent"


def address_elsewhere(status):
    status["virtual_routers"][0]["addresses"][0].update(kernel="other_interface", other_interface="kube-ipvs0")


def address_left(status):
    backup(status)["addresses"][0]["kernel"] = "present"


def address_unknown(status):
    status["virtual_routers"][0]["addresses"][0]["kernel"] = "unknown"


def holder_silent(status):
    backup(status, last_seen_ms=12000)


def holder_unknown(status):
    backup(status)["active_router"] = None


def unhealthy(status):
    status["virtual_routers"][0].update(healthy=False, health_reason="apiserver: connection refused")


def fault(status):
    backup(status).update(state="fault", reason="interface eth0 is down")


def not_started(status):
    backup(status).update(state="initialize")


def check_fails(status):
    status["checks"][0].update(state="failing", last_error="HTTP 500")


def check_recovers(status):
    status["checks"][0].update(state="failing", health="recovering", last_error="failed 3 times within 10m")


def check_not_allowed(status):
    status["checks"][0].update(unauthorized=True, last_error="HTTP status 401: the server does not let us ask")


def certificate(status, seconds_ago, missing=()):
    status["checks"][0]["certificate"] = {"expires": at(seconds_ago), "covers": [], "missing": list(missing),
                                          "advice": "add it to tls-san in /etc/rancher/k3s/config.yaml and restart k3s"}


def certificate_without_vip(status):
    certificate(status, -10 ** 7, [VIP])


def certificate_expired(status):
    certificate(status, 60)


def foreign_group(status):
    backup(status)["active_router"]["foreign"] = True


def keys_differ(status):
    status["virtual_routers"][0].update(dropped={"unknown_vrid": 9, "auth_bad_mac": 744}, conflict={
        "kind": "address", "address": VIP, "mac": "02:00:00:00:00:12", "vrid": None, "since": at(5)})


@pytest.mark.parametrize("damage, says", [
    (foreign_group, "VRID TAKEN: fe80::12 advertises VRID 100 with other addresses: NOBODY HOLDS OURS"),
    (keys_differ, "Most likely: 744 adverts were refused (auth_bad_mac): the keys differ"),
    (engine_hangs, "the engine does not respond (last sign of life 5.2s ago)"),
    (address_missing, "ACTIVE WITHOUT ITS ADDRESS"),
    (address_elsewhere, "ACTIVE WITHOUT ITS ADDRESS"),
    (address_left, "ADDRESS LEFT BEHIND"),
    (address_unknown, "the kernel did not say"),
    (holder_silent, "nobody: fe80::12 silent for 12s"),
    (holder_unknown, "this node hears no holder"),
    (unhealthy, "unhealthy: apiserver: connection refused"),
    (lambda status: kept(status), "api: drained, but no other server took over"),
    (lambda status: taken_by(16)(status), "api: the holder is unhealthy: fe80::12 (priority 16)"),
    (fault, "fault: interface eth0 is down"),
    (not_started, "has not started yet"),
    (check_fails, "check apiserver: failing: HTTP 500"),
    (check_recovers, "check apiserver: recovering: failed 3 times within 10m"),
    (check_not_allowed, "check apiserver: passing, but blind: HTTP status 401"),
    (certificate_without_vip, f"check apiserver: the server's certificate does not name {VIP}"),
    (certificate_without_vip, "tls-san in /etc/rancher/k3s/config.yaml"),
    (certificate_expired, "check apiserver: the server's certificate has expired"),
])
def test_what_needs_attention(agent, damage, says):
    damage(agent.status)
    done = agent.run("status")
    assert done.returncode == 1, done.stdout
    assert any(says in line for line in done.stdout.splitlines() if line.startswith("! ")), done.stdout
    done = agent.run("-o", "json", "status")
    assert done.returncode == 1 and json.loads(done.stdout) == agent.status


VERSION = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True).stdout.split()[-1]


def member(number, **more):
    return {"node": f"k8s-node0{number}", "address": f"fe80::5054:ff:fe12:345{number}", "self": number == 1, "version": VERSION, "presence": "here",
            "last_seen_ms": 400, "state": "backup", "priority": 100, "effective_priority": 100, "health": "healthy", "reason": None,
            "drained": False, "can_take_over": True, "differs": [], **more}


def grouped(status, *members, can_take_over=2, following="k8s-node02", without_hello=()):
    found = [member(1, state="active", can_take_over=False), *members]
    status["group"] = {"port": 9752}
    status["version"] = found[0]["version"] = VERSION
    status["virtual_routers"][0]["group"] = {
        "members": found, "can_take_over": can_take_over, "without_hello": list(without_hello),
        "next": following and {"node": following, "health": "healthy"}}


def test_the_group(agent):
    grouped(agent.status, member(2), member(3))
    done = agent.run("status")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    begin = lines.index("api: 2 of 3 servers can take over; next: k8s-node02")
    assert [line.split() for line in lines[begin + 1:begin + 4]] == [
        ["NODE", "ADDRESS", "STATE", "PRIO", "HEALTH", "HEARD"],
        ["k8s-node01", "fe80::5054:ff:fe12:3451", "active", "100", "healthy", "this", "node"],
        ["k8s-node02", "fe80::5054:ff:fe12:3452", "backup", "100", "healthy", "0.4s", "ago"]]
    assert max(map(len, lines[begin:])) <= 80
    assert agent.run("check").stdout.startswith("OK: ")


@pytest.mark.parametrize("members, more, shown, warned", [
    ([], {"can_take_over": 0, "following": None}, "UDP port 9752", "no other server has sent a hello"),
    ([member(2, presence="lost", last_seen_ms=72000)], {"can_take_over": 0, "following": None}, "lost    100   -        1m12s ago",
     "lost: k8s-node02"),
    ([member(2, health="failing", reason="apiserver: HTTP 500")], {"can_take_over": 0}, "k8s-node02: apiserver: HTTP 500",
     "nobody else can take over"),
    ([member(2, drained=True)], {"can_take_over": 0, "following": None}, "0 of 2 servers can take over", "nobody else can take over"),
    ([member(2, version="0.9\033[2J")], {}, "k8s-node02: vipd 0.9?[2J, here ", ": k8s-node02"),
    ([member(2, differs=["auth"])], {}, "k8s-node02: auth is not what it is here", "k8s-node02 has another setting of auth"),
    ([member(2)], {"without_hello": ["fe80::99"]}, "fe80::99 advertises and sends no hello", None),
])
def test_what_is_wrong_with_the_group(agent, members, more, shown, warned):
    grouped(agent.status, *members, **more)
    done = agent.run("status")
    assert done.returncode == 0 and shown in done.stdout, done.stdout
    done = agent.run("check")
    if warned:
        assert done.returncode == 1 and done.stdout.startswith("WARNING: ") and warned in done.stdout, done.stdout
    else:
        assert done.returncode == 0, done.stdout


def test_drain_asks_first(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or (200, {})
    grouped(agent.status, member(2, health="failing", reason="apiserver: HTTP 500"), member(3, presence="lost"), can_take_over=0)
    done = agent.run("drain")
    assert done.returncode == 1 and not asked
    assert "api: NOT DRAINED: this node holds the address, and no healthy server can take over" in done.stderr
    assert "k8s-node02: apiserver: HTTP 500" in done.stderr and "vipctl drain --force" in done.stderr
    agent.run("drain", "--force")
    assert asked == ["/v1/drain"]
    # Nothing is known of a router that sends no hello: it may take over.
    agent.status["virtual_routers"][0]["group"]["without_hello"] = ["fe80::99"]
    agent.run("drain", "api")
    assert asked[1:] == ["/v1/drain?router=api"]


def test_forget(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or (200, {"forgotten": 1})
    done = agent.run("forget", "k8s-node03")
    assert done.returncode == 0 and done.stdout == "k8s-node03 is forgotten\n" and asked == ["/v1/forget?node=k8s-node03"]
    assert agent.run("forget").returncode != 0 and len(asked) == 1


def test_names_instead_of_addresses(agent):
    backup(agent.status)["active_router"]["node"] = "k8s-node02"
    assert "k8s-node02 (priority 120)" in agent.run("status").stdout


def test_a_certificate_that_covers_is_no_alarm(agent):
    certificate(agent.status, -10 ** 7)
    assert agent.run("status").returncode == 0


def test_the_moment_of_a_handover_is_no_alarm(agent):
    backup(agent.status).update(since=at(0))
    agent.status["virtual_routers"][0]["addresses"][0]["kernel"] = "present"
    done = agent.run("status")
    assert done.returncode == 0 and "handing over" in done.stdout


def test_a_hung_engine_is_not_believed(agent):
    engine_hangs(agent.status)
    address_missing(agent.status)
    done = agent.run("status")
    assert "active?" in done.stdout and "ACTIVE WITHOUT ITS ADDRESS" not in done.stdout


def test_nothing_speaks_to_the_terminal(agent):
    agent.status["virtual_routers"][0]["name"] = agent.status["checks"][0]["name"] = "\x1b[2J\x07"
    assert not any(c in agent.run("status").stdout for c in "\x1b\x07")


def drain(agent, *steps):
    """Answers a drain; then each look at the status brings the next step."""
    def post(path):
        agent.steps = list(steps)
        return 200, {"drained": True, "routers": ["api"]}
    agent.on_post = post


def drained(status):
    status["virtual_routers"][0].update(drained=True, effective_priority=0)


def test_drain_says_who_holds_it_now(agent):
    drain(agent, drained, address_left, backup)
    done = agent.run("drain", "api")
    assert done.returncode == 0 and done.stdout == "api: drained, now held by fe80::12 (priority 120)\n"
    assert agent.run("-o", "json", "drain").stdout == '{"drained": true, "routers": ["api"]}\n'


def kept(status):
    status.update(healthy_status())
    status["virtual_routers"][0].update(drained=True, effective_priority=1, reason="drained, but no other server took over")


def taken_by(priority):
    return lambda status: backup(status)["active_router"].update(priority=priority)


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


def test_the_name_is_escaped(agent):
    asked = []
    agent.on_post = lambda path: asked.append(path) or (404, {"error": "there is no virtual router"})
    assert agent.run("drain", "a b&router=c").returncode == 4
    assert asked == ["/v1/drain?router=a%20b%26router%3Dc"]


def test_refusals(agent):
    agent.on_post = lambda path: (403, {"error": "only root may do this"})
    done = agent.run("drain")
    assert done.returncode == 4 and done.stderr == "vipctl: only root may do this\n"
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


@pytest.mark.parametrize("arguments", [["status"], ["events"], ["events", "-f"], ["drain"], ["resume"], ["metrics"], ["capture"],
                                       ["check"]])
def test_an_agent_that_hangs_is_told(agent, arguments):
    """Before whoever is on call loses patience: the agent here hangs for longer than agent.run() waits."""
    agent.hangs.set()
    done = agent.run(*arguments, timeout=20)
    if arguments == ["check"]:
        assert done.returncode == 2 and done.stdout.startswith("CRITICAL: the agent does not answer"), done
    else:
        assert done.returncode == 3 and "the agent does not answer on" in done.stderr and not done.stdout, done


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


CONFIG = """virtual_routers = ( { interface = "eth0"; vrid = 100; addresses = [ "2001:db8::100" ]; } );
@include "more.conf"
"""


@pytest.fixture
def config(agent, tmp_path):
    """The agent has read it as it is."""
    path = tmp_path / "vipd.conf"
    (tmp_path / "more.conf").write_text("")
    path.write_text(CONFIG)
    text = CONFIG.replace('@include "more.conf"', "\n")  # a line for the include, and one for what ends it
    digest = 0xcbf29ce484222325
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001b3 % 2 ** 64
    agent.status["version"] = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    agent.status["config"] = {"path": str(path), "loaded": at(0), "digest": f"{digest:016x}", "last_reload": None}
    return path


def test_a_configuration_as_it_was_read_is_no_alarm(agent, config):
    os.utime(config)  # newer, and the same
    assert agent.run("status").returncode == 0, agent.run("status").stdout
    assert agent.run("check").returncode == 0


@pytest.mark.parametrize("name, text, says", [
    ("vipd.conf", CONFIG.replace("100;", "101;"), "has changed since vipd read it"),
    ("more.conf", 'run_as = "root";\n', "has changed since vipd read it"),
    ("vipd.conf", "virtual_routers = (\n", "vipd would not start with it"),
])
def test_a_file_that_is_not_in_force_is_told(agent, config, name, text, says):
    (config.parent / name).write_text(text)
    os.utime(config.parent / name, (0, 0))  # older, and another one
    done = agent.run("status")
    assert done.returncode == 1 and any(says in line for line in done.stdout.splitlines() if line.startswith("! ")), done
    done = agent.run("check")
    assert done.returncode == 1 and done.stdout.startswith("WARNING: ") and says in done.stdout, done


def test_a_refused_reload_is_told(agent, config):
    agent.status["config"]["last_reload"] = {"successful": False, "at": "2026-11-22T16:00:00.000Z",
                                             "error": "vipd.conf:3: vrid = 1000\nvipd.conf:4: more\n"}
    done = agent.run("status", env={"TZ": "UTC"})
    assert "! the reload of 2026-11-22 16:00:00.000 was refused; what was in force before still is: vipd.conf:3: vrid = 1000\n" in done.stdout
    done = agent.run("check", env={"TZ": "UTC"})
    assert (done.returncode, done.stdout) == (
        1, "WARNING: the last reload was refused on 2026-11-22 16:00:00.000: vipd.conf:3: vrid = 1000\n")


def test_an_engine_that_may_be_late_is_told_and_no_alarm(agent):
    def said():
        done = agent.run("status")
        assert done.returncode == 0
        return [line for line in done.stdout.splitlines() if line.startswith("engine: ")]
    assert not said()
    agent.status["engine"].update(realtime=True, memory_locked=False)
    assert said() == ["engine: memory is not locked: on a busy machine takeovers may be late; the unit needs LimitMEMLOCK=infinity"]
    agent.status["engine"].update(realtime=False)
    assert "no real-time priority, memory is not locked" in said()[0] and "LimitRTPRIO=20 and LimitMEMLOCK" in said()[0]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_rows_do_not_wrap(agent, columns):
    backup(agent.status)["addresses"].append({"address": "2001:db8:1162:79fb:ff00:1234:5678:100", "held": False, "kernel": "absent"})
    agent.status["checks"][0]["last_error"] = "connection refused by [::1]:6443, and more words than a terminal has columns"
    shown = subprocess.run(["script", "-qec", f"stty cols {columns}; {VIPCTL} --no-color -s {agent.path} status", "/dev/null"],
                           capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL).stdout.splitlines()
    tables = [line for line in shown[1:shown.index("", shown.index("") + 3)]]
    assert tables and all(len(line) <= columns for line in tables), shown
    assert any("2001:db8:1162:79fb:ff00:1234:5678:100" in line for line in tables), shown


def test_times_are_local(agent):
    agent.status["version"] = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    backup(agent.status).update(drained=True, drained_since="2026-11-22T16:00:00.000Z", drained_by=0, drained_until=None)
    done = agent.run("check", env={"TZ": "UTC-2"})
    assert done.stdout.startswith("WARNING: api: drained since 2026-11-22 18:00:00.000: "), done


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
    (lambda status: status["engine"].update(responding=False), 2, "CRITICAL: the engine of vipd does not respond"),
])
def test_check_is_a_plugin_of_monitoring(agent, change, code, line):
    agent.status["version"] = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    change(agent.status)
    done = agent.run("check")
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith(line) and done.stdout.count("\n") == 1, done.stdout


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
