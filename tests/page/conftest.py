# SPDX-License-Identifier: Apache-2.0
"""Three servers, and a browser on the second of them, all the time."""

import pathlib
import shutil

import pytest

import browser as chromium
from basics import ROOT
from plugin import watched
from terminal import VIPCTL, Terminal
from testbed import Cluster

AXE = pathlib.Path(ROOT, "build/page/node_modules/axe-core/axe.min.js")  # make setup-page


@pytest.fixture(scope="session")
def session_lab():
    if not chromium.find():
        pytest.skip("chromium is not installed: make setup-page")
    with Cluster() as cluster:
        cluster.start()
        yield cluster


@pytest.fixture(scope="session")
def session_browser(session_lab):
    with chromium.Browser(session_lab.nodes[1]) as browser:
        yield browser


@pytest.fixture(scope="session")
def terminal(session_lab):
    """`vipctl watch` on the second, all the time."""
    with Terminal(VIPCTL, "-s", session_lab.nodes[1].socket_path, "watch") as terminal:
        yield terminal


@pytest.fixture
def lab(session_lab, request):
    with watched(session_lab, request):
        session_lab.restore()
        yield session_lab


@pytest.fixture
def nodes(lab):
    return lab.nodes


@pytest.fixture
def browser(lab, session_browser):
    """On the page; a test fails by whatever a policy has stopped, and by every error of the script."""
    session_browser.complaints.clear()
    session_browser.open()
    yield session_browser
    session_browser.open("about:blank")
    assert session_browser.complaints == []


@pytest.fixture(scope="session")
def axe():
    """Its text, None if it is not there."""
    return AXE.read_text() if AXE.exists() else None


@pytest.fixture(scope="session")
def pictures():
    directory = pathlib.Path(ROOT, "build/page/pictures")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
