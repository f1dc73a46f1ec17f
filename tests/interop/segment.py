# SPDX-License-Identifier: Apache-2.0
"""Other people's VRRP routers beside vipd, each in a namespace of its own on one switch.

A Segment has two servers with vipd (one with the lowest, one with the greatest link-local address of all, for ties), one with
Debian's keepalived and one with Debian's FRR, and a client. Who takes part is for a test to say; Segment.clear() ends all of
them. What somebody holds is what its kernel says, never what the daemon believes.
"""

import json
import os
import shutil
import signal

import keepalived
from basics import VIP, ip_batch, run, wait_for
from hosts import Host
from node import Node
from testbed import Testbed

VRID = 100
SECOND_VIP = VIP.replace("100", "101")
GROUP_LINK_LOCAL = keepalived.group_link_local(VRID)


class Router(Host):
    """What the routers of all makes have in common. source() is the address that its adverts come from."""

    connected = True
    installed = True
    announces = True  # clients learn of it as soon as it is Active

    def mac(self):
        return f"02:00:00:00:00:{self.number}"

    def is_ipv4(self):
        return ":" not in self.testbed.vip

    def source(self):
        return self.ipv4 if self.is_ipv4() else self.link_local

    def blackhole(self):
        super().blackhole()
        self.connected = False

    def plug(self, bridge="br0"):
        super().plug(bridge)
        self.connected = True

    def holds(self):
        return self.has_address()

    def is_ready(self):
        """Active, and able to say so."""
        return self.holds()

    def log(self, name):
        """The text of a log file, from where the last test ended."""
        path = os.path.join(self.directory, name + ".log")
        with open(path, errors="replace") as text:
            text.seek(self.begin.get(name, 0))
            return text.read()

    def log_mark(self):
        """Logs begin here, as far as log() is concerned."""
        self.begin = {entry[:-4]: os.path.getsize(os.path.join(self.directory, entry))
                      for entry in os.listdir(self.directory) if entry.endswith(".log")}


class Vipd(Router, Node):
    """vipd without checks and without a metrics port: nothing but VRRP."""

    settings = {}

    def config(self):
        router = {"name": "api", "interface": "eth0", "vrid": VRID, "addresses": [*self.testbed.vips], "priority": self.priority,
                  "advert_interval": "100ms", "kernel_lease": "0s", "checks": []}
        return {"node": self.name, "virtual_routers": [{**router, **self.settings}],
                "control": {"socket": self.socket_path, "group": "root", "admin_group": "root"},
                "group": {"interval": "200ms"}, "metrics": {"listen": ""}, "run_as": "root"}

    def begin_with(self, **settings):
        """Starts it with these settings of the virtual router, and waits until it listens."""
        self.settings = settings
        self.write_config()
        self.vipd_start()
        wait_for(f"{self.name} takes part", lambda: self.router()["state"], lambda state: state in ("backup", "active"))

    def change(self, **settings):
        """A reload."""
        self.settings = {**self.settings, **settings}
        self.write_config()
        status, body = self.http("POST", "/v1/reload")
        assert status == 200, body

    def leave(self):
        assert self.vipd_stop() == 0

    def finish(self):
        if self.vipd is not None:
            self.vipd_kill_all()
            self.forget_drains()
            self.addresses_end()

    def events(self):
        """The transitions of this process, oldest first: from, to and code of each."""
        status, body = self.http("GET", "/v1/events")
        assert status == 200, body
        return [(event["from"], event["to"], event["code"]) for event in json.loads(body)["events"] if "to" in event]

    def became(self, state):
        """Why it was last that it went into `state`: the code of the event."""
        return [code for _, to, code in self.events() if to == state][-1]

    def active(self):
        """The address of the Active, as far as vipd knows it."""
        router = self.router()["active_router"]
        return router and router["address"]

    def transitions(self):
        return self.router()["counters"]["transitions"]

    def traffic(self):
        """Adverts sent and heard: the clock of the protocol, as vipd hears it tick."""
        counters = self.router()["counters"]
        return counters["adverts_sent"] + counters["adverts_received"]


