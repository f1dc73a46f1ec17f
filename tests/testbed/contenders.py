# SPDX-License-Identifier: Apache-2.0
"""vipd and keepalived as faults and measurements see them: the same questions to either, on the same server.

Both get the same interval, priorities, addresses and health check; everything else is their default. An Agent belongs to one
server and one trial.
"""

import contextlib
import dataclasses
import os
import re
import signal
import sys

import keepalived
from basics import BOTH, BUILD, PREFIX, VIP, VIP_IPV4, wait_for

LEASE_S = 3  # vipd's default
FIRST_VRID = 100
FAMILY = os.environ.get("FAMILY") or "6"  # of what is measured: 4 or 6
if FAMILY not in ("4", "6"):
    sys.exit("FAMILY is 4 or 6")
VIPS = {"4": (VIP_IPV4,), "6": (VIP,), "both": BOTH}  # of each family, the first of its addresses


@dataclasses.dataclass(frozen=True)
class Setup:
    """What the servers of a trial are told, whatever runs on them. `settings`: more of vipd's virtual routers."""

    interval_ms: int = 100
    priorities: tuple = (150, 120, 100)
    count: int = 1  # of virtual routers
    each: int = 1  # addresses of each; of both families in turn
    checked: bool = True  # the API server is asked once a second
    settings: dict = dataclasses.field(default_factory=dict)
    check: dict = dataclasses.field(default_factory=dict)  # more of vipd's check; None takes a setting out
    family: str = FAMILY  # or "both"

    @property
    def vips(self):
        """What the clients ask, an address of each family."""
        return VIPS[self.family]

    def address(self, number):
        if number < len(self.vips):
            return self.vips[number]
        return f"198.18.{number >> 8}.{number & 255}" if "." in self.vips[number % len(self.vips)] else f"{PREFIX}f:{number:x}"

    @property
    def lists(self):
        """The addresses of each virtual router; the first has those that the clients ask."""
        each = max(self.each, len(self.vips))
        return [[self.address(router * each + place) for place in range(each)] for router in range(self.count)]

    @property
    def addresses(self):
        return [address for addresses in self.lists for address in addresses]

    @property
    def vrids(self):
        return [FIRST_VRID] if self.count == 1 else list(range(1, self.count + 1))


def results(name):
    """The directory of what is measured."""
    return os.path.join(BUILD, name + ("-ipv4" if FAMILY == "4" else ""))


def members(group):
    """The processes of a process group that have not ended."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as stat:
            state, _, its_group = stat.read().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(pid))
    return found


class Agent:
    """What both have in common. pids() names processes by vipd's roles: guardian, engine, control."""

    def __init__(self, node, setup):
        self.node, self.setup = node, setup
        self.priority = setup.priorities[node.testbed.nodes.index(node)]

    def signal(self, role, number):
        pids = self.pids()
        for pid in pids.values() if role == "all" else [pids[role]]:
            os.kill(pid, number)

    def terminate(self):
        """As systemd stops the service: the main process is told."""
        self.signal("guardian", signal.SIGTERM)

    def held(self):
        """How many of the virtual addresses the kernel has."""
        return self.node.held(self.setup.addresses)

    def settled(self, first):
        """It is what it should be at the start: holder of everything or of nothing."""
        return self.held() == (len(self.setup.addresses) if first else 0)

    def restart_dead(self):
        """What the service manager does when the main process has gone: waits for the rest, starts it again."""
        process = self.process
        if process is not None:
            process.wait(timeout=15)
            wait_for("the children have gone", lambda: not members(process.pid))
        self.end()
        self.start()


class Vipd(Agent):
    make = "vipd"
    state_change = re.compile(r"state change \w+ -> \w+")

    def __init__(self, node, setup, top=None, router=None, log=None, environment=None):
        """top, router: more of the configuration and of its routers; log, a descriptor, and environment: of the first start."""
        super().__init__(node, setup)
        self.top, self.router, self.first = top or {}, router or {}, {"log": log, **(environment or {})}
        self.log_path = os.path.join(node.directory, "vipd.log")

    def config(self):
        config, setup = self.node.config(), self.setup
        [router], [check] = config["virtual_routers"], config["checks"]
        check.update(interval="1s", timeout="3s", **setup.check)
        check = {key: value for key, value in check.items() if value is not None}
        del router["kernel_lease"]
        router.update(priority=self.priority, advert_interval=f"{setup.interval_ms}ms", checks=["apiserver"] if setup.checked else [])
        names = ["api"] if setup.count == 1 else [f"r{vrid}" for vrid in setup.vrids]
        routers = [{**router, "name": name, "vrid": vrid, "addresses": addresses, **setup.settings, **self.router}
                   for name, vrid, addresses in zip(names, setup.vrids, setup.lists)]
        return {**config, "virtual_routers": routers, "checks": [check] if setup.checked else [], **self.top}

    @property
    def process(self):
        return self.node.vipd

    def start(self):
        self.node.write_config(self.config())
        first, self.first = self.first, {}
        self.node.vipd_start(**first)
        if first.get("log"):
            os.close(first["log"])

    def reload(self, config=None):
        """The configuration as it is now, or this one. Whether vipd says that it is in force."""
        self.node.write_config(config or self.config())
        return self.node.vipctl("reload", check=False).returncode == 0

    def pids(self):
        return self.node.vipd_pids()

    def kill_all(self):
        self.node.vipd_kill_all()

    def drain(self):
        self.node.drain()

    def resume(self):
        self.node.vipctl("resume")

    def end(self):
        if self.node.vipd is not None:
            self.node.end(self.node.vipd)
            self.node.vipd = None

    def counted(self):
        """The process that counts, and how many transitions it has counted; None if nothing answers."""
        with contextlib.suppress(OSError, ValueError, AssertionError, AttributeError):
            return self.node.vipd.pid, self.node.router()["counters"]["transitions"]
        return None

    def settled(self, first):
        routers = self.node.status()["virtual_routers"]
        state = "active" if first else "backup"
        return super().settled(first) and all(r["state"] == state and r["healthy"] for r in routers)


class Keepalived(Agent):
    make = "keepalived"
    state_change = re.compile(r"Entering (?:MASTER|BACKUP|FAULT) STATE")

    def __init__(self, node, setup, **_):
        super().__init__(node, setup)
        self.daemon = keepalived.Keepalived(node)
        self.resume = lambda: self.daemon.drain("0")
        self.log_path, self.pids, self.end, self.drain = (
            self.daemon.log_path, self.daemon.pids, self.daemon.end, self.daemon.drain)

    @property
    def process(self):
        return self.daemon.process

    def start(self):
        setup = self.setup
        self.daemon.begin([keepalived.instance(vrid, self.priority, setup.interval_ms,
                                               addresses if "." in addresses[0] else [keepalived.group_link_local(vrid), *addresses],
                                               tracked=setup.checked)
                           for vrid, addresses in zip(setup.vrids, setup.lists)], setup.checked)

    def kill_all(self):
        self.signal("all", signal.SIGSTOP)
        self.signal("all", signal.SIGKILL)
        self.end()

    def counted(self):
        return None


MAKES = {"vipd": Vipd, "keepalived": Keepalived}
