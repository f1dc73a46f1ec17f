# SPDX-License-Identifier: Apache-2.0
"""A real machine: systemd as process 1 in systemd-nspawn, an overlay of the running Debian, or of another
release, as its disk.

Everything lives in namespaces and on memory that end with the program that made them. A machine that reboots keeps
its disk; one that powers off stays off until boot().
"""

import glob
import json
import os
import signal
import subprocess
import threading
import time

from basics import NAME, PREFIX, VIP, config_text, run, wait_for  # noqa: F401
from servers import NGINX

BASE = "/run/machines"
DEBIAN = os.environ.get("VIPD_TREE", "/")  # what every machine's disk begins with
CGROUP = "/sys/fs/cgroup"
REBOOT = 133  # exit status of systemd-nspawn

NETWORK = """[Match]
Name=host0
[Link]
RequiredForOnline=no
[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
DHCP=no
IPv6DuplicateAddressDetection=0
Address=fe80::{number}/64
Address={prefix}{number}/64
"""

# Stands for the API server. It stops when the machine does, in no order with vipd.
API = """[Unit]
Description=API server of the test
[Service]
ExecStart=/usr/sbin/nginx -p /srv/api -c /srv/api/nginx.conf -e /srv/api/error.log
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
"""


def own_cgroups():
    """A cgroup2 that nspawn can use, whatever the host has, seen by this mount namespace alone; returns ours."""
    run("umount", "-l", CGROUP, check=False)
    run("mount", "-t", "cgroup2", "none", CGROUP)
    remove_cgroups()
    own = f"{CGROUP}/vipd-machines-{os.getpid()}-{time.time_ns()}"
    os.mkdir(own)
    enter_cgroup(own)
    return own


def enter_cgroup(directory):
    with open(f"{directory}/cgroup.procs", "w") as procs:
        procs.write("0")


def remove_cgroups():
    """Those of runs that are over: they outlive the namespaces."""
    for own in glob.glob(f"{CGROUP}/vipd-machines-*"):
        with open(f"{own}/cgroup.events") as events:
            if "populated 1" in events.read():
                continue
        for directory, _, _ in os.walk(own, topdown=False):
            os.rmdir(directory)


class NotHere(Exception):
    """What a row needs is not on this machine."""


