# SPDX-License-Identifier: Apache-2.0
"""What servers know of each other from hellos: who is there, in which state, with which settings; and what nobody can forge."""

import json
import os
import re
import signal

import pytest

from hostile import GROUP, HELLO_PORT as PORT, UDP, field, frame, hello, packed, put_checksum
from keys import make_key, roll_out
from testbed import BUILD, SANITIZED, VIP, transitions, wait_for

PER_SECOND, SECONDS = 1000 if SANITIZED else 2000, 3  # as in test_hostile.py


def group(node):
    """Node name -> what the group says of it, on that server."""
    found = node.router()["group"]
    return {member["node"]: member for member in found["members"]} if found else {}


def brief(node, *names):
    return {name: {key: member[key] for key in names} for name, member in group(node).items()}


def seen(viewers, of, what, wanted):
    """All `viewers` show `wanted` for the field `what` of the server `of`."""
    for viewer in viewers:
        wait_for(f"{viewer.name} shows {of.name} with {what} = {wanted}",
                 lambda viewer=viewer: group(viewer).get(of.name, {}).get(what), lambda is_: is_ == wanted)


def everybody_is_here(nodes):
    names = [node.name for node in nodes]
    for node in nodes:
        wait_for(f"{node.name} sees all", lambda node=node: [name for name, m in group(node).items() if m["presence"] == "here"],
                 lambda here: here == names)


def test_every_server_shows_the_same(lab, nodes):
    first, second, third = nodes
    everybody_is_here(nodes)
    fields = ("address", "advertised", "presence", "state", "priority", "effective_priority", "health", "held", "can_take_over")
    shown = [wait_for(f"{node.name} shows a calm group", lambda node=node: brief(node, *fields),
                      lambda view: [m["state"] for m in view.values()] == ["active", "backup", "backup"]
                      and all(m["health"] == "healthy" and m["held"] == (name == first.name) for name, m in view.items()))
             for node in nodes]
    assert shown[0] == shown[1] == shown[2]
    assert shown[0][second.name]["advertised"] == second.address and shown[0][second.name]["address"] == second.link_local
    for node in nodes:
        router = wait_for("the group is calm", node.router, lambda r: r["group"]["can_take_over"] == 2)
        assert router["group"]["next"]["node"] == second.name and router["group"]["here"] == 3
        assert router["active_router"]["node"] == first.name
        assert router["group"]["without_hello"] == []



def other_version(lab, version):
    """The programs, as if they were of that version; as long as the true one."""
    directory = os.path.join(lab.directory, "other-version")
    os.makedirs(directory, exist_ok=True)
    for name in ("vipd", "vipd-control"):
        with open(f"{BUILD}/{name}", "rb") as program, open(f"{directory}/{name}", "wb") as other:
            other.write(program.read().replace(lab.nodes[0].status()["version"].encode() + b"\0", version.encode() + b"\0"))
        os.chmod(f"{directory}/{name}", 0o755)
    return f"{directory}/vipd"


def test_a_change_is_seen_by_all_others_within_two_intervals(lab, nodes):
    """Which are 20 s here, and nobody waits for so long in wait_for()."""
    first, second, third = nodes
    everybody_is_here(nodes)
    for node in nodes:
        node.reconfigure(group={"interval": "10s"})
    for node in nodes:
        seen(nodes, node, "interval_ms", 10000)
    second.drain()
    seen(nodes, second, "drained", True)
    seen((first, third), second, "can_take_over", False)
    assert third.router()["group"]["next"]["node"] == third.name
    second.vipctl("resume")
    seen(nodes, second, "drained", False)
    third.api_kill()
    seen(nodes, third, "health", "failing")
    assert "apiserver" in group(first)[third.name]["reason"]
    third.api_start()
    seen(nodes, third, "health", "healthy")
    third.reconfigure(router={"priority": 90, "addresses": [VIP, "2001:db8:6::77"]}, group={"interval": "10s"})
    seen(nodes, third, "priority", 90)
    seen((first, second), third, "differs", ["addresses"])
    assert "2001:db8:6::77" in group(first)[third.name]["settings"]["addresses"]
    third.reconfigure(group={"interval": "10s"})
    seen((first, second), third, "differs", [])
    third.vipd_stop()
    seen((first, second), third, "presence", "stopped")
    version = first.status()["version"]
    other = version[:-1] + ("8" if version[-1] == "9" else "9")
    third.vipd_start(program=other_version(lab, other))
    seen((first, second), third, "version", other)
    assert f"{third.name}: vipd {other}, here {version}" in second.vipctl("status", check=False).stdout
    third.vipd_stop()
    log = first.log()
    assert f"{third.name} has another setting of addresses" in log and f"{third.name} has the same setting of addresses again" in log


