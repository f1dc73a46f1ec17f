# SPDX-License-Identifier: Apache-2.0
"""The faults. Each takes the trials, does its harm to the first server, heals what does not heal by itself, and returns."""

import contextlib
import os
import signal
import socket
import struct

from basics import build_preload, run, wait_for
from contenders import LEASE_S
from keys import auth, make_key


def kill(role):
    def act(trials):
        one = trials.nodes[0]
        before = one.agent.pids()[role]
        one.agent.signal(role, signal.SIGKILL)
        wait_for(f"another {role} runs", one.agent.pids, lambda pids: pids.get(role) not in (None, before))
        trials.watch(1.5)
    return act


def drain(trials):
    one, two, _ = trials.nodes
    one.agent.drain()
    trials.served_by(two)
    trials.watch(0.5)
    one.agent.resume()


def shut_down(trials):
    """As vipd-drain.service does it."""
    one, two, _ = trials.nodes
    one.vipctl("drain", "--force", "--shutdown")
    trials.served_by(two)
    trials.watch(0.5)
    one.agent.resume()


def terminate(trials):
    """As systemd stops and starts the service."""
    one, two, _ = trials.nodes
    one.agent.terminate()
    trials.served_by(two)
    trials.watch(0.5)
    one.agent.restart_dead()


def kill_guardian(trials):
    one, two, _ = trials.nodes
    one.agent.signal("guardian", signal.SIGKILL)
    trials.held_by(two)
    wait_for("the first has let go", one.has_let_go)
    trials.served_by(two)
    trials.watch(0.5)
    one.agent.restart_dead()


def kill_all(release):
    def act(trials):
        one, two, _ = trials.nodes
        one.agent.kill_all()
        if release:
            one.release()
            assert one.has_let_go(), "--release has left the address"
        trials.held_by(two)
        trials.served_by(two)
        with contextlib.suppress(AssertionError) if one.agent.make == "keepalived" else contextlib.nullcontext():
            wait_for("the address of the dead is gone", one.has_let_go, deadline=LEASE_S + 2)
        one.agent.start()
    return act


def kill_thrice(trials):
    one = trials.nodes[0]
    for _ in range(3):
        before = wait_for("an engine runs", one.agent.pids, lambda pids: "engine" in pids)["engine"]
        one.agent.signal("engine", signal.SIGKILL)
        wait_for("it has gone", one.agent.pids, lambda pids, dead=before: pids.get("engine") != dead)
        trials.watch(0.3)
    trials.watch(2)


def stop(role, seconds):
    def act(trials):
        one = trials.nodes[0]
        pids = one.agent.pids()
        stopped = list(pids.values()) if role == "all" else [pids[role]]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        trials.watch(seconds)
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):  # a hung engine may have been replaced
                os.kill(pid, signal.SIGCONT)
        trials.watch(1.5)
    return act


def partition(trials):
    one, two, _ = trials.nodes
    trials.partition(one)
    trials.served_by(two)
    trials.watch(2)
    one.plug()


def holder_mute(trials):
    with trials.nodes[0].mute():
        trials.served_by(trials.nodes[1])
        trials.watch(2)


def holder_deaf(trials):
    with trials.nodes[0].deaf():
        trials.watch(2)


def backup_deaf(trials):
    with trials.nodes[1].deaf():
        trials.watch(3)


def silence(milliseconds):
    def act(trials):
        trials.nodes[0].blackhole()
        trials.watch(milliseconds / 1000)
        trials.nodes[0].plug()
        trials.watch(1.5)
    return act


def carrier_flap(trials):
    trials.nodes[0].carrier(False)
    trials.watch(0.2)
    trials.nodes[0].carrier(True)
    trials.watch(1.5)


def address_deleted(trials):
    vip = trials.vips[0]
    trials.nodes[0].exec("ip", "addr", "del", f"{vip}/{128 if ':' in vip else 32}", "dev", "eth0")
    trials.watch(2)


def interface_deleted(trials):
    one, two, _ = trials.nodes
    one.interface_delete()
    trials.served_by(two)
    trials.watch(1)
    one.interface_create()


def both_take_over(trials):
    """The priorities of the two backups are the same, so their timers end together."""
    one, two, three = trials.nodes
    one.blackhole()
    wait_for("one of them is left", lambda: two.has_address() + three.has_address(), lambda count: count == 1)
    trials.watch(1.2)  # as long as the announcements of a takeover go on
    trials.served_by(two if two.has_address() else three)
    one.plug()


# a full disk, and a log that nobody reads

