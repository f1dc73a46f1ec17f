# SPDX-License-Identifier: Apache-2.0
"""Forged and damaged packets at a running group: everything is refused under its own reason, and nothing moves.

What an attack costs the engine in CPU time is printed and not judged (pytest -s shows it).
"""

import json
import os
import re
import struct
import time

import pytest

from hostile import (GROUP, MAC, VRRP, advert, cpu_seconds, dropped, frame, growth, log_lines,
                     neighbor_advertisement, put_checksum, sequence)
from keys import make_key, roll_out
from testbed import PREFIX, SANITIZED, VIP, adverts_pass, transitions, wait_for

FORGER = "fe80::66"
# More than that and the queue which all namespaces share drops the client's packets now and then. VIPD_FLOOD=10000 for once.
PER_SECOND, SECONDS = int(os.environ.get("VIPD_FLOOD", 1000 if SANITIZED else 2000)), 3
EACH = 5  # times every refused packet is sent


@pytest.fixture
def enforced(lab, nodes):
    """All three servers sign and take nothing unsigned; yields the key."""
    path, key = make_key(lab, 1)
    roll_out(nodes, {1: path})
    yield key


class Watch:
    """What must not change while the group is under attack, and what the attack costs."""

    def __init__(self, nodes, probe):
        self.nodes, self.probe = nodes, probe
        self.pids = [node.vipd_pids() for node in nodes]
        self.lines = [log_lines(node) for node in nodes]
        self.dropped = [dropped(node) for node in nodes]
        self.transitions = transitions(nodes)
        # one that is on its way is not missing: the least of some looks
        self.missing = [min(self.behind(node) for _ in range(5)) for node in nodes[1:]]
        self.begin, self.cpu = time.monotonic(), [cpu_seconds(node) for node in nodes]

    def behind(self, backup):
        """How many adverts the holder has sent that this one has not accepted."""
        def sent():
            return self.nodes[0].router()["counters"]["adverts_sent"]
        while True:
            before, received = sent(), backup.router()["counters"]["adverts_received"]
            if sent() == before:
                return before - received

    def report(self, title):
        passed = time.monotonic() - self.begin
        used = [100 * (cpu_seconds(node) - before) / passed for node, before in zip(self.nodes, self.cpu)]
        print(f"\n{title}: CPU of the engines {', '.join(f'{p:.1f} %' for p in used)} of one core over {passed:.1f} s")

    def refused(self):
        """Reason -> count since the beginning, for each server."""
        return [growth(before, dropped(node)) for node, before in zip(self.nodes, self.dropped)]

    def nothing_moved(self):
        assert transitions(self.nodes) == self.transitions
        assert [node.vipd_pids() for node in self.nodes] == self.pids

    def no_advert_was_missed(self):
        """One that is missing stays missing; one that was sent this moment may be on its way."""
        wait_for("every advert has been accepted", lambda: [self.behind(node) for node in self.nodes[1:]],
                 lambda behind: all(now <= before for now, before in zip(behind, self.missing)))

    def no_request_was_lost(self):
        requests = self.probe.mark()["requests"]
        assert requests["ok"] > 0 and requests["lost"] == 0, requests

    def log_is_short(self, most):
        for node, before in zip(self.nodes, self.lines):
            assert log_lines(node) - before <= most, node.log()[-3000:]


def carp():
    """What OpenBSD's carp sends to the same group: version 2, authlen 7, advbase 1, counter and HMAC."""
    data = struct.pack("!BBBBBBH", 0x21, 100, 0, 7, 0, 1, 0) + bytes(28)
    return frame(put_checksum(data, 6, FORGER, GROUP, VRRP), FORGER, GROUP, VRRP)


