# SPDX-License-Identifier: Apache-2.0
"""The socket for ARP, which the unit has systemd keep: how it gets there, and that the engine uses it."""

import array
import os
import signal
import socket
import subprocess

from testbed import BUILD, wait_for


def test_it_is_left_with_the_manager(nodes):
    """This test is the manager: it reads three messages, the second with the socket, the third with what to close."""
    path = os.path.join(nodes[0].directory, "manager")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(15)
        process = nodes[0].spawn([f"{BUILD}/vipd", "--arp-socket"], "arp-socket", env={**os.environ, "NOTIFY_SOCKET": path})
        said = []
        for _ in range(3):
            text, control, _, _ = manager.recvmsg(256, socket.CMSG_SPACE(4))
            fds = [fd for level, kind, data in control if kind == socket.SCM_RIGHTS for fd in array.array("i", data)]
            said.append(text.decode())
            assert len(fds) == (0, 1, 1)[len(said) - 1], said
            for fd in fds:
                if text.startswith(b"FDSTORE=1"):
                    assert socket.socket(fileno=os.dup(fd)).family == socket.AF_PACKET
                os.close(fd)
        assert said == ["FDSTOREREMOVE=1\nFDNAME=arp", "FDSTORE=1\nFDNAME=arp\nFDPOLL=0", "BARRIER=1"]
        assert process.wait(timeout=15) == 0
    nodes[0].processes.remove(process)
    os.unlink(path)


HAND_OVER = """import os, socket, sys
given = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
os.dup2(os.dup(given.fileno()), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="arp")
os.execvp(sys.argv[1], sys.argv[1:])
"""


def sockets(pid):
    return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}


def test_each_engine_uses_it(lab, nodes):
    node = nodes[0]
    assert node.vipd_stop() == 0
    node.vipd_start(wrap=["/usr/bin/python3", "-c", HAND_OVER])
    lab.wait_holder(node)
    pids = node.vipd_pids()
    given = os.readlink(f"/proc/{pids['guardian']}/fd/3")
    assert given in sockets(pids["engine"]) and given not in sockets(pids["control"]) | sockets(pids["keeper"])
    with open(f"/proc/{pids['control']}/environ") as environment:
        assert "LISTEN_" not in environment.read()
    os.kill(pids["engine"], signal.SIGKILL)
    now = wait_for("another engine", node.vipd_pids, lambda now: now.get("engine") not in (None, pids["engine"]))
    wait_for("it has it, too", lambda: given in sockets(now["engine"]))
    lab.wait_holder(node)
    seen = subprocess.run(["nsenter", f"--net=/run/netns/{node.name}", "cat", "/proc/net/packet"], capture_output=True, text=True, check=True)
    assert len(seen.stdout.splitlines()) == 2, "a heading and one socket"
