# SPDX-License-Identifier: Apache-2.0
"""Clients that are connected when the address moves: each gets a reset, and connects anew."""

import contextlib
import os
import signal
import socket

import pytest

from clients import READY, Ears, answer, connected, end_connections, knows, silent_ms, tcp_of, wait_reset
from hostile import namespace
from testbed import VIP, VIP_IPV4, wait_for

SLOW_PORT = 7444
pytestmark = pytest.mark.vips(VIP, VIP_IPV4)


def pause_engine(node):
    node.reconfigure(router={"preempt": False})  # so that it does not take the address back as soon as it goes on
    os.kill(node.vipd_pids()["engine"], signal.SIGSTOP)


def hang_engine(node):
    """Until it is replaced: the next one has had no connections itself."""
    pause_engine(node)


ENDS = {
    "silent death": lambda node: node.blackhole(),
    "killed": lambda node: node.vipd_kill_all(),
    "late engine": pause_engine,
    "engine that is replaced": hang_engine,
    "API server hangs": lambda node: node.api_signal(signal.SIGSTOP),
    "drain": lambda node: node.drain(),
}


def known(node):
    return node.router()["connections"]["known"]


def told(node):
    return node.router()["connections"]["told"]


def cannot_bind():
    """To the address, which is quicker than to ask for all of them."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((VIP, 0))
    except OSError:
        return True
    return False


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_clients_learn_that_the_address_has_moved(lab, nodes, end):
    one, two, _ = nodes
    before = told(two)
    end_connections(*nodes)
    with connected(lab, VIP, VIP_IPV4, waiting=(VIP, VIP_IPV4)) as sockets:
        for node in nodes:
            wait_for(f"{node.name} knows the clients", lambda node=node: known(node), lambda count: count == 4)
        end(one)
        if end is ENDS["API server hangs"]:
            sockets[0].sendall(READY)  # which it never reads
        wait_reset(*sockets)
    wait_for("it is counted", lambda: told(two), lambda count: count == before + 4)
    if end in (pause_engine, hang_engine):  # back, it does not keep its end of what its clients have given up
        os.kill(one.vipd_pids()["engine"], signal.SIGCONT if end is pause_engine else signal.SIGKILL)
    if end in (pause_engine, hang_engine, ENDS["API server hangs"], ENDS["drain"]):
        wait_for("the old holder has none of them", lambda: one.exec("ss", "-Htn", "sport = :6443").stdout.split(),
                 lambda words: not any(VIP in word or VIP_IPV4 in word for word in words))


def test_clients_on_the_link_are_told_and_a_server_not_itself(lab, nodes):
    one, two, _ = nodes
    end_connections(*nodes)
    with contextlib.ExitStack() as stack:
        with namespace(lab.client.name):
            source = (lab.client.link_local, 0, 0, socket.if_nametoindex("eth0"))
            client = stack.enter_context(socket.create_connection((VIP, 6443), timeout=5, source_address=source))
        with namespace(two.name):
            stack.enter_context(socket.create_connection((VIP, 6443), timeout=5))
        wait_for("the second knows one client", lambda: two.router()["connections"],
                 lambda found: (found["there"], found["known"], found["refused"]) == (2, 1, {"no_route": 1}))
        one.blackhole()
        wait_reset(client)


def test_without_resets_nobody_is_told(lab, nodes):
    one, two, _ = nodes
    end_connections(*nodes)
    ears = Ears(lab.client)
    with connected(lab, VIP) as sockets:
        for node in nodes:
            wait_for(f"{node.name} knows the client", lambda node=node: known(node), lambda count: count == 1)
        for node in nodes:
            node.reconfigure(router={"reset_connections": False})
            wait_for("it would tell nobody", node.router, lambda router: router["connections"]["known"] == 0
                     and "switched off" in (router["connections"]["reason"] or ""))
        one.blackhole()
        wait_for("the second one is the holder", two.has_address, bool)
        wait_for("its last announcement", lambda: two.router()["counters"]["announcements_sent"], lambda count: count >= 5)
        assert not knows(sockets[0])
        assert not [data for _, data in ears.frames() if data[6:12] == bytes.fromhex(f"0200000000{two.number}") and tcp_of(data, VIP)]
    ears.close()


def test_a_request_under_way_is_answered(lab, nodes):
    """One that comes just before the drain."""
    with connected(lab, waiting=(VIP,)) as [connection]:
        connection.sendall(b"Host: api\r\n\r\n")
        nodes[0].drain()
        assert answer(connection).startswith(b"HTTP/1.1 200")


def test_an_answer_may_come_when_the_address_has_gone(lab, nodes):
    """A request has been waiting for a while. Ended before the address goes: one that is idle, and a long poll."""
    one = nodes[0]
    with contextlib.ExitStack() as stack:
        for node in nodes:
            with namespace(node.name):
                listener = stack.enter_context(socket.create_server(("::", SLOW_PORT), family=socket.AF_INET6))
            listeners = [listener] if node is one else listeners
        with namespace(lab.client.name):
            clients = [stack.enter_context(socket.create_connection((VIP, SLOW_PORT), timeout=5)) for _ in range(3)]
        servers = [stack.enter_context(listeners[0].accept()[0]) for _ in clients]
        servers[1].sendall(b"hello")
        clients[1].recv(5)
        clients[2].sendall(b"news?")
        servers[2].recv(5)
        wait_for("the long poll has waited", lambda: min(map(silent_ms, servers)), lambda ms: ms > 1000)
        clients[0].sendall(b"what?")
        servers[0].recv(5)
        wait_for("they have been silent", lambda: min(map(silent_ms, servers)), lambda ms: ms > 60)
        one.drain()
        with namespace(one.name):
            wait_for("the address has gone", cannot_bind)
        wait_reset(*clients[1:])
        servers[0].sendall(b"that.")
        assert clients[0].recv(5) == b"that."
