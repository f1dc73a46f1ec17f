# SPDX-License-Identifier: Apache-2.0
"""One cluster for all tests: each begins with three healthy servers of which the first holds the VIP, and ends as it likes."""

import pytest

from families import wait_both
from hostile import Attacker
from plugin import watched
from testbed import BOTH, Cluster, Probe, wait_for


@pytest.fixture(scope="session")
def session_lab():
    with Cluster() as cluster:
        cluster.start()
        yield cluster


@pytest.fixture
def lab(session_lab, request):
    with watched(session_lab, request):
        session_lab.restore()
        yield session_lab


@pytest.fixture
def nodes(lab):
    return lab.nodes


@pytest.fixture
def dual(nodes):
    """The three servers, elected in IPv4, with one address of each family; the first has taken it over from IPv6."""
    for node in nodes:
        node.reconfigure(router={"addresses": [*BOTH], "name": "dual"})
    wait_both(nodes, nodes[0])
    for node in nodes:
        wait_for(f"{node.name} knows the holder", lambda node=node: node.router()["active_router"]["address"],
                 lambda address: address == nodes[0].ipv4)
    return nodes


@pytest.fixture
def probe(lab):
    """A client that has had its first answers from the first server."""
    probe = Probe(lab.client, request_ms=20)
    wait_for("the client is served by the first server", probe.answered_by, lambda name: name == lab.nodes[0].name)
    probe.mark()
    yield probe
    probe.close()


@pytest.fixture(scope="session")
def attacker(session_lab):
    attacker = Attacker(session_lab)
    yield attacker
    attacker.close()
