# SPDX-License-Identifier: Apache-2.0
"""The part of pytest that all tests on a testbed share: sanitizers' reports fail a test, and one that failed shows all logs.

Run side by side (run.py), each worker has a world and a testbed of its own. Tests that measure, or load the machine on purpose,
are marked `alone` and run when nothing else does. The mark `together("name")` keeps tests that share something in one worker,
and lets them begin first.
"""

import contextlib
import json
import os
import random

import pytest
from _pytest.runner import runtestprotocol

from stalls import Stalls
from testbed import SANITIZER

LATE = "the engine was late"  # what vipd says when the machine did not let it run
LEFT_MAX = 10  # tests that failed because of the load
BUSY = 3 * os.cpu_count()  # load, from which nobody can promise anything


def pytest_configure(config):
    is_worker = hasattr(config, "workerinput")
    config.stalls = Stalls() if is_worker or config.getoption("dist", "no") == "no" else None  # who runs tests
    config.addinivalue_line("markers", "alone: measures or floods, so nothing may run beside it")
    config.addinivalue_line("markers", "long: takes long, or is a further case of one that does not, so `make check` leaves it out")
    config.addinivalue_line("markers", "vips(address, …): which the group moves")
    config.addinivalue_line("markers", "together(name): in one worker")


def pytest_collection_modifyitems(items):
    if order := os.environ.get("VIPD_ORDER"):  # a seed: what one test leaves behind, another one finds
        random.Random(order).shuffle(items)
    for item in items:
        for mark in item.iter_markers("together"):
            item.add_marker(pytest.mark.xdist_group(mark.args[0]))
    items.sort(key=lambda item: item.get_closest_marker("together") is None)


def starved(item):
    """Whether this machine was too busy for the test that has just failed. One that loads it on purpose has only itself to blame."""
    if os.getloadavg()[0] > BUSY:
        return f"the load is {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors"
    late = [name for name, new in item_logs(item) if LATE in new]
    if late:
        return f"an engine was late ({', '.join(late)})"
    return None if item.get_closest_marker("alone") else item.stall


def leave(item, why):
    """The failed test is left to a run in which nothing else is at work (`make check`): its name goes to a file in $VIPD_LATER.

    Where and why, as pytest wants it of a test that is skipped; None if so many are left that the load is not their cause.
    """
    left = os.path.join(os.environ["VIPD_LATER"], os.path.basename(item.config.rootpath))
    with open(left, "a+", encoding="utf-8") as file:
        file.seek(0)
        if len(file.readlines()) >= LEFT_MAX:
            return None
    name = item.nodeid
    for mark in item.iter_markers("xdist_group"):
        name = name.removesuffix(f"@{mark.args[0]}")
    with open(left, "a", encoding="utf-8") as file:
        file.write(name + "\n")
    return (str(item.path), item.location[1], f"Skipped: left for later, alone: {why}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """A test that fails on a starved machine is repeated, later if it can be, else at once and twice; the summary says so."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    item.config.stalls.read()
    reports, repeated = runtestprotocol(item, nextitem=nextitem, log=False), []
    while (len(repeated) < 2 and (failed := [report for report in reports if report.failed]) and (why := starved(item))
           and not any(SANITIZER.search(report.longreprtext) for report in failed)):  # no machine is too slow for that
        why = f"{why}; it was {failed[0].longreprtext.strip().splitlines()[-1]}"
        repeated.append(("repeated", why))
        if "VIPD_LATER" in os.environ:
            for report in failed if (where := leave(item, why)) else ():
                report.outcome, report.longrepr, report.sections = "skipped", where, []
            break
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    reports[0].user_properties += repeated
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter):
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, why in getattr(report, "user_properties", ()):
                if name == "repeated" and report.when == "setup":
                    terminalreporter.write_line(f"repeated: {report.nodeid}: {why}")


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
    """What everybody logged during a test that failed, and what the servers say now."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.stall = item.config.stalls.why(call.start, call.stop)
        report.sections += [(name, new[-6000:]) for name, new in item_logs(item)]
        for node in getattr(getattr(item, "testbed", None), "nodes", ()):
            with contextlib.suppress(Exception):  # it may run no vipd
                report.sections.append((f"{node.name}/status", json.dumps(node.router())))


def item_logs(item):
    """What each host has logged since this test began."""
    if not hasattr(item, "testbed"):
        return []
    logs = [(name, text[item.log_begin.get(name, 0):]) for name, text in item.testbed.logs()]
    return [(name, new) for name, new in logs if new.strip()]
