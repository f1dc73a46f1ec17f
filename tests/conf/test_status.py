# SPDX-License-Identifier: Apache-2.0
"""What `vipctl status` makes of the agent's answers: what it shows, and what needs attention."""

import json
import os
import subprocess

import pytest

from terminal import Terminal

from fake_agent import (
    VIP, VIPCTL, address_elsewhere, address_left, address_missing, address_unknown, agent, at, backup, certificate,
    certificate_expired, certificate_without_vip, check_fails, check_not_allowed, check_recovers, conflict, engine_hangs, fault,
    foreign_group, grouped, holder_silent, holder_unknown, kept, kept_by_another, keys_differ, member, not_started, taken_by, unhealthy)


def test_all_is_well(agent):
    done = agent.run("status")
    assert done.returncode == 0 and "this node" in done.stdout and "on eth0" in done.stdout and "!" not in done.stdout
    backup(agent.status)
    done = agent.run("status")
    assert done.returncode == 0 and "fe80::12 (priority 120)" in done.stdout and "!" not in done.stdout


@pytest.mark.parametrize("damage, says", [
    (foreign_group, "VRID TAKEN: fe80::12 advertises VRID 100 with other addresses: NOBODY HOLDS OURS"),
    (keys_differ, "Most likely: adverts were refused (auth_bad_mac): the keys differ"),
    (lambda status: conflict(status, auth_bad_mac=1, auth_stale=744), "Most likely: adverts were refused (auth_stale): the clocks differ"),
    (lambda status: conflict(status, auth_bad_mac=7, unknown_peer=7), "Most likely: adverts were refused (auth_bad_mac): the keys differ"),
    (conflict, "Find that host (a vipd that was killed, a MetalLB or kube-vip speaker"),
    (lambda status: grouped(status, member(2, state="active", state_ms=60000)), "2 servers hold api at once (k8s-node01, k8s-node02)"),
    (engine_hangs, "the engine does not respond (last sign of life 5.2s ago)"),
    (address_missing, "ACTIVE WITHOUT ITS ADDRESS"),
    (address_elsewhere, "ACTIVE WITHOUT ITS ADDRESS"),
    (address_left, "ADDRESS LEFT BEHIND"),
    (address_unknown, "the kernel did not say"),
    (holder_silent, "nobody: fe80::12 silent for 12s"),
    (holder_unknown, "this node hears no holder"),
    (lambda status: unhealthy(status) or backup(status), "api: this node is unhealthy: apiserver: connection refused"),
    (unhealthy, "api: the holder is unhealthy: this node: apiserver: connection refused; no healthy server takes part"),
    (lambda status: kept(status), "api: drained, but no other server took over"),
    (lambda status: taken_by(16)(status), "api: the holder is unhealthy: fe80::12 (priority 16)"),
    (fault, "fault: interface eth0 is down"),
    (not_started, "has not started yet"),
    (check_fails, "check apiserver: failing: HTTP 500"),
    (check_recovers, "check apiserver: recovering: failed 3 times within 10m"),
    (check_not_allowed, "check apiserver: passing, but blind: HTTP status 401"),
    (certificate_without_vip, f"check apiserver: the server's certificate does not name {VIP}"),
    (certificate_without_vip, "tls-san in /etc/rancher/k3s/config.yaml"),
    (certificate_expired, "check apiserver: the server's certificate has expired"),
])
def test_what_needs_attention(agent, damage, says):
    damage(agent.status)
    done = agent.run("status")
    assert done.returncode == 1, done.stdout
    assert any(says in line for line in done.stdout.splitlines() if line.startswith("! ")), done.stdout
    done = agent.run("-o", "json", "status")
    assert done.returncode == 1 and json.loads(done.stdout) == agent.status


