# SPDX-License-Identifier: Apache-2.0
"""Checks: what they notice, how fast, and what they put up with."""

import ctypes
import os
import pathlib
import shutil
import signal
import time

import pytest

from testbed import VIP, adverts_pass, sample, transitions, wait_for

ONCE = {"interval": "1h", "timeout": "2s", "fall": 5, "rise": 1}  # whatever happens in the test is not by the interval
HTTP = {"url": "http://[::1]:8080/", "type": "http", "ca": None, "cert": None, "key": None}


def asked_again(node, before):
    """The check has asked once more than `before`."""
    return wait_for("another probe", node.probes, lambda now: sum(now.values()) > sum(before.values()))


def watching(node, check=None, **more):
    """`node` with a check that asks by itself once an hour, and has asked once since."""
    before = node.probes()
    node.reconfigure({**ONCE, **(check or {}), "url": f"https://[{node.address}]:6443/readyz"}, **more)
    asked_again(node, before)
    return node.probes()


def test_tripwire(lab, nodes, probe):
    watching(nodes[0])
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[1].name)
    check = nodes[0].check()
    assert (check["state"], check["last_error"]) == ("failing", "connection refused")


def test_a_server_that_closes_idle_connections(lab, nodes):
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="1s")
    lab.wait_holder(nodes[0])
    before = transitions(nodes)
    probes = watching(nodes[0])
    for _ in range(3):  # asked again only because the connection was closed
        probes = asked_again(nodes[0], probes)
    assert probes["failure"] == nodes[0].probes()["failure"] and nodes[0].check()["state"] == "passing"
    assert transitions(nodes) == before and lab.holders() == [nodes[0].name]


