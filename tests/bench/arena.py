"""The same three servers for vipd and for keepalived, one at a time, each with all that it can do.

vipd: the check of the API server over HTTPS at its default interval, the kernel lease at its default. keepalived: a script
that asks the same question with curl, every second (its shortest interval) and believed at once; and a track file, by which
it is drained without being stopped.
"""

import os
import shutil
import signal
import socket
import time

from lab import PREFIX, VIP, Probe, run, wait_for
from peers import GROUP_LINK_LOCAL
from stage import Server, Stage

FIRST_VRID = 100
PROBE_PRIORITY = 60


def vips(count):
    return [VIP] if count == 1 else [f"{PREFIX}f:{number:x}" for number in range(1, count + 1)]


def vrids(count):
    return [FIRST_VRID] if count == 1 else list(range(1, count + 1))


def window_ms(interval_ms, priority):
    """Active_Down_Interval, RFC 9568 section 6.1."""
    return 3 * interval_ms + (256 - priority) / 256 * interval_ms


class Contender(Server):
    """A server; `interval_ms` and `count` of virtual routers are what the trial wants."""

    interval_ms, count, checked = 100, 1, True

    @property
    def keepalived_path(self):
        return os.path.join(self.directory, "keepalived.conf")

    def config(self):
        config = super().config()
        [router] = config["virtual_routers"]
        router.pop("kernel_lease", None)
        routers = [{**router, "name": f"r{vrid}", "vrid": vrid, "addresses": [vip],
                    "advert_interval": f"{self.interval_ms}ms", "checks": router["checks"] if self.checked else []}
                   for vrid, vip in zip(vrids(self.count), vips(self.count))]
        return {**config, "virtual_routers": routers, "checks": config["checks"] if self.checked else []}

    @property
    def drain_file(self):
        return os.path.join(self.directory, "drain")

    def write_keepalived(self):
        ask = os.path.join(self.directory, "ask")
        with open(ask, "w") as out:
            out.write("#!/bin/sh\nexec " + " ".join(self.lab.curl("https://[::1]:6443/readyz")) + " -f -o /dev/null\n")
        os.chmod(ask, 0o755)
        track = "  track_script {\n    apiserver\n  }\n  track_file {\n    drain\n  }\n" if self.checked else ""
        with open(self.keepalived_path, "w") as out:
            out.write(KEEPALIVED_GLOBAL.format(name=self.name, ask=ask, drain=self.drain_file))
            for vrid, vip in zip(vrids(self.count), vips(self.count)):
                link_local = GROUP_LINK_LOCAL if self.count == 1 else f"fe80::200:5eff:fe00:2{vrid:02x}"
                out.write(KEEPALIVED_ROUTER.format(vrid=vrid, priority=self.priority, interval=self.interval_ms / 1000,
                                                   link_local=link_local, vip=vip, track=track))

    def drained(self, value):
        with open(self.drain_file, "w") as out:
            out.write(value + "\n")

    def launch(self, make, *_, **__):
        self.runs = make
        if make == "vipd":
            self.write_config()
            self.vipd_start()
            return
        self.log_mark()
        self.drained("0")
        self.write_keepalived()
        pids = [f"--{which}={self.directory}/{which}" for which in ("pid", "vrrp_pid")]
        self.process = self.spawn(["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
                                   f"--use-file={self.keepalived_path}", *pids], "keepalived",
                                  env={**os.environ, "TMPDIR": self.directory})
        wait_for("keepalived takes part", lambda: self.log("keepalived"), lambda log: "Startup complete" in log)

    def drain(self):
        if self.runs == "vipd":
            self.vipctl("drain")
        else:
            self.drained("1")

    def terminate(self):
        """As systemd stops the service: the main process is told."""
        os.kill(self.pids()["guardian"], signal.SIGTERM)

    def held(self):
        """How many of the virtual addresses its kernel has."""
        with open(f"/proc/{self.anchor.pid}/net/if_inet6") as lines:
            there = {line.split()[0] for line in lines}
        return sum(socket.inet_pton(socket.AF_INET6, vip).hex() in there for vip in vips(self.count))


class Arena(Stage):
    """with Arena() as arena: … A trial begins with begin()."""

    node_class = Contender
    probed = None

    def begin_trial(self, make, interval_ms, count=1, servers=3, probe="kernel", checked=True, deadline=30.0):
        """A new group of this make, whose first server holds every address, and nobody else any.

        probe: whose answers the client counts: of the kernel that has the address ("kernel"), of the API server ("api"), or
        nobody's.
        """
        self.clear()
        for node in self.nodes:
            node.interval_ms, node.count, node.checked = interval_ms, count, checked
            if node.api is None:
                node.api_start()
                wait_for(f"the API server of {node.name}", node.api_answers, lambda answer: answer == "ok")
        self.taking_part = self.nodes[:servers]
        for node in self.taking_part:
            node.launch(make)
        self.set_probe(probe)
        wait_for("the first server holds everything", lambda: [node.held() for node in self.taking_part],
                 lambda held: held == [count] + [0] * (servers - 1), deadline)
        if probe:
            self.served_by(self.nodes[0])
        self.watch(0.5 + 2 * interval_ms / 1000)
        held = [node.held() for node in self.taking_part]
        if held != [count] + [0] * (servers - 1):
            raise AssertionError(f"the group is not calm: {held} of {count} addresses held")

    def set_probe(self, probe):
        if probe == self.probed:
            return
        if self.client_probe:
            self.client_probe.close()
            self.client_probe = None
        if probe:
            self.client_probe = Probe(self.client, connect_us=200, request_ms=50, closed=probe == "kernel")
            self.client_probe.ask("peek")  # its threads run
            make_punctual(self.client_probe.process.pid)
        self.probed = probe


def make_punctual(pid):
    """The thread that connects is above everybody: what it is late itself would look like an outage."""
    connects = sorted(map(int, os.listdir(f"/proc/{pid}/task")))[1]
    os.sched_setscheduler(connects, os.SCHED_FIFO, os.sched_param(PROBE_PRIORITY))


def clocks():
    """CLOCK_REALTIME minus CLOCK_MONOTONIC, in ns: captures tell the one, the probe the other."""
    best = None
    for _ in range(20):
        before, wall, after = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.time_ns(), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if best is None or after - before < best[0]:
            best = after - before, wall - (before + after) // 2
    return best[1]


def open_arena():
    if not shutil.which("keepalived") or not shutil.which("tcpdump"):
        raise SystemExit("bench: keepalived and tcpdump are needed: apt-get install keepalived tcpdump")
    # a keepalived of a trial writes its own files; nothing of the host's is read
    run("mount", "-t", "tmpfs", "tmpfs", "/etc/keepalived", check=False)
    return Arena()


KEEPALIVED_GLOBAL = """global_defs {{
  router_id {name}
  vrrp_version 3
  enable_script_security
  script_user root
}}
vrrp_script apiserver {{
  script "{ask}"
  interval 1
  timeout 3
  fall 1
  rise 2
  weight -100
}}
track_file drain {{
  file "{drain}"
  weight -100
  init_file 0
}}
"""
KEEPALIVED_ROUTER = """vrrp_instance r{vrid} {{
  state BACKUP
  interface eth0
  virtual_router_id {vrid}
  priority {priority}
  advert_int {interval:g}
  virtual_ipaddress {{
    {link_local}/64 dev eth0
    {vip}/128 dev eth0
  }}
{track}}}
"""
