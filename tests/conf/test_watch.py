# SPDX-License-Identifier: Apache-2.0
"""What vipctl tells of the group over time, against an agent of a few lines (fake_agent.py)."""

from fake_agent import agent, holding


def moves(agent, *holdings):
    agent.timeline["holdings"] = list(holdings)
    done = agent.run("events", "--group", env={"TZ": "UTC"})
    assert done.returncode == 0, done.stderr
    return [line[len("2026-11-22 "):].rstrip() for line in done.stdout.splitlines()]


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


def test_what_the_network_says_never_reaches_the_terminal(agent):
    shown = moves(agent, holding(1, 10, node="a\033[2Jb", reason="c\033]0;d\007\n"))
    assert shown == ["16:00:10.000  api       ? -> a?[2Jb                 c?]0;d??"]
