# SPDX-License-Identifier: Apache-2.0
"""The fault matrix: one line a fault. Names are what ROWS= selects by.

FAMILY=4 runs it with IPv4 addresses. Every fault that moves the address has a row with addresses of both families, too.
"""

import dataclasses
import typing

import actions as act
import api
import kernel
import reloads
from contenders import FAMILY, Setup
from rules import ALWAYS_HELD, NEVER_SPLIT, NO_BURST, NO_MOVE, NONE_LOST, NOT_STUCK, STAYS, TAKEN_OVER

BOTH, VIPD = ("vipd", "keepalived"), ("vipd",)


@dataclasses.dataclass
class Row:
    name: str
    act: typing.Callable
    rules: tuple
    makes: tuple = BOTH
    setup: Setup = Setup()
    prepare: typing.Callable = None
    fresh: bool = True  # every run with processes of its own, not only the first
    alternate: bool = False  # the makes take turns, so that both see the same machine
    ipv6: bool = False  # nothing for routers of IPv4 alone
    causes: tuple = ()  # of the first move, as `vipctl explain` is to say it: one of these
    says: str = ""  # and what it is to name

    def of_both_families(self):
        # Where only IPv6 has gone the link is there, and the kernel refuses what is put back: who is the first to notice says so.
        causes = (*self.causes, "refused") if self.ipv6 else self.causes
        return dataclasses.replace(self, name=self.name + ", both families", makes=VIPD, rules=(*self.rules, NEVER_SPLIT), causes=causes,
                                   setup=dataclasses.replace(self.setup, family="both"))


UNNOTICED = (NO_MOVE, ALWAYS_HELD, NONE_LOST)
FAILOVER = (TAKEN_OVER, NONE_LOST)
PLANNED = (TAKEN_OVER, ALWAYS_HELD, NONE_LOST)