class Keepalived(Router):
    """Debian's keepalived. `source` is eth0's link-local or IPv4 address, the MAC is eth0's own."""

    make, installed = keepalived.MAKE, keepalived.installed

    def __init__(self, testbed, name, number):
        super().__init__(testbed, name, number)
        self.daemon = keepalived.Keepalived(self)
        self.learned_interval_ms = self.daemon.learned_interval_ms

    def begin_with(self, priority, interval_ms=100, preempt=True, addresses=None, unicast_to=None, version=3):
        addresses = addresses or ([] if self.is_ipv4() else [GROUP_LINK_LOCAL]) + [self.testbed.vip]
        self.daemon.begin([keepalived.instance(VRID, priority, interval_ms, addresses, preempt, unicast_to, version=version)])

    def leave(self):
        """As systemd stops it; it takes a second to go, the address does not."""
        os.kill(self.daemon.process.pid, signal.SIGTERM)

    def finish(self):
        if self.daemon.process is not None:
            self.daemon.end()
            self.addresses_end()


class Frr(Router):
    """Debian's FRR: zebra all the time, vrrpd for a test. It wants the VIP on a macvlan that carries the virtual MAC, and
    shows that it is Backup by taking that down ("protodown"); its adverts come from the macvlan's link-local address."""

    process = zebra = None
    announces = False  # it does, but while its macvlan is still down
    make = "frr"
    programs = "/usr/lib/frr"

    def __init__(self, testbed, name, number):
        self.installed = os.path.exists(f"{self.programs}/vrrpd")
        super().__init__(testbed, name, number)
        if self.installed:
            self.runtime = f"/run/frr/{name}"
            os.makedirs(self.runtime)
            for path in (os.path.dirname(self.runtime), self.runtime, self.directory):
                shutil.chown(path, "frr", "frr")
            self.zebra = self.daemon("zebra", "log stdout\n")
            wait_for("zebra listens", lambda: os.path.exists(f"{self.runtime}/zserv.api"))

    def daemon(self, name, config):
        path = os.path.join(self.directory, name + ".conf")
        with open(path, "w") as out:
            out.write(config)
        shutil.chown(path, "frr", "frr")
        return self.spawn([f"{self.programs}/{name}", "--pathspace", self.name, "--config_file", path], name)

    @property
    def device(self):
        return f"vrrp{4 if self.is_ipv4() else 6}-{VRID}"

    def mac(self):
        return f"00:00:5e:00:{1 if self.is_ipv4() else 2:02}:{VRID:02x}"

    def source(self):
        return self.ipv4 if self.is_ipv4() else self.link_local[:-1] + "f"

    def begin_with(self, priority, interval_ms=100, preempt=True, addresses=None):
        addresses = addresses or [self.testbed.vip]
        # or eth0 answers for what the macvlan has
        self.exec("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore; echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce")
        given = ([f"addr add {address}/32 dev {self.device}" for address in addresses] if self.is_ipv4() else
                 [f"addr add {address} dev {self.device} nodad" for address in (f"{self.source()}/64", *addresses)])
        ip_batch(self.name, [
            f"link add {self.device} link eth0 type macvlan mode bridge",
            f"link set {self.device} addrgenmode none address {self.mac()} protodown on", *given,
            f"link set {self.device} up"])
        lines = [f" vrrp {VRID} version 3", f" vrrp {VRID} priority {priority}",
                 f" vrrp {VRID} advertisement-interval {interval_ms}", f" {'' if preempt else 'no '}vrrp {VRID} preempt",
                 *(f" vrrp {VRID} {'ip' if self.is_ipv4() else 'ipv6'} {address}" for address in addresses)]
        self.process = self.daemon("vrrpd", "log stdout informational\ndebug vrrp protocol\ninterface eth0\n" + "\n".join(lines) + "\n")
        wait_for("FRR takes part", lambda: (self.show()["status"], self.holds()),
                 lambda seen: seen in (("Backup", False), ("Master", True)))

    def show(self):
        answer = run("vtysh", "--pathspace", self.name, "-d", "vrrpd", "-c", "show vrrp json", check=False)
        return json.loads(answer.stdout)[0]["v4" if self.is_ipv4() else "v6"]  # a ValueError as long as vrrpd does not answer

    def holds(self):
        if self.process is None:
            return False
        [link] = json.loads(run("ip", "-n", self.name, "-json", "link", "show", "dev", self.device).stdout)
        return link["operstate"] == "UP"

    def is_ready(self):
        """vrrpd forgets its address with the macvlan down. Until it is told of it anew it is mute, and loses every tie."""
        if not self.holds():
            return False
        if self.show()["primaryAddress"] == self.source():
            return True
        ip_batch(self.name, [f"addr {verb} {self.source()}/64 dev {self.device} nodad" for verb in ("delete", "add")])
        return False

    def leave(self):
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=15)
        # vrrpd tells zebra to, and has sometimes gone before zebra has heard it
        ip_batch(self.name, [f"link set {self.device} protodown on"])

    def finish(self):
        if self.process is not None:
            self.end(self.process)
            self.process = None
            ip_batch(self.name, [f"link delete {self.device}"])

    def learned_interval_ms(self):
        return self.show()["masterAdverInterval"]


