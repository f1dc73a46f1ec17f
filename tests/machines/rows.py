# SPDX-License-Identifier: Apache-2.0
"""What is done to the first machine, and what is expected.

planned: nobody may lose a request. moves: another machine must have held the address meanwhile; None: either.
needs: a command that fails on a machine where there is no such thing; the row is left out there.
managed: who manages the interface meanwhile, and before and after the row is measured; None: systemd-networkd.
"""

import contextlib
import json

from basics import PREFIX, run, wait_for
from features import captures, hungry_check, ipv4, late_user, process_check, stopped_control
from networks import ifdown_ifup, ifupdown, network_manager


class Row:
    def __init__(self, name, act, planned=True, moves=None, needs="true", managed=None):
        self.name, self.act, self.planned, self.moves = name, act, planned, moves
        self.needs, self.managed = needs, managed or (lambda m: contextlib.nullcontext())


def systemctl(*words):
    return lambda m: m.run("systemctl", *words)


def reload_bad(m):
    m.configure('virtual_routers = ( { interface = "host0"; vrid = 1000; } );')
    done = m.run("systemctl", "reload", "vipd", check=False)
    assert done.returncode and m.unit() == "active", "a wrong configuration is refused and the old one stays in force"
    m.configure()
    m.run("systemctl", "reload", "vipd")


def reload_good(m):
    config = m.config()
    config["virtual_routers"][0]["kernel_lease"] = "4s"
    m.configure(config)
    m.run("systemctl", "reload", "vipd")
    m.configure()
    m.run("systemctl", "reload", "vipd")


def stop_and_start(m):
    m.run("systemctl", "stop", "vipd")
    assert not m.has_address(), "nothing is left behind"
    m.run("systemctl", "start", "vipd")


def credential(m):
    """The key of adverts is a credential of systemd."""
    config = m.config()
    config["virtual_routers"][0]["auth"] = {"mode": "receive-only", "keys": [{"id": 1, "file": "/run/credentials/vipd.service/advert-key"}]}
    m.write("/root/key", "hex:" + "5a" * 32 + "\n", 0o600)
    m.write("/etc/systemd/system/vipd.service.d/credential.conf", "[Service]\nLoadCredential=advert-key:/root/key\n")
    m.configure(config)
    m.run("systemctl", "daemon-reload")
    m.run("systemctl", "restart", "vipd")
    wait_for("it is Active", m.state, lambda state: state == "active", 30)
    m.run("vipd", "-n")
    m.run("rm", "-r", "/etc/systemd/system/vipd.service.d")
    m.configure()
    m.run("systemctl", "daemon-reload")
    m.run("systemctl", "restart", "vipd")


def late_interface(m):
    """A virtual router whose interface comes after vipd does."""
    config = m.config()
    config["virtual_routers"].append({"name": "late", "interface": "late0", "vrid": 101, "addresses": [PREFIX + "101"]})
    m.configure(config)
    m.run("systemctl", "reload", "vipd")
    wait_for("it waits for its interface", lambda: m.state("late"), lambda state: state == "fault")
    m.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1")
    for interface in ("late0", "late1"):
        m.run("ip", "link", "set", interface, "up")
    wait_for("it is Active there", lambda: m.state("late"), lambda state: state == "active", 30)
    m.configure()
    m.run("systemctl", "reload", "vipd")
    m.run("ip", "link", "del", "late0")


def late_group(m):
    """The group of the socket comes after vipd does, as one from LDAP does. It is looked for every ten seconds."""
    def socket_group():
        return m.run("stat", "-c", "%G", "/run/vipd/vipd.sock").stdout.strip()
    config = m.config()
    config["control"] = {"group": "late"}
    m.configure(config)
    m.run("systemctl", "restart", "vipd")
    assert socket_group() == "root"
    m.run("groupadd", "late")
    wait_for("the socket belongs to it", socket_group, lambda group: group == "late", 60)
    m.configure()
    m.run("systemctl", "restart", "vipd")
    m.run("groupdel", "late")