def test_the_group(agent):
    grouped(agent.status, member(2), member(3))
    done = agent.run("status")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    begin = lines.index("api: 2 of 3 servers can take over; next: k8s-node02")
    assert [line.split() for line in lines[begin + 1:begin + 4]] == [
        ["NODE", "ADDRESS", "STATE", "PRIO", "HEALTH", "HEARD"],
        ["k8s-node01", "fe80::5054:ff:fe12:3451", "active", "100", "healthy", "this", "node"],
        ["k8s-node02", "fe80::5054:ff:fe12:3452", "backup", "100", "healthy", "0.4s", "ago"]]
    assert max(map(len, lines[begin:])) <= 80
    assert agent.run("check").stdout.startswith("OK: ")


def test_a_holder_that_is_drained(agent):
    """Nobody took over from it. By its priority it is unhealthy, and by what it says it is not."""
    for more, status, check in (({}, "! api: the holder is drained, and no other server takes over: k8s-node02 (priority 1)", (1, "WARNING")),
                                ({"health": "failing"}, "! api: the holder is unhealthy: k8s-node02 (priority 1)", (2, "CRITICAL"))):
        kept_by_another(agent.status, **more)
        assert status in agent.run("status").stdout.replace("\n  ", " "), agent.run("status").stdout
        done = agent.run("check")
        assert (done.returncode, done.stdout.split(":")[0]) == check, done.stdout


@pytest.mark.parametrize("connections, shown", [
    ({"known": 37, "reason": None}, "  37 clients would be told to connect anew\n"),
    ({"known": 1, "reason": None}, "  1 client would be told to connect anew\n"),
    ({"known": 0, "reason": "no client is connected"}, "  no client would be told to connect anew: no client is connected\n"),
])
def test_who_is_connected(agent, connections, shown):
    grouped(agent.status, member(2))
    agent.status["virtual_routers"][0]["connections"] = connections
    assert shown in agent.run("status").stdout


@pytest.mark.parametrize("members, more, shown, warned", [
    ([], {"can_take_over": 0, "following": None}, "UDP port 9752", "no other server has sent a hello"),
    ([member(2, presence="lost", last_seen_ms=72000)], {"can_take_over": 0, "following": None}, "lost    100   -        1m12s ago",
     "lost: k8s-node02"),
    ([member(2, presence="lost")], {}, "whether a firewall drops UDP port 9752", "lost: k8s-node02"),
    ([member(2, presence="lost")], {}, "vipctl forget k8s-node02", "lost: k8s-node02"),
    ([member(2, health="failing", reason="apiserver: HTTP 500")], {"can_take_over": 0}, "k8s-node02: apiserver: HTTP 500",
     "nobody else can take over"),
    ([member(2, drained=True)], {"can_take_over": 0, "following": None}, "0 of 2 servers can take over", "nobody else can take over"),
    ([member(2, version="0.9\033[2J")], {}, "k8s-node02: vipd 0.9?[2J, here ", ": k8s-node02"),
    ([member(2, differs=["auth"], settings={"auth": "enforce", "keys": [1, 7]})], {},
     "k8s-node02: auth is enforce, keys 1, 7, here off; it must be equal", "k8s-node02 has auth = enforce, keys 1, 7, this node off"),
    ([member(2, differs=["addresses"], settings={"addresses": ["192.0.2.100", VIP]})], {},
     f"k8s-node02: addresses is 192.0.2.100, {VIP}, here {VIP}; it must", f"has addresses = 192.0.2.100, {VIP}, this node {VIP}"),
    ([member(2, differs=["advert_interval", "preempt"], settings={"advert_interval_ms": 1000, "preempt": False})], {},
     "k8s-node02: advert_interval is 1000ms, here 100ms", "has advert_interval = 1000ms, this node 100ms; api: k8s-node02 has preempt = false"),
    ([member(2)], {"without_hello": ["fe80::99"]}, "fe80::99 advertises and sends no hello", None),
])
def test_what_is_wrong_with_the_group(agent, members, more, shown, warned):
    grouped(agent.status, *members, **more)
    done = agent.run("status")
    assert done.returncode == 0 and shown in done.stdout, done.stdout
    done = agent.run("check")
    if warned:
        assert done.returncode == 1 and done.stdout.startswith("WARNING: ") and warned in done.stdout, done.stdout
    else:
        assert done.returncode == 0, done.stdout