def test_every_kept_connection_has_ended_when_it_is_needed(lab, nodes):
    """More of them in a row than libcurl puts up with."""
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="50ms")
    lab.wait_holder(nodes[0])
    nodes[0].reconfigure({"interval": "150ms"})
    before = nodes[0].probes()
    after = wait_for("twenty probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 20)
    assert after["failure"] == before["failure"]


def test_a_server_that_closes_every_connection(lab, nodes):
    """No tripwire then, and no loop: one probe an interval."""
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(keepalive="0")
    lab.wait_holder(nodes[0])
    before, begin = nodes[0].probes(), time.monotonic()
    end = wait_for("ten probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 10)
    took = time.monotonic() - begin
    assert end["failure"] == before["failure"]
    assert end["success"] - before["success"] <= 3 + took / 0.2, "more than its interval of 200 ms allows"


def connections(node):
    """The local ports of connections to the API server."""
    lines = node.exec("ss", "-Htn", "state", "established", "dport", "=", ":6443").stdout.splitlines()
    return {line.split()[2].rpartition(":")[2] for line in lines}


def test_many_probes_on_one_connection(nodes):
    """Four a second cost no handshake. As the check `apiserver` of conf/vipd.conf."""
    nodes[0].reconfigure({"interval": "250ms", "timeout": "500ms", "fall": 2})
    asked_again(nodes[0], nodes[0].probes())
    before, kept = nodes[0].probes(), connections(nodes[0])
    wait_for("eight probes", nodes[0].probes, lambda now: now["success"] >= before["success"] + 8)
    assert connections(nodes[0]) == kept and len(kept) == 1


def test_stopped_server_with_a_long_interval(lab, nodes):
    """A stopped process closes nothing: `fall` timeouts it is, not one less."""
    nodes[0].reconfigure({"interval": "300ms", "timeout": "300ms", "fall": 4})
    before = nodes[0].probes()["failure"]
    nodes[0].api_signal(signal.SIGSTOP)

    def look():
        page = nodes[0].metrics()  # one page: what it says belongs together
        return sample(page, "vipd_check_results_total", result="failure") - before, sample(page, "vipd_check_up")
    seen = {}
    wait_for("the check fails", lambda: seen.setdefault(*look()), lambda up: up == 0)
    assert all(up for failures, up in seen.items() if failures < 4), seen
    lab.wait_holder(nodes[1])
    assert nodes[0].check()["last_error"] == "timeout after 300ms"


def fails(node, index, *words):
    """The check fails and says so in these words; the node is demoted, and its reason names the check."""
    check = wait_for("the check fails", lambda: node.check(index), lambda c: c["state"] == "failing")
    for word in words:
        assert word in check["last_error"], check["last_error"]
    reason = wait_for("the node is unhealthy", lambda: node.router()["health_reason"])
    assert reason.startswith(check["name"] + ": "), reason


def passes(node, index):
    wait_for("the check passes", lambda: node.check(index), lambda c: c["state"] == "passing")


def test_file_for_maintenance(lab, nodes):
    flag = os.path.join(nodes[0].directory, "maintenance")
    nodes[0].reconfigure(more={"name": "flag", "type": "file", "path": flag, "exists": False})
    passes(nodes[0], 1)
    open(flag, "w").close()
    lab.wait_holder(nodes[1])
    fails(nodes[0], 1, flag, "exists")
    os.unlink(flag)
    lab.wait_holder(nodes[0])


def test_weight_and_any(lab, nodes):
    """A failing check with a weight moves the address and makes nobody unhealthy; of two checks one is enough."""
    flags = [os.path.join(nodes[0].directory, f"flag{i}") for i in range(3)]
    config = nodes[0].config()
    config["checks"] += [{"name": f"flag{i}", "type": "file", "path": flag, "exists": False, "interval": "100ms", "rise": 1, "fall": 1,
                          "flap_count": 0} for i, flag in enumerate(flags)]
    config["virtual_routers"][0]["checks"] = ["apiserver", {"name": "flag0", "weight": -60}, {"any": ["flag1", "flag2"]}]
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")
    passes(nodes[0], 3)

    def flag(i, there):
        open(flags[i], "w").close() if there else os.unlink(flags[i])
        wait_for("it is noticed", lambda: nodes[0].check(1 + i)["state"], lambda s: s == ("failing" if there else "passing"))
    flag(1, True)
    flag(0, True)
    lab.wait_holder(nodes[1])
    router = nodes[0].router()
    assert (router["healthy"], router["effective_priority"], router["lowered"]) == (True, 90, 60)
    assert router["lowered_reason"].startswith("flag0: ") and router["health_reason"] is None
    assert "90 (of 150)" in nodes[0].vipctl("status", check=False).stdout
    flag(0, False)
    lab.wait_holder(nodes[0])
    flag(2, True)
    lab.wait_holder(nodes[1])
    assert nodes[0].router()["health"] == "failing" and nodes[0].router()["health_reason"].startswith("flag1: ")
    flag(1, False)
    lab.wait_holder(nodes[0])
    os.unlink(flags[2])


def test_file_with_content(nodes):
    flag = os.path.join(nodes[0].directory, "role")
    nodes[0].reconfigure(more={"name": "role", "type": "file", "path": flag, "content": "server"})
    fails(nodes[0], 1, "does not exist")
    for content, state in (("agent\n", "failing"), ("server\n", "passing"), ("server2", "failing"), ("server", "passing")):
        with open(flag, "w") as out:
            out.write(content)
        wait_for(f"it says {content}", lambda: nodes[0].check(1)["state"], lambda seen, state=state: seen == state)
    os.unlink(flag)
    os.mkdir(flag)
    fails(nodes[0], 1, "it is not a regular file")
    os.rmdir(flag)


@pytest.fixture
def hung_directory(nodes):
    """A file system whose server never answers, as of NFS when it is away: FUSE without a daemon."""
    path = os.path.join(nodes[0].directory, "hung")
    os.mkdir(path)
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"hung", path.encode(), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
    yield path
    os.close(server)  # whoever waits is told
    libc.umount2(path.encode(), 2)
    os.rmdir(path)


def test_file_system_that_hangs(lab, nodes, hung_directory):
    before = transitions(nodes)
    flag = {"name": "flag", "type": "file", "exists": False}
    nodes[0].reconfigure(more={**flag, "timeout": "300ms", "path": hung_directory + "/maintenance"})
    fails(nodes[0], 1, "timeout after 300ms", "file system of " + hung_directory)
    lab.wait_holder(nodes[1])
    asked_again(nodes[0], nodes[0].probes())  # nobody else waits for it
    assert nodes[0].check()["state"] == "passing"
    nodes[0].reconfigure()
    lab.wait_holder(nodes[0])
    assert transitions(nodes)[0] == before[0] + 2


def test_tcp_with_tripwire(lab, nodes):
    nodes[0].reconfigure(check={**ONCE, **HTTP, "body": "hello from " + nodes[0].name},
                         more={"name": "port", "type": "tcp", "address": "127.0.0.1:8080", **ONCE})
    for i in (0, 1):
        wait_for("asked and passing", lambda: nodes[0].check(i), lambda c: c["state"] == "passing" and c["last_ms"])
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    for i in (0, 1):
        wait_for("refused", lambda: nodes[0].check(i)["last_error"], lambda text: text == "connection refused")


def test_http_body(lab, nodes):
    nodes[0].reconfigure(check={**HTTP, "body": "hello from somebody"})
    lab.wait_holder(nodes[1])
    fails(nodes[0], 0, 'does not contain "hello from somebody": hello from ' + nodes[0].name)


def test_http_body_without_end(nodes):
    """It is an answer, and is not read to its end."""
    path = os.path.join(nodes[0].directory, "endless")
    with open(path, "w") as out:
        out.write("hello from the beginning")
        out.truncate(1 << 40)
    nodes[0].reconfigure(check={**HTTP, "url": HTTP["url"] + "endless", "body": "from the beginning"})
    before = nodes[0].probes()
    after = wait_for("asked three times", nodes[0].probes, lambda now: now["success"] >= before["success"] + 3)
    assert after["failure"] == before["failure"] and nodes[0].check()["state"] == "passing"
    os.unlink(path)


def test_server_name(lab, nodes):
    nodes[0].reconfigure(check={"server_name": "k8s-api.example"})
    lab.wait_holder(nodes[1])
    fails(nodes[0], 0, "TLS: ", "k8s-api.example")


def test_not_ready_names_the_gate(lab, nodes):
    open(nodes[0].not_ready, "w").close()
    lab.wait_holder(nodes[1])
    fails(nodes[0], 0, "HTTP status 500", "[-]etcd failed: reason withheld")
    assert "[-]etcd failed" in nodes[0].vipctl("status", check=False).stdout


def processes(word):
    """Processes with `word` in their command line, and zombies."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as line, open(f"/proc/{pid}/stat") as stat:
                zombie = stat.read().rpartition(")")[2].split()[0] == "Z"
                if zombie or word in line.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


@pytest.mark.parametrize("script, words", [
    ("sleep 31536 & sleep 31536", ["timeout after 300ms, killed"]),  # sleep-ok: a command under test
    ("trap '' TERM; sleep 31536 & exit 3", ["exit status 3"]),  # sleep-ok: a command under test
    ("setsid sleep 31536 & setsid sh -c 'setsid sleep 31536 & sleep 31536' & sleep 0.1; exit 3", ["exit status 3"]),  # sleep-ok: a command under test
    ("setsid setsid sleep 31536 & sleep 31536", ["timeout after 300ms, killed"]),  # sleep-ok: a command under test
    ("exec yes 31536", ["printed more than 1 MiB, killed"]),
    ("echo out of disk >&2; kill -SEGV $$", ["ended by signal 11", "out of disk"]),
    ("exec 31536-no-such-program", ["exit status 127", "not found"]),
])
def test_commands_that_misbehave(lab, nodes, script, words):
    nodes[0].reconfigure(more={"name": "script", "type": "exec", "timeout": "300ms", "command": ["/bin/sh", "-c", script]})
    fails(nodes[0], 1, *words)
    before = nodes[0].metric("vipd_check_results_total", check="script", result="failure")
    wait_for("it runs again", lambda: nodes[0].metric("vipd_check_results_total", check="script", result="failure"),
             lambda now: now >= before + 3)
    nodes[0].reconfigure()
    lab.wait_holder(nodes[0])
    wait_for("nothing is left of it", lambda: processes("31536"), lambda left: not left)


def test_command_that_passes(lab, nodes):
    seen = os.path.join(nodes[0].directory, "environment")
    nodes[0].reconfigure(more={"name": "script", "type": "exec", "command": ["/bin/sh", "-c", 'env >"$1"; ls -l /proc/self/fd >>"$1"', "sh", seen]})
    passes(nodes[0], 1)
    assert lab.holders() == [nodes[0].name]
    with open(seen) as file:
        text = file.read()
    assert "VIPD_CHECK=script\n" in text and "SANITIZ" not in text
    assert "socket:" not in text and "memfd" not in text, text


@pytest.fixture
def service(nodes):
    """A process of a name that nobody else has, started by itself() as often as wanted."""
    program = os.path.join(nodes[0].directory, "vipd-lab-balancer")  # longer than what the kernel keeps of a name
    shutil.copy("/bin/sleep", program)
    started = []

    def start():
        started.append(nodes[0].spawn([program, "31538"], "balancer"))
        wait_for("it runs", lambda: os.readlink(f"/proc/{started[-1].pid}/exe") == program)
        return started[-1]
    yield start
    for process in started:
        if process.poll() is None:
            nodes[0].end(process)


def unprivileged(node, check, **more):
    """vipd with run_as = "nobody" and only this check, which asks by itself once an hour."""
    config = node.config()
    config["run_as"] = "nobody"
    config["checks"] = [{**ONCE, "flap_count": 0, "name": "balancer", "type": "process", **check}]
    config["virtual_routers"][0]["checks"] = ["balancer"]
    node.vipd_stop()
    node.write_config(config)
    node.vipd_start(**more)


def test_process_that_may_not_be_seen(nodes, service):
    """As with ProtectProc=invisible: that is said, and not that it is dead."""
    service()
    hide = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    unprivileged(nodes[0], {"process": "vipd-lab-balancer"}, wrap=("unshare", "--mount", "sh", "-c", hide, "sh"))
    fails(nodes[0], 0, "cannot see the processes of other users", "ProtectProc=")


def test_process_by_name(lab, nodes, service):
    """Its death is noticed at once, whatever the interval; while another one is left nothing happens."""
    first, second = service(), service()
    unprivileged(nodes[0], {"process": "vipd-lab-balancer"})
    lab.wait_holder(nodes[0])
    before = transitions(nodes)
    nodes[0].end(first)
    wait_for("it looks again", lambda: nodes[0].metric("vipd_check_results_total", result="success"), lambda n: n >= 2)
    assert transitions(nodes) == before
    nodes[0].end(second)
    lab.wait_holder(nodes[1])
    fails(nodes[0], 0, "no process named vipd-lab-balancer is running")
    assert (nodes[0].check()["type"], nodes[0].check()["target"]) == ("process", "vipd-lab-balancer")


def test_process_of_a_pid_file(lab, nodes, service):
    path = os.path.join(nodes[0].directory, "balancer.pid")

    def says(text):
        with open(path + ".new", "w") as out:
            out.write(text)
        os.rename(path + ".new", path)
    process = service()
    says(f"{process.pid}\n")
    unprivileged(nodes[0], {"pid_file": path, "process": "vipd-lab-balancer", "interval": "200ms", "fall": 1})
    lab.wait_holder(nodes[0])
    for text, words in ((f"{nodes[0].vipd.pid}\n", "is not named vipd-lab-balancer: the file is stale"),
                        ("none\n", 'does not begin with a process id, but with "none"')):
        says(text)
        fails(nodes[0], 0, words)
        says(f"{process.pid} and more\n")
        passes(nodes[0], 0)
    os.unlink(path)
    fails(nodes[0], 0, "No such file or directory")
    says(f"{process.pid}\n")
    lab.wait_holder(nodes[0])
    nodes[0].end(process)
    lab.wait_holder(nodes[1])
    fails(nodes[0], 0, f"the process {process.pid} of {path} is not running")


def test_kubernetes(lab, nodes):
    """Nothing but the type: what it needs is found, also when it comes after the start, and two questions are asked."""
    var = os.path.join(nodes[0].directory, "var")
    tls = var + "/rancher/rke2/server/tls"
    shutil.rmtree(var, ignore_errors=True)
    os.makedirs(tls)
    config = nodes[0].config()
    config["checks"] = [{"name": "apiserver", "type": "kubernetes", "timeout": "2s", "flap_count": 0,
                         "ready": {"interval": "200ms", "fall": 1}}]
    nodes[0].vipd_stop()
    nodes[0].write_config(config)
    nodes[0].vipd_start(wrap=("unshare", "--mount", "sh", "-c", f'mount --bind {var} /var/lib && exec "$@"', "sh"))
    lab.wait_holder(nodes[1])
    fails(nodes[0], 0, "no API server of k3s, RKE2, kubeadm or k0s was found")
    for name, file in (("client-kube-proxy.crt", "client.crt"), ("client-kube-proxy.key", "client.key"), ("server-ca.crt", "ca.crt")):
        shutil.copy(f"{lab.tls}/{file}", f"{tls}/{name}")
    lab.wait_holder(nodes[0])
    first, second = nodes[0].status()["checks"]
    assert (first["distribution"], first["name"], second["name"]) == ("rke2", "apiserver", "apiserver-etcd")
    assert (first["target"], second["target"]) == ("https://localhost:6443/readyz?exclude=etcd&exclude=etcd-readiness",
                                                   "https://localhost:6443/readyz?exclude=etcd")
    assert "apiserver (rke2)" in nodes[0].vipctl("status").stdout and first["certificate"]["covers"] == [VIP]
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    for i in (0, 1):
        wait_for("refused", lambda: nodes[0].check(i)["last_error"], lambda text: text == "connection refused")
    nodes[0].vipd_stop()  # before its /var goes


def test_certificate(lab, nodes):
    certificate = nodes[0].check()["certificate"]
    assert (certificate["covers"], certificate["missing"]) == ([VIP], []) and certificate["expires"]
    assert nodes[0].metric("vipd_check_certificate_covers_address", address=VIP) == 1
    assert nodes[0].metric("vipd_check_certificate_expiry_timestamp_seconds", check="apiserver") > time.time()
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start(certificate="server-without-vip")
    lab.wait_holder(nodes[0])  # by the address of this node it is alive and well
    certificate = wait_for("it is seen", lambda: nodes[0].check()["certificate"], lambda c: c["missing"] == [VIP])
    assert certificate["covers"] == []
    assert nodes[0].metric("vipd_check_certificate_covers_address", address=VIP) == 0
    status = nodes[0].vipctl("status", check=False)
    assert status.returncode == 1 and f"does not name {VIP}" in status.stdout
    log = dict(nodes[0].logs())[f"{nodes[0].name}/vipd.log"]
    assert f"the server's certificate does not name {VIP} of api" in log and "the server's certificate expires at" in log


def test_not_allowed_to_ask(lab, nodes):
    nodes[0].reconfigure(check={"cert": None, "key": None})
    check = wait_for("flagged", nodes[0].check, lambda c: c["unauthorized"])
    assert check["state"] == "passing" and "401" in check["last_error"] and "client certificate" in check["last_error"]
    assert nodes[0].metric("vipd_check_unauthorized", check="apiserver") == 1
    assert "passing, but blind" in nodes[0].vipctl("status", check=False).stdout
    assert lab.holders() == [nodes[0].name] and nodes[0].router()["healthy"]
    nodes[0].reconfigure()
    wait_for("allowed again", nodes[0].check, lambda c: not c["unauthorized"])


def test_403_of_a_server_that_starts(lab, nodes):
    """It has answered before, so this is no question of permission: it is not ready."""
    forbidden = nodes[0].not_ready + "-403"
    open(forbidden, "w").close()
    try:
        fails(nodes[0], 0, "HTTP status 403")
        lab.wait_holder(nodes[1])
        assert not nodes[0].check()["unauthorized"]
    finally:
        os.unlink(forbidden)
    lab.wait_holder(nodes[0])


def test_a_penalty_loses_to_nobody_who_does_not_answer(lab, nodes):
    """The API servers of both backups were restarted, and have to prove themselves for an hour; then the holder's dies."""
    for node in nodes:
        node.reconfigure({"flap_count": 1, "flap_delay": "1h"})
    for node in nodes[1:]:
        node.api_kill()
        wait_for("it fails", node.router, lambda r: r["health"] == "failing")
        node.api_start()
        router = wait_for("it recovers", node.router, lambda r: r["health"] == "recovering")
        assert 17 <= router["effective_priority"] <= 31 and not router["healthy"]
        assert "apiserver: recovering: failed 1 times within 10m" in router["health_reason"]
        assert (node.check()["state"], node.check()["health"]) == ("failing", "recovering")
        assert node.metric("vipd_check_recovering", check="apiserver") == 1
    assert lab.holders() == [nodes[0].name]
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start()  # of the same grade now, and no reason to move it back
    wait_for("it recovers", nodes[0].router, lambda r: r["health"] == "recovering")
    adverts_pass(nodes[1], 5)
    assert lab.holders() == [nodes[1].name]


def test_rotated_client_certificate(lab, nodes):
    def rotate(name):
        for kind in ("crt", "key"):
            path = f"{nodes[0].directory}/client.{kind}"
            shutil.copy(f"{lab.tls}/{name}.{kind}", path + ".new")
            os.rename(path + ".new", path)
    rotate("stranger")
    nodes[0].reconfigure(check={"cert": nodes[0].directory + "/client.crt", "key": nodes[0].directory + "/client.key"})
    fails(nodes[0], 0, "HTTP status 400")
    lab.wait_holder(nodes[1])
    rotate("client")
    lab.wait_holder(nodes[0])
    assert nodes[0].check()["last_error"] is None


def test_tracked_interface(lab, nodes):
    for node in nodes[:2]:
        node.exec("ip", "link", "del", "eth1", check=False)
        node.exec("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far1")
        node.exec("ip", "link", "set", "eth1", "up")
        node.exec("ip", "link", "set", "far1", "up")
        node.reconfigure(router={"track_interfaces": ["eth1"]})
    lab.wait_holder(nodes[0])
    wait_for("it is healthy", lambda: nodes[0].router()["healthy"])
    before = transitions(nodes)
    for lose, words in ((("link", "set", "far1", "down"), "has no carrier"), (("link", "set", "eth1", "down"), "is down"),
                        (("link", "del", "eth1"), "does not exist")):
        nodes[0].exec("ip", *lose)
        lab.wait_holder(nodes[1])
        wait_for("the reason", lambda: nodes[0].router()["health_reason"], lambda r: r == "tracked interface eth1 " + words)
        if "set" in lose:
            nodes[0].exec("ip", *lose[:-1], "up")
            lab.wait_holder(nodes[0])
    nodes[0].reconfigure()
    lab.wait_holder(nodes[0])
    nodes[1].exec("ip", "link", "del", "eth1")
    assert transitions(nodes)[0] == before[0] + 6


def test_drain_for_a_time(lab, nodes):
    assert nodes[0].http("POST", "/v1/drain?for=10")[0] == 400 and nodes[0].router()["drained"] is False
    nodes[0].vipctl("drain", "--for", "2s", "api")
    lab.wait_holder(nodes[1])
    router = nodes[0].router()
    assert router["drained_until"] > router["drained_since"] and router["drained_by"] == 0
    assert " until " in nodes[0].vipctl("status", check=False).stdout
    assert nodes[0].metric("vipd_router_drained_until_timestamp_seconds") > time.time() - 2
    lab.wait_holder(nodes[0])
    assert nodes[0].router()["drained"] is False and nodes[0].metric("vipd_router_drained_by_uid") == -1


def test_drain_survives_its_processes(lab, nodes):
    nodes[0].vipctl("drain", "--for", "1h")
    until = nodes[0].router()["drained_until"]
    for role in ("engine", "control"):
        pid = nodes[0].vipd_pids()[role]
        os.kill(pid, signal.SIGKILL)
        wait_for("another one", lambda: nodes[0].vipd_pids().get(role), lambda now, pid=pid: now not in (None, pid))
    router = wait_for("it answers", nodes[0].router)
    assert router["drained"] and router["drained_until"] == until and lab.holders() == [nodes[1].name]
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])


