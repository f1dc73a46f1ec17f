# SPDX-License-Identifier: Apache-2.0
"""Who manages the interface of a machine instead of systemd-networkd: rows of machines."""

import contextlib

from basics import PREFIX, wait_for

NETWORK_MANAGER = """[connection]
id=host0
type=ethernet
interface-name=host0
[ipv4]
method=disabled
[ipv6]
method=manual
address1=fe80::{number}/64
address2={prefix}{number}/64
ip6-privacy=0
addr-gen-mode=0
"""

IFUPDOWN = """iface host0 inet6 static
  address {prefix}{number}/64
  dad-attempts 0
  accept_ra 0
  post-up ip addr add fe80::{number}/64 dev host0 nodad
"""


@contextlib.contextmanager
def network_manager(m):
    m.write("/etc/NetworkManager/conf.d/host0.conf", "[device]\nmatch-device=interface-name:host0\nmanaged=1\n")
    m.write("/etc/NetworkManager/system-connections/host0.nmconnection",
            NETWORK_MANAGER.format(number=m.number, prefix=PREFIX), 0o600)
    m.run("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd")
    m.run("systemctl", "start", "NetworkManager")
    try:
        m.run("nmcli", "--wait", "20", "connection", "up", "host0")
        yield
    finally:
        m.run("systemctl", "stop", "NetworkManager")
        m.run("systemctl", "start", "systemd-networkd")


@contextlib.contextmanager
def ifupdown(m):
    m.write("/etc/network/interfaces", IFUPDOWN.format(number=m.number, prefix=PREFIX))
    m.run("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd")
    try:
        yield
    finally:
        m.run("systemctl", "start", "systemd-networkd")


def ifdown_ifup(m):
    m.run("ifdown", "--force", "host0")  # it was up before ifupdown came
    wait_for("the address is gone", lambda: not m.has_address())
    m.run("ifup", "host0")
