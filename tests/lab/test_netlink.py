"""What happens to interfaces and addresses behind vipd's back: it notices, puts it right, and believes the kernel alone."""

import errno
import os
import signal

import pytest

from lab import SANITIZED, VIP, ip_batch, run, transitions, wait_for


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


@pytest.mark.skipif(SANITIZED, reason="the sanitizers must come first")
@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOMEM])
def test_a_refused_address(lab, nodes, error):
    """No Active without its address: the next server is, and it says why."""
    library = os.path.join(nodes[0].directory, "refuse_address.so")
    run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
        os.path.join(os.path.dirname(__file__), "refuse_address.c"))
    nodes[0].vipd_stop()
    nodes[0].vipd_start(LD_PRELOAD=library, VIPD_REFUSE=str(error))
    router = wait_for("it is at fault", nodes[0].router, lambda r: r["state"] == "fault")
    assert router["reason"] == f"the kernel refused the address: {os.strerror(error)}"
    assert router["counters"]["address_failures"] > 0
    lab.wait_holder(nodes[1])
