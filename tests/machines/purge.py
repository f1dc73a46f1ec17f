# SPDX-License-Identifier: Apache-2.0
"""`apt purge vipd`: everything that the package brought and vipd wrote is gone, and nothing else."""

import json
import os
import stat

from basics import wait_for

KEPT = {"/etc/vipd", "/etc/vipd/vipd.conf"}  # the administrator's


def traces(machine):
    """Every path with its name that was written since the machine was made: programs, units and where they are enabled, man
    pages, completion, state of packages."""
    upper = f"{machine.directory}/upper"
    found = set(machine.run("find", "/run", "-name", "*vipd*").stdout.split())
    for directory, names, more in os.walk(upper):
        for path in (os.path.join(directory, name) for name in names + more if "vipd" in name):
            if not stat.S_ISCHR(os.lstat(path).st_mode):  # that is what an overlay makes of a file that was removed
                found.add(path.removeprefix(upper))
    return {path for path in found if not path.startswith("/root/")}


def apt_purge(machine):
    machine.run("apt-get", "purge", "-y", "vipd", timeout=300)


def purge(machine):
    """The user stays, as in all packages of Debian: files may be his."""
    brought = machine.run("dpkg", "-L", "vipd").stdout.split()
    apt_purge(machine)
    assert not machine.has_address(), "an address is left"
    left = traces(machine) - KEPT
    assert not left, f"left behind: {sorted(left)}"
    left = [path for path in brought if not machine.run("test", "-d", path, check=False).returncode == 0 and
            machine.run("test", "-e", path, check=False).returncode == 0]
    assert not left, f"left behind: {left}"
    units = machine.run("systemctl", "list-unit-files", "--no-legend", "vipd*", check=False).stdout
    assert not units, f"still there: {units}"
    assert " vipd: " not in machine.run("journalctl", "--list-catalog", "--no-pager").stdout, "its catalog is left"
    assert machine.run("cat", "/etc/vipd/vipd.conf").stdout, "the administrator's configuration stays"


def purge_beside_a_pod(machine):
    """The server has gone from the unit to the static pod, and vipd-drain.service was forgotten: the pod goes on."""
    machine.run("cp", "/usr/bin/vipctl", "/root/vipctl")
    machine.run("systemctl", "disable", "--now", "vipd")
    machine.run("systemctl", "start", "vipd-drain")
    machine.run("systemd-run", "--unit=pod", "/usr/sbin/vipd", "-c", "/etc/vipd/vipd.conf")
    wait_for("it takes part", machine.state, lambda state: state in ("active", "backup"), 30)
    apt_purge(machine)
    status = json.loads(machine.run("/root/vipctl", "-o", "json", "status", check=False).stdout or "{}")
    assert status and not status["virtual_routers"][0]["drained"], f"the pod is disturbed: {status}"
    machine.run("systemctl", "stop", "pod")
