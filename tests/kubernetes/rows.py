# SPDX-License-Identifier: Apache-2.0
"""The rows: what is done to the control plane, and what is expected of it. Names are what ROWS= selects by.

A row is a function of the cluster, the holder and the watch, whose mark() is the moment of the fault. What is expected are
limits on what was seen; a limit on a time is one that users were promised, far from what a quiet machine needs.
"""

import dataclasses
import os
import signal
import time
import typing

import endpoints
import observe
from testbed import wait_for


@dataclasses.dataclass
class Row:
    name: str
    act: typing.Callable
    expected: dict  # what observe.Seen or the row's notes say: the greatest value allowed, or the only one
    settings: dict = dataclasses.field(default_factory=dict)  # of the virtual router
    delay_s: int = 0  # kube-apiserver --shutdown-delay-duration
    prepare: typing.Callable = None  # see ControlPlane.begin


def pass_time(seconds):
    time.sleep(seconds)  # sleep-ok: what may come late, or never, is looked for so long


def another(cluster, holder, deadline=60):
    wait_for(f"a server other than {holder.name} holds the address",
             lambda: [node for node in cluster.others(holder) if node.has_address()], deadline=deadline)


def restart(node):
    """Until vipd sees it well again, or the next is restarted: the health of a rolling upgrade is /readyz."""
    node.api_stop()
    node.api_start()
    node.api_ready()


def death_after_restarts(cluster, nodes, watch):
    """Each of these is restarted twice, then the holder's API server dies."""
    for _ in range(2):
        for node in nodes:
            restart(node)
    pass_time(3)
    kill(cluster, cluster.holder(), watch)


def restarts_then_death(cluster, holder, watch):
    death_after_restarts(cluster, cluster.others(holder), watch)


def every_restart_then_death(cluster, holder, watch):
    death_after_restarts(cluster, [*cluster.others(holder), holder], watch)


def rolling_restart(cluster, holder, watch):
    """Once each, the holder in the middle, nobody drains."""
    one, two = cluster.others(holder)
    for node in (one, holder, two):
        restart(node)
        pass_time(2)
    pass_time(6)


def kill(cluster, holder, watch):
    watch.mark()
    holder.api_kill()
    another(cluster, holder)
    pass_time(6)


def terminate(cluster, holder, watch):
    watch.mark()
    holder.api_stop()
    another(cluster, holder)
    pass_time(6)


def hang(cluster, holder, watch):
    watch.mark()
    holder.api_signal(signal.SIGSTOP)
    another(cluster, holder)
    pass_time(8)


def etcd_hung(cluster, holder, watch):
    """The etcd beside the holder's API server, which is not the leader."""
    cluster.etcd_lead(cluster.others(holder)[0])
    pass_time(2)
    watch.mark()
    os.killpg(holder.etcd.pid, signal.SIGSTOP)
    another(cluster, holder)
    pass_time(8)


def election(cluster, holder, watch):
    """etcd's leader dies; the holder is another server."""
    victim = cluster.others(holder)[0]
    cluster.etcd_lead(victim)
    pass_time(2)
    watch.mark()
    victim.etcd_kill()
    pass_time(20)
    well = [node for node in cluster.nodes if node is not victim]
    watch.seen.notes["well_failed"] = sum(not node.router()["healthy"] for node in well)
    victim.etcd_start()
    victim.api_ready()
    pass_time(5)


def partition(cluster, holder, watch):
    """The holder, with the leader of etcd, sees nobody for 25 s; the client is on the other side."""
    cluster.etcd_lead(holder)
    pass_time(2)
    watch.mark()
    cluster.partition(holder)
    pass_time(25)
    watch.seen.notes["majority_none_s"] = round(majority_none_s(cluster, watch, holder), 2)
    holder.plug()
    wait_for("one holder", cluster.holders, lambda names: len(names) == 1, 60)
    pass_time(5)


def majority_none_s(cluster, watch, isolated):
    """After somebody on the side of the majority took over: how long nobody there held it."""
    total, held_since = 0.0, False
    steps = watch.addresses.steps()
    for (at, names), (until, _) in zip(steps, [*steps[1:], (time.time(), None)]):
        there = set(names) - {isolated.name}
        held_since = held_since or bool(there)
        if held_since and not there:
            total += until - at
    return total


def kept(cluster, holder, watch, fault):
    """A watch, and a connection of HTTP/2: when each is answered anew, from the moment on in which another server has the address."""
    client = observe.Kept(cluster)
    try:
        for node in cluster.others(holder):
            wait_for(f"{node.name} knows the clients", lambda node=node: node.router()["connections"]["known"], lambda known: known >= 2)
        pass_time(2)
        watch.mark()
        fault(holder)
        another(cluster, holder)
        for kind in client.kinds:
            at = wait_for(f"the {kind} goes on", lambda kind=kind: client.answered(kind, watch.seen.mark), deadline=60)
            moved = next(at for at, names in watch.addresses.steps() if at > watch.seen.mark and set(names) - {holder.name})
            watch.seen.notes[f"{kind}_s"] = at - moved
    finally:
        client.end()


def kept_in_silent_death(cluster, holder, watch):
    cluster.etcd_lead(cluster.others(holder)[0])
    kept(cluster, holder, watch, lambda node: node.blackhole())


def kept_in_hang(cluster, holder, watch):
    kept(cluster, holder, watch, lambda node: node.api_signal(signal.SIGSTOP))


def kept_in_drain(cluster, holder, watch):
    """Its API server does not wait for the clients when it is stopped then."""
    kept(cluster, holder, watch, lambda node: node.drain())
    begun = time.monotonic()
    holder.api_stop()
    watch.seen.notes["stop_s"] = time.monotonic() - begun


KEPT = {"watch_s": 1.0, "http2_s": 1.0}
DEMOTE, RESIGN = {"when_unhealthy": '"demote"'}, {"when_unhealthy": '"resign"'}
ROWS = [
    Row("API server killed", kill, {"moved_s": 0.2, "failures": 5}),
    Row("API server terminated", terminate, {"moved_s": 0.5, "failures": 5}),
    Row("API server terminated, shutdown delay 10 s", terminate, {"failures": 1, "kubectl": 0}, delay_s=10),
    Row("API server hung", hang, {"moved_s": 1.5}),
    Row("both others restarted twice, then the holder's killed", restarts_then_death, {"moved_s": 0.2}),
    Row("all restarted twice, then the holder's killed", every_restart_then_death, {"moved_s": 0.2}),
    Row("rolling restart without a drain", rolling_restart, {"kubectl": 3, "failures": 6}),
    Row("etcd of the holder hung", etcd_hung, {"moved_s": 15}),
    Row("etcd elects a leader", election, {"moves": 0, "well_failed": 0}),
    Row("etcd elects a leader, resign", election, {"moves": 0, "none_s": 0, "well_failed": 0}, settings=RESIGN),
    Row("partition, demote", partition, {"majority_none_s": 0}, settings=DEMOTE),
    Row("partition, resign", partition, {"majority_none_s": 0, "several_s": 15}, settings=RESIGN),
    Row("connections are kept, silent death", kept_in_silent_death, KEPT),
    Row("connections are kept, API server hung", kept_in_hang, KEPT),
    Row("connections are kept, drain", kept_in_drain, {**KEPT, "stop_s": 3.0}),
    Row("Endpoints follow the servers", endpoints.endpoints_follow,
        {"API_death_s": 5, "drain_s": 5, "node_death_s": 20, "holder_API_death_s": 10}, prepare=endpoints.prepare),
]
