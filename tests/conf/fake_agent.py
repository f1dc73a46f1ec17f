# SPDX-License-Identifier: Apache-2.0
"""An agent of a few lines that stands in for vipd, because a real one cannot be brought into every state on purpose."""

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
        self.timeline = {"since": at(86400), "holdings": []}
        self.moment = {}
        self.healthz = 200, b"ok\n"
        self.events = []
        self.stream = []
        self.followed = []
        self.hangs = threading.Event()
        self.awake = threading.Event()
        self.steps = []
        self.asked = 0  # how often for the status
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
            self.server.asked += 1
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
        elif self.path.startswith("/v1/events"):
            self.answer(200, {"events": self.server.events})
        elif self.path == "/v1/timeline":
            self.answer(200, self.server.timeline)
        elif self.path.startswith("/v1/moment?"):
            self.answer(200, self.server.moment)
        elif self.path == "/v1/capture":
            self.answer(200, CAPTURE)
        elif self.path == "/healthz":
            self.answer(*self.server.healthz)
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


def conflict(status, **dropped):
    """Somebody else claims the address; what was refused since, beside a rollout of keys before."""
    status["virtual_routers"][0].update(dropped={"unknown_vrid": 9, "auth_missing": 3000, **dropped}, conflict={
        "kind": "address", "address": VIP, "mac": "02:00:00:00:00:12", "vrid": None, "since": at(5), "dropped": dropped})


def keys_differ(status):
    conflict(status, unknown_vrid=9, auth_bad_mac=744)


VERSION = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True).stdout.split()[-1]


def member(number, **more):
    return {"node": f"k8s-node0{number}", "address": f"fe80::5054:ff:fe12:345{number}", "self": number == 1, "version": VERSION, "presence": "here",
            "last_seen_ms": 400, "state": "backup", "priority": 100, "effective_priority": 100, "health": "healthy", "reason": None,
            "drained": False, "can_take_over": True, "differs": [],
            "settings": {"addresses": [VIP], "advert_interval_ms": 100, "preempt": True, "auth": "off", "keys": []}, **more}


def grouped(status, *members, can_take_over=2, following="k8s-node02", without_hello=()):
    found = [member(1, state="active", can_take_over=False), *members]
    status["group"] = {"port": 9752}
    status["version"] = found[0]["version"] = VERSION
    status["virtual_routers"][0]["group"] = {
        "members": found, "can_take_over": can_take_over, "without_hello": list(without_hello),
        "next": following and {"node": following, "health": "healthy"}}


def holding(number, since, until=None, code="no_advert", reason="no advertisement for 310ms", end=None, **more):
    """Node `number` held it from second `since` of a day until `until`, and this is how it ended: (code, reason)."""
    def second(s):
        return None if s is None else f"2026-11-22T16:{int(s) // 60:02}:{s % 60:06.3f}Z"
    return {"router": "api", "vrid": 100, "interface": "eth0", "node": f"k8s-node0{number}", "address": f"fe80::1{number}",
            "self": number == 1, "priority": {1: 150, 2: 120}.get(number, 100), "from": second(since), "until": second(until),
            "code": code, "reason": reason, "end_code": end and end[0], "end_reason": end and end[1], "end_health_reason": None,
            "end_lowered": until and 0, "end_lowered_reason": None, **more}


def drained(status):
    status["virtual_routers"][0].update(drained=True, effective_priority=0)


def kept(status):
    status.update(healthy_status())
    status["virtual_routers"][0].update(drained=True, effective_priority=1, reason="drained, but no other server took over")


def taken_by(priority):
    return lambda status: backup(status)["active_router"].update(priority=priority)


def kept_by_another(status, **more):
    """k8s-node02 is drained, and nobody took over from it."""
    backup(status)["active_router"].update(priority=1, address=member(2)["address"], node="k8s-node02")
    grouped(status, member(2, state="active", drained=True, can_take_over=False, **more), can_take_over=0, following=None)
    status["virtual_routers"][0]["group"]["members"][0]["state"] = "backup"
