# SPDX-License-Identifier: Apache-2.0
"""What vipctl tells of the group over time, against an agent of a few lines (fake_agent.py)."""

import datetime
import json
import re
import time

import pytest

from fake_agent import agent, grouped, holding, member


def moves(agent, *holdings):
    agent.timeline["holdings"] = list(holdings)
    done = agent.run("events", "--group", env={"TZ": "UTC"})
    assert done.returncode == 0, done.stderr
    return [line[len("  1  2026-11-22 "):].rstrip() for line in done.stdout.splitlines()]


def test_the_stand_in_says_what_is_documented():
    """A test in the lab compares the real one with it."""
    with open("docs/api.md") as text:
        [example] = json.loads(re.search(r"## Timeline\n\n```json\n(.*?)```", text.read(), re.DOTALL)[1])["holdings"]
    assert list(holding(1, 10, 70, end=("drained", "drained"))) == list(example)


def test_moves_of_the_group(agent):
    better = ("higher_priority", "fe80::11 has higher priority 150")
    assert moves(
        agent,
        holding(1, 10, 70, end=("drained", "drained")),
        holding(2, 70.005, 100, "resigned", "fe80::11 resigned", end=better),
        holding(1, 99.998, 200, "preempted_lower", "preempted fe80::12 of lower priority 120", end=("lost", "nothing was heard of it any more")),
        holding(3, 200, 300, end=("link_down", "interface eth0 has no carrier")),
        holding(1, 360, code="link_up", reason=None)) == [
            "16:00:10.000  api       ? -> k8s-node01             no advertisement for 310ms",
            "16:01:10.005  api       k8s-node01 -> k8s-node02    k8s-node01: drained",
            "16:01:39.998  api       k8s-node02 -> k8s-node01    preempted k8s-node02 of lower priority 120",
            "16:03:20.000  api       k8s-node01 -> k8s-node03    no advertisement for 310ms",
            "16:05:00.000  api       k8s-node03 -> nobody        k8s-node03: interface eth0 has no carrier",
            "16:06:00.000  api       nobody -> k8s-node01        it has not said why"]


def test_two_holders(agent):
    assert moves(agent, holding(1, 10), holding(2, 70))[1] == (
        "16:01:10.000  api       k8s-node01 -> k8s-node02 and still k8s-node01  no advertisement for 310ms")


def test_who_held_it_all_the_time(agent):
    assert moves(agent, holding(1, 10), holding(2, 70, 80, end=BETTER), holding(3, 100))[1:] == [
        "16:01:10.000  api       k8s-node01 -> k8s-node02 and still k8s-node01  no advertisement for 310ms",
        "16:01:40.000  api       k8s-node01 -> k8s-node03 and still k8s-node01  no advertisement for 310ms"]


def test_who_has_it_from_whom(agent):
    """The first was not heard by the others, and was drained before it heard them."""
    shown = moves(agent, holding(1, 10, 95, end=("drained", "drained")), holding(2, 70, 90, end=("stopped", "stopped")),
                  holding(3, 90.005, code="resigned"))
    assert shown[1:] == ["16:01:10.000  api       k8s-node01 -> k8s-node02    no advertisement for 310ms",
                         "16:01:30.005  api       k8s-node02 -> k8s-node03    k8s-node02: stopped"]


def test_what_the_network_says_never_reaches_the_terminal(agent):
    shown = moves(agent, holding(1, 10, node="a\033[2Jb", reason="c\033]0;d\007\n"))
    assert shown == ["16:00:10.000  api       ? -> a?[2Jb                 c?]0;d??"]


# ---- explain ----

BETTER = ("higher_priority", "fe80::11 has higher priority 150")
SILENCE = "nothing was heard of it any more"


