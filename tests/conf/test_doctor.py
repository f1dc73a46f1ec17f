# SPDX-License-Identifier: Apache-2.0
"""What `vipctl doctor` and `check` make of the agent's answers (fake_agent.py), and of none: what they cannot know is never well."""

import json
import os
import shutil
import socket
import struct
import subprocess
import threading

import pytest

from fake_agent import VERSION, VIPCTL, agent, backup, engine_hangs, grouped, member, taken_by, unhealthy

OF_THE_ENGINE = {"router", "holder", "conflict", "group"}


def findings(path, *arguments, vipctl=VIPCTL, **more):
    done = subprocess.run([os.path.abspath(vipctl), "-s", str(path), "-o", "json", "doctor", *map(str, arguments)],
                          capture_output=True, text=True, timeout=60, **more)
    return json.loads(done.stdout)["findings"]


def doctor(path, *arguments):
    return [(finding["check"], finding["sign"]) for finding in findings(path, *arguments)]


def names():
    said = subprocess.run([VIPCTL, "doctor", "nonsense"], capture_output=True, text=True, timeout=60).stderr
    return said.partition("there are: ")[2].partition(";")[0].split()


@pytest.mark.parametrize("name", names())
def test_nothing_is_well_without_agent_and_configuration(tmp_path, name):
    """Nor is it silent."""
    wrong = tmp_path / "vipd.conf"
    wrong.write_text("virtual_routers = 7;\n")
    found = doctor(tmp_path / "none", "-c", wrong, name)
    expected = {"configuration": "failure", "agent": "failure"}.get(name, "unknown")
    assert found and (name == "unit" or all(sign == expected for _, sign in found)), found


@pytest.mark.skipif(os.geteuid() != 0, reason="vipd looks at the machine as root")
@pytest.mark.parametrize("keys, found", [
    ('run_as = "root";', "vipd.conf is right (1 virtual routers, 0 checks)"),
    ('run_as = "no-such-user";', 'run_as = "no-such-user": there is no such user'),
    ('run_as = "root"; control = { socket = "/tmp"; };', 'control.socket = "/tmp": vipd cannot make this socket'),
])
def test_what_vipd_would_not_start_with_is_not_right(tmp_path, keys, found):
    """Whatever a shell would make of the name of the file."""
    (tmp_path / "$(x) 'y' \"").mkdir()
    config = tmp_path / "$(x) 'y' \"" / "vipd.conf"
    config.write_text('virtual_routers = ( { interface = "lo"; vrid = 1; addresses = [ "2001:db8::1" ]; } ); ' + keys)
    said, = findings("/nonexistent", "-c", config, "configuration")
    assert found in said["found"] and said["sign"] == ("fine" if "is right" in found else "failure"), said


@pytest.mark.skipif(os.geteuid() != 0, reason="vipd looks at the machine as root")
@pytest.mark.parametrize("vipd, sign", [
    (None, "unknown"),
    ("exit 1", "unknown"),  # a file system hangs
    ("kill -9 $$", "unknown"),
    ("exit 2", "failure"),
    ("sleep 3.2", "fine"),  # sleep-ok: a slow vipd is under test; other tools have three seconds
])
def test_what_could_not_be_tried_is_not_right(tmp_path, vipd, sign):
    shutil.copy(VIPCTL, tmp_path / "vipctl")
    if vipd:
        (tmp_path / "vipd").write_text(f"#!/bin/sh\n{vipd}\n")
        (tmp_path / "vipd").chmod(0o755)
    (tmp_path / "vipd.conf").write_text(BARE)
    said, = findings("/nonexistent", "-c", tmp_path / "vipd.conf", "configuration", vipctl=tmp_path / "vipctl")
    assert said["sign"] == sign and ("could not be run" in said["found"]) == (sign == "unknown"), said


BARE = """virtual_routers = ( { name = "six"; interface = "lo"; vrid = 1; addresses = [ "2001:db8::1" ]; },
                    { name = "four"; interface = "nosuch0"; vrid = 2; addresses = [ "192.0.2.1" ]; } );
"""


@pytest.mark.parametrize("name, subjects", [("api", [None]), ("arp", ["six", "four"]), ("route", ["six", "four"]), ("publishing", [None])])
def test_a_finder_that_does_not_apply_says_so(tmp_path, agent, name, subjects):
    (tmp_path / "vipd.conf").write_text(BARE)
    found = findings(agent.path, "--bird", "/nonexistent", "-c", tmp_path / "vipd.conf", name)
    assert [(finding["sign"], finding["subject"]) for finding in found] == [("unknown", subject) for subject in subjects], found
    assert all(finding["found"] for finding in found)


