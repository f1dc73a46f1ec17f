# SPDX-License-Identifier: Apache-2.0
"""Who holds the VIP when nothing has gone wrong, and how."""

import json

from testbed import URL, VIP, wait_for


def test_the_highest_priority_holds_the_address(lab, nodes):
    for node in nodes:
        assert node.vipd_stop() == 0
    assert lab.holders() == []
    for node in reversed(nodes):
        node.vipd_start()
    lab.wait_holder(nodes[0])
    assert nodes[0].router()["active_router"]["self"] is True
    for node in nodes[1:]:
        wait_for("a backup knows the holder", lambda: node.router()["active_router"]["address"],
                 lambda address: address == nodes[0].link_local)


def test_start_delay_ends_with_the_first_advert(lab, nodes):
    """It is for a port that passes nothing, and this one does."""
    config = nodes[0].config()
    config["virtual_routers"][0]["start_delay"] = "1h"
    nodes[0].vipd_stop()
    lab.wait_holder(nodes[1])
    nodes[0].write_config(config)
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])


def test_the_address_is_never_a_source_and_runs_out_by_itself(nodes):
    [address] = [a for a in nodes[0].addresses() if a["local"] == VIP]
    assert address["prefixlen"] == 128
    assert address.get("nodad") and address.get("noprefixroute") and address.get("deprecated")
    assert address["preferred_life_time"] == 0
    assert 0 < address["valid_life_time"] <= 3


def test_the_client_is_served_by_the_holder(lab, nodes):
    answer = lab.client.exec(*lab.curl(URL), "-i").stdout
    assert f"X-Node: {nodes[0].name}" in answer and answer.endswith("ok")


def test_the_status_has_every_promised_field(nodes):
    status = json.loads(nodes[0].vipctl("status", "-o", "json").stdout)
    assert {"node", "version", "pid", "started", "config", "virtual_routers", "checks"} <= status.keys()
    assert status["node"] == nodes[0].name and status["pid"] == nodes[0].vipd.pid
    assert status["config"]["path"] == nodes[0].config_path and status["config"]["loaded"].endswith("Z")
    [router] = status["virtual_routers"]
    assert router["since"].endswith("Z") and router["reason"]
    assert router.items() >= {
        "name": "api", "vrid": 100, "interface": "eth0", "family": "ipv6", "state": "active", "priority": 150,
        "effective_priority": 150, "healthy": True, "drained": False, "advert_interval_ms": 100, "auth": "off"}.items()
    assert router["addresses"] == [{"address": VIP, "held": True, "kernel": "present"}]
    active = router["active_router"]
    assert (active["address"], active["priority"], active["self"]) == (nodes[0].link_local, 150, True)
    assert active["last_seen_ms"] >= 0
    assert router["counters"]["adverts_sent"] > 0 and router["counters"]["transitions"] > 0
    [check] = status["checks"]
    assert (check["name"], check["type"], check["state"], check["last_error"]) == ("apiserver", "https", "passing", None)
    assert check["last_ms"] > 0 and check["since"].endswith("Z")
