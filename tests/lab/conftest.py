# SPDX-License-Identifier: Apache-2.0
"""One cluster for all tests: each begins with three healthy servers of which the first holds the VIP, and ends as it likes.

The mark `vips(address, …)` gives a test other addresses than the one of IPv6; those in a row that have the same cost no restart.
"""

import pytest

from hostile import Attacker
from plugin import watched
from testbed import VIP, Cluster, Probe, Probes, wait_for


@pytest.fixture(scope="session")
def session_lab():
    with Cluster() as cluster:
        cluster.start()
        yield cluster


@pytest.fixture
def lab(session_lab, request):
    mark = request.node.get_closest_marker("vips")
    session_lab.vips = mark.args if mark else (VIP,)
    with watched(session_lab, request):
        session_lab.restore()
        yield session_lab


@pytest.fixture
def nodes(lab):
    return lab.nodes


@pytest.fixture
def probe(lab):
    """A client that has had its first answers from the first server; with several addresses one of each."""
    probe = Probe(lab.client, request_ms=20) if lab.vips == (VIP,) else Probes(lab.client, lab.vips, request_ms=20)
    wait_for("the client is served by the first server", probe.answered_by, lambda name: name == lab.nodes[0].name)
    probe.mark()
    yield probe
    probe.close()


@pytest.fixture(scope="session")
def attacker(session_lab):
    attacker = Attacker(session_lab)
    yield attacker
    attacker.close()
