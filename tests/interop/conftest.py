"""One segment for all tests; each begins with nobody on it, and with as many of the peers as it asks for."""

import pytest

import lab as lab_module
from peers import Segment


@pytest.fixture(scope="session")
def session_segment():
    with Segment() as segment:
        yield segment


@pytest.fixture
def segment(session_segment, request):
    session_segment.clear()
    request.node.segment = session_segment
    request.node.log_begin = {name: len(text) for name, text in session_segment.logs()}
    yield session_segment
    for name, text in session_segment.logs():
        report = lab_module.SANITIZER.search(text, request.node.log_begin.get(name, 0))
        assert not report, f"{name}:\n{text[report.start() if report else 0:][:6000]}"


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What everybody logged during a test that failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and hasattr(item, "segment"):
        for name, text in item.segment.logs():
            new = text[item.log_begin.get(name, 0):]
            if new.strip():
                report.sections.append((name, new[-6000:]))
