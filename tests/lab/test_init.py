# SPDX-License-Identifier: Apache-2.0
"""vipctl init on a host beside a running group: it finds what is used, joins the group of an address, and overwrites nothing."""

import os
import pty
import signal
import subprocess
from concurrent import futures

import keepalived
import pytest
from basics import BUILD, PREFIX, PREFIX_IPV4, VIP, VIP_IPV4, run, wait_for
from keys import make_key, roll_out

FREE = PREFIX + "f:77"


def init(host, name, *arguments, address=VIP, again=False):
    path = os.path.join(host.directory, name)
    if os.path.exists(path) and not again:  # of a run that was repeated
        os.unlink(path)
    done = host.exec(f"{BUILD}/vipctl", "init", "--yes", "--interface", "eth0", "--address", address, "-o", path, *arguments,
                     check=False)
    return done, open(path).read() if os.path.exists(path) else ""


def at_once(client, runs):
    with futures.ThreadPoolExecutor() as pool:
        started = {name: pool.submit(init, client, name, *arguments) for name, arguments in runs.items()}
    return {name: future.result() for name, future in started.items()}


def test_what_is_used_is_found(lab, nodes):
    client = lab.client
    wait_for("the switch forwards the group to its members alone", lambda: run("bridge", "-n", "switch", "mdb").stdout,
             lambda text: text.count("grp ff02::12 ") >= len(nodes))
    runs = {
        "joins": (),
        "joins-as-told": ("--vrid", "100", "--priority", "120"),
        "another-vrid": ("--vrid", "99"),
        "free": ("--address", FREE),
        "vrid-of-others": ("--address", FREE, "--vrid", "100"),
        "of-a-host": ("--address", nodes[1].address),
        "own": ("--address", client.address),
    }
    done = at_once(client, runs)
    answer, text = done["joins"]
    assert answer.returncode == 0 and "joins it" in answer.stderr, answer
    assert "vrid = 100;" in text and f'addresses = [ "{VIP}" ];' in text and "priority = 100;" in text
    assert 'advert_interval = "100ms";' in text and 'interface = "eth0";' in text
    assert "priority = 120;" in done["joins-as-told"][1]
    answer, text = done["free"]
    assert answer.returncode == 0 and "vrid = 101;" in text, (answer, text)  # 100 is used
    assert "vipd -n" in answer.stdout and f"vipctl init --address {FREE}" in answer.stdout
    for name, why in (("another-vrid", f"the group with VRID 100 has {VIP}"), ("vrid-of-others", "another group on eth0 has VRID 100"),
                      ("of-a-host", f"answers for {nodes[1].address} already"), ("own", "is an address of this host")):
        answer, text = done[name]
        assert answer.returncode == 1 and why in answer.stderr and not text, (name, answer)

    again, text = init(client, "joins", again=True)
    assert again.returncode == 1 and "is there already, and stays as it is" in again.stderr and text == done["joins"][1]
    checked = client.exec(f"{BUILD}/vipd", "-n", "-c", os.path.join(client.directory, "free"), check=False)
    assert "virtual_routers" not in checked.stderr, checked.stderr  # nothing but the user, who may not be here


def test_the_same_of_ipv4(lab, nodes):
    nodes[0].reconfigure(router={"addresses": [VIP_IPV4]})
    wait_for("it holds the address", lambda: nodes[0].router()["state"], lambda state: state == "active")
    done = at_once(lab.client, {
        "joins4": ("--address", VIP_IPV4), "free4": ("--address", PREFIX_IPV4 + "77"), "of-a-host4": ("--address", nodes[1].ipv4)})
    answer, text = done["joins4"]
    assert answer.returncode == 0 and "joins it" in answer.stderr and "vrid = 100;" in text, answer
    answer, text = done["free4"]
    assert answer.returncode == 0 and "vrid = 101;" in text and "Note:" not in answer.stderr, answer
    answer, text = done["of-a-host4"]
    assert answer.returncode == 1 and f"answers for {nodes[1].ipv4} already" in answer.stderr and not text, answer


def test_a_group_that_signs(lab, nodes):
    """Without its key vipd does not start: it would be a second holder."""
    path, _ = make_key(lab, 231)
    roll_out(nodes, {231: path})
    answer, text = init(lab.client, "signed")
    assert answer.returncode == 0 and "copy /etc/vipd/keys/231 from another server" in answer.stderr, answer
    assert 'auth = { mode = "enforce"; active_key = 231; keys = ( { id = 231; file = "/etc/vipd/keys/231"; } ); };' in text
    checked = lab.client.exec(f"{BUILD}/vipd", "-n", "-c", os.path.join(lab.client.directory, "signed"), check=False)
    assert checked.returncode == 2 and 'auth key 231, file = "/etc/vipd/keys/231": does not exist' in checked.stderr, checked


def test_a_group_with_several_addresses(lab, nodes):
    """The whole list, of a router that differs in everything that an advert shows."""
    addresses = [VIP, PREFIX + "f:1", PREFIX + "f:2", VIP_IPV4]
    nodes[0].reconfigure(router={"addresses": addresses, "link_local": "none", "advert_interval": "200ms"})
    wait_for("it holds the addresses", lambda: nodes[0].held(addresses), lambda count: count == len(addresses))
    answer, text = init(lab.client, "several", address=PREFIX + "f:1")
    assert answer.returncode == 0 and "Its addresses of IPv6 (3) are written" in answer.stderr and "some of IPv4" in answer.stderr
    assert f'addresses = [ "{VIP}", "{PREFIX}f:1", "{PREFIX}f:2" ];' in text and 'link_local = "none";' in text, text
    assert 'advert_interval = "200ms";' in text and "auth" not in text


@pytest.mark.long
@pytest.mark.skipif(not keepalived.installed, reason="keepalived is not installed")
def test_a_group_of_version_2(lab, nodes):
    """keepalived's own version of IPv4: its VRID is not free, and nobody joins it."""
    daemon, address = keepalived.Keepalived(nodes[2]), PREFIX_IPV4 + "200"
    daemon.begin([keepalived.instance(101, 100, 1000, [address], version=2)])
    try:
        wait_for("it holds the address", lambda: nodes[2].held([address]))
        done = at_once(lab.client, {"free-beside": ("--address", PREFIX_IPV4 + "77"), "free-beside6": ("--address", FREE),
                                    "joins-old": ("--address", address)})
    finally:
        daemon.host.end(daemon.process, signal.SIGTERM)
        nodes[2].exec("ip", "addr", "del", address + "/32", "dev", "eth0", check=False)
    for name in ("free-beside", "free-beside6"):
        answer, text = done[name]
        assert answer.returncode == 0 and "vrid = 102;" in text, (answer, text)  # 100 is vipd's
    answer, text = done["joins-old"]
    assert answer.returncode == 1 and f"the group with VRID 101 has {address} and speaks VRRPv2" in answer.stderr and not text


def test_it_asks_who_is_there(lab):
    client = lab.client
    path = os.path.join(client.directory, "asked.conf")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(client.inside([f"{BUILD}/vipctl", "init", "--interface", "eth0", "-o", path]), stdin=theirs, stdout=theirs,
                               stderr=subprocess.PIPE, text=True)
    os.write(ours, b"nonsense\n\ny\n")  # the address that it offers, and yes
    _, errors = process.communicate(timeout=30)
    said = os.read(ours, 65536).decode()
    os.close(ours), os.close(theirs)
    assert process.returncode == 0, (said, errors)
    assert "nonsense is not an address" in said and "for which nobody answers" in said and "[y/N]" in said
    with open(path) as text:
        assert f'addresses = [ "{PREFIX}' in text.read()