@pytest.mark.parametrize("before, after, cause, says", [
    ({"until": 70, "end": ("drained", "drained")}, {"code": "resigned"}, "drained", "an operator has drained k8s-node01"),
    ({"code": "no_successor", "until": 70, "end": BETTER}, {"code": "peer_unhealthy"}, "drained", "an operator has drained k8s-node01"),
    ({"until": 70, "end": ("shutdown", "drained, because the machine is being stopped")}, {"code": "resigned"}, "shutdown",
     "k8s-node01 was being stopped or rebooted"),
    ({"until": 70, "end": ("stopped", "stopped")}, {"code": "resigned"}, "stopped", "vipd on k8s-node01 was stopped"),
    ({"until": 70, "end": ("removed", "not in the configuration any more")}, {"code": "resigned"}, "removed",
     "out of the configuration of k8s-node01"),
    ({"until": 70, "end": ("started", "started")}, {"code": "resigned"}, "engine_died", "the engine of k8s-node01 has died again and again"),
    ({"until": 70, "end": ("link_down", "interface eth0 has no carrier")}, {}, "link", "k8s-node01 has lost its link: interface eth0 has no carrier"),
    ({"until": 69.9, "end": ("link_up", "interface eth0 is up")}, {}, "link", "k8s-node01 has lost its link: it is up again."),
    ({"until": 69, "end": ("address_failed", "it was removed again and again")}, {"code": "resigned"}, "refused", "it was removed again and again"),
    ({"until": 69, "end": ("address_failed", "is its MTU below the 1280 of IPv6?")}, {"code": "resigned"}, "refused", "1280 of IPv6?"),
    ({"until": 70, "end": ("late", "the engine was late: no advertisement sent for 1.0s")}, {}, "late", "did not get to run: the engine was late"),
    ({"until": 70, "end": BETTER, "end_health_reason": "apiserver: HTTP 500"}, {"code": "peer_unhealthy"}, "unhealthy",
     "k8s-node01 was unhealthy: apiserver: HTTP 500"),
    ({"until": 70, "end": BETTER, "end_lowered": 40, "end_lowered_reason": "disk: full"}, {"code": "preempted_lower"}, "lowered",
     "a check with a weight had lowered the priority of k8s-node01: disk: full"),
    ({"until": 70, "end": BETTER}, {"code": "preempted_lower", "reason": "preempted fe80::11 of lower priority 110"}, "lowered",
     "lowered the priority of k8s-node01: preempted k8s-node01 of lower priority 110"),  # an older vipd does not say why
    ({"until": 70, "end": BETTER, "end_lowered": 40, "end_lowered_reason": "disk: full"}, {"code": "preempted_lower", "priority": 200},
     "preferred", "k8s-node02 is preferred"),
    ({"until": 70, "end": BETTER, "priority": 100}, {"code": "preempted_lower"}, "preferred", "k8s-node02 is preferred"),
    ({"until": 90, "end": BETTER}, {}, "partition", "k8s-node01 went on as Active, but k8s-node02 did not hear it"),
    ({"until": 90, "end": ("drained", "drained")}, {}, "partition", "k8s-node02 did not hear it (no advertisement for 310ms)"),
    ({"until": 90, "end": BETTER, "end_health_reason": "apiserver: HTTP 500"}, {}, "partition", "k8s-node02 did not hear it (no advert"),
    ({"until": 90, "end": ("late", "the engine was late")}, {}, "late", "did not get to run: the engine was late"),
    ({}, {}, "partition", "the network between them was broken"),
    ({"until": 70, "end": ("started", "started")}, {}, "died", "fell silent (no advertisement for 310ms), and its vipd was started anew"),
    ({"until": 70, "end": ("lost", SILENCE)}, {}, "silent", "fell silent (no advertisement for 310ms) and has not been heard since"),
    ({"until": 70, "end": ("unknown", None)}, {"code": "unknown", "reason": None}, "unknown", "k8s-node02 says: nothing"),
])
def test_explain_finds_the_cause(agent, before, after, cause, says):
    agent.timeline["holdings"] = [holding(1, 10, **before), holding(2, 70, **after)]
    grouped(agent.status, member(2))
    done = agent.run("explain")
    assert done.returncode == 0, done.stderr
    assert says in done.stdout and len(done.stdout.splitlines()) == 10 and "fe80::1" not in done.stdout, done.stdout
    assert not re.search(r"[.?!]\.$", done.stdout, re.MULTILINE), done.stdout
    assert json.loads(agent.run("explain", "-o", "json").stdout)["cause"] == cause


@pytest.mark.parametrize("heard_since, cause, says", [
    (True, "partition", "k8s-node02 went on as Active, but k8s-node01 did not hear it"),
    (False, "silent", "k8s-node02 fell silent (no advertisement for 310ms) and has not been heard since")])
