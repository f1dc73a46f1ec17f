# SPDX-License-Identifier: Apache-2.0
"""Each type of check: what passes, what fails, and what it puts up with."""

import ctypes
import os
import shutil

import pytest

from checks import HTTP, ONCE, asked_again, fails, passes, processes
from testbed import VIP, transitions, wait_for


def test_file_for_maintenance(lab, nodes):
    flag = os.path.join(nodes[0].directory, "maintenance")
    nodes[0].reconfigure(more={"name": "flag", "type": "file", "path": flag, "exists": False})
    passes(nodes[0], 1)
    open(flag, "w").close()
    lab.wait_holder(nodes[1])
    fails(nodes[0], 1, flag, "exists")
    os.unlink(flag)
    lab.wait_holder(nodes[0])


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
    fails(nodes[0], 1, "Is a directory")
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
