# SPDX-License-Identifier: Apache-2.0
"""The page without a browser: who may ask for what, by which name, and how many may. In a browser: tests/page."""

import contextlib
import json
import os
import signal
import socket

import pytest

from hostile import namespace
from testbed import UnixConnection, wait_for

PATHS = ("/", "/page.json", "/page/events")
OF_ONE, VIEWERS, VIEWERS_OF_ONE = 8, 128, 4  # docs/api.md


def connect(host, address, port=9752):
    """A socket of this process that is in the network of that host."""
    with namespace(host.name):
        return socket.create_connection((address, port), timeout=5)


def ask(host, path, address="::1", method="GET", **headers):
    """Status, headers and the first bytes of the answer by TCP; ends when something of the body has come."""
    headers = {"Host": f"[{address}]:9752", **headers}
    with connect(host, address) as s:
        s.sendall(f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(f"{k.replace('_', '-')}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n")
        answer = b""
        while not answer.partition(b"\r\n\r\n")[2]:
            read = s.recv(65536)
            if not read:
                break
            answer += read
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


def test_the_page_is_served_and_says_who_holds(lab, nodes):
    for node in nodes:
        status, head, body = ask(node, "/")
        assert status == 200 and "<!doctype html>" in body.lower() and nodes[0].name in body
        assert "access-control" not in head and "unsafe" not in head and "default-src 'none'" in head
    code, model = nodes[1].http("GET", "/page.json")
    router = json.loads(model)["virtual_routers"][0]
    assert code == 200 and (router["holder"], router["next"]) == (nodes[0].name, nodes[1].name)
    names = [node.name for node in nodes]
    assert [row["node"] for row in router["rows"] if row["node"] in names] == names  # of tests before there may be strangers
    for private in ("config", "digest", nodes[1].config_path, "drained_by"):
        assert private not in model, private


def test_only_by_an_address_and_only_for_itself(nodes):
    for path in PATHS:
        assert ask(nodes[0], path, Host="evil.example:9752")[0] == 421
        assert ask(nodes[0], path, Host="localhost:9752")[0] == 200
    assert ask(nodes[0], "/page/events", Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(nodes[0], "/metrics", Host="k8s-node01.example:9752")[0] == 200, "Prometheus may ask by a name"
    assert ask(nodes[0], "/metrics", Host="evil.example:9752", Accept_Language="en")[0] == 421, "and a browser may not"
    assert ask(nodes[0], "/metrics", Accept_Language="en")[0] == 200


def test_nothing_else_by_tcp(nodes):
    """By the method that each path takes on the socket."""
    known = json.loads(nodes[0].http("GET", "/x")[1])["error"].partition("there is: ")[2].split(", ")
    others = [path for path in known if path not in (*PATHS, "/metrics", "/healthz")]
    assert len(others) == len(known) - 5 and {"/v1/status", "/v1/drain"} < set(others)
    for path in others:
        assert [ask(nodes[0], path, method=method)[0] for method in ("GET", "POST")] == [404, 404], path
    assert nodes[0].router()["drained"] is False


def test_it_can_be_turned_off(nodes):
    node = nodes[0]
    node.reconfigure(metrics={"listen": "[::1]:9752", "page": False})
    assert [ask(node, path)[0] for path in PATHS] == [404, 404, 404]
    assert "/page" not in ask(node, "/x")[2] and node.http("GET", "/")[0] == 200 and ask(node, "/metrics")[0] == 200
    node.reconfigure()
    assert ask(node, "/")[0] == 200


def follow(node):
    """A stream of the page, and its first message."""
    connection = UnixConnection(node.socket_path)
    connection.request("GET", "/page/events")
    stream = connection.getresponse()
    return connection, stream


def message(stream):
    lines = []
    while (line := stream.readline().decode().rstrip("\n")) or not lines:
        lines.append(line)
    return "\n".join(lines)


def test_the_stream_tells_the_move(lab, nodes):
    connection, stream = follow(nodes[2])
    assert stream.getheader("Content-Type") == "text/event-stream" and nodes[0].name in message(stream)
    nodes[0].drain()
    wait_for("the page says who holds it", lambda: message(stream),
             lambda text: f'<dt>Holder</dt><dd class="good">{nodes[1].name}</dd>' in text)
    connection.close()


def dies(node):
    node.vipd_kill_all()


def hangs(node):
    os.kill(node.vipd_pids()["engine"], signal.SIGSTOP)


@pytest.mark.parametrize("ends", [dies, hangs])
def test_a_dead_holder_is_never_a_second_one(lab, nodes, ends):
    """Not even in the seconds in which the others do not know yet that it is dead."""
    connection, stream = follow(nodes[1])
    ends(nodes[0])
    told = []
    wait_for("the page says that it is gone", lambda: told.append(message(stream)) or told[-1],
             lambda text: ">lost<" in text or "the engine does not respond" in text)
    wait_for("the page says who holds it", lambda: told.append(message(stream)) or told[-1],
             lambda text: f'<dt>Holder</dt><dd class="good">{nodes[1].name}</dd>' in text)
    connection.close()
    assert not [text for text in told if "at once" in text]


def test_one_user_follows_four_times(nodes):
    with contextlib.ExitStack() as stack:
        streams = [follow(nodes[0]) for _ in range(VIEWERS_OF_ONE + 1)]
        for connection, _ in streams:
            stack.callback(connection.close)
        assert [stream.status for _, stream in streams] == [200] * VIEWERS_OF_ONE + [503]
        assert nodes[0].http("GET", "/")[0] == 200
    def again():
        connection, stream = follow(nodes[0])
        connection.close()
        return stream.status
    wait_for("who has gone has made room", again, lambda status: status == 200)


def streams(node, sources, address):
    """To that address from each of these, all of the server itself, and what is answered: 200 or 503."""
    found = []
    with namespace(node.name):
        for source in sources:
            s = socket.create_connection((address, 9752), timeout=5, source_address=(source, 0))
            s.sendall(f"GET /page/events HTTP/1.1\r\nHost: [{address}]:9752\r\n\r\n".encode())
            found.append((s, int(s.recv(1024).split()[1])))
    return found


def test_one_host_does_not_take_all_places(nodes):
    """With 32 addresses of one network it has 128 pages open, and somebody of another network still gets a place, which the
    first host does not get back."""
    node = nodes[2]
    node.vipd_stop()
    node.write_config({**node.config(), "metrics": {"listen": "[::]:9752", "page": True}})
    node.vipd_start()
    wait_for("it answers", lambda: node.http("GET", "/healthz"), lambda answer: answer == (200, "ok\n"))
    host = [f"2001:db8:1:1::{i + 1:x}" for i in range(VIEWERS // VIEWERS_OF_ONE + 1)]
    other = "2001:db8:1:2::1"
    with contextlib.ExitStack() as stack:
        for address in (*host, other):
            node.exec("ip", "addr", "add", address + "/128", "dev", "lo", "nodad")
            stack.callback(node.exec, "ip", "addr", "del", address + "/128", "dev", "lo")

        def follow_from(*sources):
            found = streams(node, sources, node.address)
            for s, _ in found:
                stack.callback(s.close)
            return found
        held = follow_from(*host[:-1] * VIEWERS_OF_ONE)
        assert {code for _, code in held} == {200}
        assert [code for _, code in follow_from(host[-1], other, other, host[-1])] == [503, 200, 200, 503]
        assert [is_ended(s) for s, _ in (held[0], *held[-3:])] == [False, False, True, True], "the last two have made room"


@pytest.mark.long
def test_who_does_not_read_is_dropped(nodes):
    """Within ten seconds of the first message for which the sockets had no room, and not when some limit ends an idle connection;
    so somebody else has the place. Who reads stays."""
    with contextlib.ExitStack() as stack:
        def follow_from_here(count):
            found = streams(nodes[0], ["::1"] * count, "::1")
            for s, _ in found:
                stack.callback(s.close)
            return found
        with namespace(nodes[0].name):
            silent = stack.enter_context(socket.socket(socket.AF_INET6))
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            silent.connect(("::1", 9752))
        silent.sendall(b"GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        readers = follow_from_here(VIEWERS_OF_ONE)
        assert [code for _, code in readers] == [200] * (VIEWERS_OF_ONE - 1) + [503]
        readers.pop()
        wait_for("another one has its place", lambda: ([is_ended(s) for s, _ in readers], follow_from_here(1)[0][1]),
                 lambda seen: seen == ([False] * len(readers), 200), 60)
        assert is_ended(silent)


def is_ended(stream):
    """The first message has been read, or is there."""
    stream.settimeout(0.05)
    with contextlib.suppress(TimeoutError, ConnectionError):
        while stream.recv(1 << 16):
            pass
        return True
    return False


def test_one_address_does_not_stop_scrapes(lab, nodes):
    """On every address, as for a Prometheus elsewhere: then there is no page by itself, and a host of the segment that holds
    connections keeps nobody else from asking."""
    node = nodes[2]
    node.vipd_stop()
    config = node.config()
    config["metrics"] = {"listen": "[::]:9752"}
    node.write_config(config)
    node.vipd_start()
    wait_for("it answers", lambda: node.http("GET", "/healthz"), lambda answer: answer == (200, "ok\n"))
    assert ask(lab.client, "/", node.address)[0] == 404
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(lab.client, node.address)) for _ in range(33)]
        assert sum(is_answered(s) for s in held) == OF_ONE
        for other, address in ((nodes[0], node.address), (node, "::1")):
            assert ask(other, "/metrics", address)[0] == 200


def is_answered(connection):
    """Or closed at once. The connection stays."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.recv(65536) != b""
    return False
