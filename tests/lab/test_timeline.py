# SPDX-License-Identifier: Apache-2.0
"""Who held the address when, as every server of the group tells it."""

import json

from testbed import wait_for


def timeline(node):
    return json.loads(node.http("GET", "/v1/timeline")[1])["holdings"]


def last_moves(node, count):
    return [(h["node"], h["code"], h["end_code"]) for h in timeline(node)[-count:]]


def test_every_server_tells_the_same_moves(lab, nodes):
    first, second, third = nodes
    first.drain()
    lab.wait_holder(second)
    first.vipctl("resume")
    lab.wait_holder(first)
    first.vipd_kill_all()
    lab.wait_holder(second)
    expected = [(first.name, "drained"), (second.name, "higher_priority"), (first.name, "lost"), (second.name, None)]
    for node in (second, third):
        wait_for(f"{node.name} knows all of it", lambda node=node: [(name, end) for name, _, end in last_moves(node, 4)],
                 lambda moves: moves == expected)
        assert [code for _, code, _ in last_moves(node, 4)][1:] == ["resigned", "preempted_lower", "no_advert"]
        moved = timeline(node)[-4:]
        assert [h["self"] for h in moved] == [h["node"] == node.name for h in moved]
        assert moved[0]["until"] <= moved[2]["from"] and moved[2]["until"] == moved[3]["from"]
    shown = third.vipctl("events", "--group", "-n", "3").stdout.splitlines()
    assert [line[25:].split() for line in shown] == [
        ["api", first.name, "->", second.name, first.name + ":", "drained"],
        ["api", second.name, "->", first.name, "preempted", second.name, "of", "lower", "priority", str(second.priority)],
        ["api", first.name, "->", second.name, "no", "advertisement", "for", shown[-1].split()[-1]]]
    first.vipd_end_orphans()
    first.vipd_start()
    lab.wait_holder(first)
