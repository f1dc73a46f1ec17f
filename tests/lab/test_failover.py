# SPDX-License-Identifier: Apache-2.0
"""The holder goes, in every way there is; the right server takes over, and the clients of both families go on."""

import os
import signal
import time

import pytest

from testbed import PREFIX, VIP, VIP_IPV4, Probe, adverts_pass, transitions, wait_for

pytestmark = pytest.mark.vips(VIP, VIP_IPV4)


def goes_on(lab, probe, node):
    """`node` becomes the one holder that is reachable, and serves the client."""
    wait_for(f"{node.name} holds the addresses", node.has_address)
    wait_for(f"the client is served by {node.name}", probe.answered_by, lambda name: name == node.name)


def moves_without_a_gap(lab, successor):
    """The old holder is looked at before its successor: an empty list is a moment in which nobody had the address."""
    end = time.monotonic() + 15
    while (names := lab.holders()) != [successor.name]:
        assert names, "for a moment nobody had the address"
        assert time.monotonic() < end, f"the address is still at {names}"


def test_silent_death_and_return(lab, nodes, probe):
    nodes[0].blackhole()
    goes_on(lab, probe, nodes[1])
    router = nodes[1].status()["virtual_routers"][0]
    assert router["reason"].startswith("no advertisement")
    steps = router["last_takeover"]["steps_us"]
    assert 0 <= steps["woke"] <= min(steps["advert_sent"], steps["address_asked"]), steps
    assert max(steps["advert_sent"], steps["address_asked"]) <= steps["announced"], steps
    assert steps["address_asked"] <= steps["address_notified"] <= steps["announced"], steps
    nodes[0].plug()
    lab.wait_holder(nodes[0])
    goes_on(lab, probe, nodes[0])


def test_the_winner_hears_of_its_victory(lab, nodes, probe):
    """A port that has just come back, and a snooping switch that does not forward the group to it yet.

    The returning holder hears of the other one only by the last word that comes to all nodes, and announces. No server
    forwards IPv6, or clients would find it through the loser.
    """
    for node in nodes:
        node.sysctl({"all/forwarding": 0})
    nodes[0].blackhole()
    goes_on(lab, probe, nodes[1])
    adverts_pass(nodes[1], 12)  # the announcements of the takeover are over
    with nodes[0].deaf_to(f"{{ ff02::12, ff02::1:ff00:{nodes[0].number} }}"):
        nodes[0].plug()
        lab.wait_holder(nodes[0])
        goes_on(lab, probe, nodes[0])
    for node in nodes:
        node.sysctl({"all/forwarding": 1})


@pytest.mark.long
@pytest.mark.vips(VIP)
def test_a_replacement_that_the_holder_never_heard_of(lab, nodes, probe):
    """The others have taken over while it was cut off, and are gone when it is back."""
    adverts_pass(nodes[0], 12)  # the announcements of its own takeover are over
    nodes[0].blackhole()
    goes_on(lab, probe, nodes[1])
    for node in nodes[1:]:
        node.blackhole()
    lab.client.exec("ip", "neigh", "change", VIP, "dev", "eth0", "nud", "reachable")
    nodes[0].plug()
    goes_on(lab, probe, nodes[0])


def test_two_deaths(lab, nodes, probe):
    nodes[0].blackhole()
    nodes[1].blackhole()
    goes_on(lab, probe, nodes[2])


@pytest.mark.parametrize("how", ["SIGTERM", "drain"])
def test_a_planned_move_loses_no_request(lab, nodes, probe, how):
    if how == "drain":
        assert nodes[0].http("POST", "/v1/drain")[0] == 200  # unlike vipctl, does not wait until it is done
        wait_for("the drain is known", lambda: nodes[0].router()["drained"])
    else:
        nodes[0].vipd.send_signal(signal.SIGTERM)
    moves_without_a_gap(lab, nodes[1])
    goes_on(lab, probe, nodes[1])
    if how == "drain":
        assert nodes[0].router()["drained"] is True
        nodes[0].vipctl("resume")
    else:
        assert nodes[0].vipd_stop() == 0
        nodes[0].vipd_start()
    goes_on(lab, probe, nodes[0])
    lab.wait_holder(nodes[0])
    requests = probe.mark()["requests"]
    assert requests["ok"] > 0 and requests["lost"] == 0, requests


