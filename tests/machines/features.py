# SPDX-License-Identifier: Apache-2.0
"""What vipd can do, tried under its unit, which forbids much: rows of machines."""

import contextlib
import os
import time

from basics import BUILD, run, wait_for
from machine import NotHere

VIP_IPV4 = "192.0.2.100"


@contextlib.contextmanager
def configured(m, **more):
    """vipd with more in its configuration, which only a start reads; then as it was."""
    config = m.config()
    config["checks"] += more.pop("checks", [])
    config["virtual_routers"] += more.pop("virtual_routers", [])
    m.configure({**config, **more})
    m.run("systemctl", "restart", "vipd")
    try:
        yield
    finally:
        m.configure()
        m.run("systemctl", "restart", "vipd")


def ipv4(m):
    """Announced by ARP: the client, which asks nobody, learns who has it."""
    def known():
        return run("ip", "-n", "client", "neigh", "show", VIP_IPV4).stdout
    run("ip", "-n", "client", "addr", "replace", "192.0.2.50/24", "dev", "eth0")
    run("nsenter", "--net=/run/netns/client", "sysctl", "-qw", "net.ipv4.conf.eth0.arp_accept=1")
    run("ip", "-4", "-n", "client", "neigh", "flush", "all")
    m.run("ip", "addr", "add", "192.0.2.11/24", "dev", m.interface)
    more = [{"name": "four", "interface": m.interface, "vrid": 104, "addresses": [VIP_IPV4]}]
    with configured(m, virtual_routers=more):
        wait_for("it is Active", lambda: m.state("four"), lambda state: state == "active", 30)
        wait_for("the client knows it", known, lambda text: "lladdr" in text)
        assert "socket for ARP" not in m.journal(), "vipd had none"
    m.run("ip", "addr", "del", "192.0.2.11/24", "dev", m.interface)


def captures(m):
    """In a directory that does not exist yet."""
    def files():
        return m.run("ls", "/var/log/vipd/captures", check=False).stdout
    with configured(m, record_dir="/var/log/vipd/captures"):
        wait_for("a capture", files, lambda names: "-api-active.pcapng" in names, 30)


def process_check(m):
    """Of somebody else's process."""
    with configured(m, checks=[{"name": "nginx", "type": "process", "process": "nginx", "interval": "200ms"}]):
        wait_for("it is seen", lambda: m.check("nginx"), lambda state: state == "passing", 30)


def stopped_control(m):
    """The guardian ends who hangs, whose user is another."""
    [old] = m.processes("vipd-control")
    m.run("kill", "-STOP", old)
    wait_for("another one", lambda: m.processes("vipd-control"), lambda now: now not in ([], [old]), 30)


HUNGRY = """#!/bin/sh
rm /run/hungry/now 2>/dev/null && tail /dev/zero
exit 0
"""


def hungry_check(m):
    """A check takes all the memory there is, once: the kernel ends that command and nobody else."""
    limit = f"/run/machines/memory/vipd-machines-{time.time_ns()}"
    try:
        os.makedirs("/run/machines/memory", exist_ok=True)
        run("mount", "-t", "cgroup", "-o", "memory", "none", "/run/machines/memory")
        os.mkdir(limit)
    except (RuntimeError, OSError):
        raise NotHere("the kernel's memory controller is not of version 1") from None
    m.write("/usr/local/bin/hungry", HUNGRY, 0o755)
    m.run("install", "-d", "-o", "vipd", "/run/hungry")
    more = [{"name": "hungry", "type": "exec", "command": ["/usr/local/bin/hungry"], "interval": "500ms", "timeout": "10s"}]
    m.configure({**m.config(), "checks": m.config()["checks"] + more})
    try:
        m.run("systemctl", "reload", "vipd")
        control = m.processes("vipd-control", inside=False)
        before = {role: m.processes(role) for role in ("vipd", "vipd -E", "vipd -K", "vipd-control")}
        with open(f"{limit}/memory.limit_in_bytes", "w") as out:
            out.write(str(96 << 20))
        with open(f"{limit}/cgroup.procs", "w") as out:
            out.write(control[0])
        m.run("touch", "/run/hungry/now")
        wait_for("the kernel ends it", lambda: open(f"{limit}/memory.oom_control").read(), lambda text: "oom_kill 1" in text, 30)
        wait_for("it passes again", lambda: m.check("hungry"), lambda state: state == "passing", 30)
        assert before == {role: m.processes(role) for role in before}, "who else ended?"
    finally:
        m.configure()
        m.run("systemctl", "reload", "vipd")
        for pid in m.processes("vipd-control", inside=False):
            with open("/run/machines/memory/cgroup.procs", "w") as out:
                out.write(pid)
        wait_for("it can go", lambda: os.rmdir(limit) is None)  # when the last command in it has ended
        run("umount", "/run/machines/memory")


def late_user(m):
    """run_as is known to a directory service alone, which comes after vipd."""
    library = f"{BUILD}/machines/libnss_late.so.2"
    os.makedirs(os.path.dirname(library), exist_ok=True)
    run("cc", "-shared", "-fPIC", "-Wl,-soname,libnss_late.so.2", "-o", library,
        os.path.join(os.path.dirname(__file__), "nss_late.c"))
    place = m.run("sh", "-c", "dirname /lib/*/libc.so.6").stdout.strip()
    run("cp", library, f"{m.tree}{place}/")
    m.run("sed", "-i.old", "s/^passwd:.*/passwd: files late/", "/etc/nsswitch.conf")
    m.configure({**m.config(), "run_as": "late"})
    m.run("systemctl", "--no-block", "restart", "vipd")
    wait_for("it says why it does not start", m.journal, lambda text: "the name service does not answer" in text, 30)
    m.run("touch", "/run/late")
    wait_for("it is Active", m.state, lambda state: state == "active", 30)
    assert m.run("ps", "-o", "uid=", *m.processes("vipd -E")).stdout.strip() == "61234"
    m.configure()
    m.run("systemctl", "restart", "vipd")
    m.run("mv", "/etc/nsswitch.conf.old", "/etc/nsswitch.conf")
