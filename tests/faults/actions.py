"""The faults. Each takes the stage, does its harm to the first server, heals what does not heal by itself, and returns."""

import contextlib
import os
import signal
import socket
import struct

from lab import ROOT, VIP, run, wait_for
from stage import LEASE_S


def kill(role):
    def act(stage):
        one = stage.nodes[0]
        before = one.pids()[role]
        one.signal(role, signal.SIGKILL)
        wait_for(f"another {role} runs", one.pids, lambda pids: pids.get(role) not in (None, before))
        stage.watch(1.5)
    return act


def kill_guardian(stage):
    one, two, _ = stage.nodes
    one.signal("guardian", signal.SIGKILL)
    stage.held_by(two)
    wait_for("the first has let go", one.has_address, lambda has: not has)
    stage.served_by(two)
    stage.watch(0.5)
    one.restart_dead()


def kill_all(release):
    def act(stage):
        one, two, _ = stage.nodes
        one.kill_all()
        if release:
            one.release()
            assert not one.has_address(), "--release has left the address"
        stage.held_by(two)
        stage.served_by(two)
        with contextlib.suppress(AssertionError) if one.runs == "keepalived" else contextlib.nullcontext():
            wait_for("the address of the dead is gone", one.has_address, lambda has: not has, LEASE_S + 2)
        one.launch(one.runs, one.settings)
    return act


def kill_thrice(stage):
    one = stage.nodes[0]
    for _ in range(3):
        before = wait_for("an engine runs", one.pids, lambda pids: "engine" in pids)["engine"]
        one.signal("engine", signal.SIGKILL)
        wait_for("it has gone", one.pids, lambda pids, dead=before: pids.get("engine") != dead)
        stage.watch(0.3)
    stage.watch(2)


def stop(role, seconds):
    def act(stage):
        one = stage.nodes[0]
        pids = one.pids()
        stopped = list(pids.values()) if role == "all" else [pids[role]]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        stage.watch(seconds)
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):  # a hung engine may have been replaced
                os.kill(pid, signal.SIGCONT)
        stage.watch(1.5)
    return act


def partition(stage):
    one, two, _ = stage.nodes
    stage.partition(one)
    stage.served_by(two)
    stage.watch(2)
    one.plug()


def holder_mute(stage):
    with stage.nodes[0].mute():
        stage.served_by(stage.nodes[1])
        stage.watch(2)


def holder_deaf(stage):
    with stage.nodes[0].deaf():
        stage.watch(2)


def backup_deaf(stage):
    with stage.nodes[1].deaf():
        stage.watch(3)


def silence(milliseconds):
    def act(stage):
        stage.nodes[0].blackhole()
        stage.watch(milliseconds / 1000)
        stage.nodes[0].plug()
        stage.watch(1.5)
    return act


def carrier_flap(stage):
    stage.nodes[0].carrier(False)
    stage.watch(0.2)
    stage.nodes[0].carrier(True)
    stage.watch(1.5)


def address_deleted(stage):
    stage.nodes[0].exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")
    stage.watch(2)


def interface_deleted(stage):
    one, two, _ = stage.nodes
    one.interface_delete()
    stage.served_by(two)
    stage.watch(1)
    one.interface_create()


def both_take_over(stage):
    """The priorities of the two backups are the same, so their timers end together."""
    one, two, three = stage.nodes
    one.blackhole()
    wait_for("one of them is left", lambda: two.has_address() + three.has_address(), lambda count: count == 1)
    stage.watch(1.2)  # as long as the announcements of a takeover go on
    stage.served_by(two if two.has_address() else three)
    one.plug()


# a full disk, and a log that nobody reads

