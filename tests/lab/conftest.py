"""One lab for all tests: each begins with three healthy servers of which the first holds the VIP, and ends as it likes."""

import pytest

import lab as lab_module
from hostile import Attacker
from lab import Lab, Probe, wait_for


@pytest.fixture(scope="session")
def session_lab():
    with Lab() as lab:
        lab.start()
        yield lab


@pytest.fixture
def lab(session_lab, request):
    request.node.lab = session_lab
    before = {name: len(text) for name, text in session_lab.logs()}
    request.node.log_begin = before
    session_lab.restore()
    yield session_lab
    for name, text in session_lab.logs():
        report = lab_module.SANITIZER.search(text, before.get(name, 0))
        assert not report, f"{name}:\n{text[report.start() if report else 0:][:6000]}"


@pytest.fixture
def nodes(lab):
    return lab.nodes


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the nodes logged during a test that failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and hasattr(item, "lab"):
        for name, text in item.lab.logs():
            new = text[item.log_begin.get(name, 0):]
            if new.strip():
                report.sections.append((name, new[-6000:]))