def table(viewer):
    """Node name -> what `vipctl status` has in the columns STATE and HEARD."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in viewer.vipctl("status", "--no-color", check=False).stdout.splitlines()]
    begin = next(i for i, row in enumerate(rows) if row[0] == "NODE")
    return {row[0]: (row[2], row[5]) for row in rows[begin + 1:] if len(row) == 6}


def silence_shows(viewers, of):
    """Once it was heard more than two intervals ago nobody's table says any more how it did then; after three it is lost."""
    interval_s = group(viewers[0])[of.name]["interval_ms"] / 1000
    looks = []

    def look():
        seen = [table(viewer)[of.name] for viewer in viewers]
        looks.extend(seen)
        return [state for state, _ in seen]
    wait_for(f"all show {of.name} as lost", look, lambda states: set(states) == {"lost"})
    for state, heard in looks:
        shown = float(heard.removesuffix("s ago"))  # of what is below 10 s, all but the first decimal place is cut off
        if state == "lost":
            assert shown + 0.1 > 3 * interval_s, looks
        else:
            assert shown <= 2 * interval_s or state.startswith("not heard for "), looks


def test_lost_back_and_stopped(lab, nodes):
    first, second, third = nodes
    everybody_is_here(nodes)
    third.vipd_kill_all()
    silence_shows((first, second), third)
    assert first.metric("vipd_group_members", router="api") == 2
    assert first.metric("vipd_group_member_lost", member=third.name) == 1
    third.vipd_end_orphans()
    third.vipd_start()
    seen((first, second), third, "presence", "here")
    lab.partition(third)
    silence_shows((second, first), third)
    third.plug()
    seen((first, second), third, "presence", "here")
    third.vipd_stop()
    seen((first, second), third, "presence", "stopped")
    third.vipd_start()
    everybody_is_here(nodes)
    # Control alone: its successor knows them all within a second, and the address does not care.
    before = transitions(nodes)
    os.kill(first.vipd_pids()["control"], signal.SIGKILL)
    wait_for("control is back", lambda: "control" in first.vipd_pids())
    everybody_is_here(nodes)
    assert transitions(nodes) == before
    events = json.loads(second.http("GET", "/v1/events")[1])["events"]
    said = [(event["member"], event["event"]) for event in events if "member" in event]
    assert [event for name, event in said if name == third.name][-4:] == ["lost", "back", "stopped", "back"], said
    assert f"{third.name} lost" in second.vipctl("events").stdout
    log = first.log()
    assert f"{third.name} ({third.link_local}) is lost" in log and f"{third.name} ({third.link_local}) has stopped" in log


# ---- somebody else's hellos ----

def refused(node):
    return node.status()["group"]["dropped"]


