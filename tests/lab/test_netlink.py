# SPDX-License-Identifier: Apache-2.0
"""What happens to interfaces and addresses behind vipd's back: it notices, puts it right, and believes the kernel alone."""

import errno
import json
import os
import signal
import struct

import pytest

from clients import connected, end_connections, wait_reset
from families import wait_both
from testbed import BOTH, BUILD, PREFIX, SANITIZED, VIP, build_preload, ip_batch, transitions, wait_for


def client_mac(lab):
    """Where the client sends what it has for the address."""
    entries = lab.client.exec("ip", "-6", "neigh", "show", VIP).stdout
    return entries.split(" lladdr ")[1].split()[0] if " lladdr " in entries else None


def vip_of(node):
    """The address as the kernel has it, or None."""
    found = [a for a in node.addresses() if a["local"] == VIP]
    assert len(found) <= 1
    return found[0] if found else None


def is_right(address):
    return (address and address["prefixlen"] == 128 and address["preferred_life_time"] == 0 and address["nodad"]
            and address["noprefixroute"] and address["valid_life_time"] <= 3)


@pytest.mark.alone
def test_lost_notifications(lab, nodes):
    """More happens while the engine does not look than its socket holds; what it finds afterwards is put right."""
    before = nodes[1].metric("vipd_netlink_resyncs_total")
    engine = nodes[1].vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    try:
        other = "2001:db8:79fb::dead"
        ip_batch(nodes[1].name, [f"addr {verb} {other}/128 dev eth0 nodad" for verb in ("add", "del")] * 3000
                 + [f"addr add {VIP}/128 dev eth0 nodad"])
    finally:
        os.kill(engine, signal.SIGCONT)
    wait_for("it has read everything anew", lambda: nodes[1].metric("vipd_netlink_resyncs_total"), lambda n: n > before)
    wait_for("and removed what it found", nodes[1].has_address, lambda has: not has)
    lab.wait_holder(nodes[0])


def test_what_is_older_than_the_loss_is_not_believed(lab, nodes):
    """The queue ends with an interface without carrier; that it has one again is among what was lost."""
    before = nodes[1].metric("vipd_netlink_resyncs_total")
    engine = nodes[1].vipd_pids()["engine"]
    os.kill(engine, signal.SIGSTOP)
    try:
        nodes[1].carrier(False)
        wait_for("the kernel knows", lambda: "NO-CARRIER" in nodes[1].exec("ip", "link", "show", "eth0").stdout)
        ip_batch(nodes[1].name, [f"addr {verb} 2001:db8:79fb::dead/128 dev lo nodad" for verb in ("add", "del")] * 3000)
        nodes[1].carrier(True)
        wait_for("the kernel knows", lambda: "LOWER_UP" in nodes[1].exec("ip", "link", "show", "eth0").stdout)
    finally:
        os.kill(engine, signal.SIGCONT)
    wait_for("it has read everything anew", lambda: nodes[1].metric("vipd_netlink_resyncs_total"), lambda n: n > before)
    wait_for("it has read the rest of the queue", lambda: nodes[1].router()["state"], lambda state: state == "backup")
    lab.wait_holder(nodes[0])
    assert nodes[1].router()["state"] == "backup"


def test_an_interface_that_comes_back_as_another(lab, nodes):
    before = nodes[0].router()["ifindex"]
    nodes[0].interface_delete()
    lab.wait_holder(nodes[1])
    wait_for("it has noticed", nodes[0].router, lambda r: r["state"] == "fault" and r["ifindex"] == 0)
    nodes[0].interface_create()
    lab.wait_holder(nodes[0])
    assert nodes[0].router()["ifindex"] != before


def test_a_renamed_interface(lab, nodes):
    ip_batch(nodes[0].name, ["link set eth0 down", "link set eth0 name eth9", "link set eth9 up"])
    lab.wait_holder(nodes[1])
    router = wait_for("it has noticed", nodes[0].router, lambda r: r["state"] == "fault")
    assert "does not exist" in router["reason"] or "is down" in router["reason"]
    assert VIP not in nodes[0].exec("ip", "-6", "addr", "show", "dev", "eth9").stdout
    ip_batch(nodes[0].name, ["link set eth9 down", "link set eth9 name eth0"])
    nodes[0].interface_up()
    lab.wait_holder(nodes[0])