ROWS = [
    Row("drain", act.drain, PLANNED, causes=("drained",)),
    Row("drain, since the machine is being stopped", act.shut_down, PLANNED, VIPD, causes=("shutdown",)),
    Row("stop", act.terminate, PLANNED, causes=("stopped",)),
    Row("engine killed", act.kill("engine"), UNNOTICED),
    Row("engine killed three times", act.kill_thrice, PLANNED, VIPD, causes=("engine_died",)),
    Row("control killed", act.kill("control"), UNNOTICED, VIPD),
    Row("guardian killed", act.kill_guardian, PLANNED, causes=("stopped",)),
    Row("all killed", act.kill_all(release=False), FAILOVER, causes=("died",)),
    Row("all killed, then --release", act.kill_all(release=True), FAILOVER, VIPD, causes=("died",)),

    Row("engine stopped 0.1 s", act.stop("engine", 0.1), UNNOTICED),
    Row("engine stopped 1 s", act.stop("engine", 1), (*FAILOVER, NO_BURST), causes=("late",)),
    Row("engine stopped 8 s", act.stop("engine", 8), (*FAILOVER, NO_BURST), causes=("late",)),
    *(Row(f"{role} stopped {seconds:g} s", act.stop(role, seconds), UNNOTICED, makes)
      for role, makes in (("control", VIPD), ("guardian", BOTH)) for seconds in (0.1, 1, 8)),
    Row("all stopped 8 s", act.stop("all", 8), (*FAILOVER, NO_BURST), causes=("late",)),

    Row("partition", act.partition, FAILOVER, causes=("partition",)),
    Row("holder hears, is not heard", act.holder_mute, FAILOVER, causes=("partition",)),
    Row("holder is heard, does not hear", act.holder_deaf, (STAYS,)),
    Row("backup is heard, does not hear", act.backup_deaf, (NONE_LOST, NOT_STUCK), causes=("partition",)),
    Row("silence of 200 ms", act.silence(200), UNNOTICED),
    Row("carrier lost for 200 ms", act.carrier_flap, (NOT_STUCK,), causes=("link",), says="it is up again"),
    Row("address deleted", act.address_deleted, (NO_MOVE, STAYS, NONE_LOST)),
    Row("interface deleted", act.interface_deleted, FAILOVER, causes=("link",)),
    Row("two backups take over together", act.both_take_over, (TAKEN_OVER, NOT_STUCK, NONE_LOST),
        setup=Setup(priorities=(150, 100, 100)), fresh=False, causes=("partition",)),

    Row("disk full", act.without_a_disk, FAILOVER, VIPD, prepare=act.on_full_disk, causes=("partition",)),
    Row("log that nobody reads", act.away_and_back, FAILOVER, VIPD, prepare=act.with_full_pipe, causes=("partition",)),
    Row("wall clock +1 h", act.clock_stepped(+1), UNNOTICED, VIPD, prepare=act.own_clock),
    Row("wall clock -1 h", act.clock_stepped(-1), UNNOTICED, VIPD, prepare=act.own_clock),
    Row("wall clock -1 h, then a drain", act.drained_after_a_step, PLANNED, VIPD, prepare=act.own_clock, causes=("drained",)),
    Row("wall clock +1 h, authentication", act.clock_stepped(+1), UNNOTICED, VIPD, prepare=act.own_clock_and_key),
    Row("wall clock -1 h, authentication", act.clock_stepped(-1), UNNOTICED, VIPD, prepare=act.own_clock_and_key),
    Row("clock wrong at the start, authentication", act.clock_corrected, (), VIPD, prepare=act.own_clock_and_key, causes=("stopped",)),
    *(Row(f"RTNL held {seconds} s", kernel.rtnl_held(seconds), (NO_MOVE, NONE_LOST)) for seconds in (1, 3)),
    Row("notifications lost", kernel.notifications_lost, FAILOVER, causes=("partition",)),
    Row("MTU below 1280 and back, holder", kernel.mtu_and_back(0), FAILOVER, ipv6=True, causes=("link",)),
    Row("MTU below 1280 and back, backup", kernel.mtu_and_back(1), (STAYS, ALWAYS_HELD, NONE_LOST), ipv6=True),
    # as many addresses as the kernel adds in a moment; memberships of 255 such routers are a lab test
    Row("24 routers of 16 addresses", kernel.all_move, FAILOVER, VIPD, setup=Setup(count=24, each=16), prepare=kernel.debian_limits, causes=("partition",)),

    *(Row(f"router {how} and put back", reloads.put_back(how), (NONE_LOST,), VIPD, setup=Setup(count=2), causes=("removed",))
      for how in ("removed", "renumbered")),
    Row("VRID changed, server by server", reloads.vrid_changed, (ALWAYS_HELD,), VIPD, causes=("removed",)),
    Row("second agent", reloads.second_agent, UNNOTICED, VIPD),

    Row("API servers restarted, then one dies", api.restarted_before, (TAKEN_OVER, NOT_STUCK), VIPD,
        setup=Setup(check={"flap_count": None}), causes=("unhealthy",), says="apiserver: "),
    Row("API server refuses while it starts", api.refuses_while_starting, (TAKEN_OVER,), VIPD, causes=("unhealthy",), says="apiserver: "),
    Row("a check with a weight fails", api.weighted_fails, (TAKEN_OVER,), VIPD, causes=("lowered",), says="apiserver: ",
        setup=Setup(settings={"checks": [{"name": "apiserver", "weight": -60}]})),

    Row("control flooded", act.flooded, UNNOTICED, VIPD),
    Row("clients that never read", act.never_reads, (ALWAYS_HELD, NONE_LOST), VIPD, causes=("drained",)),

    *(Row(f"busy, interval {ms} ms", act.busy(), (NO_MOVE,), setup=Setup(interval_ms=ms), alternate=True)
      for ms in (100, 30, 10)),
]
ROWS = [row for row in ROWS if FAMILY == "6" or not row.ipv6] + [row.of_both_families() for row in ROWS if TAKEN_OVER in row.rules]