def test_drain_survives_vipd(lab, nodes):
    """A crash at once, a stop, and not a reboot."""
    nodes[0].vipctl("drain", "--for", "1h")
    nodes[0].vipd_kill_all()
    drains = nodes[0].socket_path + ".drains"
    kept = wait_for("it is written down", lambda: os.path.exists(drains) and pathlib.Path(drains).read_text())
    nodes[0].vipd_start()
    before = wait_for("it answers", nodes[0].router)
    assert before["drained"] and before["drained_until"] and "api: still drained, by user 0" in dict(nodes[0].logs())["k8s-node01/vipd.log"]
    nodes[0].vipd_stop()
    nodes[0].vipd_start()
    after = wait_for("it answers", nodes[0].router)
    assert all(after[key] == before[key] for key in ("drained", "drained_since", "drained_until", "drained_by"))
    assert lab.holders() == [nodes[1].name] and pathlib.Path(drains).read_text() == kept
    nodes[0].vipd_stop()
    pathlib.Path(drains).write_text("another boot\n" + kept.split("\n", 1)[1])
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    wait_for("it is forgotten", lambda: not os.path.exists(drains))


def test_notify(lab, nodes):
    told = os.path.join(nodes[0].directory, "told")
    script = os.path.join(nodes[0].directory, "notify")
    with open(script, "w") as out:
        out.write(f'#!/bin/sh\nsleep 0.2\necho "$VIPD_NUMBER $VIPD_ROUTER $VIPD_FROM $VIPD_STATE $VIPD_ADDRESSES $VIPD_REASON" >>{told}\n'
                  "sleep 31537 &\n")  # sleep-ok: what notify leaves behind
    os.chmod(script, 0o755)
    nodes[0].reconfigure(notify=script)
    begin = nodes[0].status()["virtual_routers"][0]["counters"]["transitions"]
    nodes[0].vipctl("drain")
    nodes[0].vipctl("resume")
    lab.wait_holder(nodes[0])

    def lines():
        with open(told) as file:
            return [line.split(" ", 5) for line in file.read().splitlines()]
    count = nodes[0].router()["counters"]["transitions"] - begin
    seen = wait_for("all are told", lines, lambda found: len(found) >= count)
    assert [line[2:4] for line in seen] == [["active", "backup"], ["backup", "active"]]
    numbers = [int(line[0]) for line in seen]
    assert numbers == sorted(numbers) and {(line[1], line[4]) for line in seen} == {("api", VIP)}
    assert seen[0][5] == "drained"
    wait_for("nothing is left of it", lambda: processes("31537"), lambda left: not left)


