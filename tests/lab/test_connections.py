# SPDX-License-Identifier: Apache-2.0
"""Clients that are connected when the address moves: each gets a reset and connects anew, and no request is cut."""

import contextlib
import errno
import socket
import ssl

from hostile import namespace
from testbed import VIP, wait_for

PORT = 6443


def read_answer(connection):
    answer = b""
    while not answer.endswith(b"ok"):
        answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200")


@contextlib.contextmanager
def connected(lab, *addresses):
    """A connection to each that has had its answer and is kept, as a client of Kubernetes keeps it."""
    context = ssl.create_default_context(cafile=f"{lab.tls}/ca.crt")
    context.load_cert_chain(f"{lab.tls}/client.crt", f"{lab.tls}/client.key")
    with contextlib.ExitStack() as stack, namespace(lab.client.name):
        sockets = []
        for address in addresses:
            plain = socket.create_connection((address, PORT), timeout=5)
            sockets.append(stack.enter_context(context.wrap_socket(plain, server_hostname=address)))
        for each in sockets:
            each.sendall(b"GET /readyz HTTP/1.1\r\nHost: api\r\n\r\n")
            read_answer(each)
        yield sockets


def knows(connection):
    """Whether the client has got a reset; TLS would take it for an end."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def wait_reset(*connections):
    for connection in connections:
        wait_for("the client gets a reset", lambda connection=connection: knows(connection))


def test_a_drain_ends_connections(lab, nodes):
    with connected(lab, VIP, VIP) as sockets:
        nodes[0].drain()
        wait_reset(*sockets)
