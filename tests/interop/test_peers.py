# SPDX-License-Identifier: Apache-2.0
"""vipd in one group with routers of other makes: each scenario in both directions, and at its end one holder."""

import re
from ipaddress import ip_address

import pytest

from testbed import VIP, wait_for
from segment import GROUP_LINK_LOCAL, SECOND_VIP

LONG = "40s"  # so long that three of them are past every deadline here: what happens sooner did not wait for them


def both(segment, vipd, peer, vipd_priority, peer_priority, **vipd_settings):
    """A group of two, settled: the higher priority holds."""
    vipd.begin_with(priority=vipd_priority, **vipd_settings)
    peer.begin_with(priority=peer_priority)
    segment.settles(vipd if vipd_priority > peer_priority else peer, vipd)


def test_silent_death_of_the_peer_and_its_return(segment, vipd, peer):
    both(segment, vipd, peer, 100, 200)
    peer.blackhole()
    segment.settles(vipd, vipd)
    assert vipd.became("active") == "no_advert"
    peer.plug()  # it has gone on as Active: two of them meet
    segment.settles(peer, vipd)
    assert vipd.became("backup") == "higher_priority"


def test_silent_death_of_vipd_and_its_return(segment, vipd, peer):
    both(segment, vipd, peer, 200, 100)
    vipd.blackhole()
    segment.becomes_holder(peer)
    transitions = vipd.transitions()
    vipd.plug()
    segment.settles(vipd, vipd)
    assert vipd.transitions() == transitions, "it won without giving the address away"


def test_a_higher_vipd_preempts(segment, vipd, peer):
    peer.begin_with(priority=100)
    segment.wait_holder(peer)
    vipd.begin_with(priority=200)
    segment.settles(vipd, vipd)
    assert vipd.became("active") == "preempted_lower"
    assert vipd.router()["active_router"]["self"] is True


def test_a_higher_peer_preempts(segment, vipd, peer):
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    peer.begin_with(priority=200)
    segment.settles(peer, vipd)
    assert vipd.became("backup") == "higher_priority"
    active = vipd.router()["active_router"]
    assert (active["address"], active["priority"], active["self"]) == (peer.source(), 200, False)


def test_vipd_told_not_to_preempt_does_not(segment, vipd, peer):
    peer.begin_with(priority=100)
    segment.wait_holder(peer)
    vipd.begin_with(priority=200, preempt=False)
    segment.settles(peer, vipd, stays=10)
    peer.leave()
    segment.settles(vipd, vipd)
    assert vipd.became("active") == "resigned"


def test_a_peer_told_not_to_preempt_does_not(segment, vipd, peer):
    vipd.begin_with(priority=100)
    segment.settles(vipd, vipd)
    peer.begin_with(priority=200, preempt=False)
    segment.settles(vipd, vipd, stays=10)


def test_a_peer_that_leaves_is_followed_after_skew_time(segment, vipd, peer):
    both(segment, vipd, peer, 100, 200)
    peer.leave()
    segment.settles(vipd, vipd)
    assert vipd.became("active") == "resigned"
    assert vipd.router()["counters"]["priority_zero_received"] > 0


@pytest.mark.parametrize("how", ["stop", "drain"])
def test_a_vipd_that_leaves_is_followed_after_skew_time(segment, peer, how):
    """The peer has learned an interval of 40 s: only Skew_Time, 2/256 of it, is over within the deadline."""
    vipd = segment.nodes[1]  # keeps its place against an equal priority
    vipd.begin_with(priority=254)
    segment.settles(vipd, vipd)
    peer.begin_with(priority=254)
    vipd.change(advert_interval=LONG)
    wait_for("the peer has learned the interval", peer.learned_interval_ms, lambda ms: ms == 40000)
    if how == "stop":
        vipd.leave()
    else:
        assert vipd.http("POST", "/v1/drain")[0] == 200
    segment.becomes_holder(peer)


@pytest.mark.parametrize("greater", ["vipd", "peer"])
def test_a_tie_is_broken_by_address(segment, peer, greater):
    """Two Actives of one priority meet after a partition; the greater address of the two stays."""
    vipd = segment.nodes[1 if greater == "vipd" else 0]
    vipd.blackhole()
    vipd.begin_with(priority=150)
    peer.begin_with(priority=150)
    wait_for("both are Active", lambda: (vipd.is_ready(), peer.is_ready()), lambda ready: ready == (True, True))
    assert (ip_address(vipd.source()) > ip_address(peer.source())) == (greater == "vipd")
    vipd.plug()
    segment.settles(vipd if greater == "vipd" else peer, vipd)
    if greater == "peer":
        assert vipd.became("backup") == "higher_address"
    else:
        assert vipd.router()["state"] == "active" and vipd.became("active") == "no_advert"


