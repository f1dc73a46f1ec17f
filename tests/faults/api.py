# SPDX-License-Identifier: Apache-2.0
"""Faults of API servers: restarted again and again, and one that refuses everybody while it starts."""

import os
import signal

from basics import wait_for


def restarted_before(trials):
    """Both Backups' API servers are restarted twice, as an upgrade does; then the holder's dies."""
    one, *others = trials.nodes
    for _ in range(2):
        for node in others:
            node.api_kill()
            wait_for(f"{node.name} has noticed", node.router, lambda router: not router["healthy"])
            node.api_start()
            wait_for(f"{node.name} is well", lambda node=node: node.check()["last_error"], lambda error: error is None, 30)
    trials.watch(1.5)
    one.api_kill()
    wait_for("another holds the address", lambda: any(node.has_address() for node in others))
    for probe in trials.client_probes:
        wait_for("and serves the client", probe.answered_by, lambda name: name in [node.name for node in others])
    trials.watch(1)
    one.api_start()
    for node in trials.nodes:
        wait_for(f"{node.name} is trusted again", node.router, lambda router: router["healthy"], 120)


def weighted_fails(trials):
    """The check makes nobody unhealthy, and the holder has the lower priority then."""
    one, two, _ = trials.nodes
    one.api_kill()
    trials.served_by(two)
    trials.watch(0.5)
    one.api_start()


def refuses_while_starting(trials):
    """The holder's API server is restarted, and answers 403 for three seconds before it is ready."""
    one, two, _ = trials.nodes
    refusing = one.not_ready + "-403"
    one.api_signal(signal.SIGSTOP)  # so that it dies with what it has been asked
    one.api_kill()
    trials.served_by(two)
    open(refusing, "w").close()
    try:
        one.api_start()
        wait_for("the check has been refused", lambda: one.check()["last_error"], lambda error: "403" in (error or ""))
        begin = one.router()["counters"]["became_active"]
        trials.watch(3)
        assert one.router()["counters"]["became_active"] == begin, "it took the address while its API server refused everybody"
    finally:
        os.unlink(refusing)