def test_who_has_said_nothing_since_the_move_is_silent(agent, heard_since, cause, says):
    """For three intervals of hellos the timeline has it as Active."""
    agent.timeline["holdings"] = [holding(2, 10), holding(1, 70)]
    moved = datetime.datetime(2026, 11, 22, 16, 1, 10, tzinfo=datetime.timezone.utc).timestamp()
    silent_s = 0.4 if heard_since else time.time() - moved + 60
    grouped(agent.status, member(2, address="fe80::12", state="active", last_seen_ms=int(silent_s * 1000)))
    done = agent.run("explain", "-o", "json")
    assert json.loads(done.stdout)["cause"] == cause, done.stdout
    assert says in " ".join(agent.run("explain").stdout.split())


def test_explain_of_a_time_in_which_nobody_held_it(agent):
    """The move before it says why the other one had left."""
    agent.timeline["holdings"] = [holding(1, 10, 70, end=("stopped", "stopped")), holding(2, 670, reason="no advertisement from anybody")]
    shown = " ".join(agent.run("explain", env={"TZ": "UTC"}).stdout.split())
    for words in ("api nobody -> k8s-node02, 2026-11-22 16:11:10.000",
                  "Why nobody had held it for 10m00s, since k8s-node01 left it; then k8s-node02 took it (no advertisement from anybody).",
                  "Before k8s-node01 had held it for 1m00s, until 2026-11-22 16:01:10.000.",
                  "Clients had no answer for 10m00s: nobody held the address."):
        assert words in shown, shown
    assert json.loads(agent.run("explain", "-o", "json").stdout)["cause"] == "vacant"
    assert json.loads(agent.run("explain", "2", "-o", "json").stdout)["cause"] == "stopped"


def test_explain_of_a_drain_to_which_nobody_succeeds(agent):
    agent.timeline["holdings"] = [holding(1, 10, 70, end=("drained", "drained")), holding(1, 70.2, code="no_successor")]
    shown = " ".join(agent.run("explain").stdout.split())
    assert "k8s-node01 was drained, but no other server could take over" in shown and "Clients saw nothing: k8s-node01 kept the address." in shown, shown
    assert json.loads(agent.run("explain", "-o", "json").stdout)["cause"] == "kept"


def test_explain_tells_what_was_recorded(agent):
    agent.timeline["holdings"] = [holding(2, 10, 70, end=("lost", SILENCE)), holding(1, 70)]
    agent.status["virtual_routers"][0]["last_takeover"] = {
        "at": "2026-11-22T16:01:10.001Z", "steps_us": {"woke": 90, "advert_sent": 200, "address_notified": 700, "announced": 812}}
    agent.moment = {"recorded_from": "2026-11-22T16:00:30.000Z", "heard": {"at": "2026-11-22T16:01:09.690Z", "address": "fe80::12", "priority": 150},
                    "announced": {"at": "2026-11-22T16:01:10.000Z", "by_self": True}, "announcements": 5, "refused": {"auth_bad_mac": 7}}
    shown = agent.run("explain", env={"TZ": "UTC"}).stdout
    for words in ("Heard      last from k8s-node02 at 16:01:09.690, 310 ms before, with priority 150. Refused in the ten seconds before: "
                  "7 adverts (auth_bad_mac).",
                  "Usable     on eth0 0.7 ms after the decision, announced 0.8 ms after it, and again up to a second later.",
                  "Clients    had no answer for about 311 ms: from the last sign of k8s-node02 to the announcement of k8s-node01, "
                  "unless only vipd was dead there: then the kernel went on to answer."):
        assert words in shown, shown


def test_explain_of_an_event(agent):
    assert "nobody has held an address in the last day" in agent.run("explain").stderr
    agent.timeline["holdings"] = [holding(1, 10, 70, end=("drained", "drained")), holding(2, 70, code="resigned")]
    assert "? -> k8s-node01" in agent.run("explain", "2").stdout
    done = agent.run("explain", "3")
    assert done.returncode == 1 and "not so many moves" in done.stderr
    assert agent.run("explain", "0").returncode == 2 and agent.run("explain", "x").returncode == 2