def fill(directory):
    os.makedirs(directory, exist_ok=True)
    if not os.path.ismount(directory):
        run("mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "full", directory)
    with contextlib.suppress(OSError), open(os.path.join(directory, "ballast"), "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def on_full_disk(stage, node, make):
    """The log and the recorder write to a disk without a free byte."""
    if make != "vipd" or node is not stage.nodes[0]:
        return {}
    fill(node.small_disk)
    node.top = {"record_dir": node.small_disk}
    return {"log": os.open(os.path.join(node.small_disk, "vipd.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)}


def with_full_pipe(stage, node, make):
    """Standard error is a pipe that is full and that nobody reads, as behind a log collector that hangs."""
    if make != "vipd" or node is not stage.nodes[0]:
        return {}
    stage.pipe, output = os.pipe()
    os.set_blocking(output, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(output, bytes(4096))
    os.set_blocking(output, True)
    return {"log": output}


def away_and_back(stage):
    """A takeover, a repair and a return, each of which has something to be logged."""
    one, two, _ = stage.nodes
    one.blackhole()
    stage.served_by(two)
    one.plug()
    stage.settle()
    stage.watch(1)
    address_deleted(stage)


def without_a_disk(stage):
    """Of the capture files a counter and what the status says are left; the log line has gone the way of the log."""
    away_and_back(stage)
    one = stage.nodes[0]
    recorder = wait_for("the recorder has failed", lambda: one.status()["recorder"], lambda r: r["failures"], 20)
    counted = one.metric("vipd_capture_file_failures_total")
    if "No space" not in recorder["last_error"] or recorder["files_written"] or not counted:
        raise AssertionError(f"the recorder says {recorder}, its counter {counted}")


# the wall clock

def own_clock(stage, node, make):
    if node is not stage.nodes[0] or make != "vipd":
        return {}
    library, page = os.path.join(stage.directory, "step_clock.so"), os.path.join(stage.directory, "step")
    if not os.path.exists(library):
        run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
            os.path.join(ROOT, "tests", "faults", "step_clock.c"))
    with open(page, "wb") as out:
        out.write(struct.pack("=q", 0))
    return own_clock_environment(stage)


def own_clock_environment(stage):
    return {"environment": {"LD_PRELOAD": os.path.join(stage.directory, "step_clock.so"),
                            "CLOCK_STEP_FILE": os.path.join(stage.directory, "step")}}


def step_clock(stage, seconds):
    with open(os.path.join(stage.directory, "step"), "r+b") as page:
        page.write(struct.pack("=q", seconds))


def clock_stepped(hours):
    def act(stage):
        step_clock(stage, hours * 3600)
        stage.watch(8)  # longer than the window of the authentication
    return act


def clock_corrected(stage):
    """As after a boot without a battery: vipd starts an hour behind, and later the time server is reached."""
    one = stage.nodes[0]
    one.vipd_stop()
    step_clock(stage, -3600)
    one.launch("vipd", one.settings, **own_clock_environment(stage))
    wait_for("it believes that it is alone", lambda: one.router()["state"], lambda state: state == "active")
    stage.watch(2)
    step_clock(stage, 0)
    stage.watch(2)


# those who ask too much

def never_reads(stage):
    """Clients that ask for events and for the status and read nothing, while there is something to be told."""
    one = stage.nodes[0]
    with contextlib.ExitStack() as open_sockets:
        for path in ["/v1/events?follow=1"] * 20 + ["/v1/status"] * 20:
            client = open_sockets.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.connect(one.socket_path)
            request = f"GET {path} HTTP/1.1\r\nHost: vipd\r\n\r\n".encode()
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(200):
                    client.send(request)
        for _ in range(3):
            one.http("POST", "/v1/drain")
            wait_for("it has let go", one.has_address, lambda has: not has)
            one.http("POST", "/v1/resume")
            wait_for("it holds it again", one.has_address)
            stage.watch(0.5)  # one request, tried twice, meets one move
        assert one.router()["state"] == "active"
        stage.watch(1)


def flooded(stage):
    """1,000 connections to the socket and 1,000 to the metrics that stay, and requests as fast as they go."""
    one = stage.nodes[0]
    with contextlib.ExitStack() as open_sockets:
        refused = 0
        for _ in range(1000):
            client = open_sockets.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.setblocking(False)
            try:
                client.connect(one.socket_path)
                client.send(b"GET /v1/status HTTP/1.1\r\nHost: vipd\r\n\r\n")
            except OSError:
                refused += 1
        flood = one.spawn(["curl", "-s", "-o", "/dev/null", "--noproxy", "*", "--parallel", "--parallel-immediate",
                           "--parallel-max", "250", "--max-time", "3", "http://[::1]:9752/metrics?[1-1000]"], "flood")
        stage.watch(4)
        one.end(flood)
    wait_for("control answers again", lambda: one.http("GET", "/v1/status")[0], lambda status: status == 200)
    stage.watch(0.5)


# a busy machine

def busy(processes=24, seconds=20):
    """Endless loops at normal priority, many more than there are processors."""
    def act(stage):
        load = [stage.client.spawn(["timeout", str(seconds + 10), "sh", "-c", "while :; do :; done"], "load")
                for _ in range(processes)]
        stage.watch(seconds)
        for process in load:
            stage.client.end(process)
        stage.watch(1)
    return act