def test_renamed_while_it_holds(lab, nodes):
    """No administrator takes it down before, so the address and the way to say good-bye are still there."""
    ip_batch(nodes[0].name, ["link set eth0 name eth9"])
    try:
        wait_for("the next server has taken over", nodes[1].router, lambda r: r["state"] == "active" and "resigned" in r["reason"])
        router = wait_for("it says why", nodes[0].router, lambda r: r["state"] == "fault")
        assert "eth0 was renamed to eth9" in router["reason"]
        wait_for("the address is gone", lambda: nodes[0].exec("ip", "-6", "addr", "show", "dev", "eth9").stdout,
                 lambda shown: VIP not in shown)
    finally:
        ip_batch(nodes[0].name, ["link set eth9 name eth0"])
    lab.wait_holder(nodes[0])


def test_an_alternative_name_is_a_name(lab, nodes):
    ip_batch(nodes[1].name, ["link property add dev eth0 altname lan0"])
    try:
        nodes[1].reconfigure(router={"interface": "lan0"})
        before = wait_for("it is a Backup", nodes[1].router, lambda r: (r["interface"], r["state"]) == ("lan0", "backup"))
        count = before["counters"]["adverts_received"]
        wait_for("and hears the holder", lambda: nodes[1].router()["counters"]["adverts_received"], lambda n: n > count + 5)
    finally:
        nodes[1].reconfigure()
        ip_batch(nodes[1].name, ["link property del dev eth0 altname lan0"])
    lab.wait_holder(nodes[0])


def test_two_names_of_one_interface(lab, nodes):
    """One of them is it. The same VRID twice on one link is what must not be, and the status says what to do."""
    ip_batch(nodes[1].name, ["link property add dev eth0 altname lan0"])
    config = nodes[1].config()
    [router] = config["virtual_routers"]
    config["virtual_routers"].append({**router, "name": "other", "interface": "lan0", "addresses": [PREFIX + "101"]})
    try:
        nodes[1].write_config(config)
        checked = nodes[1].exec(f"{BUILD}/vipd", "-n", "-c", nodes[1].config_path)
        assert '"lan0" is another name of eth0' in checked.stderr
        nodes[1].vipctl("reload")
        wait_for("it says what is wrong", lambda: nodes[1].status()["virtual_routers"][1]["reason"],
                 lambda reason: "lan0 is another name of eth0" in reason)
        assert nodes[1].router()["state"] == "backup"
        ip_batch(nodes[1].name, ["link property del dev eth0 altname lan0"])
        wait_for("it is a name of nothing now", lambda: nodes[1].status()["virtual_routers"][1]["reason"],
                 lambda reason: "lan0 does not exist" in reason)
    finally:
        nodes[1].exec("ip", "link", "property", "del", "dev", "eth0", "altname", "lan0", check=False)
        nodes[1].reconfigure()
    lab.wait_holder(nodes[0])


def add_link(node, kind, more=""):
    """Skips the test where the kernel has no such interfaces."""
    if node.exec("ip", "link", "add", "other0", "type", kind, *more.split(), check=False).returncode:
        pytest.skip(f"this kernel has no {kind}")


@pytest.mark.parametrize("kind", ["bridge", "bond", "team"])
def test_a_port_of_something_else(lab, nodes, kind):
    """The kernel gives a port nothing to read. The advice is where the router belongs."""
    name = nodes[0].name
    add_link(nodes[0], kind)
    ip_batch(name, ["link set eth0 master other0"] if kind == "bridge" else
             ["link set eth0 down", "link set eth0 master other0", "link set eth0 up"])
    try:
        lab.wait_holder(nodes[1])
        wait_for("it says why", nodes[0].router,
                 lambda r: r["state"] == "fault" and "eth0 is a port of other0: put the router on other0" in r["reason"])
    finally:
        ip_batch(name, ["link set eth0 nomaster", "link delete other0"])
        nodes[0].interface_up()
    lab.wait_holder(nodes[0])


def test_an_interface_in_a_vrf(lab, nodes):
    """It works as any other."""
    add_link(nodes[1], "vrf", "table 9")
    ip_batch(nodes[1].name, ["link set other0 up", "link set eth0 master other0"])
    try:
        nodes[1].interface_up()
        wait_for("it is a Backup", lambda: nodes[1].router()["state"], lambda state: state == "backup")
        count = nodes[1].router()["counters"]["adverts_received"]
        wait_for("it hears the holder", lambda: nodes[1].router()["counters"]["adverts_received"], lambda n: n > count + 5)
        nodes[0].drain()
        wait_for("and is heard", lambda: [n.router()["state"] for n in nodes], lambda states: states == ["backup", "active", "backup"])
        wait_for("it has the address", nodes[1].has_address)
        nodes[0].vipctl("resume")
    finally:
        ip_batch(nodes[1].name, ["link set eth0 nomaster", "link delete other0"])
        nodes[1].interface_up()
    lab.wait_holder(nodes[0])