def test_what_a_silent_engine_said_is_not_believed(agent):
    agent.status["version"] = VERSION
    grouped(agent.status, member(2))
    names = sorted(OF_THE_ENGINE | {"agent", "health"})
    assert {sign for _, sign in doctor(agent.path, *names)} == {"fine"}
    engine_hangs(agent.status)
    assert set(doctor(agent.path, *names)) == {("agent", "failure"), ("health", "fine"), *((name, "unknown") for name in OF_THE_ENGINE)}
    done = agent.run("check")
    assert done.returncode == 2 and done.stdout.startswith("CRITICAL: the engine of vipd does not respond") and done.stdout.count(";") == 0, done


@pytest.mark.parametrize("priority, code, says", [
    (120, 0, "OK: api: by VRRP fe80::12 (priority 120) is the holder"),
    (32, 0, "OK: "),
    (31, 1, "WARNING: api: by VRRP fe80::12 (priority 31) is the holder, which answers, but is not trusted yet"),
    (17, 1, "WARNING: "),
    (16, 2, "CRITICAL: api: by VRRP fe80::12 (priority 16) is the holder, which is unhealthy or drained"),
    (1, 2, "CRITICAL: "),
])
def test_check_status_and_doctor_agree_on_the_holder(agent, priority, code, says):
    agent.status["version"] = VERSION
    taken_by(priority)(agent.status)
    done = agent.run("check")
    assert done.returncode == code and done.stdout.startswith(says), done
    assert agent.run("status").returncode == bool(code)
    assert doctor(agent.path, "holder") == [("holder", ["fine", "warning", "failure"][code])]


@pytest.mark.parametrize("health, code, says", [
    ("failing", 2, "by VRRP this node is the holder, which is unhealthy; no healthy server takes part"),
    ("recovering", 1, "by VRRP this node is the holder, which answers, but is not trusted yet"),
])
def test_an_unhealthy_holder_is_not_well_here_either(agent, health, code, says):
    """And what is said of its own router agrees."""
    agent.status["version"] = VERSION
    unhealthy(agent.status)
    agent.status["virtual_routers"][0].update(health=health)
    agent.status["checks"][0].update(state="failing", health=health)
    found, = findings(agent.path, "holder")
    assert found["found"].startswith(says), found
    sign = ["fine", "warning", "failure"][code]
    assert doctor(agent.path, "router", "holder", "health") == [("router", sign), ("holder", sign), ("health", sign)]
    assert agent.run("check").returncode == code


def test_a_backup_that_recovers_is_not_called_unhealthy(agent):
    backup(agent.status).update(healthy=False, health="recovering", health_reason="apiserver: answered once")
    assert "api: this node is recovering: apiserver: answered once" in agent.run("status").stdout
    assert doctor(agent.path, "router") == [("router", "warning")]


ROUTER = '{ name = "api"; interface = "eth0"; vrid = 100; addresses = [ "2001:db8::100" ]; checks = [ "web" ];%s }'
CONFIG = """@include "conf.d/*.conf"
virtual_routers = ( %s );
checks = ( { name = "web"; type = "https"; url = "https://[::1]:6443/readyz"; ca = "~/ca"; cert = "~/cert"; key = "~/key"; } );
publish = ( { router = "api"; type = "dns"; server = "[::1]:53"; zone = "k8s.lab"; name = "api"; port = 6443; key = "~/tsig"; },
            { router = "api"; type = "endpointslice"; url = "https://[::1]:6443"; namespace = "default"; service = "api"; port = 6443; ca = "~/ca2"; token = "~/token"; } );
""" % (ROUTER % ' auth = { mode = "enforce"; active_key = 1; keys = ( { id = 1; file = "~/advert"; } ); };')
FILES = {"vipd.conf": 0o644, "conf.d": 0o755, "conf.d/more.conf": 0o644, "ca": 0o644, "cert": 0o644, "key": 0o640, "tsig": 0o640, "ca2": 0o644, "token": 0o600,
         "advert": 0o600}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "conf.d").mkdir()
    for name, mode in FILES.items():
        if name != "conf.d":
            (tmp_path / name).write_text(CONFIG.replace("~", str(tmp_path)) if name == "vipd.conf" else "")
        (tmp_path / name).chmod(mode)
    return tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root")
def test_secrets_that_only_root_can_read(files):
    done = subprocess.run([VIPCTL, "-s", "/nonexistent", "doctor", "-c", files / "vipd.conf", "secrets"], capture_output=True, text=True, timeout=60)
    assert "only root can change the configuration (files: 2), and nobody who must not can read or change the keys, tokens and certificates that it names (7)" in done.stdout, done


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root")
@pytest.mark.parametrize("name", FILES)
def test_what_others_may_read_or_change(files, name):
    (files / name).chmod(0o666 if name != "conf.d" else 0o777)
    assert doctor("/nonexistent", "-c", files / "vipd.conf", "secrets") == [("secrets", "failure")]