@pytest.mark.long
@pytest.mark.alone
def test_forged_damaged_and_too_many(lab, nodes, attacker):
    first, second, third = nodes
    path, key = make_key(lab, 1)
    roll_out(nodes, {1: path})
    everybody_is_here(nodes)
    for node in nodes:
        wait_for("all sign", lambda node=node: group(node).values(), lambda members: all(m["signed"] for m in members))
    before, names, count = transitions(nodes), set(group(first)), refused(first)
    [captured] = attacker.hear(lambda data: data[20] == UDP and data[22:38] == packed(second.link_local))
    udp = put_checksum(captured[54:], 6, second.link_local, GROUP, UDP)  # their kernel left it to the card
    me = "fe80::66"
    attacks = {
        "auth_missing": hello(me), "auth_bad_mac": hello(second.link_local, node=second.name, key=b"a wrong key"),
        "auth_stale": hello(me, key=key, shift=-60), "auth_replayed": frame(udp, second.link_local, GROUP, UDP), "bad_hop_limit": hello(me, hops=64),
        "unknown_router": hello(me, vrid=77), "bad_field": hello(me, content=b"\x01\xff\xff"), "missing_field": hello(me, content=b""),
        "too_long": hello(me, content=field(200, bytes(1300))), "own_packet": hello(first.link_local, key=key),
        "too_short": hello(me, content=b"x" * 9, flags=1)}
    for reason, packet in attacks.items():
        attacker.send(packet)
        wait_for(f"{first.name} counts {reason}", lambda reason=reason: refused(first).get(reason, 0), lambda n: n > count.get(reason, 0))
    # A flood of 5,000 names, more than any group sends in an hour.
    attacker.flood([hello(f"fe80::66:{i:x}", node=f"n{i}") for i in range(5000)], PER_SECOND, SECONDS)
    everybody_is_here(nodes)
    assert set(group(first)) == names and transitions(nodes) == before

    # Without keys they are believed, but never more than 64 of them, and no address moves.
    for node in nodes:
        node.reconfigure()
    attacker.flood([hello(f"fe80::66:{i:x}", node=f"n{i}", state=1) for i in range(5000)], PER_SECOND, SECONDS)
    wait_for("the rest is counted", lambda: refused(first).get("roster_full", 0), lambda n: n > 100)
    assert len(first.router()["group"]["members"]) <= 65
    assert transitions(nodes) == before
    for node in nodes:  # all of them at once, and nobody who is there
        wait_for(f"{node.name} has lost all that were made up", lambda node=node: [name for name, m in group(node).items() if m["presence"] == "here"],
                 lambda here: set(here) == names)
        node.vipctl("forget", "--lost")
        wait_for("they are forgotten", lambda node=node: set(group(node)), names.__eq__)


def test_hellos_lost_to_a_firewall(lab, nodes):
    everybody_is_here(nodes)
    first, second, third = nodes
    with lab.switch_drops(f"ether type ip6 udp dport {PORT}"):
        for viewer in nodes:
            for other in nodes:
                if other is not viewer:
                    seen((viewer,), other, "presence", "lost")
            assert f"firewall drops UDP port {PORT}" in " ".join(viewer.vipctl("status", check=False).stdout.split())
        first.vipctl("drain", "--force")  # as before there were hellos
        lab.wait_holder(second)
    first.vipctl("resume")
    everybody_is_here(nodes)


def test_the_next_does_not_wait_for_skew_time(lab, nodes):
    """Skew_Time of the second is 21 s here, and nobody waits for that in wait_holder()."""
    first, second, third = nodes
    everybody_is_here(nodes)
    for node in nodes:
        node.reconfigure(router={"advert_interval": "40s", "kernel_lease": "1h"})
    for node in nodes:
        for other in nodes:
            seen((node,), other, "differs", [])
    told = []  # how long it knows: more than a moment ago, twice, and the engine has its new configuration

    def is_told_again():
        told.append(second.router()["group"]["next_until_ms"] or 0)
        return sum(later > earlier + 200 for earlier, later in zip(told, told[1:])) >= 2

    wait_for("the second knows that it is next", is_told_again)
    assert second.router()["group"]["next"]["self"]
    assert third.router()["group"]["next_until_ms"] is None
    first.api_kill()
    lab.wait_holder(second)
    first.api_start()
