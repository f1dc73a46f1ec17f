# SPDX-License-Identifier: Apache-2.0
"""Moves that the guide (docs/k3s-calico.md) promises to be without an outage."""

import os

from testbed import BUILD, VIP, run, wait_for

ZONE = """$TTL 60
@ SOA ns hostmaster 1 60 60 600 60
@ NS ns
ns AAAA 2001:db8::53
k8s-api A 192.0.2.1
k8s-api AAAA 2001:db8::dead
k8s-cluster AAAA 2001:db8::11
"""
KEY = 'key "update" {{ algorithm hmac-sha256; secret "c2VjcmV0IG9mIHRoZSBsYWIgaXMgbm9uZSBhdCBhbGw="; }};\n'
NAMED = """include "{dir}/key";
options {{ directory "{dir}"; listen-on {{ none; }}; listen-on-v6 port 5353 {{ {address}; }}; pid-file none; recursion no; dnssec-validation no;
	session-keyfile none; }};
controls {{ }};
zone "k8s.lab" {{ type primary; file "k8s.lab.zone"; allow-update {{ key "update"; }}; }};
"""


def foreign_address(node, verb):
    """What kube-vip and the like do to the interface."""
    node.exec("ip", "-6", "addr", verb, VIP + "/128", "dev", "eth0", *(["nodad"] if verb == "add" else []))


def test_from_a_program_that_puts_the_address_on_an_interface(lab, nodes, probe):
    first = nodes[0]
    for node in reversed(nodes):
        node.vipd_stop()
    foreign_address(first, "add")
    wait_for("the client is served again", probe.answered_by, lambda name: name == first.name)
    probe.mark()
    first.vipd_start()  # on the same server
    wait_for("vipd holds it", lambda: first.router()["state"], lambda state: state == "active")
    foreign_address(first, "del")  # the other program ends, and takes along what it believes to be its own
    wait_for("the address is back", first.has_address)
    for node in nodes[1:]:
        node.vipd_start()
    lab.wait_holder(first)
    wait_for("all take part", lambda: [node.router()["state"] for node in nodes],
             lambda states: states == ["active", "backup", "backup"])
    first.drain()
    lab.wait_holder(nodes[1])
    wait_for("the client is served by the next", probe.answered_by, lambda name: name == nodes[1].name)
    window = probe.mark()
    assert window["requests"]["lost"] == 0 and window["requests"]["ok"] > 0, window


def test_from_one_server_to_three(lab, nodes, probe):
    """Steps 3, 5 and 7 with the guide's preempt = false: who joins moves nothing, a drain loses nothing, a resume moves nothing."""
    first = nodes[0]
    for node in reversed(nodes):
        node.vipd_stop()
        config = node.config()
        config["virtual_routers"][0].update(preempt=False, priority=100)
        node.write_config(config)
    first.vipd_start()
    lab.wait_holder(first)
    wait_for("the client is served", probe.answered_by, lambda name: name == first.name)
    probe.mark()
    for node in nodes[1:]:
        node.vipd_start()
        wait_for("it takes part", lambda node=node: node.router()["state"], lambda state: state == "backup")
    assert lab.holders() == [first.name]
    assert "now held by" in first.drain().stdout
    assert first.name not in lab.holders()
    first.vipctl("resume")
    assert first.router()["state"] == "backup"
    window = probe.mark()
    assert window["requests"]["lost"] == 0 and window["requests"]["ok"] > 0, window


def test_the_name(lab, nodes):
    """Step 4 against BIND on port 5353: the name has other addresses before, and the VIP alone after; the others keep theirs."""
    server = lab.client
    path = server.directory + "/guide-dns"
    os.mkdir(path)
    for name, text in (("k8s.lab.zone", ZONE), ("key", KEY.format()), ("named.conf", NAMED.format(dir=path, address=server.address))):
        with open(f"{path}/{name}", "w") as out:
            out.write(text)
    named = server.spawn(["named", "-f", "-g", "-n", "1", "-c", path + "/named.conf"], "named-update")

    def addresses(name, kind):
        return nodes[0].exec("dig", f"@{server.address}", "-p", "5353", "+short", "+tries=1", "+time=1", kind, name + ".k8s.lab",
                             check=False).stdout.split()

    wait_for("BIND answers", lambda: addresses("k8s-api", "AAAA"), lambda answer: answer == ["2001:db8::dead"])
    words = ["manifest", "-c", nodes[0].config_path, "--dns", "--zone", "k8s.lab", "--dns-server", server.address, "--dns-port", "5353"]
    script = run(f"{BUILD}/vipctl", *words, "--key", path + "/key").stdout
    nodes[0].exec("sh", "-c", script)
    assert addresses("k8s-api", "AAAA") == [VIP] and addresses("k8s-api", "A") == []
    assert addresses("k8s-cluster", "AAAA") == ["2001:db8::11"]
    nodes[0].exec("sh", "-c", script)  # again
    assert addresses("k8s-api", "AAAA") == [VIP]
    refused = nodes[0].exec("sh", "-c", run(f"{BUILD}/vipctl", *words).stdout, check=False)  # without the key
    assert refused.returncode != 0 and "REFUSED" in refused.stderr
    server.end(named)
