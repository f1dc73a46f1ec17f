# SPDX-License-Identifier: Apache-2.0
"""A host: a network namespace with one port on the switch, addresses as an administrator gives them, and processes."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess

from basics import PREFIX, PREFIX_IPV4, ip_batch, run, wait_for


class Host:
    """A namespace with one port on the switch. `number` is the end of its addresses and its MAC."""

    def __init__(self, testbed, name, number):
        self.testbed, self.name, self.number = testbed, name, number
        self.address = PREFIX + number
        self.link_local = "fe80::" + number
        self.ipv4 = PREFIX_IPV4 + number
        self.port = "p-" + name
        self.directory = os.path.join(testbed.directory, name)
        os.mkdir(self.directory, 0o755)
        self.processes = []
        testbed.hosts.append(self)
        run("ip", "netns", "add", name)
        # Without own link-local addresses, also when the kernel makes the interface's IPv6 anew.
        self.sysctl({"all/forwarding": int(testbed.forwarding and name != "client"), "default/accept_dad": 0, "default/addr_gen_mode": 1})
        ip_batch(name, ["link set lo up"])
        self.interface_create()
        # a process that stays there: /proc/PID/net shows the namespace without starting anything
        self.anchor = self.spawn(["sleep", "infinity"], "anchor")
        there = os.stat(f"/run/netns/{name}").st_ino
        wait_for("the namespace", lambda: os.stat(f"/proc/{self.anchor.pid}/ns/net").st_ino, lambda n: n == there)

    def sysctl(self, settings):
        self.exec("sh", "-c", "\n".join(f"echo {v} > /proc/sys/net/ipv6/conf/{k}" for k, v in settings.items()))

    def inside(self, command):
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def exec(self, *command, **more):
        return run(*self.inside(command), **more)

    def spawn(self, command, log, **more):
        """Starts a process that the testbed ends at the latest when it ends itself. Its process id is the command's own."""
        with open(os.path.join(self.directory, log + ".log"), "ab") as output:
            process = subprocess.Popen(self.inside(command), start_new_session=True, **{
                "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **more})
        self.processes.append(process)
        return process

    def interface_create(self):
        """A cable from eth0 to a port of the switch."""
        run("ip", "-n", "switch", "link", "add", "name", self.port, "type", "veth",
            "peer", "name", "eth0", "address", f"02:00:00:00:00:{self.number}", "netns", self.name)
        self.sysctl({"eth0/accept_dad": 0, "eth0/router_solicitations": 0, "eth0/accept_ra": 0})
        ip_batch(self.name, ["link set eth0 addrgenmode none"])
        self.interface_up()
        ip_batch("switch", [f"link set {self.port} addrgenmode none", f"link set {self.port} master br0 up"])

    def interface_delete(self):
        """eth0 and the port at the other end are gone."""
        ip_batch(self.name, ["link delete eth0"])

    def interface_up(self):
        """Up, with the addresses that an administrator would have configured."""
        ip_batch(self.name, ["link set eth0 up", f"addr replace {self.link_local}/64 dev eth0 nodad scope link",
                             f"addr replace {self.address}/64 dev eth0 nodad", f"addr replace {self.ipv4}/24 dev eth0"])

    def interface_down(self):
        ip_batch(self.name, ["link set eth0 down"])

    def addresses_end(self):
        """Those that an administrator has not given it; a link that goes down keeps those of IPv4."""
        self.interface_down()
        run("ip", "-n", self.name, "-4", "addr", "flush", "dev", "eth0")
        self.interface_up()

    def carrier(self, on):
        ip_batch("switch", [f"link set {self.port} {'up' if on else 'down'}"])

    def blackhole(self):
        """Nothing gets in or out any more, and the interface does not notice: the carrier stays."""
        ip_batch("switch", [f"link set {self.port} nomaster"])

    def plug(self, bridge="br0"):
        ip_batch("switch", [f"link set {self.port} master {bridge} up"])

    def deaf_to(self, group):
        """The switch does not forward this multicast group to the port."""
        return self.testbed.switch_drops(f"oifname {self.port} ip6 daddr {group}")

    def deaf(self):
        """Nothing arrives any more; what it sends does."""
        return self.testbed.switch_drops(f"oifname {self.port}")

    def mute(self):
        """Nothing that it sends arrives; it hears everything."""
        return self.testbed.switch_drops(f"iifname {self.port}")

    def held(self, addresses):
        """How many of these the kernel has."""
        with open(f"/proc/{self.anchor.pid}/net/if_inet6") as lines:
            there = {line.split()[0] for line in lines}
        if not all(":" in address for address in addresses):
            with open(f"/proc/{self.anchor.pid}/net/fib_trie") as lines:
                there.update(re.findall(r"-- (\S+)\n +/32 host LOCAL\n", lines.read()))
        return sum((socket.inet_pton(socket.AF_INET6, address).hex() if ":" in address else address) in there for address in addresses)

    def has_address(self, *addresses):
        """The kernel has all of these; without any, those that the group moves."""
        wanted = addresses or self.testbed.vips
        return self.held(wanted) == len(wanted)

    def has_let_go(self):
        """The kernel has none of them."""
        return self.held(self.testbed.vips) == 0

    def addresses(self):
        """The addresses of eth0 in the words of `ip -json`."""
        links = json.loads(self.exec("ip", "-6", "-json", "addr", "show", "dev", "eth0", check=False).stdout or "[]")
        return [address for link in links for address in link.get("addr_info", [])]

    def logs(self):
        """Name and text of every log."""
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), errors="replace") as log:
                    yield f"{self.name}/{name}", log.read()

    def end(self, process, number=signal.SIGKILL):
        """Signals a process of ours and its group, and waits for it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(timeout=15)
        self.processes.remove(process)

    def close(self):
        """Ends what runs on it; with the namespace its port goes, too."""
        for process in list(self.processes):
            self.end(process)
        run("ip", "netns", "delete", self.name)
        shutil.rmtree(self.directory)
        self.testbed.hosts.remove(self)
