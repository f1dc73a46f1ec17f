# SPDX-License-Identifier: Apache-2.0
"""Faults of the kernel's making: a lock that somebody holds, notifications that are lost, an interface without IPv6."""

import os
import signal

from basics import ROOT, ip_batch, run, wait_for


def rtnl_held(seconds):
    """Somebody's slow driver holds the lock that every change of addresses and interfaces needs, in all namespaces."""
    def act(trials):
        program = os.path.join(trials.directory, "hold_rtnl")
        if not os.path.exists(program):
            run(os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-pthread", "-o", program, os.path.join(ROOT, "tests", "lab", "hold_rtnl.c"))
        for _ in range(3):  # any moment between two renewals of the lease
            assert "released" in trials.client.exec(program, str(1000 * seconds)).stdout
            trials.watch(0.4)
        trials.watch(1.5)
    return act


def notifications_lost(trials):
    """While a Backup's engine does not look, the carrier goes, its queue overflows, and the carrier's return is lost."""
    one, two, _ = trials.nodes
    other = "2001:db8:ffff::1/128"
    two.agent.signal("engine", signal.SIGSTOP)
    two.carrier(False)
    ip_batch(two.name, [f"addr {verb} {other} dev lo nodad" for verb in ("add", "del")] * 3000)
    two.carrier(True)
    two.agent.signal("engine", signal.SIGCONT)
    trials.watch(1)
    one.blackhole()
    trials.served_by(two)
    trials.watch(0.5)
    one.plug()


def mtu_and_back(number):
    """A bridge's automatic MTU does that: below 1280 the kernel takes IPv6 off the interface, and with it every membership."""
    def act(trials):
        node = trials.nodes[number]
        ip_batch(node.name, ["link set eth0 mtu 1200"])
        trials.served_by(trials.nodes[1 if number == 0 else 0])
        trials.watch(1)
        ip_batch(node.name, ["link set eth0 mtu 1500"])
        node.interface_up()
        trials.watch(2)
    return act


def debian_limits(_, node):
    """net.core.optmem_max of Debian 12: what a socket may need for its memberships."""
    node.exec("sysctl", "-qw", "net.core.optmem_max=20480", check=False)  # older kernels have one for all namespaces
    return {}


def all_move(trials):
    """The holder of many addresses dies silently and comes back."""
    one, two, _ = trials.nodes
    count = len(trials.setup.addresses)
    one.blackhole()
    wait_for("the second holds all", two.agent.held, lambda held: held == count, 30)
    trials.served_by(two)
    trials.watch(1)
    one.plug()
    wait_for("the second has let go", two.agent.held, lambda held: held == 0, 30)
