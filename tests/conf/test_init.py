# SPDX-License-Identifier: Apache-2.0
"""`vipctl init` before it looks at the segment; what it finds there is in tests/lab/test_init.py."""

import os
import pty
import subprocess
from concurrent import futures

import pytest

VIPCTL = os.path.join(os.environ.get("VIPD_BUILD", "build"), "vipctl")


def init(*arguments):
    return subprocess.run([VIPCTL, "init", *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments, why", [
    (("--yes",), "add --address ADDRESS"),
    ((), "add --address ADDRESS"),  # nobody is at a terminal
    (("--yes", "--address", "api.example.org"), "--address api.example.org: this is not an address"),
    (("--yes", "--address", "2001:db8::1", "--vrid", "256"), "--vrid 256: write a number from 1 to 255"),
    (("--yes", "--address", "2001:db8::1", "--vrid", "-1"), "--vrid -1: write a number from 1 to 255"),
    (("--yes", "--address", "2001:db8::1", "--priority", "20"), "--priority 20: write a number from 32 to 254"),
    (("--yes", "--address", "2001:db8::1", "--interface", "a-very-long-interface"), "an interface has a shorter name"),
])
def test_what_cannot_be(arguments, why):
    done = init(*arguments)
    assert done.returncode == 2 and why in done.stderr and not done.stdout, done


def test_what_is_there_stays(tmp_path):
    path = tmp_path / "vipd.conf"
    path.write_text("mine")
    done = init("--yes", "--address", "2001:db8::1", "-o", str(path))
    assert done.returncode == 1 and "is there already, and stays as it is" in done.stderr
    assert path.read_text() == "mine"


def test_an_interface_that_is_not_there(tmp_path):
    done = init("--yes", "--address", "2001:db8::1", "--interface", "no-such", "-o", str(tmp_path / "vipd.conf"))
    assert done.returncode == 1 and "there is no interface no-such" in done.stderr
    assert not list(tmp_path.iterdir())


def offered(path, *addresses):
    """What it offers on an interface with these, to somebody at a terminal."""
    ours, theirs = pty.openpty()
    given = " && ".join(f"ip addr add {address} dev eth0{' nodad' * (':' in address)}" for address in addresses)
    script = f"ip link add eth0 type veth peer name eth1 && ip link set eth1 up && ip link set eth0 up && {given}"
    process = subprocess.Popen(["unshare", "-n", "sh", "-c", f"{script} && exec {VIPCTL} init --interface eth0 -o {path}"],
                               stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.write(ours, b"\ny\n")  # the address that it offers, and yes
    _, errors = process.communicate(timeout=30)
    said = os.read(ours, 65536).decode()
    os.close(ours), os.close(theirs)
    assert process.returncode == 0, (said, errors)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask the segment")
def test_what_it_offers(tmp_path):
    """An address of the prefix, also of one that does not end with a byte, and of one of IPv4."""
    interfaces = {"ipv4": ("192.0.2.129/25",), "small": ("192.0.2.9/30",), "ipv6": ("2001:db8:0:17::1/60", "192.0.2.129/25"),
                  "long": ("2001:db8::a:b:1/112",)}
    with futures.ThreadPoolExecutor() as pool:
        said = dict(zip(interfaces, pool.map(lambda name: offered(tmp_path / name, *interfaces[name]), interfaces)))
    for name, address in (("ipv4", "192.0.2.254"), ("small", "192.0.2.10"), ("ipv6", "2001:db8:0:10::100"),
                          ("long", "2001:db8::a:b:100")):
        assert f"(Enter: {address}, for which nobody answers)" in said[name], said[name]
        assert f'addresses = [ "{address}" ];' in (tmp_path / name).read_text()
    assert "DHCP" in said["ipv4"] and "DHCP" not in said["ipv6"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask the segment")
def test_an_address_that_no_host_can_have():
    script = f"""ip link add eth0 type veth peer name eth1 && ip link set eth1 up && ip link set eth0 up
        ip addr add 192.0.2.129/25 dev eth0 && ip addr add 2001:db8::1/64 dev eth0 nodad
        for address in 192.0.2.128 192.0.2.255 2001:db8:: 192.0.2.254; do {VIPCTL} init --yes --interface eth0 --address $address -o - >/dev/null || :; done"""
    done = subprocess.run(["unshare", "-n", "sh", "-ec", script], capture_output=True, text=True, timeout=30)
    refused = sorted(line for line in done.stderr.splitlines() if "whole prefix" in line)
    assert refused == [f"vipctl: {address} stands for the whole prefix; choose an address inside of it"
                       for address in ("192.0.2.128", "192.0.2.255", "2001:db8::")], done