class Machine:
    def __init__(self, name, number, priority, tls, cgroups):
        self.name, self.number, self.priority, self.tls = name, number, priority, tls
        self.directory, self.tree = f"{BASE}/{name}", f"{BASE}/{name}/root"
        self.interface = "host0"
        self.cgroup = f"{cgroups}/{name}"  # in one, each would wait for the processes of the others' units
        os.mkdir(self.cgroup)
        self.process = None
        self.wanted = False
        os.makedirs(self.directory)
        run("mount", "-t", "tmpfs", "none", self.directory)
        for part in ("root", "upper", "work"):
            os.mkdir(f"{self.directory}/{part}")
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={DEBIAN},upperdir={self.directory}/upper,workdir={self.directory}/work", self.tree)
        self.furnish()

    # the disk

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.tree + path), exist_ok=True)
        with open(self.tree + path, "w") as out:
            out.write(text)
        os.chmod(self.tree + path, mode)

    def furnish(self):
        run("rm", "-f", f"{self.tree}/usr/sbin/policy-rc.d")  # a machine starts what is installed
        # Of its own, should somebody install packages on the host meanwhile.
        run("sh", "-c", "cp -p status own && mv own status && rm -rf updates && mkdir updates", cwd=f"{self.tree}/var/lib/dpkg")
        self.write("/etc/machine-id", "")
        self.write("/etc/hostname", self.name + "\n")
        for target in ("sysinit", "sockets", "basic", "multi-user", "timers", "network-online"):
            run("rm", "-rf", f"{self.tree}/etc/systemd/system/{target}.target.wants")
        self.write("/etc/systemd/network/10-host0.network", NETWORK.format(number=self.number, prefix=PREFIX))
        run("cp", "-r", self.tls, self.tree + "/srv/tls")
        self.write("/srv/api/nginx.conf", NGINX.format(
            name=self.name, dir="/srv/api", tls="/srv/tls", certificate="server", keepalive="75s",
            not_ready="/srv/api/not-ready"))
        self.write("/etc/systemd/system/api.service", API)
        wants = self.tree + "/etc/systemd/system/multi-user.target.wants"
        os.makedirs(wants)
        for unit in ("/etc/systemd/system/api.service", "/lib/systemd/system/systemd-networkd.service", "/lib/systemd/system/dbus.service"):
            os.symlink(unit, f"{wants}/{os.path.basename(unit)}")

    def config(self):
        return {
            "virtual_routers": [{
                "name": "api", "interface": self.interface, "vrid": 100, "addresses": [VIP], "priority": self.priority,
                "checks": ["apiserver"]}],
            "checks": [{
                "name": "apiserver", "type": "https", "url": "https://[::1]:6443/readyz", "interval": "200ms", "timeout": "1s",
                "ca": "/srv/tls/ca.crt", "cert": "/srv/tls/client.crt", "key": "/srv/tls/client.key"}],
        }

    def configure(self, config=None):
        self.write("/etc/vipd/vipd.conf", config if isinstance(config, str) else config_text(config or self.config()))

    # power

    def boot(self):
        """Returns when systemd answers. A reboot starts it again by itself."""
        self.wanted = True
        started = threading.Event()
        threading.Thread(target=self.run_while_wanted, args=(started,), daemon=True).start()
        started.wait()
        self.wait_running()

    def run_while_wanted(self, started):
        while self.wanted:
            with open(f"{self.directory}/console.log", "ab") as console:
                self.process = subprocess.Popen(
                    ["sh", "-c", f'echo $$ >{self.cgroup}/cgroup.procs && exec "$@"', "sh",
                     "systemd-nspawn", "-b", "-D", self.tree, f"--machine={self.name}", "--register=no", "--keep-unit", "--capability=all",
                     "--network-bridge=br0", "--resolv-conf=off", "--timezone=off", "--console=pipe",
                     "--kill-signal=SIGRTMIN+3", "systemd.unit=multi-user.target"],
                    stdin=subprocess.DEVNULL, stdout=console, stderr=console, env={**os.environ, "SYSTEMD_SECCOMP": "0"})
            started.set()
            if self.process.wait() != REBOOT:
                return

    def wait_running(self):
        wait_for(f"{self.name} is up", lambda: self.run("systemctl", "is-active", "multi-user.target", check=False).stdout.strip(),
                 lambda state: state == "active", 60)

    def wait_off(self):
        wait_for(f"{self.name} is off", lambda: self.process.poll(), lambda status: status is not None, 60)

    def kill(self):
        """A power cut: its process 1 goes, and with it everything inside."""
        self.wanted = False
        if self.process and self.process.poll() is None:
            os.kill(self.init(), signal.SIGKILL)
            self.wait_off()

    # inside

    def init(self):
        """The machine's process 1, as seen from here."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return int(children.read().split()[0])

    def run(self, *command, check=True, timeout=60):
        return run("nsenter", "-t", str(self.init()), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", *command,
                   check=check, timeout=timeout, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"})

    def processes(self, words, inside=True):
        """Ids, inside the machine or as seen from here, of processes whose command line begins with these words and
        whose program has exactly that name."""
        pattern = rf"^(/[^ ]*/)?{words}( |$)"
        if inside:
            return self.run("pgrep", "-f", pattern, check=False).stdout.split()
        space = os.readlink(f"/proc/{self.init()}/ns/pid")
        return [pid for pid in run("pgrep", "-f", pattern, check=False).stdout.split() if os.readlink(f"/proc/{pid}/ns/pid") == space]

    def unit(self, name="vipd.service", key="ActiveState"):
        return self.run("systemctl", "show", "-P", key, name).stdout.strip()

    def state(self, name="api", among="virtual_routers"):
        """Of its virtual router; "" while vipd does not answer."""
        done = self.run("vipctl", "-o", "json", "status", check=False)
        all_of_them = json.loads(done.stdout)[among] if done.stdout else []
        return next((found["state"] for found in all_of_them if found["name"] == name), "")

    def check(self, name):
        return self.state(name, "checks")

    def main_pid(self):
        return int(self.unit(key="MainPID"))

    def has_address(self):
        wanted = "20010db879fb00000000000000000100"
        try:
            with open(f"/proc/{self.init()}/net/if_inet6") as lines:
                return any(line.startswith(wanted) for line in lines)
        except (OSError, IndexError, AttributeError):
            return False

    def journal(self, unit="vipd.service"):
        return self.run("journalctl", "-u", unit, "-o", "cat", "--no-pager", check=False).stdout