def test_all_servers_die_at_the_same_moment(lab, nodes, probe):
    """No transition at all, where Skew_Time is waited for. Who comes back takes the address, though it is the last in the order of
    priorities."""
    for node in nodes:  # Skew_Time is how late one may notice, and this machine may be busy
        watching(node, router={"advert_interval": "500ms"}, group={"hints": False})
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[0].name)
    before = transitions(nodes)
    for node in nodes:
        node.api_signal(signal.SIGKILL)
    for node in nodes:
        node.api_kill()
        wait_for("unhealthy", node.router, lambda r: not r["healthy"])
    adverts_pass(nodes[0], 5)
    assert transitions(nodes) == before and lab.holders() == [nodes[0].name]
    nodes[2].api_start()
    nodes[2].reconfigure(router={"advert_interval": "500ms"}, group={"hints": False})
    lab.wait_holder(nodes[2])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[2].name)
    assert [now - then for now, then in zip(transitions(nodes), before)] == [1, 0, 1]


def test_all_servers_stop_within_an_interval(lab, nodes, probe):
    """Each notices in its own time, so the address may move; when all have, nothing does until one comes back."""
    before = transitions(nodes)
    for node in nodes:
        node.api_signal(signal.SIGSTOP)
    for node in nodes:
        wait_for("unhealthy", node.router, lambda r: not r["healthy"])
    [holder] = wait_for("one holder", lab.holders, lambda names: len(names) == 1)
    moved = [now - then for now, then in zip(transitions(nodes), before)]
    adverts_pass(next(node for node in nodes if node.name == holder), 10)
    assert [now - then for now, then in zip(transitions(nodes), before)] == moved, "no transition among the unhealthy"
    nodes[2].api_signal(signal.SIGCONT)
    lab.wait_holder(nodes[2])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[2].name)


def test_without_preemption_a_demoted_holder_does_not_come_back(lab, nodes):
    for node in nodes:
        node.reconfigure(router={"preempt": False})
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    nodes[0].api_start()
    wait_for("healthy again", nodes[0].router, lambda r: r["healthy"])
    adverts_pass(nodes[1], 10)
    assert lab.holders() == [nodes[1].name]
