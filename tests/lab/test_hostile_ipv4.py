# SPDX-License-Identifier: Apache-2.0
"""test_hostile.py in IPv4: adverts in every kind of packet, and ARP. What is refused has its reason, and nothing moves."""

import pytest

from families import entry, wait_both, wait_reached
from hostile import MAC
from hostile_ipv4 import FORGER, advert, arp, frames, heard_adverts
from keys import make_key, roll_out, use
from test_hostile import Watch
from testbed import BOTH, VIP_IPV4, adverts_pass, wait_for

pytestmark = pytest.mark.vips(*BOTH)
EACH = 3  # times every packet is sent
OTHER_GROUP = "224.0.0.251"


@pytest.fixture
def members(nodes):
    """Of another group, as by a DNS responder: what is sent there arrives."""
    for node in nodes:
        node.exec("ip", "address", "add", f"{OTHER_GROUP}/32", "dev", "eth0", "autojoin")
    yield
    for node in nodes:
        node.exec("ip", "address", "delete", f"{OTHER_GROUP}/32", "dev", "eth0")


@pytest.fixture
def key(lab, nodes):
    """All three servers sign and take nothing unsigned."""
    path, key = make_key(lab, 1)
    roll_out(nodes, {1: path})
    return key


def damaged(key):
    """Reason -> packets that every server refuses for it."""
    signed = {"key": key}
    return {
        "bad_hop_limit": [advert(ttl=254), advert(ttl=1, auth=signed)],
        "bad_destination": [advert(destination=OTHER_GROUP)],
        "too_short": [frames(b"\x31\x64"), frames(bytes(7))],
        "bad_version": [advert(version=2), advert(version=4), advert(version=2, more=bytes(28))],
        "vrrp_version_2": [advert(version=2, more=bytes(8), pseudo=False)],
        "bad_type": [advert(kind=2)],
        "no_address": [advert(count=0), advert(addresses=())],
        "bad_length": [advert(count=2), advert(count=255), advert(more=b"\0"), advert(auth=signed, more=bytes(4))],
        "bad_interval": [advert(interval=0)],
        "bad_checksum": [advert(wrong_checksum=True), advert(wrong_checksum=True, pseudo=False),
                         advert(wrong_checksum=True, auth=signed)],
        "bad_source": [advert("0.0.0.0")],
        "unknown_vrid": [advert(vrid=101)],
        # in all of these the advert is found: either checksum, behind options, in two fragments
        "auth_missing": [advert(), advert(pseudo=False), advert(priority=0), advert(options=b"\x94\x04\0\0"),
                         advert(options=b"\x01" * 40), advert(cut=8)],
        "auth_bad_mac": [advert(auth={}), advert(auth={"key": bytes(32)}), advert(auth={**signed, "family": 6})],
    }


# what the kernel itself drops
NEVER_SEEN = [advert(wrong_header=True), advert(cut=8, ident=2)[:1], advert(cut=8, ident=3)[1:], advert(destination="224.0.0.5"),
              advert("127.0.0.1"), advert("224.0.0.18")]


@pytest.mark.long
def test_every_class_has_its_reason(nodes, members, attacker, probe, key):
    watch = Watch(nodes, probe)
    expected = [{} for _ in nodes]

    def expect(reasons, many):
        for counts, reason in zip(expected, reasons):
            counts[reason] = counts.get(reason, 0) + many
        wait_for(f"refused as {reasons}", watch.refused, lambda seen: seen == expected)

    def send(packets):
        for _ in range(EACH):
            for packet in packets:
                attacker.send(*packet)
        return EACH * len(packets)

    send(NEVER_SEEN)
    send([advert(node.ipv4) for node in nodes])  # as if from one of them: it drops that itself, the others have to look
    for counts in expected:
        counts["auth_missing"] = EACH * (len(nodes) - 1)
    wait_for("refused by the others", watch.refused, lambda seen: seen == expected)
    for reason in damaged(key):
        expect([reason] * 3, send(damaged(key)[reason]))  # made now: after five seconds a signature is old
    for node in nodes:
        send([advert(destination=node.ipv4, mac=f"02:00:00:00:00:{node.number}")])
    expect(["unknown_peer"] * 3, EACH)
    replayed = heard_adverts(attacker, nodes[0].ipv4, EACH)
    attacker.send(*replayed)
    wait_for("replays are refused", lambda: [seen.get("auth_replayed") for seen in watch.refused()], lambda seen: seen[1:] == [EACH] * 2)

    adverts_pass(nodes[0], 5)
    watch.no_advert_was_missed()
    watch.nothing_moved()
    watch.no_request_was_lost()
    watch.log_is_short(len(expected[0]) + 4)


def test_a_signed_group_changes_its_key(lab, nodes, probe, key):
    """Server by server, as in IPv6; and who hears nothing any more takes over."""
    second, _ = make_key(lab, 2)
    paths = {1: second[:-1] + "1", 2: second}
    watch = Watch(nodes, probe)
    for active, keys in ((1, paths), (2, paths), (2, {2: second})):
        for node in nodes:
            use(node, "enforce", active, keys)
    adverts_pass(nodes[0], 5)
    assert watch.refused() == [{}, {}, {}]
    watch.nothing_moved()
    watch.no_request_was_lost()
    nodes[0].blackhole()
    wait_both(nodes[1:], nodes[1])


def test_forged_arp_has_no_last_word(lab, nodes, attacker, probe):
    """Each form of a claim is counted and answered, so that clients find the holder; what is no claim is not counted."""
    def counted():
        return nodes[0].router()["counters"]["foreign_announcements"]
    watch = Watch(nodes, probe)
    wait_reached(lab.client, nodes[0])
    nonsense = [arp(1, sizes=0x0804), arp(2, hardware=6), arp(9), arp(0), [arp(1)[0][:30]],  # damaged
                arp(1, "192.0.2.77", "192.0.2.77"), arp(2, "192.0.2.77", "192.0.2.77"),  # of other hosts
                arp(1, FORGER, VIP_IPV4, target_mac="00:00:00:00:00:00"),  # a question
                arp(1, "0.0.0.0", VIP_IPV4, target_mac="00:00:00:00:00:00")]
    before = counted()
    for _ in range(EACH):
        for packet in nonsense:
            attacker.send(*packet)
    claims = [arp(1), arp(2), arp(2, target="0.0.0.0"), arp(1, target_mac="00:00:00:00:00:00")]
    for number, claim in enumerate(claims, start=1):
        attacker.send(*claim)
        wait_for("it is counted", counted, lambda now, number=number: now == before + number)
        wait_for("the client has the holder", lambda: entry(lab.client, VIP_IPV4), lambda mac: mac == f"02:00:00:00:00:{nodes[0].number}")
    # In the first second the claim may be a predecessor's, which has not heard yet that it is not the holder.
    wait_for("it is a conflict", lambda: attacker.send(*arp(1)) or nodes[0].router()["conflict"]["mac"], lambda mac: mac == MAC)
    watch.nothing_moved()
    watch.log_is_short(2)
