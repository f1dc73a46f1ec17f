# SPDX-License-Identifier: Apache-2.0
"""Somebody who does not speak VRRP has the address, or advertises from ours: it is found, told and, if so configured, waited for."""

import contextlib
import json
import re

import pytest

from hostile import MAC, advert, dropped, neighbor_advertisement
from testbed import VIP, adverts_pass, ip_batch, wait_for


@contextlib.contextmanager
def squatter(host):
    """A real kernel that answers for the address, and says nothing unless it is asked."""
    ip_batch(host.name, [f"addr add {VIP}/128 dev eth0 nodad"])
    try:
        yield
    finally:
        ip_batch(host.name, [f"addr del {VIP}/128 dev eth0"])


def conflict(node):
    return node.router()["conflict"]


def start_all(nodes, squatted=False, **router):
    """squatted: somebody answers for the address, also through a switch that has to learn who listens."""
    for node in nodes:
        node.vipd_stop()
    if squatted:
        nodes[0].exec("ip", "neigh", "flush", "to", VIP, "dev", "eth0")
        wait_for("somebody answers for the address", lambda: nodes[0].exec(
            "bash", "-c", f"echo >/dev/udp/{VIP}/9; ip neigh show {VIP}").stdout, lambda text: f"lladdr {MAC}" in text)
    for node in nodes:
        config = node.config()
        config["virtual_routers"][0].update(router)
        node.write_config(config)
        node.vipd_start()


def test_a_silent_host_with_our_address_is_found(lab, nodes, attacker):
    lab.wait_holder(nodes[0])
    attacker.send(advert("fe80::66", auth={}))
    wait_for("an advert was refused before", lambda: nodes[0].router()["dropped"].get("auth_unexpected"))
    with squatter(attacker.host):
        seen = wait_for("the holder sees it", lambda: conflict(nodes[0]), lambda seen: seen and seen["mac"] == MAC, 20)
        assert (seen["kind"], seen["mac"], seen["address"]) == ("address", MAC, VIP)
        assert nodes[0].metric("vipd_router_conflict", router="api") == 1
        answer = nodes[0].vipctl("status", check=False)
        assert answer.returncode == 1 and re.search(f"CONFLICT: {MAC} also claims {VIP}", answer.stdout)
        assert not seen["dropped"] and "Find that host" in " ".join(answer.stdout.split()) and "auth" not in answer.stdout
    wait_for("it is over", lambda: conflict(nodes[0]) is None)
    assert nodes[0].router()["state"] == "active"
    assert all(conflict(node) is None for node in nodes[1:])


def test_at_the_start_the_address_is_taken_and_it_is_logged(lab, nodes, attacker):
    with squatter(attacker.host):
        start_all(nodes, squatted=True)
        wait_for("one holds it", lambda: nodes[0].router()["state"], lambda state: state == "active")
        wait_for("it says so", lambda: conflict(nodes[0]))
    wait_for("it is over", lambda: conflict(nodes[0]) is None)


def test_at_the_start_it_can_wait(lab, nodes, attacker):
    with squatter(attacker.host):
        start_all(nodes, squatted=True, on_conflict="wait")
        for node in nodes:
            wait_for(f"{node.name} has found it", lambda n=node: conflict(n))
        asked = [node.router()["since"] for node in nodes]
        for _ in range(3):  # as long as it takes to ask three times
            before = conflict(nodes[0])
            wait_for("it stays a conflict", lambda: conflict(nodes[0]) == before)
        assert [node.router()["state"] for node in nodes] == ["backup"] * 3 and lab.holders() == []
        assert [node.router()["since"] for node in nodes] == asked
    lab.wait_holder(nodes[0])
    wait_for("the client reaches it", lambda: lab.client.exec(*lab.curl(f"https://[{VIP}]:6443/readyz"), check=False).returncode == 0)


def test_waiting_delays_no_take_over(lab, nodes, attacker):
    """The rule is for the start: later the rest of a dead server must not keep the others from the address."""
    start_all(nodes, on_conflict="wait")
    lab.wait_holder(nodes[0])
    wait_for("the second has heard it", lambda: nodes[1].router()["active_router"])
    with squatter(attacker.host):
        nodes[0].vipd_kill_all()
        wait_for("the second takes over", lambda: nodes[1].router()["state"], lambda state: state == "active")


def test_adverts_from_our_own_address_are_logged(lab, nodes, attacker):
    lab.wait_holder(nodes[0])
    attacker.send(advert(nodes[0].link_local))
    seen = wait_for("it is seen", lambda: conflict(nodes[0]))
    assert (seen["kind"], seen["mac"], seen["address"]) == ("source", None, nodes[0].link_local)
    adverts_pass(nodes[0], 3)
    assert nodes[0].router()["state"] == "active"
    wait_for("it is over", lambda: conflict(nodes[0]) is None)