@pytest.mark.alone
def test_a_backup_that_slept_listens_before_it_takes_over(lab, nodes):
    """As on a machine that was frozen: it heard nothing, and nothing waits to be read. Where it gets no processor afterwards
    either it has to take over."""
    engine = nodes[1].vipd_pids()["engine"]
    before = nodes[1].router()["counters"]["transitions"]
    os.kill(engine, signal.SIGSTOP)
    lab.partition(nodes[1])
    adverts_pass(nodes[0], 6)
    nodes[1].plug()
    os.kill(engine, signal.SIGCONT)
    heard = nodes[1].router()["counters"]["adverts_received"]
    wait_for("it hears the holder", lambda: nodes[1].router()["counters"]["adverts_received"], lambda count: count > heard + 5)
    assert nodes[1].router()["counters"]["transitions"] == before


def test_drained_server_does_not_come_back_by_itself(lab, nodes, probe):
    assert f"now held by {nodes[1].name}" in nodes[0].drain().stdout
    assert lab.holders() == [nodes[1].name], "vipctl drain comes back when the move is done"
    goes_on(lab, probe, nodes[1])  # a request that meets two moves is lost
    nodes[1].drain()
    assert lab.holders() == [nodes[2].name]
    goes_on(lab, probe, nodes[2])
    nodes[1].vipctl("resume")
    lab.wait_holder(nodes[1])
    goes_on(lab, probe, nodes[1])
    probe.lost_nothing()


def test_the_last_one_keeps_the_address_when_it_is_drained(lab, nodes, probe):
    """Until somebody takes over, which it does not hinder; and no request is lost."""
    for node in nodes[1:]:
        node.drain()
    wait_for("it knows that", lambda: nodes[0].router()["group"]["can_take_over"], lambda count: count == 0)
    answer = nodes[0].vipctl("drain", check=False)
    assert answer.returncode == 1 and "NOT DRAINED" in answer.stderr and not nodes[0].router()["drained"], answer
    answer = nodes[0].vipctl("drain", "--force", check=False)
    assert answer.returncode == 1 and "NOBODY TOOK OVER" in answer.stderr, answer
    router = nodes[0].router()
    assert (router["state"], router["effective_priority"], router["drained"]) == ("active", 1, True), router
    goes_on(lab, probe, nodes[0])
    nodes[2].vipctl("resume")
    lab.wait_holder(nodes[2])
    goes_on(lab, probe, nodes[2])  # a request that meets two moves is lost
    for node in nodes[:2]:
        node.vipctl("resume")
    lab.wait_holder(nodes[0])
    goes_on(lab, probe, nodes[0])
    probe.lost_nothing()


def test_a_drain_that_would_do_harm(lab, nodes):
    """To unhealthy servers the address goes only by force, and from dead ones it stays."""
    first, others = nodes[0], nodes[1:]

    def is_refused():
        answer = first.vipctl("drain", check=False)
        assert answer.returncode == 1 and "NOT DRAINED" in answer.stderr and not first.router()["drained"], answer
        return answer.stderr

    def forced():
        answer = first.vipctl("drain", "--force", check=False)
        assert answer.returncode == 1, answer
        return answer.stderr

    for node in others:
        node.api_kill()
    wait_for("nobody else is healthy", lambda: first.router()["group"]["can_take_over"], lambda count: count == 0)
    assert f"{others[0].name}: apiserver: " in is_refused()
    assert f"HELD BY AN UNHEALTHY SERVER: drained, now held by {others[0].name} (priority " in forced()
    lab.wait_holder(others[0])
    first.vipctl("resume")
    lab.wait_holder(first)
    for node in others:
        node.vipd_kill_all()
    wait_for("both are lost", lambda: [member["presence"] for member in first.router()["group"]["members"]], lambda shown: shown == ["here", "lost", "lost"])
    assert f"{others[1].name}: no hello for three intervals" in is_refused()
    assert "NOBODY TOOK OVER" in forced()
    assert lab.holders() == [first.name]