class Segment(Testbed):
    """with Segment() as segment: …"""

    @property
    def vip(self):
        """Its family is that of all that is asked below."""
        return self.vips[0]

    def __init__(self):
        super().__init__(snooping=False)  # a port that comes back hears at once
        self.nodes = [Vipd(self, "low", "11", 150), Vipd(self, "high", "91", 150)]
        self.peers = {peer.make: peer for peer in (Keepalived(self, "ka", "21"), Frr(self, "frr", "31"))}
        self.routers = [*self.nodes, *self.peers.values()]
        self.client = Host(self, "client", "50")

    def holders(self):
        """Who holds the VIP of those that the client can reach."""
        return [router.name for router in self.routers if router.connected and router.holds()]

    def answering_mac(self):
        """The MAC address that the client has for the VIP, after it has sent something there."""
        self.client.exec("bash", "-c", f"echo >/dev/udp/{self.vip}/9", check=False)
        [entry] = json.loads(run("ip", "-n", "client", "-json", "neigh", "show", self.vip).stdout)
        return entry.get("lladdr")

    def wait_holder(self, node, deadline=15.0):
        wait_for(f"{node.name} is Active", node.is_ready, deadline=deadline)
        super().wait_holder(node, deadline)

    def becomes_holder(self, holder, vipd=None):
        """`holder` is the only one, `vipd` has heard of it, and the client reaches it."""
        self.wait_holder(holder)
        if vipd:
            wait_for("vipd knows the Active", vipd.active, lambda address: address == holder.source())
            self.wait_holder(holder)
        if not holder.announces:
            ip_batch("client", [f"neigh flush to {self.vip} dev eth0"])
        wait_for(f"the client reaches {holder.name}", self.answering_mac, lambda mac: mac == holder.mac())

    def settles(self, holder, vipd, stays=3):
        """becomes_holder(), and so it stays while `vipd` counts some adverts more."""
        self.becomes_holder(holder, vipd)
        transitions, begin = vipd.transitions(), vipd.traffic()
        wait_for("adverts go on", vipd.traffic, lambda now: now >= begin + stays)
        assert self.holders() == [holder.name]
        assert vipd.transitions() == transitions, vipd.events()

    def clear(self):
        """Nobody takes part and everybody is connected; logs of before do not count any more."""
        for router in self.routers:
            router.finish()
            if not router.connected:
                router.plug()
            router.log_mark()
        assert self.holders() == []

    def close(self):
        self.clear()
        super().close()
