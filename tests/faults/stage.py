"""Three servers that can run vipd or keepalived, the client, and what a fault needs of them.

Both makes get the same machines, the same interval, the same priorities and the same client. vipd runs as it would beside
k3s: with the check of the API server at its default interval and with the default lease. keepalived runs with its defaults
and `vrrp_version 3`.
"""

import contextlib
import os
import signal
import time

from keys import auth, make_key
from lab import Lab, Node, Probe, run, wait_for
from peers import Keepalived

LEASE_S = 3


def members(group):
    """The processes of a process group that have not ended."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
            state, _, its_group = stat.read().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(pid))
    return found


class Server(Keepalived, Node):
    """A server on which either make can run. `runs` says which did last."""

    def __init__(self, lab, name, number, priority):
        self.runs, self.settings, self.top = "vipd", {}, {}
        super().__init__(lab, name, number, priority)
        self.log_mark()

    @property
    def log_path(self):
        return os.path.join(self.directory, self.runs + ".log")

    @property
    def small_disk(self):
        return os.path.join(self.directory, "full")

    def config(self):
        config = super().config()
        config["checks"][0].update(interval="1s", timeout="3s")
        router = {**config["virtual_routers"][0], "kernel_lease": f"{LEASE_S}s", **self.settings}
        return {**config, "virtual_routers": [router], **self.top}

    def launch(self, make, settings, log=None, environment=None):
        """Starts this make. Of `settings` of the virtual router keepalived takes the interval and the priority."""
        self.runs, self.settings = make, settings
        if make == "vipd":
            self.write_config()
            self.vipd_start(log, **(environment or {}))
        else:
            self.log_mark()
            interval_ms = int(settings.get("advert_interval", "100ms").removesuffix("ms"))
            self.begin_with(settings.get("priority", self.priority), interval_ms)

    def finish(self):
        """Nothing runs and nothing is left, whatever a fault has done."""
        if self.vipd is not None:
            self.end(self.vipd)
            self.vipd = None
        with open(f"/proc/{self.anchor.pid}/net/dev") as interfaces:
            if "eth0" not in interfaces.read():
                self.interface_create()
        super().finish()
        self.interface_down()  # takes with it what was left
        self.interface_up()

    def pids(self):
        """Process ids by role. keepalived's parent does a guardian's work and its child an engine's."""
        if self.runs == "vipd":
            return self.vipd_pids()
        if self.process is None or self.process.poll() is not None:
            return {}
        pids = {"guardian": self.process.pid}
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            pids.update({"engine": int(pid) for pid in children.read().split()})
        return pids

    def signal(self, role, number):
        pids = self.pids()
        for pid in pids.values() if role == "all" else [pids[role]]:
            os.kill(pid, number)

    def kill_all(self):
        if self.runs == "vipd":
            self.vipd_kill_all()
        else:
            self.signal("all", signal.SIGSTOP)
            self.signal("all", signal.SIGKILL)
            self.end(self.process)
            self.process = None

    def restart_dead(self):
        """What the service manager does when the main process has gone: waits for the rest, starts it again."""
        if self.runs == "vipd":
            if self.vipd is not None:
                self.vipd.wait(timeout=15)
                wait_for("the children have gone", lambda: not members(self.vipd.pid))
                self.end(self.vipd)
                self.vipd = None
        elif self.process is not None:
            wait_for("the children have gone", lambda: not members(self.process.pid))
            self.end(self.process)
        self.launch(self.runs, self.settings)

    def counted(self):
        """The process that counts, and how many transitions it has counted; None if nothing answers."""
        if self.runs != "vipd" or self.vipd is None:
            return None
        with contextlib.suppress(OSError, ValueError, AssertionError):
            return self.vipd.pid, self.router()["counters"]["transitions"]
        return None

    def settled(self):
        """Takes part and is what it should be at the start."""
        first = self is self.lab.nodes[0]
        if self.runs == "vipd":
            router = self.router()
            return router["state"] == ("active" if first else "backup") and router["healthy"] and self.has_address() == first
        return self.has_address() == first


class Stage(Lab):
    """with Stage() as stage: …"""

    node_class = Server

    def __init__(self):
        super().__init__(check_interval="1s")
        self.client_probe = self.look = self.running = None

    def open(self):
        for node in self.nodes:
            node.api_start()
        for node in self.nodes:
            wait_for(f"the API server of {node.name}", node.api_answers, lambda answer: answer == "ok")

    def begin(self, make, row):
        """The first holds the address and serves the client; everybody as new, if this row wants it."""
        if self.running == (make, row.name) and not row.fresh:
            self.settle()
            return
        self.running = make, row.name
        self.clear()
        for i, node in enumerate(self.nodes):
            settings = {"priority": row.priorities[i], "advert_interval": f"{row.interval_ms}ms", **row.settings}
            if row.auth:
                settings["auth"] = auth("enforce", 1, {1: make_key(self, 1)[0] if i == 0 else self.keys_path})
            more = row.prepare(self, node, make) if row.prepare else {}
            node.launch(make, settings, **more)
        self.client_probe = self.client_probe or Probe(self.client, request_ms=20)
        self.settle()

    @property
    def keys_path(self):
        return os.path.join(self.directory, "keys", "1")

    def clear(self):
        for node in self.nodes:
            node.finish()
            node.plug()
            if os.path.ismount(node.small_disk):
                run("umount", "--lazy", node.small_disk)
            node.top = {}

    def settle(self, deadline=20.0):
        """The first is the only holder and serves the client, and goes on doing so for a moment."""
        one = self.nodes[0]
        for node in self.nodes:
            wait_for(f"{node.name} is what it was", node.settled, deadline=deadline)
        self.wait_holder(one, deadline)
        self.served_by(one)
        self.watch(0.3)
        assert self.holders() == [one.name], f"the holders are {self.holders()}"

    def served_by(self, node):
        wait_for(f"the client is served by {node.name}", self.client_probe.answered_by, lambda name: name == node.name)

    def held_by(self, node, deadline=15.0):
        wait_for(f"{node.name} holds the address", node.has_address, deadline=deadline)

    def watch(self, seconds):
        """Time that has to pass, because what is looked for may come late."""
        time.sleep(seconds)  # sleep-ok: shows that nothing happens for so long, and for that there is nothing to wait for

    def close(self):
        self.clear()
        super().close()


