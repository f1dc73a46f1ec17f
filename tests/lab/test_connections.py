# SPDX-License-Identifier: Apache-2.0
"""Clients that are connected when the address moves: each gets a reset, and connects anew."""

import os
import signal

import pytest

from clients import Ears, answer, connected, end_connections, knows, tcp_of, wait_reset
from testbed import VIP, VIP_IPV4, wait_for

pytestmark = pytest.mark.vips(VIP, VIP_IPV4)


def pause_engine(node):
    node.reconfigure(router={"preempt": False})  # so that it does not take the address back as soon as it goes on
    os.kill(node.vipd_pids()["engine"], signal.SIGSTOP)


ENDS = {
    "silent death": lambda node: node.blackhole(),
    "killed": lambda node: node.vipd_kill_all(),
    "late engine": pause_engine,
    "API server hangs": lambda node: node.api_signal(signal.SIGSTOP),
    "drain": lambda node: node.drain(),
}


def known(node):
    return node.router()["connections"]["known"]


def told(node):
    return node.router()["connections"]["told"]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_clients_learn_that_the_address_has_moved(lab, nodes, end):
    one, two, _ = nodes
    before = told(two)
    end_connections(*nodes)
    with connected(lab, VIP, VIP_IPV4, waiting=(VIP, VIP_IPV4)) as sockets:
        for node in nodes:
            wait_for(f"{node.name} knows the clients", lambda node=node: known(node), lambda count: count == 4)
        end(one)
        wait_reset(*sockets)
    wait_for("it is counted", lambda: told(two), lambda count: count == before + 4)
    if end is pause_engine:  # back, it does not keep its end of what its clients have given up
        os.kill(one.vipd_pids()["engine"], signal.SIGCONT)
    if end in (pause_engine, ENDS["API server hangs"], ENDS["drain"]):
        wait_for("the old holder has none of them", lambda: one.exec("ss", "-Htn", "sport = :6443").stdout.split(),
                 lambda words: not any(VIP in word or VIP_IPV4 in word for word in words))


def test_without_resets_nobody_is_told(lab, nodes):
    one, two, _ = nodes
    for node in nodes:
        node.reconfigure(router={"reset_connections": False})
    ears = Ears(lab.client)
    with connected(lab, VIP) as sockets:
        one.blackhole()
        wait_for("the second one is the holder", two.has_address, bool)
        wait_for("its last announcement", lambda: two.router()["counters"]["announcements_sent"], lambda count: count >= 5)
        assert not knows(sockets[0])
        assert not [data for _, data in ears.frames() if data[6:12] == bytes.fromhex(f"0200000000{two.number}") and tcp_of(data, VIP)]
    ears.close()


def test_a_request_under_way_is_answered(lab, nodes):
    """One that is being answered while the address moves, and one that comes just before."""
    with connected(lab, waiting=(VIP,)) as [connection]:
        connection.sendall(b"Host: api\r\n\r\n")
        nodes[0].drain()
        assert answer(connection).startswith(b"HTTP/1.1 200")