def damaged(key):
    """Reason -> packets that every server refuses for it."""
    signed = {"key": key}
    return {
        "bad_hop_limit": [advert(FORGER, hops=254), advert(FORGER, hops=64, auth=signed)],
        "bad_destination": [advert(FORGER, destination="ff02::1:ff00:100")],
        "too_short": [frame(b"\x31\x64", FORGER, GROUP, VRRP), frame(bytes(7), FORGER, GROUP, VRRP)],
        "bad_version": [carp(), advert(FORGER, version=2), advert(FORGER, version=4)],
        "bad_type": [advert(FORGER, kind=2), advert(FORGER, kind=0)],
        "no_address": [advert(FORGER, count=0), advert(FORGER, addresses=())],
        "bad_length": [advert(FORGER, count=1), advert(FORGER, count=3), advert(FORGER, count=255),
                       advert(FORGER, more=b"\0"), advert(FORGER, more=bytes(27)), advert(FORGER, auth=signed, more=b"\0")],
        "bad_interval": [advert(FORGER, interval_cs=0)],
        "bad_checksum": [advert(FORGER, wrong_checksum=True), advert(FORGER, auth=signed, wrong_checksum=True)],
        "bad_source": [advert(PREFIX + "66"), advert(PREFIX + "66", auth=signed)],
        "unknown_vrid": [advert(FORGER, vrid=101)],
        "auth_missing": [advert(FORGER), advert(FORGER, priority=254, interval_cs=4095), advert(FORGER, priority=0)],
        "auth_malformed": [advert(FORGER, auth={**signed, "kind": 2}), advert(FORGER, auth={**signed, "reserved": 1})],
        "auth_unknown_key": [advert(FORGER, auth={**signed, "key_id": 9})],
        "auth_bad_mac": [advert(FORGER, auth={}), advert(FORGER, auth={"key": bytes(32)})],
        "auth_stale": [advert(FORGER, auth={**signed, "number": sequence(shift)}) for shift in (-3600, -60, 60)],
    }


@pytest.mark.long
def test_every_class_has_its_reason(lab, nodes, attacker, probe, enforced):
    watch = Watch(nodes, probe)
    expected = [{} for _ in nodes]

    def expect(reasons, many):
        """`reasons`: what each server says of the packets that have just been sent."""
        for counts, reason in zip(expected, reasons):
            counts[reason] = counts.get(reason, 0) + many
        wait_for(f"refused as {reasons}", watch.refused, lambda seen: seen == expected)

    attacker.send(*[advert(FORGER, destination="ff02::5")] * EACH)  # nobody listens: in no count at all
    for reason in damaged(enforced):
        packets = damaged(enforced)[reason]  # made now: after five seconds a signature is old
        for _ in range(EACH):
            attacker.send(*packets)
        expect([reason] * 3, EACH * len(packets))
    for _ in range(EACH):
        for node in nodes:
            port = f"02:00:00:00:00:{node.number}"
            attacker.send(advert(PREFIX + "66", destination=node.address, mac=port))
    expect(["unknown_peer"] * 3, EACH)
    for node in nodes:  # as if from its own address, to itself
        attacker.send(*[advert(node.link_local, destination=node.link_local, mac=f"02:00:00:00:00:{node.number}")] * EACH)
    expect(["own_packet"] * 3, EACH)
    attacker.send(*attacker.hear_adverts(nodes[0].link_local, EACH))
    expect(["own_packet", "auth_replayed", "auth_replayed"], EACH)
    [captured] = attacker.hear_adverts(nodes[0].link_local, 1)
    stolen = put_checksum(captured[54:], 6, FORGER, GROUP, VRRP)  # right when it was sent, but by somebody else
    attacker.send(*[frame(stolen, FORGER, GROUP, VRRP)] * EACH)
    expect(["auth_bad_mac"] * 3, EACH)

    adverts_pass(nodes[0], 5)
    watch.no_advert_was_missed()
    watch.nothing_moved()
    watch.no_request_was_lost()
    watch.log_is_short(len(expected[0]) + 4)  # a line for each reason, and two conflicts begin, and end


def test_a_signed_advert_of_the_right_key_counts(nodes, attacker, enforced):
    """The other side of all this: the generator's signature is right, so what was refused was refused for what it says."""
    before = nodes[1].router()["counters"]["adverts_received"]
    attacker.send(advert(FORGER, priority=33, auth={"key": enforced}))
    wait_for("two more than the holder's", nodes[1].router, lambda r: r["counters"]["adverts_received"] > before)
    seen = [node.router()["counters"]["address_list_mismatches"] for node in nodes]
    attacker.send(advert(FORGER, priority=33, auth={"key": enforced}, addresses=("fe80::100",)))
    wait_for("all have read it", lambda: [node.router()["counters"]["address_list_mismatches"] for node in nodes],
             lambda now: now == [count + 1 for count in seen])