def keys_in_a_directory_of_all(files):
    (files / "keys").mkdir()
    (files / "keys").chmod(0o777)
    (files / "tsig").rename(files / "keys/tsig")
    (files / "tsig").symlink_to("keys/tsig")


def configuration_below_a_directory_of_all(files):
    """Which root's own directory in it does not mend."""
    (files / "all/own").mkdir(parents=True)
    (files / "all").chmod(0o777)
    (files / "conf.d").rename(files / "all/own/conf.d")
    (files / "conf.d").symlink_to(files / "all/own/conf.d")


def configuration_linked_into_a_directory_of_all(files):
    (files / "all").mkdir()
    (files / "all").chmod(0o777)
    (files / "conf.d/more.conf").rename(files / "all/more.conf")
    (files / "conf.d/more.conf").symlink_to("../all/more.conf")


def key_linked_by_a_long_text(files):
    keys_in_a_directory_of_all(files)
    (files / "tsig").unlink()
    (files / "tsig").symlink_to("./" * 200 + "keys/tsig")


def key_behind_many_links(files):
    """Each of which goes once around: the way to it is walked once, not once more for every link."""
    (files / "a").symlink_to(".")
    (files / "tsig").rename(files / "real")
    (files / "tsig").symlink_to("a/" * 30 + "real")


def key_in_a_home(files):
    keys_in_a_directory_of_all(files)
    (files / "keys").chmod(0o755)
    os.chown(files / "keys", 1000, 1000)


def of_group(gid, mode):
    return lambda files: os.chown(files / "tsig", 0, gid) or (files / "tsig").chmod(mode)


USERS, NOGROUP = 100, 65534
DAEMON = 1  # in the place of bind: a user and a group with this name


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root")
@pytest.mark.parametrize("change, found", [
    (lambda files: os.chown(files / "tsig", 1000, 0), "tsig belongs to uid 1000, who can change it"),
    (lambda files: os.chown(files / "ca", 1000, 0), "ca belongs to uid 1000, who can change it"),
    (lambda files: os.chown(files / "key", 0, 1000) or (files / "key").chmod(0o660), "key has mode 0660 and gid 1000: others can read or change it"),
    (keys_in_a_directory_of_all, "keys has mode 0777: others can change it"),
    (configuration_below_a_directory_of_all, "all has mode 0777: others can change it"),
    (configuration_linked_into_a_directory_of_all, "all has mode 0777: others can change it"),
    (lambda files: files.chmod(0o777), " has mode 0777: others can change it"),
    (key_linked_by_a_long_text, "keys has mode 0777: others can change it"),
    (key_behind_many_links, None),
    (key_in_a_home, "keys belongs to uid 1000, who can change it"),
    (of_group(USERS, 0o640), "tsig has mode 0640 and gid 100: others can read or change it"),
    (of_group(USERS, 0o660), "tsig has mode 0660 and gid 100: others can read or change it"),
    (of_group(NOGROUP, 0o640), "tsig has mode 0640 and gid 65534: others can read or change it"),
    (lambda files: os.chown(files / "ca", 0, USERS) or (files / "ca").chmod(0o664), "ca has mode 0664 and gid 100: others can change it"),
    (lambda files: os.chown(files / "ca", 0, USERS), None),
    (of_group(DAEMON, 0o640), None),
    (lambda files: os.chown(files / "tsig", DAEMON, DAEMON) or (files / "tsig").chmod(0o660), None),
])
def test_who_may_replace_them(files, change, found):
    """And says it once, however many files it is about."""
    change(files)
    said, = findings("/nonexistent", "-c", "vipd.conf", "secrets", cwd=files)
    assert (said["sign"], said["found"].endswith(found or "7)")) == ("failure" if found else "fine", True), said


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root")
@pytest.mark.parametrize("change, advice", [
    (key_in_a_home, "move what vipd reads below DIR/keys to /etc/vipd"),  # which is not to be root's
    (keys_in_a_directory_of_all, "chmod go-w DIR/keys"),
    (lambda files: os.chown(files / "tsig", 1000, 0), "chown root DIR/tsig"),
    (of_group(USERS, 0o640), "chmod go= DIR/tsig"),
    (of_group(DAEMON, 0o644), "chmod g-w,o= DIR/tsig"),
])
def test_what_to_do_about_them(files, change, advice):
    change(files)
    said, = findings("/nonexistent", "-c", files / "vipd.conf", "secrets")
    assert said["advice"] == advice.replace("DIR", str(files)), said


