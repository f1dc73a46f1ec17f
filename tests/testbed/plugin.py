"""The part of pytest that all tests on a testbed share: sanitizers' reports fail a test, and one that failed shows all logs.

Run side by side (run.py), each worker has a world and a testbed of its own. Tests that measure, or load the machine on purpose,
are marked `alone` and run when nothing else does. The mark `together("name")` keeps tests that share something in one worker,
and lets them begin first.
"""

import contextlib

import pytest

from testbed import SANITIZER


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures or floods, so nothing may run beside it")
    config.addinivalue_line("markers", "together(name): in one worker")


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("together"):
            item.add_marker(pytest.mark.xdist_group(mark.args[0]))
    items.sort(key=lambda item: item.get_closest_marker("together") is None)


@contextlib.contextmanager
def watched(testbed, request):
    """For a fixture: what the hosts log during this test is looked at when it ends."""
    request.node.testbed = testbed
    before = request.node.log_begin = {name: len(text) for name, text in testbed.logs()}
    yield
    for name, text in testbed.logs():
        report = SANITIZER.search(text, before.get(name, 0))
        assert not report, f"{name}:\n{text[report.start() if report else 0:][:6000]}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What everybody logged during a test that failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and hasattr(item, "testbed"):
        for name, text in item.testbed.logs():
            new = text[item.log_begin.get(name, 0):]
            if new.strip():
                report.sections.append((name, new[-6000:]))