@pytest.mark.parametrize("who", ["vipd", "peer"])
def test_a_different_address_list_breaks_nothing(segment, vipd, peer, who):
    """vipd says so once, counts every such advert, and goes on."""
    addresses = [VIP, SECOND_VIP]
    if peer.make == "keepalived":
        addresses.insert(0, GROUP_LINK_LOCAL)
    vipd.begin_with(priority=100, **({"addresses": [VIP, SECOND_VIP]} if who == "vipd" else {}))
    peer.begin_with(priority=200, **({"addresses": addresses} if who == "peer" else {}))
    segment.settles(peer, vipd)
    counters = vipd.router()["counters"]
    assert counters["address_list_mismatches"] > 1
    peer.leave()
    segment.settles(vipd, vipd)
    assert not any(vipd.router()["dropped"].values())
    assert len(re.findall("the configurations differ", vipd.log("vipd"))) == 1


def test_one_address_list_is_no_mismatch(segment, vipd, peer):
    """With the link-local address first (keepalived here) or without it (FRR)."""
    both(segment, vipd, peer, 100, 200)
    assert vipd.router()["counters"]["address_list_mismatches"] == 0
    assert "the configurations differ" not in vipd.log("vipd")


def test_vipd_adopts_the_interval_of_the_peer(segment, vipd, peer):
    peer.begin_with(priority=200, interval_ms=300)
    segment.wait_holder(peer)
    vipd.begin_with(priority=100)
    wait_for("the interval is known", lambda: vipd.router()["advert_interval_ms"], lambda ms: ms == 300)
    segment.settles(peer, vipd)
    peer.leave()
    segment.settles(vipd, vipd)
    assert vipd.router()["advert_interval_ms"] == 100


def test_a_peer_at_the_usual_second_is_left_in_peace(segment, vipd, peer):
    """1 s, the default of keepalived and FRR, against 100 ms, the default of vipd.

    What the Active tells is believed until its next advert.
    """
    peer.begin_with(priority=200, interval_ms=1000)
    vipd.begin_with(priority=100)
    wait_for("it was told more than once", lambda: vipd.router()["counters"]["adverts_received"], lambda now: now >= 3)
    segment.wait_holder(peer)
    wait_for("the interval is known", lambda: vipd.router()["advert_interval_ms"], lambda ms: ms == 1000)
    segment.settles(peer, vipd, stays=4)


def test_a_peer_adopts_the_interval_of_vipd(segment, vipd, peer):
    both(segment, vipd, peer, 200, 100)
    vipd.change(advert_interval="400ms")
    wait_for("the peer has learned it", peer.learned_interval_ms, lambda ms: ms == 400)
    segment.settles(vipd, vipd)


@pytest.mark.parametrize("peer", ["keepalived"], indirect=True)
def test_unicast(segment, vipd, peer):
    """On a segment without multicast: adverts go straight to the other one. FRR has no such thing."""
    vipd.begin_with(priority=200, peers=[peer.source()])
    peer.begin_with(priority=100, unicast_to=[vipd.source()])
    segment.settles(vipd, vipd)
    vipd.blackhole()
    segment.becomes_holder(peer)
    vipd.plug()
    segment.settles(vipd, vipd)
    vipd.leave()
    segment.becomes_holder(peer)
    vipd.begin_with(priority=50, peers=[peer.source()])
    segment.settles(peer, vipd)
    peer.leave()
    segment.settles(vipd, vipd)
    assert vipd.became("active") == "resigned"
    assert not any(vipd.router()["dropped"].values())


def test_three_makes_in_one_group(segment, vipd):
    keepalived, frr = segment.peers["keepalived"], segment.peers["frr"]
    if not (keepalived.installed and frr.installed):
        pytest.skip("needs keepalived and FRR")
    vipd.begin_with(priority=150)
    keepalived.begin_with(priority=200)
    frr.begin_with(priority=100)
    segment.settles(keepalived, vipd)
    keepalived.leave()
    segment.settles(vipd, vipd)
    vipd.blackhole()
    segment.wait_holder(frr)
    vipd.plug()
    segment.settles(vipd, vipd)