def soft_reboot(m):
    """systemd starts all of userspace anew, on the same kernel."""
    def vipd():
        return m.run("systemctl", "show", "-P", "MainPID", "vipd", check=False).stdout.strip()
    before = vipd()
    m.run("systemctl", "--no-block", "soft-reboot")
    wait_for("another vipd", vipd, lambda pid: pid not in ("", "0", before), 60)
    m.wait_running()


def kill(words):
    """By SIGKILL; systemd starts it again."""
    def act(m):
        before = m.unit(key="NRestarts")
        pids = [str(m.main_pid())] if words == "main" else m.processes("vipd(-control)?")
        m.run("kill", "-KILL", *pids, check=False)  # who sees that the first has gone may go by himself
        wait_for("systemd starts it again", lambda: m.unit(key="NRestarts"), lambda now: now != before, 60)
    return act


def watchdog(m):
    """The guardian stops: after WatchdogSec= systemd aborts the unit."""
    before = m.unit(key="NRestarts")
    m.run("systemctl", "kill", "-s", "STOP", "--kill-who=main", "vipd")
    wait_for("the watchdog of systemd", lambda: m.unit(key="NRestarts"), lambda now: now != before, 60)


def crash_loop(m):
    for _ in range(3):
        first = wait_for("an engine", lambda: m.processes("vipd -E"), bool, 30)
        m.run("kill", "-KILL", *first)
        wait_for("another engine", lambda old=first: m.processes("vipd -E") not in ([], old), bool, 30)


def start_in_vain(m):
    """It cannot be started for a while; as soon as it can, it is there, on its own."""
    m.run("mv", "/usr/sbin/vipd", "/usr/sbin/vipd.away")
    try:
        before = int(m.unit(key="NRestarts"))
        m.run("systemctl", "kill", "-s", "KILL", "vipd")
        wait_for("some starts in vain", lambda: int(m.unit(key="NRestarts")), lambda now: now >= before + 5, 60)
    finally:
        m.run("mv", "/usr/sbin/vipd.away", "/usr/sbin/vipd")
    if int(m.run("systemctl", "--version").stdout.split()[1]) >= 254:
        assert (m.unit(key="RestartSteps"), m.unit(key="RestartMaxDelayUSec")) == ("3", "4s")
    wait_for("it is Active", m.state, lambda state: state == "active", 30)
    m.run("systemctl", "restart", "vipd")


PROGRAMS = ("/usr/sbin/vipd", "/usr/libexec/vipd/vipd-control")


def replaced_files(m):
    """As in the middle of an upgrade: other files in place, and then a process has to be started again."""
    for path in PROGRAMS:
        m.write(path + ".new", "#!/bin/sh\nexit 1\n", 0o755)
        m.run("cp", "-a", path, path + ".old")
        m.run("mv", path + ".new", path)
    try:
        for words in ("vipd-control", "vipd -E"):
            old = wait_for("it runs", lambda words=words: m.processes(words))
            m.run("kill", "-KILL", *old)
            wait_for("another one", lambda old=old, words=words: m.processes(words) not in ([], old), bool, 30)
        wait_for("it is Active", m.state, lambda state: state == "active", 30)
    finally:
        for path in PROGRAMS:
            m.run("mv", path + ".old", path)


def reboot(m):
    before = m.init()
    m.run("systemctl", "--no-block", "reboot")
    wait_for("the machine goes down and comes back", m.init, lambda pid: pid != before, 60)
    m.wait_running()


def poweroff(m):
    m.run("systemctl", "--no-block", "poweroff")
    m.wait_off()
    m.boot()


def power_cut(m):
    m.kill()
    m.boot()


def upgrade(m):
    """To a package of a later version, and back to this one."""
    later = f"{m.tree}/root/later"
    run("rm", "-rf", later)
    run("dpkg-deb", "-R", f"{m.tree}/root/vipd.deb", later)
    run("sed", "-i", "s/^Version: .*/&+later/", f"{later}/DEBIAN/control")
    run("dpkg-deb", "--root-owner-group", "-b", later, f"{later}.deb")
    for package, words in (("later", []), ("vipd", ["--allow-downgrades"])):
        before = m.main_pid()
        m.run("apt-get", "install", "-y", *words, f"/root/{package}.deb", timeout=300)
        wait_for("it has restarted, and is Active", lambda before=before: (m.main_pid() != before, m.state()), lambda now: now == (True, "active"), 60)


