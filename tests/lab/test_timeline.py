# SPDX-License-Identifier: Apache-2.0
"""Who held the address when, as every server of the group tells it, and as it is seen by who watches."""

import datetime
import json
import os
import re
import signal
import time

from basics import ROOT
from terminal import VIPCTL, Terminal
from testbed import ip_batch, wait_for

with open(os.path.join(ROOT, "docs", "api.md")) as text:
    [DOCUMENTED] = json.loads(re.search(r"## Timeline\n\n```json\n(.*?)```", text.read(), re.DOTALL)[1])["holdings"]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def tells(node, begin, *moves):
    """Waits until the node knows of these holdings, one after the other: (node, why it ended). Returns them. Those that had ended
    before `begin` do not count: in a partition of a test before, somebody may have held it meanwhile."""
    def found():
        holdings = [holding for holding in node.holdings() if not holding["until"] or moment(holding["until"]) >= begin]
        for i in range(len(holdings)):
            part = holdings[i:i + len(moves)]
            if [(h["node"], h["end_code"]) for h in part] == list(moves):
                return part
        raise LookupError([(h["node"], h["end_code"]) for h in holdings])
    return wait_for(f"{node.name} knows all of it", found)


def test_every_server_tells_the_same_moves(lab, nodes):
    first, second, third = nodes
    begin = time.time()
    first.drain()
    lab.wait_holder(second)
    first.vipctl("resume")
    lab.wait_holder(first)
    first.vipd_kill_all()
    lab.wait_holder(second)
    assert json.loads(second.vipctl("-o", "json", "explain").stdout)["cause"] == "silent"  # before it counts as lost
    moves = [(first.name, "drained"), (second.name, "higher_priority"), (first.name, "lost")]
    for node in (second, third):
        told = tells(node, begin, *moves, (second.name, None))
        assert [holding["code"] for holding in told][1:] == ["resigned", "preempted_lower", "no_advert"]
        assert [holding["self"] for holding in told] == [holding["node"] == node.name for holding in told]
        assert told[0]["until"] <= told[2]["from"]
        assert [list(holding) for holding in told] == [list(DOCUMENTED)] * len(told)
        assert abs(moment(told[2]["until"]) - moment(told[3]["from"])) < 0.01  # both are rounded
    shown = third.vipctl("events", "--group").stdout
    assert re.search(rf" {first.name} -> {second.name} +{first.name}: drained\n", shown), shown
    assert f"preempted {second.name} of lower priority {second.priority}" in shown
    told = " ".join(second.vipctl("explain").stdout.split())
    assert f"Heard last from {first.name} at " in told and "Usable on eth0 " in told and f"Now held by this node; 1 of 3 servers can take over; next: {third.name}" in told, told
    # Neither the end of control nor a restart of vipd forgets it.
    os.kill(third.vipd_pids()["control"], signal.SIGKILL)
    tells(third, begin, *moves, (second.name, None))
    second.vipd_stop()
    tells(third, begin, *moves, (second.name, "stopped"))
    second.vipd_start()
    tells(second, begin, *moves, (second.name, "stopped"))
    third.vipd_stop()
    third.vipd_start()
    tells(third, begin, *moves, (second.name, "stopped"))
    # A death does, and what was saved at the stop before is not taken for all that was.
    before = json.loads(third.http("GET", "/v1/timeline")[1])["since"]
    third.vipd_kill_all()
    third.vipd_end_orphans()
    third.vipd_start()
    since = wait_for("it tells since when it knows", lambda: json.loads(third.http("GET", "/v1/timeline")[1])["since"])
    assert moment(since) > moment(before)
    first.vipd_end_orphans()
    first.vipd_start()
    lab.wait_holder(first)


def test_who_watches_sees_it_and_followers_outlive_the_agent(lab, nodes, tmp_path):
    """The third is neither the old nor the new holder; its own agent is restarted meanwhile."""
    first, second, third = nodes
    shown = tmp_path / "events"
    with Terminal(VIPCTL, "-s", third.socket_path, "watch") as terminal, open(shown, "w") as out:
        follower = third.spawn([VIPCTL, "-s", third.socket_path, "events", "-f"], "follower", stdout=out, stderr=out)
        held = "api: held by {}; 2 of 3 servers can take over; next: {}".format
        terminal.shows(held(first.name, second.name))
        first.drain()
        terminal.shows(f"api: held by {second.name}; 1 of 3 servers can take over; next: {third.name}",
                       f"{first.name} -> {second.name}: {first.name}: drained")
        third.vipd_stop()
        terminal.shows("THE AGENT OF THIS NODE DOES NOT ANSWER", f"{first.name} -> {second.name}: {first.name}: drained")
        wait_for("the follower says so", shown.read_text, lambda text: "the agent has ended: waiting for it" in text)
        third.vipd_start()
        first.vipctl("resume")
        terminal.wait(lambda text: "DOES NOT ANSWER" not in text and held(first.name, second.name) in text)
        wait_for("the follower goes on", shown.read_text, lambda text: "initialize -> backup" in text.rpartition("the agent has ended")[2])
        said = shown.read_text().splitlines()
        assert len(said) == len(set(said)), said  # nothing is told twice
        third.end(follower)
        terminal.keys("q")
        terminal.shows("ENDED 0")


def test_a_server_that_has_another_address_now_is_no_second_holder(lab, nodes):
    """Of the third, which was away meanwhile and remembers it at the address before."""
    first, second, third = nodes
    first.drain()
    wait_for("the third knows who holds it", third.told_holders, lambda names: names == {second.name})
    third.vipd_stop()
    ip_batch(second.name, ["addr add fe80::99/64 dev eth0 nodad"])
    try:
        second.reconfigure(router={"source": "fe80::99"})
        third.vipd_start()
        wait_for("the third hears both", third.group, lambda seen: seen == (3, 1))
        held = [holding["address"] for holding in third.holdings() if not holding["until"]]
        assert len(held) == 1 and held != [second.link_local], held
    finally:
        ip_batch(second.name, ["addr del fe80::99/64 dev eth0"])


def test_nobody_goes_on_in_a_router_that_is_no_longer_configured(nodes):
    first, second, third = nodes

    third.reconfigure(router={"vrid": 101, "addresses": ["2001:db8:79fb::101"]})
    assert first.name not in third.told_holders()  # from the moment when the new configuration is in force
    # The holder itself is told to have it no more: that is what it remembers, and what the others hear at once.
    first.reconfigure(router={"vrid": 101, "addresses": ["2001:db8:79fb::101"]})

    def reason(node):
        return [holding["end_code"] for holding in node.holdings() if (holding["vrid"], holding["node"]) == (100, first.name)][-1]
    for node in (first, second):
        wait_for(f"{node.name} knows why", lambda node=node: reason(node), lambda code: code == "removed")
    presence = {member["node"]: member["presence"] for member in second.router()["group"]["members"]}
    assert presence[first.name] == "stopped", presence  # and not lost
    said = " ".join(second.vipctl("explain").stdout.split())
    assert "out of the configuration of " + first.name in said, said
