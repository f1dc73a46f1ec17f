# SPDX-License-Identifier: Apache-2.0
"""Two vipds that know each other beside a router that sends no hello: it changes nothing for it, and ends hints once it is known.

VIPD_OLD=DIRECTORY has the programs of an older vipd, one of before hellos: mixed versions in an upgrade. `make interop-old` builds it.
"""

import os

import pytest

from testbed import wait_for

OLD = os.environ.get("VIPD_OLD")


def group(node):
    return node.router()["group"] or {}


def is_told(node):
    """That it is next, so that it need not wait for Skew_Time."""
    wait_for(f"{node.name} knows that it is next", lambda: group(node).get("next_until_ms"))


def hellos_pass(node, count):
    begin = node.status()["group"]["received"]
    wait_for("hellos go on", lambda: node.status()["group"]["received"], lambda now: now >= begin + count)


def knows_stranger(node, router):
    wait_for(f"{node.name} knows that {router.name} sends no hello", lambda: group(node).get("without_hello"), lambda seen: seen == [router.source()])
    assert f"{router.source()} advertises and sends no hello" in node.vipctl("status", check=False).stdout


@pytest.fixture
def two(segment):
    """The first holds the address, and the second knows that it is next."""
    first, second = segment.nodes
    first.begin_with(priority=200)
    second.begin_with(priority=150)
    segment.settles(first, first)
    is_told(second)
    return first, second


def test_a_router_that_was_heard_once_ends_hints_until_it_is_forgotten(segment, two):
    first, second = two
    peer = segment.peers["keepalived"]
    if not peer.installed:
        pytest.skip("needs keepalived")
    peer.begin_with(priority=254)
    segment.settles(peer, second)
    for node in two:
        knows_stranger(node, peer)
    peer.leave()
    segment.settles(first, second)
    hellos_pass(second, 3)
    assert group(second)["next"]["self"] and group(second)["next_until_ms"] is None
    second.vipctl("forget", peer.source())
    is_told(second)
    assert group(second)["without_hello"] == []


def test_one_that_was_never_heard_costs_one_move(segment, two, peer):
    """It is better than the second, and silent as every Backup is: the second takes over first, and gives way."""
    first, second = two
    peer.begin_with(priority=180)
    segment.settles(first, second)
    is_told(second)
    before = first.transitions(), second.transitions()
    assert first.http("POST", "/v1/drain")[0] == 200
    segment.settles(peer, second)
    assert first.transitions() == before[0] + 1 and second.transitions() in (before[1], before[1] + 2), second.events()


@pytest.mark.skipif(not OLD, reason="VIPD_OLD names no older vipd")
def test_a_vipd_of_before_hellos(segment):
    """The new one is a better Backup, holds, leaves and comes back; the old one is like a router of another make."""
    new, old = segment.nodes
    old.settings = {"priority": 150}
    old.write_config({key: value for key, value in old.config().items() if key != "group"})
    old.vipd_start(program=f"{OLD}/vipd")
    segment.wait_holder(old)
    new.begin_with(priority=200)
    segment.settles(new, new)
    assert new.http("POST", "/v1/drain")[0] == 200
    segment.settles(old, new)
    knows_stranger(new, old)
    assert new.http("POST", "/v1/resume")[0] == 200
    segment.settles(new, new)
    assert old.vipd_stop() == 0
    segment.settles(new, new)