def test_another_mac_is_announced(lab, nodes, probe):
    before = transitions(nodes)
    wait_for("the client is served", probe.answered_by, lambda name: name == nodes[0].name)
    ip_batch(nodes[0].name, ["link set eth0 address 02:00:00:00:01:11"])
    try:
        wait_for("the client knows", lambda: client_mac(lab), lambda mac: mac == "02:00:00:00:01:11")
        wait_for("and is served", probe.answered_by, lambda name: name == nodes[0].name)
        assert transitions(nodes) == before
    finally:
        ip_batch(nodes[0].name, [f"link set eth0 address 02:00:00:00:00:{nodes[0].number}"])


@pytest.mark.parametrize("how", ["/64", "/128", "/128 nodad preferred_lft forever"])
def test_an_address_by_hand_on_a_backup_is_removed(lab, nodes, how):
    before = transitions(nodes)
    ip_batch(nodes[1].name, [f"addr add {VIP}{how.replace(' ', ' dev eth0 ', 1) if ' ' in how else how + ' dev eth0'}"])
    wait_for("it is removed", nodes[1].has_address, lambda has: not has)
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before


@pytest.mark.parametrize("how", ["/64", "/128"])
def test_an_address_by_hand_is_put_right_by_the_holder(lab, nodes, how):
    nodes[0].vipd_stop()
    lab.wait_holder(nodes[1])
    ip_batch(nodes[0].name, [f"addr add {VIP}{how} dev eth0 nodad"])
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    wait_for("the address is as it should be", lambda: vip_of(nodes[0]), is_right)


def test_the_holders_address_changed_by_hand(lab, nodes):
    before = transitions(nodes)
    ip_batch(nodes[0].name, [f"addr change {VIP}/128 dev eth0 preferred_lft forever valid_lft forever"])
    wait_for("the address is as it should be", lambda: vip_of(nodes[0]), is_right)
    lab.wait_holder(nodes[0])
    assert transitions(nodes) == before


@pytest.fixture
def with_dad(nodes):
    """The first server's kernel asks the link, at once, whether an address is free; the lab's others never do."""
    usual = {"eth0/accept_dad": 0, "eth0/router_solicitation_delay": 1}
    nodes[0].sysctl({"eth0/accept_dad": 1, "eth0/router_solicitation_delay": 0})
    yield
    nodes[0].sysctl(usual)


def has_failed_dad(node):
    """The kernel has the address, has asked, and somebody answered."""
    address = vip_of(node)
    return address and address.get("dadfailed")


def test_an_address_that_failed_dad_is_put_right_at_the_start(lab, nodes, with_dad):
    nodes[0].vipd_stop()
    lab.wait_holder(nodes[1])
    ip_batch(nodes[0].name, [f"addr add {VIP}/128 dev eth0"])
    wait_for("the second server has answered for it", lambda: has_failed_dad(nodes[0]))
    nodes[0].vipd_start()
    lab.wait_holder(nodes[0])
    wait_for("the address is as it should be", lambda: vip_of(nodes[0]), is_right)


def test_an_address_that_failed_dad_is_not_believed(lab, nodes, attacker, with_dad):
    """Somebody puts it on the holder anew, by hand and with DAD, and a host that does not speak VRRP answers."""
    ip_batch(attacker.host.name, [f"addr add {VIP}/128 dev eth0 nodad"])
    pids = nodes[0].vipd_pids().values()
    for pid in pids:  # the engine would be too quick for that host, the others would remove the address of a late one
        os.kill(pid, signal.SIGSTOP)
    try:
        ip_batch(nodes[0].name, [f"addr del {VIP}/128 dev eth0", f"addr add {VIP}/128 dev eth0"])
        wait_for("the host has answered for it", lambda: has_failed_dad(nodes[0]))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        ip_batch(attacker.host.name, [f"addr del {VIP}/128 dev eth0"])
    lab.wait_holder(nodes[1])
    lab.wait_holder(nodes[0])
    wait_for("the address is as it should be", lambda: vip_of(nodes[0]), is_right)


