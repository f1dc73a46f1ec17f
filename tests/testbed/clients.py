# SPDX-License-Identifier: Apache-2.0
"""Clients with connections that are kept, and what they get when the address moves, by the kernel's own time stamps."""

import contextlib
import socket
import ssl
import struct
import subprocess

from basics import VIP, VIP_IPV4, wait_for
from hostile import namespace

PORT = 6443
ETH_P_ALL, SO_TIMESTAMPNS = 3, 35
TCP, ICMPV6, ACK, RST = 6, 58, 0x10, 0x04
CLOSED = 7  # of TCP_INFO
READY = b"GET /readyz HTTP/1.1\r\nHost: api\r\n\r\n"
BEGUN = b"GET /readyz HTTP/1.1\r\n"


def answer(connection):
    """Reads the whole of it."""
    text = b""
    while not text.endswith(b"ok"):
        more = connection.recv(4096)
        if not more:
            raise ConnectionError(f"closed after {text!r}")
        text += more
    return text


def end_connections(*nodes):
    """Of a test before, whose client could not tell that it has gone."""
    for node in nodes:
        for address in (VIP, VIP_IPV4):
            node.exec("ss", "-HKtn", f"src [{address}]")
    for node in nodes:  # or those would be taken for the ones that this test makes
        wait_for(f"{node.name} knows no client", lambda node=node: node.router()["connections"]["known"], lambda count: count == 0)


@contextlib.contextmanager
def connected(lab, *addresses, waiting=()):
    """A connection to each of these that has had its answer and is idle, and one to each of `waiting` whose request has not
    been answered yet, as that of somebody who watches."""
    context = ssl.create_default_context(cafile=f"{lab.tls}/ca.crt")
    context.load_cert_chain(f"{lab.tls}/client.crt", f"{lab.tls}/client.key")
    with contextlib.ExitStack() as stack, namespace(lab.client.name):
        sockets = []
        for address in (*addresses, *waiting):
            plain = socket.create_connection((address, PORT), timeout=5)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Kubernetes' clients: what is sent is under way
            sockets.append(stack.enter_context(context.wrap_socket(plain, server_hostname=address)))
        for each in sockets:
            each.sendall(READY)
            assert answer(each).startswith(b"HTTP/1.1 200")
        for each in sockets[len(addresses):]:
            each.sendall(BEGUN)
        yield sockets


def knows(connection):
    """Whether the client has got a reset: an end would leave it in another state."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == CLOSED


def silent_ms(connection):
    """For how long nothing has been sent or received on it, handshakes aside."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return min(struct.unpack_from("=I", info, at)[0] for at in (44, 52, 56))  # data sent, received, ACK received


def wait_reset(*connections, deadline=15.0):
    for connection in connections:
        wait_for("the client gets a reset", lambda connection=connection: knows(connection), bool, deadline)


# Makes connections to those targets in turn; asked by a line, says how many of them know that they have ended.
CROWD = f"""
import resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
targets = [(target.split()[0], int(target.split()[1])) for target in sys.argv[2:]]
made = [socket.create_connection(targets[i % len(targets)], timeout=5) for i in range(int(sys.argv[1]))]
print("ready", flush=True)
for _ in sys.stdin:
    print(sum(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == {CLOSED} for each in made), flush=True)
"""
CROWD_EACH = 4000  # descriptors of one process


@contextlib.contextmanager
def crowd(client, count, *targets):
    """So many connections from that host, by processes of their own. Yields what says how many know that they have ended."""
    words = [" ".join(map(str, target)) for target in targets]
    parts = [min(CROWD_EACH, count - begun) for begun in range(0, count, CROWD_EACH)]
    processes = [client.spawn(["python3", "-c", CROWD, str(part), *words], "crowd", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                 for part in parts]

    def told():
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        return sum(int(process.stdout.readline()) for process in processes)

    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        yield told
    finally:
        for process in processes:
            client.end(process)


class Ears:
    """What passes eth0 of a host, from now on."""

    def __init__(self, host):
        with namespace(host.name):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind(("eth0", ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)

    def frames(self):
        """(seconds, bytes) of all that has come."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, more, _, _ = self.socket.recvmsg(2048, 64)
                seconds, nanoseconds = struct.unpack("=qq", more[0][2][:16])
                yield seconds + nanoseconds / 1e9, data

    def close(self):
        self.socket.close()


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def is_announcement(data, vip, mac):
    """Of this address by the host with this MAC."""
    if data[6:12] != bytes.fromhex(mac.replace(":", "")):
        return False
    if ":" in vip:
        return data[12:14] == b"\x86\xdd" and data[20] == ICMPV6 and data[54] == 136 and data[62:78] == packed(vip)
    return data[12:14] == b"\x08\x06" and data[28:32] == data[38:42] == packed(vip)


def tcp_of(data, vip):
    """(port of the client, flags) of a TCP segment from this address; None: it is something else."""
    if ":" in vip:
        is_from, begin = data[12:14] == b"\x86\xdd" and data[20] == TCP and data[22:38] == packed(vip), 54
    else:
        is_from, begin = data[12:14] == b"\x08\x00" and data[23] == TCP and data[26:30] == packed(vip), 34
    return (struct.unpack("!H", data[begin + 2:begin + 4])[0], data[begin + 13]) if is_from else None
