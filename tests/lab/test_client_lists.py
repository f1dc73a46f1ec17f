# SPDX-License-Identifier: Apache-2.0
"""Who is connected to the virtual addresses: every server knows it, whatever is lost, and nobody can make them believe more."""

import contextlib
import itertools
import socket
import struct

import pytest

from clients import crowd, end_connections, knows, silent_ms
from hostile import field, group_datagram, namespace, packed
from keys import make_key, roll_out
from testbed import PREFIX, VIP, VIP_IPV4, wait_for

PORT = 7443  # of a listener for both families, so that IPv4 clients have mapped addresses
CHANGES, ASK = 1, 3
DATAGRAM = 31  # clients in one


@pytest.fixture(autouse=True)
def nobody_is_connected(nodes):
    end_connections(*nodes)


@contextlib.contextmanager
def listening(node):
    with namespace(node.name):
        listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    with listener:
        yield


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


@pytest.mark.vips(VIP_IPV4, VIP)  # elected in IPv4; test_connections.py has it in IPv6
def test_every_server_knows_the_clients(lab, nodes):
    first, second, third = nodes
    for node in nodes:
        wait_for("nobody is connected", lambda node=node: connections(node)["reason"], lambda why: why == "no client is connected")
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.enter_context(listening(node))
        sockets = stack.enter_context(connected(lab.client, (VIP, PORT), (VIP, PORT), (VIP_IPV4, PORT), (VIP_IPV4, 6443), (VIP, 6443),
                                                (first.address, PORT)))
        know(nodes, 5)
        assert connections(second)["reason"] is None and connections(second)["there"] == 5
        # A joiner has nothing and asks.
        third.vipd_stop()
        third.vipd_start()
        know([third], 5)
        assert third.metric("vipd_connections_known") == third.metric("vipd_connections") == 5
        # What does not arrive is made good.
        with lab.switch_drops(f"oifname {second.port} udp dport 9752"):
            sockets.pop(0).close()
            know((first, third), 4)
            sockets.pop(0).close()
            know((first, third), 3)
            assert connections(second)["known"] == 5
        know(nodes, 3)


# ---- somebody else's lists ----

def forged(source, *clients, kind=CHANGES, number=77, generation=1, **more):
    """A frame with a list. clients: (address, port, virtual address, its port)."""
    entries = b"".join(packed(local) + struct.pack("!H", local_port) + packed(address) + struct.pack("!H", port)
                       for address, port, local, local_port in clients)
    return group_datagram(source, b"vipc", field(1, struct.pack("!BQQIHH", kind, number, generation, len(clients), 0, 0))
                          + (field(2, entries) if clients else b""), **more)


def refused(node, reason):
    return node.status()["group"]["dropped"].get(reason, 0)


def test_a_forged_list_names_clients_and_never_sources(lab, nodes, attacker):
    """Without keys it is believed of the holder, and of nobody else."""
    first, second, third = nodes
    me, never_was = "fe80::66", (lab.client.address, 5555, VIP, 6443)
    for source, reason in ((me, "not_member"), (third.link_local, "not_active"), (second.link_local, "own_packet")):
        before = refused(second, reason)
        attacker.send(forged(source, never_was))
        wait_for(f"the second counts {reason}", lambda reason=reason: refused(second, reason), lambda count, before=before: count > before)
    assert connections(second)["known"] == 0
    bad_local = [(lab.client.address, 5555, local, 6443) for local in (second.address, lab.client.address, "ff02::1", "::")]
    bad_address = [(address, 5555, VIP, 6443) for address in (VIP, "ff02::1", "::", "::1", "::ffff:10.6.6.7")]
    bad_address += [(lab.client.address, 0, VIP, 6443)]
    with lab.switch_drops(f"iifname {first.port} udp dport 9752"):  # the holder does not contradict
        packet = forged(first.link_local, never_was, (second.address, 5555, VIP, 6443), (lab.client.address, 5555, VIP, 9),
                        *bad_local, *bad_address)
        # Again and again: something of the holder may still be on its way.
        wait_for("it is believed", lambda: attacker.send(packet) or connections(second), lambda c: c["known"] == 1)
        assert connections(second)["refused"] == {"bad_local": 4, "bad_address": 6, "no_listener": 1, "no_route": 1}
        told = connections(second)["told"]
        first.vipd_kill_all()
        lab.wait_holder(second)
        wait_for("the client is told", lambda: connections(second), lambda c: c["told"] == told + 1)
        assert connections(second)["last_told"] == 1
        wait_for("it is an event", lambda: second.vipctl("events").stdout, lambda text: "told 1 client to connect anew" in text)