def test_our_address_in_another_virtual_router(agent):
    grouped(agent.status, member(2))
    agent.status["virtual_routers"][0]["group"]["rivals"] = [
        {"node": "k8s-node03", "address": "fe80::13", "vrid": 100, "family": "ipv4", "claims": VIP}]
    found = f"SPLIT GROUP: k8s-node03 (fe80::13) has {VIP} in VRID 100 of IPv4, here it is in VRID 100 of IPv6"
    assert found in agent.run("status").stdout
    done = agent.run("check")
    assert done.returncode == 2 and found in done.stdout, done.stdout


def test_names_instead_of_addresses(agent):
    backup(agent.status)["active_router"]["node"] = "k8s-node02"
    assert "k8s-node02 (priority 120)" in agent.run("status").stdout
    grouped(agent.status, member(2))  # of this version, or that is all that check says
    assert "by VRRP k8s-node02 (priority 120) is the holder" in agent.run("check").stdout


def test_a_certificate_that_covers_is_no_alarm(agent):
    certificate(agent.status, -10 ** 7)
    assert agent.run("status").returncode == 0


def test_the_moment_of_a_handover_is_no_alarm(agent):
    backup(agent.status).update(since=at(0))
    agent.status["virtual_routers"][0]["addresses"][0]["kernel"] = "present"
    done = agent.run("status")
    assert done.returncode == 0 and "handing over" in done.stdout


def test_a_hung_engine_is_not_believed(agent):
    engine_hangs(agent.status)
    address_missing(agent.status)
    done = agent.run("status")
    assert "active?" in done.stdout and "ACTIVE WITHOUT ITS ADDRESS" not in done.stdout


def test_nothing_speaks_to_the_terminal(agent):
    agent.status["virtual_routers"][0]["name"] = agent.status["checks"][0]["name"] = "\x1b[2J\x07"
    assert not any(c in agent.run("status").stdout for c in "\x1b\x07")


CONFIG = """virtual_routers = ( { interface = "eth0"; vrid = 100; addresses = [ "2001:db8::100" ]; } );
@include "more.conf"
"""


@pytest.fixture
def config(agent, tmp_path):
    """The agent has read it as it is."""
    path = tmp_path / "vipd.conf"
    (tmp_path / "more.conf").write_text("")
    path.write_text(CONFIG)
    text = CONFIG.replace('@include "more.conf"', "\n")  # a line for the include, and one for what ends it
    digest = 0xcbf29ce484222325
    for byte in text.encode():
        digest = (digest ^ byte) * 0x100000001b3 % 2 ** 64
    agent.status["version"] = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    agent.status["config"] = {"path": str(path), "loaded": at(0), "digest": f"{digest:016x}", "last_reload": None}
    return path


def test_a_configuration_as_it_was_read_is_no_alarm(agent, config):
    os.utime(config)  # newer, and the same
    assert agent.run("status").returncode == 0, agent.run("status").stdout
    assert agent.run("check").returncode == 0


@pytest.mark.parametrize("name, text, says", [
    ("vipd.conf", CONFIG.replace("100;", "101;"), "has changed since vipd read it"),
    ("more.conf", 'run_as = "root";\n', "has changed since vipd read it"),
    ("vipd.conf", "virtual_routers = (\n", "vipd would not start with it"),
    ("vipd.conf", None, "vipd.conf: cannot read: No such file or directory"),
    ("more.conf", None, "vipd would not start with it"),
])
def test_a_file_that_is_not_in_force_is_told(agent, config, name, text, says):
    if text is None:
        (config.parent / name).unlink()
    else:
        (config.parent / name).write_text(text)
        os.utime(config.parent / name, (0, 0))  # older, and another one
    done = agent.run("status")
    assert done.returncode == 1 and any(says in line for line in done.stdout.splitlines() if line.startswith("! ")), done
    done = agent.run("check")
    assert done.returncode == 1 and done.stdout.startswith("WARNING: ") and says in done.stdout, done