@pytest.fixture
def refuse(nodes, request):
    """Called with an error or 0: what the kernel of the first server says from now on when it is asked for an address."""
    library, number = (os.path.join(nodes[0].directory, name) for name in ("refuse_address.so", "refusal"))
    build_preload("lab/refuse_address.c", library)
    with open(number, "wb", buffering=0) as file:
        def say(error):
            os.pwrite(file.fileno(), struct.pack("=i", error), 0)

        say(0)
        os.chmod(number, 0o644)
        nodes[0].vipd_stop()
        nodes[0].vipd_start(LD_PRELOAD=library, VIPD_REFUSE=number, **getattr(request, "param", {}))
        yield say


@pytest.mark.skipif(SANITIZED, reason="the sanitizers must come first")
@pytest.mark.parametrize(("error", "hint"), [(errno.EPERM, ""), (errno.EINVAL, "; is its MTU below the 1280 of IPv6?")])
def test_a_refused_address(lab, nodes, refuse, error, hint):
    """No Active without its address: the next server is, and it says why."""
    refuse(error)
    router = wait_for("it is at fault", nodes[0].router, lambda r: r["state"] == "fault")
    assert router["reason"] == f"the kernel refused the address: {os.strerror(error)}{hint}"
    assert router["counters"]["address_failures"] > 0
    lab.wait_holder(nodes[1])


@pytest.mark.skipif(SANITIZED, reason="the sanitizers must come first")
def test_a_refused_renewal(lab, nodes, refuse, probe):
    """It is tried again while the lease lasts, and handed over before it ends; no client notices either."""
    before = transitions(nodes)
    refuse(errno.ENOMEM)
    wait_for("it was refused twice", lambda: nodes[0].router()["counters"]["address_failures"], lambda n: n >= 2)
    refuse(0)
    renewed = lambda: vip_of(nodes[0])["valid_life_time"]  # whole seconds, rounded down
    wait_for("it is renewed", renewed, lambda left: left >= 2)
    assert lab.holders() == [nodes[0].name] and transitions(nodes) == before
    refuse(errno.ENOMEM)
    lab.wait_holder(nodes[1])
    wait_for("it is in fault, from one try to the next", nodes[0].router, lambda r: r["state"] == "fault")
    refuse(0)
    lab.wait_holder(nodes[0])
    wait_for("the client is served by it", probe.answered_by, lambda name: name == nodes[0].name)
    window = probe.mark()
    assert window["requests"]["lost"] == 0, window


@pytest.mark.skipif(SANITIZED, reason="the sanitizers must come first")
@pytest.mark.parametrize("refuse", [{"VIPD_REFUSE_ENDS": "1"}], indirect=True, ids=["ends"])
def test_a_kernel_that_ends_no_connection(lab, nodes, refuse):
    """It is said once, and the successor tells the clients a second later."""
    refuse(errno.EOPNOTSUPP)
    lab.wait_holder(nodes[0])
    wait_for("another can take over", nodes[0].group, lambda seen: seen == (3, 2))
    end_connections(*nodes)
    with connected(lab, VIP, VIP) as sockets:
        wait_for("the clients are known", lambda: nodes[1].router()["connections"]["known"], lambda count: count == 2)
        nodes[0].drain()
        wait_for("the second one takes over", nodes[1].has_address, bool)
        counted = lambda: [nodes[1].metric(f"vipd_connections_{what}_total", router="api") for what in ("told", "refused")]
        wait_for("it has told them (told, refused)", counted, lambda seen: seen[0] >= 2)
        wait_reset(*sockets)
    text = nodes[0].log()
    assert text.count("the kernel does not end connections") == 1 and "CONFIG_INET_DIAG_DESTROY" in text


@pytest.mark.vips(*BOTH)
def test_a_reload_ends_the_lease(lab, nodes):
    """With `kernel_lease = "0s"` nobody renews it: the time that it has left must not run out."""
    wait_both(nodes, nodes[0])
    begin = len(nodes[0].log())
    nodes[0].reconfigure(router={"kernel_lease": "0s"})

    def lifetimes():
        [link] = json.loads(nodes[0].exec("ip", "-json", "address", "show", "dev", "eth0").stdout)
        return [a["valid_life_time"] for a in link["addr_info"] if a["local"] in BOTH]
    wait_for("both are there for ever", lifetimes, lambda seconds: seconds == [2**32 - 1] * 2)
    assert "and is back" not in nodes[0].log(begin) and "state change" not in nodes[0].log(begin)