def test_an_answer_is_no_announcement_of_a_successor(lab, nodes, attacker):
    """Who lets go keeps the address until a successor tells everybody. What a squatter answers to a question proves nothing."""
    for node in nodes[1:]:
        node.vipd_stop()
    config = nodes[0].config()
    config["virtual_routers"][0].update(advert_interval="6s", kernel_lease="36s")  # without a successor it stays for two intervals
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")
    answer = neighbor_advertisement(asked_by=nodes[0])
    attacker.send(answer)
    wait_for("it is heard, and a rival's", lambda: nodes[0].router()["counters"]["foreign_announcements"])
    assert nodes[0].http("POST", "/v1/drain")[0] == 200
    wait_for("it lets go", lambda: nodes[0].router()["state"], lambda state: state == "backup")
    attacker.send(answer)
    for _ in range(5):  # turns of the engine
        before = dropped(nodes[0]).get("bad_hop_limit", 0)
        attacker.send(advert(attacker.host.link_local, hops=64))
        wait_for("its turn ends", lambda: dropped(nodes[0]).get("bad_hop_limit", 0), lambda now: now > before)
    assert nodes[0].has_address() and nodes[0].router()["state"] == "backup"
    attacker.send(neighbor_advertisement())
    wait_for("the address goes", nodes[0].has_address, lambda has: not has)


def told(node, status, check, advice=None):
    """It is CRITICAL in each of the three places where people look."""
    shown = node.vipctl("status", check=False)
    assert shown.returncode == 1 and status in shown.stdout, shown.stdout
    wait_for("check tells, too", lambda: node.vipctl("check", check=False),
             lambda done: done.returncode == 2 and done.stdout.startswith("CRITICAL") and check in done.stdout)
    if advice:
        found = json.loads(node.vipctl("doctor", "-c", node.config_path, "-o", "json", "speakers", check=False).stdout)["findings"]
        assert any(one["sign"] == "failure" and advice in one["found"] for one in found), found


def test_another_group_has_our_vrid(lab, nodes):
    """The other group's holder is better than ours, so all of ours follow it, and nobody holds our address."""
    first, second, third = nodes
    third.reconfigure(router={"addresses": ["2001:db8:79fb::66"], "priority": 254})
    for node in (first, second):
        wait_for(f"{node.name} follows it", lambda node=node: node.router()["active_router"],
                 lambda seen: seen and seen["foreign"] and seen["address"] == third.link_local)
    wait_for("nobody has our address", lab.holders, lambda holders: holders == [])
    for node in (first, second):
        told(node, "VRID TAKEN", "VRID 100", "vrid 100 is also used for other addresses")
    third.reconfigure()
    lab.wait_holder(first)


def test_two_servers_with_one_link_local_address(lab, nodes):
    """Each refuses the other's adverts as its own, so both are Active. That both claim the VIP follows from it, and hides it from nobody."""
    first, second, _ = nodes
    ip_batch(second.name, [f"addr add {first.link_local}/64 dev eth0 nodad", f"addr del {second.link_local}/64 dev eth0"])
    try:
        for node in (first, second):
            wait_for(f"{node.name} knows the cause", lambda node=node: (conflict(node) or {}).get("kind"), lambda kind: kind == "source")
        claims = {node: node.router()["counters"]["foreign_announcements"] for node in (first, second)}
        for node, before in claims.items():
            wait_for(f"{node.name} hears the other claim the VIP again", lambda node=node: node.router()["counters"]["foreign_announcements"],
                     lambda now, before=before: now > before + 1)
            assert conflict(node)["kind"] == "source" and conflict(node)["address"] == first.link_local
            told(node, f"another host advertises from {first.link_local}", first.link_local)
    finally:
        ip_batch(second.name, [f"addr add {second.link_local}/64 dev eth0 nodad", f"addr del {first.link_local}/64 dev eth0"])
    lab.wait_holder(first)


@pytest.mark.long
def test_both_sides_of_a_partition_are_drained_by_force(lab, nodes):
    """Each keeps the address, and waits for whoever has it: when they meet again there is one holder all the same."""
    first, second, third = nodes
    for node in nodes:
        node.reconfigure(router={"on_conflict": "wait"})
    wait_for("the group is calm", first.group, lambda seen: seen == (3, 2))
    lab.partition(first)
    wait_for("a holder on each side", lab.holders, lambda names: names == [first.name, second.name])
    wait_for("the second has lost the first", second.group, lambda seen: seen == (2, 1))
    first.vipctl("drain", "--force", check=False)
    second.drain()
    assert "NOBODY TOOK OVER" in third.vipctl("drain", "--force", check=False).stderr
    wait_for("both keep it", lambda: [node.router()["effective_priority"] for node in nodes], lambda seen: seen == [1, 0, 1])
    first.plug()
    [name] = wait_for("one holder", lab.holders, lambda names: len(names) == 1)
    adverts_pass(next(node for node in nodes if node.name == name), 20)
    assert lab.holders() == [name]
    other = next(node for node in nodes if node.name != name)
    wait_for("the other one says so", lambda: other.vipctl("status", check=False).stdout,
             lambda text: f"the holder is drained, and no other server takes over: {name}" in text)