def test_api_server_killed(lab, nodes, probe):
    nodes[0].api_kill()
    lab.wait_holder(nodes[1])
    goes_on(lab, probe, nodes[1])
    router = nodes[0].router()
    assert (router["state"], router["healthy"]) == ("backup", False)
    assert 1 <= router["effective_priority"] <= 31
    assert nodes[0].status()["checks"][0]["last_error"]
    nodes[0].api_start()
    lab.wait_holder(nodes[0])
    goes_on(lab, probe, nodes[0])


def test_api_server_that_accepts_and_does_not_answer(lab, nodes, probe):
    nodes[0].api_signal(signal.SIGSTOP)
    lab.wait_holder(nodes[1])
    goes_on(lab, probe, nodes[1])


def test_a_group_without_a_healthy_server_keeps_a_holder(lab, nodes):
    for node in nodes:
        open(node.not_ready, "w").close()
    for node in nodes:
        wait_for("the check has failed", lambda: node.router()["healthy"], lambda healthy: not healthy)
    [name] = wait_for("one holder", lab.holders, lambda names: len(names) == 1)
    holder = next(node for node in nodes if node.name == name)
    before = transitions(nodes)
    adverts_pass(holder, 10)
    assert (lab.holders(), transitions(nodes)) == ([name], before)


@pytest.mark.parametrize("how", ["interface", "carrier"])
def test_link_down(lab, nodes, probe, how):
    if how == "interface":
        nodes[0].interface_down()
    else:
        nodes[0].carrier(False)
    goes_on(lab, probe, nodes[1])
    wait_for("the old holder has noticed", lambda: nodes[0].router()["state"], lambda state: state == "fault")
    wait_for("and let go of the address", nodes[0].has_let_go)
    nodes[0].carrier(True)
    nodes[0].interface_up()
    lab.wait_holder(nodes[0])
    goes_on(lab, probe, nodes[0])


def test_who_comes_back_asks_again_for_its_neighbours(lab, nodes):
    """What the kernel has asked without carrier nobody has heard, and it would ask again only after RETRANS_TIMER."""
    nobody = PREFIX + "dead"

    def asked():
        return nodes[0].exec("ip", "-6", "neigh", "show", nobody, "nud", "incomplete").stdout
    nodes[0].exec("sh", "-c", "echo 600000 > /proc/sys/net/ipv6/neigh/eth0/retrans_time_ms")
    nodes[0].carrier(False)
    wait_for("it sees the link", lambda: nodes[0].router()["state"], lambda state: state == "fault")
    nodes[0].exec("bash", "-c", f"echo > /dev/udp/{nobody}/9")
    wait_for("the kernel waits for an answer", asked)
    nodes[0].carrier(True)
    lab.wait_holder(nodes[0])
    wait_for("it waits no more", asked, lambda text: not text)


@pytest.mark.parametrize("client_stays", [True, False])
def test_after_a_partition_one_holder_remains(lab, nodes, probe, client_stays):
    lab.partition(nodes[0], *([lab.client] if client_stays else []))
    wait_for("a holder on each side", lab.holders, lambda names: names == [nodes[0].name, nodes[1].name])
    goes_on(lab, probe, nodes[0] if client_stays else nodes[1])
    lab.client.plug()
    nodes[0].plug()
    lab.wait_holder(nodes[0])
    goes_on(lab, probe, nodes[0])


def test_all_processes_killed_at_once(lab, nodes, probe):
    nodes[0].vipd_kill_all()
    goes_on(lab, probe, nodes[1])
    lab.wait_holder(nodes[1])  # nobody is left to remove the address: its lease ends


def test_release_removes_what_a_dead_vipd_left(lab, nodes):
    nodes[0].vipd_kill_all()
    assert nodes[0].has_address()
    nodes[0].release()
    assert nodes[0].has_let_go()
    lab.wait_holder(nodes[1])


def test_nothing_is_left_after_a_stop(lab, nodes):
    assert [node.vipd_stop() for node in nodes] == [0, 0, 0]
    assert all(node.has_let_go() for node in nodes)


def test_two_clients_agree(lab, nodes, probe):
    """A client that has never seen the VIP and one that has are served by the same server after a move."""
    nodes[0].blackhole()
    goes_on(lab, probe, nodes[1])
    lab.client.exec("ip", "-6", "neigh", "flush", "all")
    second = Probe(lab.client, request_ms=20)
    wait_for("the second client is served too", second.answered_by, lambda name: name == nodes[1].name)
    second.close()
