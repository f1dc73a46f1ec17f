# SPDX-License-Identifier: Apache-2.0
"""A server: a host with an API server (nginx) and vipd."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket

from basics import BUILD, ROOT, config_text, sample, wait_for
from hosts import Host
from servers import NGINX


def limits_of_unit():
    """Words before a command that give it no more capabilities than the unit does."""
    with open(f"{ROOT}/init/vipd.service") as unit:
        rights = re.findall(r"CAP_(\w+)", " ".join(re.findall("^CapabilityBoundingSet=(.*)", unit.read(), re.M)))
    return ["setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all"] + ["+" + right.lower() for right in rights])]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("vipd", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Node(Host):
    """A server: an API server and vipd."""

    def __init__(self, testbed, name, number, priority):
        super().__init__(testbed, name, number)
        self.priority = priority
        self.config_path = os.path.join(self.directory, "vipd.conf")
        self.socket_path = os.path.join(self.directory, "run", "vipd.sock")
        self.not_ready = os.path.join(self.directory, "not-ready")
        self.api_known = self.api_stopped = self.special = False
        self.ended = None  # the process group of the vipd before this one
        self.api = self.vipd = self.agent = None  # agent: of a trial, see contenders.py
        os.mkdir(os.path.dirname(self.socket_path))
        self.write_config()

    def restore(self):
        """As at the start, whatever a test has done."""
        self.plug()
        self.interface_up()
        if self.api and self.api_special:
            self.api_kill()
        if self.api is None:
            self.api_start()
        if self.api_stopped:
            self.api_signal(signal.SIGCONT)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.not_ready)
        if self.vipd and (self.special or self.vipd.poll() is not None or self.written != config_text(self.config())):
            self.vipd_stop(signal.SIGTERM)
        if self.vipd is None:
            self.vipd_end_orphans()
            self.write_config()
            self.vipd_start()
        else:
            for pid in self.vipd_pids().values():
                os.kill(pid, signal.SIGCONT)
        if wait_for("the agent answers", self.router)["drained"]:  # also after a restart
            self.vipctl("resume", check=False)

    # the API server

    def api_start(self, keepalive="75s", certificate="server"):
        """keepalive: how long it keeps idle connections; 0 closes each after its answer."""
        assert self.api is None
        self.api_special = (keepalive, certificate) != ("75s", "server")
        path = os.path.join(self.directory, "nginx.conf")
        with open(path, "w") as out:
            out.write(NGINX.format(name=self.name, dir=self.directory, tls=self.testbed.tls, not_ready=self.not_ready, keepalive=keepalive,
                                   certificate=certificate))
        self.api_known = False  # whether it answers
        self.api = self.spawn(["nginx", "-p", self.directory, "-c", path, "-e", self.directory + "/nginx.log"], "nginx")

    def api_answers(self):
        answer = self.exec(*self.testbed.curl(f"https://[{self.address}]:6443/readyz"), check=False)
        self.api_known = answer.stdout.strip() == "ok"
        return self.api_known

    def api_kill(self):
        self.end(self.api)
        self.api, self.api_stopped = None, False

    def api_signal(self, number):
        self.api_stopped, self.api_known = number == signal.SIGSTOP, False
        os.killpg(self.api.pid, number)

    # vipd

    def config(self):
        """The configuration of the healthy group; a test changes what it needs and hands it to write_config()."""
        tls = self.testbed.tls
        return {
            "node": self.name,
            "virtual_routers": [{
                "name": "api", "interface": "eth0", "vrid": 100, "addresses": [*self.testbed.vips], "priority": self.priority,
                "advert_interval": "100ms", "kernel_lease": "3s", "checks": ["apiserver"]}],
            "checks": [{
                "name": "apiserver", "type": "https", "url": "https://[::1]:6443/readyz",
                "interval": self.testbed.check_interval, "timeout": "1s", "fall": 2, "rise": 2, "flap_count": 0, "expect": [200],
                "ca": f"{tls}/ca.crt", "cert": f"{tls}/client.crt", "key": f"{tls}/client.key"}],
            "control": {"socket": self.socket_path, "group": "root", "admin_group": "root"},
            "metrics": {"listen": "[::1]:9752"},
            "run_as": "root",
        }

    def reconfigure(self, check=None, router=None, more=None, **top):
        """Reloads with other settings of the first check and the first virtual router,
        and one more check. None takes a setting out."""
        config = {**self.config(), **top}
        if more:
            config["checks"].append({"interval": self.testbed.check_interval, "rise": 1, "fall": 1, **more})
            config["virtual_routers"][0]["checks"].append(more["name"])
        for group, changes in ((config["checks"][0], check), (config["virtual_routers"][0], router)):
            group.update(changes or {})
            for key in [key for key, value in group.items() if value is None]:
                del group[key]
        self.write_config(config)
        self.vipctl("reload")

    def check(self, index=0):
        """A check, as the status shows it."""
        return self.status()["checks"][index]

    def probes(self):
        """How often the first check has asked, by result."""
        return {result: self.metric("vipd_check_results_total", result=result)
                for result in ("success", "unauthorized", "failure")}

    def write_config(self, config=None):
        self.written = config if isinstance(config, str) else config_text(config or self.config())
        self.special |= self.written != config_text(self.config())  # what it has recorded stays, also when that is taken back
        with open(self.config_path + ".new", "w") as out:
            out.write(self.written)
        os.rename(self.config_path + ".new", self.config_path)

    def vipd_start(self, log=None, program=f"{BUILD}/vipd", wrap=(), **environment):
        """log: a descriptor instead of vipd.log. wrap: words before the command."""
        assert self.vipd is None
        output = {} if log is None else {"stdout": log, "stderr": log}
        self.vipd = self.spawn([*wrap, *limits_of_unit(), program, "-c", self.config_path], "vipd",
                               env={**self.testbed.environment, **environment}, **output)
        self.special = bool(environment or wrap) or self.written != config_text(self.config())

    def vipd_stop(self, number=signal.SIGTERM):
        """Signals the guardian alone, and returns its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.vipd.pid, number)
        return self.vipd_wait()

    def vipd_wait(self):
        """The exit status of a guardian that is about to end."""
        process, self.vipd = self.vipd, None
        self.ended = process.pid
        status = process.wait(timeout=30)
        self.processes.remove(process)
        return status

    def vipd_end_orphans(self):
        """What a guardian that has ended left behind, such as an engine that a test has stopped."""
        if self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.ended, signal.SIGKILL)
            self.ended = None

    def forget_drains(self):
        """Those of a vipd that has ended; they outlive it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket_path + ".drains")

    def vipd_pids(self):
        """{"guardian": pid, "keeper": pid, "engine": pid, "control": pid}, without those that are not running.

        The guardian's other children (it reads the configuration in one) are gone any moment, so nobody gets their numbers.
        """
        pids = {"guardian": self.vipd.pid} if self.vipd and self.vipd.poll() is None else {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/stat") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
                with open(f"/proc/{pid}/cmdline") as words:
                    program, *arguments = words.read().split("\0")
                role = ("control" if "vipd-control" in program else
                        "engine" if "-E" in arguments else "keeper" if "-K" in arguments else None)
                if role and self.vipd and int(parent) == self.vipd.pid and state != "Z":
                    pids[role] = int(pid)
        return pids

    def vipd_kill_all(self):
        """All processes of vipd at once, by SIGKILL, so that none can clean up after another."""
        pids = self.vipd_pids().values()
        for pid in pids:  # stopped first: nobody sees another die
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.end(self.vipd)
        self.vipd = None

    def log(self, since=0):
        """What its vipd has said: all, or what came when there was that much."""
        with open(os.path.join(self.directory, "vipd.log"), errors="replace") as log:
            return log.read()[since:]

    def release(self):
        return self.exec(f"{BUILD}/vipd", "-c", self.config_path, "--release", env=self.testbed.environment)

    def http(self, method, path):
        """Status and body of an answer on the socket."""
        connection = UnixConnection(self.socket_path)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self):
        status, body = self.http("GET", "/v1/status")
        assert status == 200, body
        return json.loads(body)

    def router(self):
        return self.status()["virtual_routers"][0]

    def brief(self):
        """State, health and address in one line, for waiting."""
        r = self.router()
        return r["state"], r["healthy"], r["drained"], r["priority"], self.has_address()

    def vipctl(self, *arguments, check=True):
        return self.exec(f"{BUILD}/vipctl", "-s", self.socket_path, *arguments, check=check, timeout=30,
                         env=self.testbed.environment)

    def group(self):
        """How many servers are here, as this one knows, and how many of them can take over."""
        group = self.router()["group"]
        return group and (group["here"], group["can_take_over"])

    def forget_others(self):
        """Whom it knows of a test before: routers without hello, and servers that are lost, are known until it is told."""
        group = self.router()["group"]
        others = group["without_hello"] + [member["node"] for member in group["members"] if member["presence"] != "here"]
        if others:
            self.vipctl("forget", *others)

    def holdings(self):
        """Who has held an address, and who does, as this server's timeline tells."""
        return json.loads(self.http("GET", "/v1/timeline")[1])["holdings"]

    def told_holders(self):
        """The names of the servers that hold an address now."""
        return {holding["node"] for holding in self.holdings() if not holding["until"]}

    def drain(self, *arguments):
        """As somebody does who has looked at the status first: another server can take over, so that nothing refuses it."""
        def is_safe(router):
            others = [member for member in router["group"]["members"] if not member["self"]]
            return router["state"] != "active" or not others or any(member["can_take_over"] for member in others)
        wait_for("another server can take over", self.router, is_safe)
        return self.vipctl("drain", *arguments)

    def metrics(self):
        return self.exec("curl", "-sS", "--noproxy", "*", "--max-time", "5", "http://[::1]:9752/metrics").stdout

    def metric(self, name, **labels):
        return sample(self.metrics(), name, **labels)