def fill(directory):
    os.makedirs(directory, exist_ok=True)
    if not os.path.ismount(directory):
        run("mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "full", directory)
    with contextlib.suppress(OSError), open(os.path.join(directory, "ballast"), "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


def on_full_disk(trials, node):
    """The log and the recorder write to a disk without a free byte."""
    if node is not trials.nodes[0]:
        return {}
    disk = os.path.join(node.directory, "full")
    fill(disk)
    trials.undo.callback(run, "umount", "--lazy", disk)
    return {"top": {"record_dir": disk},
            "log": os.open(os.path.join(disk, "vipd.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)}


def with_full_pipe(trials, node):
    """Standard error is a pipe that is full and that nobody reads, as behind a log collector that hangs."""
    if node is not trials.nodes[0]:
        return {}
    end, output = os.pipe()
    trials.undo.callback(os.close, end)
    os.set_blocking(output, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(output, bytes(4096))
    os.set_blocking(output, True)
    return {"log": output}


def away_and_back(trials):
    """A takeover, a repair and a return, each of which has something to be logged."""
    one, two, _ = trials.nodes
    one.blackhole()
    trials.served_by(two)
    one.plug()
    trials.settle()
    trials.watch(1)
    address_deleted(trials)


def without_a_disk(trials):
    """Of the capture files a counter and what the status says are left; the log line has gone the way of the log."""
    away_and_back(trials)
    one = trials.nodes[0]
    recorder = wait_for("the recorder has failed", lambda: one.status()["recorder"], lambda r: r["failures"], 20)
    counted = one.metric("vipd_capture_file_failures_total")
    if "No space" not in recorder["last_error"] or recorder["files_written"] or not counted:
        raise AssertionError(f"the recorder says {recorder}, its counter {counted}")


# the wall clock

def own_clock(trials, node):
    """The first server's clock can be stepped alone."""
    if node is not trials.nodes[0]:
        return {}
    library, page = os.path.join(trials.directory, "step_clock.so"), os.path.join(trials.directory, "step")
    if not os.path.exists(library):
        build_preload("faults/step_clock.c", library)
    with open(page, "wb") as out:
        out.write(struct.pack("=q", 0))
    return {"environment": {"LD_PRELOAD": library, "CLOCK_STEP_FILE": page}}


def own_clock_and_key(trials, node):
    """The same, and everybody signs."""
    path = make_key(trials, 1)[0] if node is trials.nodes[0] else os.path.join(trials.directory, "keys", "1")
    return {"router": {"auth": auth("enforce", 1, {1: path})}, **own_clock(trials, node)}


def step_clock(trials, seconds):
    with open(os.path.join(trials.directory, "step"), "r+b") as page:
        page.write(struct.pack("=q", seconds))


def clock_stepped(hours):
    def act(trials):
        step_clock(trials, hours * 3600)
        trials.watch(8)  # longer than the window of the authentication
    return act


def drained_after_a_step(trials):
    """To the server whose clock was set back a move is the last one all the same."""
    one, two, _ = trials.nodes
    step_clock(trials, -3600)
    drain(trials)
    wait_for("its last moves are these", lambda: one.vipctl("events", "--group").stdout.splitlines()[-2:],
             lambda lines: f"{one.name} -> {two.name}" in lines[0] and f"{two.name} -> {one.name}" in lines[1])


def clock_corrected(trials):
    """As after a boot without a battery: vipd starts an hour behind, and later the time server is reached."""
    one = trials.nodes[0]
    one.vipd_stop()
    one.agent.first = own_clock(trials, one)["environment"]
    step_clock(trials, -3600)
    one.agent.start()
    wait_for("it believes that it is alone", lambda: one.router()["state"], lambda state: state == "active")
    trials.watch(2)
    step_clock(trials, 0)
    trials.watch(2)


# those who ask too much

def never_reads(trials):
    """Clients that ask for events and for the status and read nothing, while there is something to be told."""
    one = trials.nodes[0]
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
            wait_for("it has let go", one.has_let_go)
            one.http("POST", "/v1/resume")
            wait_for("it holds it again", one.has_address)
            trials.watch(0.5)  # one request, tried twice, meets one move
        assert one.router()["state"] == "active"
        trials.watch(1)


def flooded(trials):
    """1,000 connections to the socket and 1,000 to the metrics that stay, and requests as fast as they go."""
    one = trials.nodes[0]
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
        trials.watch(4)
        one.end(flood)
    wait_for("control answers again", lambda: one.http("GET", "/v1/status")[0], lambda status: status == 200)
    trials.watch(0.5)


# a busy machine

def busy(processes=24, seconds=20):
    """Endless loops at normal priority, many more than there are processors."""
    def act(trials):
        load = [trials.client.spawn(["timeout", str(seconds + 10), "sh", "-c", "while :; do :; done"], "load")
                for _ in range(processes)]
        trials.watch(seconds)
        for process in load:
            trials.client.end(process)
        trials.watch(1)
    return act
