# SPDX-License-Identifier: Apache-2.0
"""One segment for all tests; each begins with nobody on it, and with as many of the peers as it asks for."""

import pytest

from plugin import watched
from segment import Segment


@pytest.fixture(scope="session")
def session_segment():
    with Segment() as segment:
        yield segment


@pytest.fixture
def segment(session_segment, request):
    session_segment.clear()
    with watched(session_segment, request):
        yield session_segment


@pytest.fixture
def vipd(segment):
    """The one with the lowest address."""
    return segment.nodes[0]


@pytest.fixture(params=["keepalived", "frr"])
def peer(segment, request):
    """A router of another make; what is to hold of one has to hold of all."""
    peer = segment.peers[request.param]
    if not peer.installed:
        pytest.skip(f"{peer.make} is not installed: apt-get install --no-install-recommends {peer.make}")
    return peer
