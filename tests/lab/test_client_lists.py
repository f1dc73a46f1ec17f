# SPDX-License-Identifier: Apache-2.0
"""Who is connected to the virtual addresses: every server knows it, whatever is lost, and nobody can make them believe more."""

import contextlib
import socket

import pytest

from hostile import namespace
from testbed import VIP, VIP_IPV4, wait_for

PORT = 7443  # of a listener for both families, so that IPv4 clients have mapped addresses


@contextlib.contextmanager
def listening(node, port=PORT):
    with namespace(node.name):
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    with listener:
        yield listener


@contextlib.contextmanager
def connected(client, *targets):
    """Connections from that host that are idle."""
    with contextlib.ExitStack() as stack, namespace(client.name):
        yield [stack.enter_context(socket.create_connection(target, timeout=5)) for target in targets]


def connections(node):
    return node.router()["connections"]


def know(nodes, count):
    for node in nodes:
        wait_for(f"{node.name} knows {count} clients", lambda node=node: connections(node), lambda c: c["known"] == count)


@pytest.fixture
def dual(nodes):
    """An address of each family, and a server on both of them on each node."""
    with contextlib.ExitStack() as stack:
        for node in nodes:
            node.reconfigure(router={"addresses": [VIP, VIP_IPV4]})
            stack.enter_context(listening(node))
        wait_for("the first has both", lambda: nodes[0].has_address(VIP, VIP_IPV4), bool)
        yield nodes


def test_every_server_knows_the_clients(lab, dual):
    first, second, third = dual
    for node in dual:
        why = wait_for("nobody is connected", lambda node=node: connections(node)["reason"], lambda why: why == "no client is connected")
    with connected(lab.client, (VIP, PORT), (VIP, PORT), (VIP_IPV4, PORT), (VIP_IPV4, 6443), (VIP, 6443),
                   (first.address, PORT)) as sockets:
        know(dual, 5)
        assert connections(second)["reason"] is None and connections(second)["there"] == 5
        # A joiner has nothing and asks.
        third.vipd_stop()
        third.vipd_start()
        know([third], 5)
        assert third.metric("vipd_connections_known") == third.metric("vipd_connections") == 5
        # What does not arrive is made good, and hellos that are lost change nothing of it.
        with second.testbed.switch_drops(f"oifname {second.port} udp dport 9752"):
            sockets.pop(0).close()
            know((first, third), 4)
            sockets.pop(0).close()
            know((first, third), 3)
            assert connections(second)["known"] == 5
        know(dual, 3)