@pytest.mark.long
@pytest.mark.alone
def test_a_signed_flood_of_nonsense(nodes, attacker, probe, enforced):
    """PER_SECOND packets: guessed signatures, replays, unsigned claims to be better, and what is no VRRPv3 at all."""
    watch = Watch(nodes, probe)
    guessed = [advert(source, auth={"number": sequence(4)}) for source in (FORGER, nodes[0].link_local) for _ in range(50)]
    forged = [advert(FORGER, priority=254, interval_cs=4095), carp(), *attacker.hear_adverts(nodes[0].link_local, 2)]
    sent = attacker.flood(guessed + forged, PER_SECOND, SECONDS)
    watch.report(f"{sent} bad trailers and the like")
    adverts_pass(nodes[0], 5)
    watch.nothing_moved()
    watch.no_advert_was_missed()
    watch.no_request_was_lost()
    watch.log_is_short(5)
    for refused in watch.refused():
        assert refused.keys() - {"own_packet", "auth_stale", "auth_replayed"} == {"auth_bad_mac", "auth_missing", "bad_version"}
        assert 0 < sum(refused.values()) <= sent, refused  # a full buffer drops some before the engine sees them


def test_one_forged_advert_silences_nobody_for_long(lab, nodes, attacker, probe):
    """Without authentication: priority 254 and 40.95 s. The bound itself is a matter of the unit tests."""
    def events():
        return [(node.name, event["number"], event["reason"]) for node in nodes
                for event in json.loads(node.http("GET", "/v1/events")[1])["events"] if "to" in event]
    before, known = transitions(nodes), events()
    attacker.send(advert(FORGER, priority=254, interval_cs=4095))
    wait_for("the holder gives way and comes back", lambda: transitions(nodes)[0], lambda now: now >= before[0] + 2)
    lab.wait_holder(nodes[0])
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[0].name)
    # ten times its own Active_Down_Interval is 3.4 s, the rest is for a busy machine; without the bound it would be 123 s
    waited = [int(ms) for event in events() if event not in known for ms in re.findall(r"no advertisement for (\d+)", event[2])]
    assert waited and max(waited) < 10000, waited
    print(f"\none forged advert: {probe.mark()['connect']['gap_ms']:.1f} ms without an answer")


@pytest.mark.long
@pytest.mark.alone
def test_flapping_does_not_fill_the_log(lab, nodes, attacker):
    """Unsigned: somebody who is better, resigns, is better, … as fast as the timers allow."""
    before, lines = transitions(nodes)[0], log_lines(nodes[0])
    flapping = [advert(FORGER, priority=priority, interval_cs=1) for priority in (254, 0)]
    wait_for("many changes of state", lambda: attacker.flood(flapping, 200, 0.5) and transitions(nodes)[0] - before,
             lambda changes: changes > 60)
    assert log_lines(nodes[0]) - lines <= 32
    lab.wait_holder(nodes[0])


@pytest.mark.long
@pytest.mark.alone
def test_contradicting_adverts_do_not_fill_the_log(nodes, attacker, probe):
    """Unsigned, of a lower priority: one with our addresses, one with others, and so on."""
    watch = Watch(nodes, probe)
    sent = attacker.flood([advert(FORGER, priority=33), advert(FORGER, priority=33, addresses=("fe80::100",))], PER_SECOND, 1)
    watch.report(f"{sent} contradicting adverts")
    wait_for("all were read", lambda: [n.router()["counters"]["address_list_mismatches"] for n in nodes],
             lambda now: min(now) > 0)
    watch.log_is_short(2)
    watch.nothing_moved()
    watch.no_request_was_lost()


@pytest.mark.alone
def test_storm_of_announcements(lab, nodes, attacker, probe):
    """Somebody claims the address, PER_SECOND times a second. The holder has the last word, so clients find it at once."""
    watch = Watch(nodes, probe)
    sent = attacker.flood([neighbor_advertisement()], PER_SECOND, SECONDS)
    assert attacker.hear_announcement() == f"02:00:00:00:00:{nodes[0].number}"
    watch.report(f"{sent} announcements of {MAC}")
    wait_for("the client's neighbour is the holder", lambda: lab.client.exec("ip", "-6", "neigh", "show", VIP).stdout,
             lambda text: f"02:00:00:00:00:{nodes[0].number}" in text)
    watch.probe.mark()
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[0].name)
    assert nodes[0].router()["counters"]["foreign_announcements"] > 0
    watch.nothing_moved()
    watch.no_advert_was_missed()
    watch.log_is_short(2)