def test_a_refused_reload_is_told(agent, config):
    agent.status["config"]["last_reload"] = {"successful": False, "at": "2026-11-22T16:00:00.000Z",
                                             "error": "vipd.conf:3: vrid = 1000\nvipd.conf:4: more\n"}
    done = agent.run("status", env={"TZ": "UTC"})
    assert "! the reload of 2026-11-22 16:00:00.000 was refused; what was in force before still is: vipd.conf:3: vrid = 1000\n" in done.stdout
    done = agent.run("check", env={"TZ": "UTC"})
    assert (done.returncode, done.stdout) == (
        1, "WARNING: the last reload was refused on 2026-11-22 16:00:00.000: vipd.conf:3: vrid = 1000\n")


def test_an_engine_that_may_be_late_is_told_and_no_alarm(agent):
    def said():
        done = agent.run("status")
        assert done.returncode == 0
        return [line for line in done.stdout.splitlines() if line.startswith("engine: ")]
    assert not said()
    agent.status["engine"].update(realtime=True, memory_locked=False)
    assert said() == ["engine: memory is not locked: on a busy machine takeovers may be late; the unit needs LimitMEMLOCK=infinity"]
    agent.status["engine"].update(realtime=False)
    assert "no real-time priority, memory is not locked" in said()[0] and "LimitRTPRIO=20 and LimitMEMLOCK" in said()[0]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_rows_do_not_wrap(agent, columns):
    backup(agent.status)["addresses"].append({"address": "2001:db8:1162:79fb:ff00:1234:5678:100", "held": False, "kernel": "absent"})
    agent.status["checks"][0]["last_error"] = "connection refused by [::1]:6443, and more words than a terminal has columns"
    shown = subprocess.run(["script", "-qec", f"stty cols {columns}; {VIPCTL} --no-color -s {agent.path} status", "/dev/null"],
                           capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL).stdout.splitlines()
    tables = [line for line in shown[1:shown.index("", shown.index("") + 3)]]
    assert tables and all(len(line) <= columns for line in tables), shown
    assert any("2001:db8:1162:79fb:ff00:1234:5678:100" in line for line in tables), shown


def test_times_are_local(agent):
    agent.status["version"] = subprocess.run([VIPCTL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    backup(agent.status).update(drained=True, drained_since="2026-11-22T16:00:00.000Z", drained_by=0, drained_until=None)
    done = agent.run("check", env={"TZ": "UTC-2"})
    assert done.stdout.startswith("WARNING: api: drained since 2026-11-22 18:00:00.000: "), done


@pytest.mark.parametrize("width", [40, 80, 200])
def test_rows_never_wrap_and_sentences_do_between_words(agent, width):
    """With names as long as they can be, and texts from outside that are no better."""
    long, check = "n" * 63, "c" * 31
    grouped(agent.status, member(2, node=long, health="failing", reason="check " + "because of this and that " * 4), following=long)
    backup(agent.status)["active_router"]["node"] = long
    agent.status["checks"][0].update(name=check, state="failing", last_error="the server says no, " * 6 + "\x9b2J")
    with Terminal(VIPCTL, "-s", agent.path, "status", width=width, height=80) as terminal:
        text = terminal.shows("ENDED")
        shown = text[:text.index("ENDED")]
        joined = "\n".join(terminal.screen("-J"))
        assert joined.startswith(shown.rstrip("\n")) or width < 80, shown
        assert max(map(len, shown.splitlines())) <= width and "\x9b" not in shown
        for words in ("because of this and that because", "the server says no, the server"):
            assert words in " ".join(shown.split()), shown
        if width == 80:
            assert f"\n{long}  backup  failing\n" in shown and "n~\n" in shown, shown
