# SPDX-License-Identifier: Apache-2.0
"""Interfaces and machines that lack one of the families, and those that come and go."""

import pytest

from families import wait_both
from testbed import BOTH, BUILD, VIP_IPV4, run, wait_for

# No socket of IPv6, as with the kernel's parameter ipv6.disable=1.
WITHOUT_IPV6 = """
import ctypes, os, platform, struct, sys
LOAD, EQUAL, RETURN = 0x20, 0x15, 6
socket, AF_INET6, EAFNOSUPPORT = {"x86_64": 41, "aarch64": 198}[platform.machine()], 10, 97
lines = [(LOAD, 0, 0, 0), (EQUAL, 0, 3, socket), (LOAD, 0, 0, 16), (EQUAL, 0, 1, AF_INET6),
         (RETURN, 0, 0, 0x50000 | EAFNOSUPPORT), (RETURN, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
program = struct.pack("HP", len(lines), ctypes.addressof(code))
if ctypes.CDLL(None, use_errno=True).prctl(22, 2, program, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def without_ipv6(node):
    """Its vipd has IPv4 alone, also for the check; the metrics are on [::1], as if nobody had thought of it."""
    config = node.config()
    config["checks"][0]["url"] = "https://127.0.0.1:6443/readyz"
    assert node.vipd_stop() == 0
    node.sysctl({"all/disable_ipv6": 1})
    node.write_config(config)
    node.vipd_start(wrap=["python3", "-c", WITHOUT_IPV6])


def with_ipv6(node):
    node.sysctl({"all/disable_ipv6": 0})
    node.interface_up()


@pytest.mark.long
@pytest.mark.vips(VIP_IPV4)
def test_a_machine_without_ipv6(lab, nodes):
    """Every process runs; there are checks, metrics, hellos and the socket of vipctl."""
    try:
        for node in nodes:
            without_ipv6(node)
        lab.wait_holder(nodes[0])
        for node in nodes:
            wait_for(f"{node.name} knows the group", node.group, lambda seen: seen == (3, 2))
            wait_for(f"{node.name} is healthy", lambda node=node: node.router()["healthy"])
            assert node.vipd_pids().keys() == {"guardian", "keeper", "engine", "control"}
            assert "vipd_router_state" in node.exec("curl", "-sS", "http://127.0.0.1:9752/metrics").stdout
        joining = nodes[1].exec("python3", "-c", WITHOUT_IPV6, f"{BUILD}/vipctl", "init", "--yes", "--interface", "eth0",
                                "--address", VIP_IPV4, "--output", "-")
        assert "joins it" in joining.stderr and "vrid = 100;" in joining.stdout, joining
        nodes[0].drain()
        lab.wait_holder(nodes[1])
        assert nodes[1].vipd_stop() == 0
        lab.wait_holder(nodes[2])
    finally:
        for node in nodes:
            with_ipv6(node)


@pytest.mark.vips(*BOTH)
def test_ipv6_comes_and_goes(nodes):
    """The holder of both cannot hold one of them, so another server has both."""
    first, second, _ = nodes
    first.sysctl({"eth0/disable_ipv6": 1})
    try:
        wait_both(nodes, second)
    finally:
        first.sysctl({"eth0/disable_ipv6": 0})
        first.interface_up()
    wait_both(nodes, first)


@pytest.mark.vips(*BOTH)
def test_ipv4_comes_and_goes(nodes):
    """Its election is in IPv4: without an address of its own it cannot take part."""
    first, second, _ = nodes
    run("ip", "-n", first.name, "-4", "addr", "flush", "dev", "eth0")
    wait_both(nodes, second)
    first.interface_up()
    wait_both(nodes, first)


def test_without_ipv4(nodes, lab):
    """IPv6 routers need no IPv4."""
    run("ip", "-n", nodes[0].name, "-4", "addr", "flush", "dev", "eth0")
    nodes[0].reconfigure(router={"priority": 200})
    lab.wait_holder(nodes[0])
    nodes[0].drain()
    lab.wait_holder(nodes[1])
    nodes[0].interface_up()
