# SPDX-License-Identifier: Apache-2.0
"""What the tests of addresses of both families share."""

import json

from testbed import BOTH, VIP, VIP_IPV4, run, wait_for


def has(node):
    return node.has_address(VIP_IPV4), node.has_address(VIP)


def wait_both(nodes, holder):
    """`holder` has the addresses of both families, and nobody else has any."""
    wait_for(f"{holder.name} has both", lambda: [has(node) for node in nodes],
             lambda seen: seen == [(node is holder,) * 2 for node in nodes])


def entry(host, address):
    """The MAC address that `host` has for another address."""
    [found] = json.loads(run("ip", "-n", host.name, "-json", "neigh", "show", address).stdout)
    return found.get("lladdr")


def neighbour(host, address):
    """The same, after it has sent something there."""
    host.exec("bash", "-c", f"echo >/dev/udp/{address}/9", check=False)
    return entry(host, address)


def wait_reached(host, node):
    for address in BOTH:
        wait_for(f"{host.name} reaches {address} on {node.name}", lambda address=address: neighbour(host, address),
                 lambda mac: mac == f"02:00:00:00:00:{node.number}")