@pytest.mark.skipif(os.geteuid() != 0, reason="files of root")
@pytest.mark.parametrize("name", [name for name in FILES if "conf" not in name])
def test_a_file_that_is_not_there(files, name):
    (files / name).unlink()
    assert doctor("/nonexistent", "-c", files / "vipd.conf", "secrets") == [("secrets", "failure")]


@pytest.fixture
def resolver():
    """Has the records that are set; returns its address and port, and them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve():
            while True:
                query, client = server.recvfrom(512)
                if not query:
                    return
                question = query[12:query.index(0, 12) + 5]
                family = {1: socket.AF_INET, 28: socket.AF_INET6}[question[-3]]
                records = [socket.inet_pton(family, record) for record in answers if (":" in record) == (family == socket.AF_INET6)]
                server.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + question
                              + b"".join(b"\xc0\x0c" + question[-4:] + struct.pack("!IH", 0, len(record)) + record for record in records), client)
        answers = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "127.0.0.1:%d" % server.getsockname()[1], answers
        server.sendto(b"", server.getsockname())
        thread.join()


IPV4, IPV6, OTHER = "192.0.2.1", "2001:db8::1", "192.0.2.9"
BOTH = [IPV4, IPV6]


@pytest.mark.parametrize("routers, records, sign, says", [
    ([[IPV4]], [], "failure", "no A record"),
    ([[IPV6]], [], "failure", "no AAAA record"),
    ([BOTH], [], "failure", "no AAAA or A record"),
    ([BOTH], [*BOTH, OTHER], "failure", f"leads also to {OTHER}"),
    ([BOTH], BOTH, "fine", f"leads to {IPV6}, {IPV4} and nowhere else"),
    ([BOTH], [IPV4], "warning", f"leads to {IPV4}, and not to {IPV6}: no AAAA record"),
    ([BOTH], [IPV6], "warning", f"leads to {IPV6}, and not to {IPV4}: no A record"),
    ([[IPV4], [IPV6]], [IPV6], "fine", f"leads to {IPV6} and nowhere else"),  # names of their own
    ([[IPV6, "2001:db8::2"]], [IPV6], "fine", f"leads to {IPV6} and nowhere else"),
    ([BOTH, ["192.0.2.2", "2001:db8::2"]], [*BOTH, "2001:db8::2"], "warning", "and not to 192.0.2.2: no A record"),
])
def test_a_name_needs_records_of_the_families_that_there_are(tmp_path, resolver, routers, records, sign, says):
    config = tmp_path / "vipd.conf"
    config.write_text("virtual_routers = ( %s );" % ", ".join(
        '{ interface = "lo"; vrid = %d; addresses = %s; }' % (i + 1, json.dumps(addresses)) for i, addresses in enumerate(routers)))
    resolver[1].extend(records)
    found, = findings("/nonexistent", "-c", config, "--name", "k8s.lab", "--resolver", resolver[0], "name")
    assert found["sign"] == sign and says in found["found"], found
    assert OTHER not in records or found["advice"].startswith("leave only the AAAA or A record of"), found


NODE_IP = "node-ip: 2001:db8::9\n"


@pytest.mark.parametrize("text, sign, says", [
    ('tls-san: "foo,2001:DB8:0::1"\n' + NODE_IP, "fine", "tls-san has the virtual address"),
    ("tls-san: [foo, 2001:db8::1]\r\n" + NODE_IP, "fine", "tls-san has the virtual address"),
    ("tls-san: 2001:db8::1/128\n" + NODE_IP, "failure", "tls-san does not have 2001:db8::1"),
    ("tls-san: {a: 2001:db8::1}\n" + NODE_IP, "failure", "tls-san does not have 2001:db8::1"),
    ("# tls-san: 2001:db8::1\n", "failure", "tls-san does not have 2001:db8::1"),
    ("tls-san: [2001:db8::1\n", "failure", "is not YAML"),
    ("", "failure", "tls-san does not have 2001:db8::1"),
    (os.mkfifo, "failure", "is not YAML"),
    (os.mkdir, "failure", "is not YAML"),
])
def test_the_configuration_of_k3s(tmp_path, text, sign, says):
    """A pipe in its place is not waited for."""
    (tmp_path / "vipd.conf").write_text('virtual_routers = ( { interface = "lo"; vrid = 1; addresses = [ "2001:db8::1" ]; } );')
    if callable(text):
        text(tmp_path / "config.yaml")
    else:
        (tmp_path / "config.yaml").write_text(text, newline="")
    found = findings("/nonexistent", "-c", tmp_path / "vipd.conf", "--k3s-config", tmp_path / "config.yaml", "k3s")
    assert found[0]["sign"] == sign and says in found[0]["found"], found
