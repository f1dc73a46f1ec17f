# SPDX-License-Identifier: Apache-2.0
"""What a neighbour sees: unsolicited Neighbor Advertisements as RFC 4861 and RFC 9568 want them."""

import pytest

from packets import Sniffer
from testbed import VIP, adverts_pass, wait_for


@pytest.fixture
def sniffer(lab):
    sniffer = Sniffer(lab.directory, "client")
    yield sniffer
    sniffer.close()


def announcement(sniffer, **wanted):
    """The first one for the VIP that has these fields."""
    wanted["target"] = VIP
    [first, *_] = wait_for(f"an announcement with {wanted}", lambda: [p for p in sniffer.seen() if wanted.items() <= p.items()])
    return first


def make_it_announce(node):
    node.exec("ip", "-6", "addr", "del", VIP + "/128", "dev", "eth0")


def test_what_neighbours_see(nodes, sniffer):
    nodes[0].sysctl({"eth0/forwarding": 1})
    make_it_announce(nodes[0])
    seen = announcement(sniffer, router=True)
    assert seen.pop("at") > 0 and seen.pop("from") == f"02:00:00:00:00:{nodes[0].number}"
    assert seen == {
        "to": "33:33:00:00:00:01", "source": VIP, "destination": "ff02::1", "hop_limit": 255, "router": True,
        "solicited": False, "override": True, "target": VIP, "mac": f"02:00:00:00:00:{nodes[0].number}"}


def test_r_follows_the_forwarding_of_the_interface(nodes, sniffer):
    """A neighbour that uses the address as its router drops the route when R is wrong."""
    for forwarding in (0, 1):
        nodes[0].sysctl({"eth0/forwarding": forwarding})
        sniffer.mark()
        make_it_announce(nodes[0])
        announcement(sniffer, router=bool(forwarding))


def test_a_missing_link_local_address_is_logged_once(lab, nodes):
    """Its adverts are usable without, so they are taken."""
    config, dropped = nodes[0].config(), nodes[1].router()["dropped"]
    config["virtual_routers"][0]["link_local"] = "none"
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")

    def told():
        return nodes[1].log().count("no link-local address first")
    before = told()
    wait_for("the second tells of it", told)
    adverts_pass(nodes[0], 10)
    assert told() <= before + 1
    assert nodes[1].router()["state"] == "backup" and nodes[1].router()["dropped"] == dropped


def test_another_interval_is_logged_once(lab, nodes):
    config = nodes[0].config()
    config["virtual_routers"][0]["advert_interval"] = "200ms"
    nodes[0].write_config(config)
    nodes[0].vipctl("reload")

    def told():
        return nodes[1].log().count("advertises every 200 ms, here every 100 ms")
    before = told()
    wait_for("the second tells of it", told)
    adverts_pass(nodes[0], 10)
    assert told() <= before + 1
    assert nodes[1].router()["state"] == "backup" and nodes[1].router()["advert_interval_ms"] == 200