def removed_and_installed(m):
    """Without a purge: what was configured is in force again."""
    m.run("apt-get", "remove", "-y", "vipd", timeout=300)
    assert not m.has_address(), "an address is left"
    m.run("apt-get", "install", "-y", "/root/vipd.deb", timeout=300)
    assert "still drained, because vipd-drain.service was stopped" in m.journal(), "it says why it begins drained"


def networkctl(*words):
    return lambda m: m.run("networkctl", *words)


def network_down_up(m):
    m.run("networkctl", "down", "host0")
    wait_for("the address is gone", lambda: not m.has_address())
    m.run("networkctl", "up", "host0")
    m.run("networkctl", "reconfigure", "host0")


def drain(m):
    wait_for("it is drained, which is refused until another one can take over",
             lambda: m.run("vipctl", "drain", check=False).returncode == 0)
    wait_for("it moved", lambda: not m.has_address())
    m.run("vipctl", "resume")


def drain_unit(m):
    """What moves the address when the machine stops, without that; the drain of a person is older, and lasts."""
    def router():
        return json.loads(m.run("vipctl", "-o", "json", "status").stdout)["virtual_routers"][0]

    def drained():
        return router()["drained"]
    m.run("systemctl", "stop", "vipd-drain")
    assert drained() and not m.has_address(), "it did not move"
    m.run("systemctl", "start", "vipd-drain")
    # A request that is tried only twice can meet two moves.
    wait_for("it is back", router, lambda now: now["state"] == "active" and now["state_ms"] > 1000, 30)
    wait_for("it is drained", lambda: m.run("vipctl", "drain", check=False).returncode == 0)
    m.run("systemctl", "restart", "vipd-drain")
    assert drained() and not m.has_address(), "the drain of a person is over"
    m.run("vipctl", "resume")


ROWS = [
    Row("drain and resume", drain, moves=True),
    Row("vipd-drain.service stopped, started, restarted", drain_unit, moves=True),
    Row("reload, good", reload_good, moves=False),
    Row("reload, refused", reload_bad, moves=False),
    Row("systemctl restart", systemctl("restart", "vipd"), moves=True),
    Row("systemctl stop, start", stop_and_start, moves=True),
    Row("key as a credential", credential, moves=True),
    Row("interface comes late", late_interface, moves=False),
    Row("group comes late", late_group, moves=True),
    Row("user comes late", late_user, moves=True),
    Row("IPv4, announced by ARP", ipv4, moves=True),
    Row("capture files", captures, moves=True),
    Row("check of a process", process_check, moves=True),
    Row("check out of memory", hungry_check, moves=False),
    Row("control stopped: killed", stopped_control),
    Row("upgrade of the package, and back", upgrade, moves=True),
    Row("package removed, installed again", removed_and_installed, moves=True),
    Row("files replaced, engine and control killed", replaced_files, moves=False),
    Row("engine killed three times", crash_loop, moves=True),
    Row("guardian killed", kill("main"), moves=True),
    Row("all killed", kill("all"), planned=False),
    Row("started in vain for a while", start_in_vain, planned=False, moves=True),
    Row("guardian stopped: watchdog", watchdog, moves=True),
    Row("networkctl reload", networkctl("reload"), moves=False),
    Row("networkctl reconfigure", networkctl("reconfigure", "host0")),
    Row("networkctl down, up", network_down_up, planned=False, moves=True),
    Row("systemd-networkd restarted", systemctl("restart", "systemd-networkd"), moves=False),
    Row("NetworkManager restarted", systemctl("restart", "NetworkManager"), moves=False, needs="command -v nmcli", managed=network_manager),
    Row("ifdown, ifup", ifdown_ifup, planned=False, moves=True, needs="command -v ifup", managed=ifupdown),
    Row("reboot without a drain", reboot, moves=True),
    Row("poweroff without a drain", poweroff, moves=True),
    Row("soft-reboot", soft_reboot, moves=True, needs="systemctl --help | grep -q soft-reboot"),
    Row("power cut", power_cut, planned=False, moves=True),
]