@pytest.mark.long
def test_a_list_of_ten_thousand_on_the_segment(lab, nodes, attacker):
    """They never were. Real clients must still find room in the new holder's table of neighbours."""
    first, second, _ = nodes
    names = (f"{PREFIX}dead:{number:x}" for number in range(10000))
    batches = [[(name, 5555, VIP, 6443) for name in itertools.islice(names, DATAGRAM)] for _ in range(10000 // DATAGRAM)]
    # Anew where one was lost, but not before the list has had its time.
    frames = (clients and forged(first.link_local, *clients, number=number, generation=generation + 1)
              for number in itertools.count(78) for generation, clients in enumerate([*batches, *[None] * 1600]))
    with lab.switch_drops(f"iifname {first.port} udp dport 9752"):
        def send():
            for frame in filter(None, itertools.islice(frames, 16)):
                attacker.send(frame)
            return connections(second)

        wait_for("it is believed, as far as it is", send, lambda c: c["refused"] == {"neighbours": 4096 - 512})
        assert connections(second)["known"] == 512
        told = connections(second)["told"]
        first.vipd_kill_all()
        lab.wait_holder(second)
        wait_for("they are told", lambda: connections(second)["told"], lambda count: count == told + 512)
        with connected(lab.client, (VIP, 6443), (VIP, 8080)):
            pass


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.timeout(120)
def test_more_clients_than_there_is_room_for(lab, nodes):
    """All are counted, as many as there is room for are told, and the address moves."""
    first, second, _ = nodes
    ports = range(PORT, PORT + 5)
    with contextlib.ExitStack() as stack:
        for node, port in itertools.product(nodes, ports):  # nobody accepts them, and each keeps 4096
            with namespace(node.name):
                stack.enter_context(socket.create_server(("::", port), family=socket.AF_INET6, backlog=4096))
        knowing = stack.enter_context(crowd(lab.client, 20000, *((VIP, port) for port in ports)))
        for node in nodes:
            wait_for(f"{node.name} knows of them", lambda node=node: connections(node),
                     lambda c: (c["there"], c["known"]) == (20000, 4096), 30)
        told = connections(second)["told"]
        first.blackhole()
        wait_for("the second has the address", second.has_address)
        wait_for("as many as there is room for are told", lambda: connections(second)["told"], lambda count: count == told + 4096)
        wait_for("and know it", knowing, lambda count: count == 4096)


def test_with_keys_nobody_else_is_believed(lab, nodes, attacker):
    first, second, _ = nodes
    path, _ = make_key(lab, 1)
    roll_out(nodes, {1: path})
    with connected(lab.client, (VIP, 6443)):
        know(nodes, 1)
        clients = [(lab.client.address, port, VIP, 6443) for port in range(1, 25)]
        for reason, key in {"auth_missing": None, "auth_bad_mac": b"a wrong key"}.items():
            before = refused(second, reason)

            def send(key=key):  # a new one each time: it must not be older than what the holder has just said
                attacker.send(forged(first.link_local, *clients, key=key))
                return second.status()["group"]["dropped"]

            wait_for(f"it is counted as {reason}", send, lambda counts, reason=reason, before=before: counts.get(reason, 0) > before)
        assert connections(second)["known"] == connections(second)["there"] == 1


@pytest.mark.long
def test_a_holder_that_says_nothing(lab, nodes):
    """Clients of the holder before have been told; nobody goes on to think that they are there."""
    first, second, third = nodes
    with connected(lab.client, (VIP, 6443)):
        know(nodes, 1)
        second.reconfigure(router={"reset_connections": False})
        first.vipd_kill_all()
        lab.wait_holder(second)
        know([third], 0)
        assert "has not said who is connected" in connections(third)["reason"]


# ---- a proxy of the kernel ----

@contextlib.contextmanager
def proxied(*nodes, port=443):
    """As kube-proxy does it for an external IP: what comes to that port of the VIPs goes on to an API server."""
    chain = "{ chain services { type nat hook prerouting priority dstnat; "
    for node in nodes:
        node.exec("nft", f"table ip6 proxy {chain} ip6 daddr {VIP} tcp dport {port} dnat to [{node.address}]:6443 ; }} ; }}")
        node.exec("nft", f"table ip proxy {chain} ip daddr {VIP_IPV4} tcp dport {port} dnat to {node.ipv4}:6443 ; }} ; }}")
    try:
        yield
    finally:
        for node in nodes:
            node.exec("nft", "delete table ip6 proxy; delete table ip proxy")


@pytest.mark.vips(VIP, VIP_IPV4)
@pytest.mark.parametrize("end", ["killed", "drained"])
@pytest.mark.long
def test_clients_behind_a_proxy_of_the_kernel(lab, nodes, end):
    """No socket has the virtual address; conntrack knows who is connected to it, and the old holder cannot end it."""
    first, second, _ = nodes
    with proxied(*nodes), connected(lab.client, (VIP, 443), (VIP_IPV4, 443)) as clients:
        wait_for("the status says what to do", lambda: connections(first), lambda c: c["refused"] == {"no_listener": 2})
        assert connections(first)["known"] == 0 and "set `ports`" in connections(first)["reason"]
        for node in nodes:
            node.reconfigure(router={"ports": [6443, 443]})
        know(nodes, 2)
        if end == "killed":
            first.vipd_kill_all()
            lab.wait_holder(second)
        else:
            wait_for("they are silent", lambda: min(map(silent_ms, clients)), lambda ms: ms > 3000)
            before = connections(second)["told"]
            with lab.switch_drops(f"iifname {second.port} tcp sport 443"):  # the first packet to each is lost
                first.drain()
                lab.wait_holder(second)
                wait_for("they have been told once", lambda: connections(second)["told"], lambda count: count == before + 2)
        for client in clients:
            client.setblocking(False)
            wait_for("the client is told", lambda client=client: pytest.raises(OSError, client.recv, 1).type,
                     lambda error: error is ConnectionResetError)
        if end == "drained":  # conntrack there keeps them for days, and they are of the time before
            first.vipctl("resume")
            lab.wait_holder(first)
            with connected(lab.client, (VIP, 443)):
                wait_for("it knows the one that there is", lambda: connections(first)["there"], lambda count: count == 1)
