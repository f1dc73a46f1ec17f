/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an address moved and what to do, for somebody who was woken by it.
 */
#include "vipctl/moves.h"

const struct cause_words cause_words[CAUSES] = {
    [CAUSE_UNKNOWN] = {"@B says: @W", "journalctl -u vipd on @A and on @B"},
    [CAUSE_FIRST] = {"nobody is known to have held it before (@W)", "nothing"},
    [CAUSE_VACANT] = {"nobody had held it for @G, since @A left it; then @B took it (@W)",
	"see why @A left it and nobody took over: vipctl events --group, vipctl explain NUMBER"},
    [CAUSE_DRAINED] = {"an operator has drained @A",
	"nothing; when @A may hold it again: vipctl resume there"},
    [CAUSE_KEPT] = {"@A was drained, but no other server could take over, so it goes on until one can",
	"do not shut @A down; see why no other server could: vipctl status on each"},
    [CAUSE_SHUTDOWN] = {"@A was being stopped or rebooted, and handed over before its services ended",
	"nothing, if somebody has rebooted it; else: journalctl -b -1 on @A"},
    [CAUSE_STOPPED] = {"vipd on @A was stopped, or ended and handed over",
	"nothing, if somebody has stopped or restarted it; else: journalctl -u vipd on @A"},
    [CAUSE_REMOVED] = {"a reload took this virtual router, or its vrid, out of the configuration of @A",
	"nothing, if somebody meant that; else compare vipd.conf of @A with that of the others"},
    [CAUSE_ENGINE_DIED] = {"the engine of @A has died again and again, so its vipd gave the address up",
	"journalctl -u vipd on @A, and report what it says as a bug"},
    [CAUSE_LINK] = {"@A has lost its link: @W", "look at cable, switch port and interface of @A: ip link"},
    [CAUSE_REFUSED] = {"the kernel of @A did not keep the address: @W",
	"journalctl -u vipd on @A; look what else changes addresses there"},
    [CAUSE_LATE] = {"vipd on @A did not get to run: @W. It was stopped, or the machine was frozen, "
		    "suspended or starved",
	"look at load, memory and stolen time of @A at that time: journalctl -k, sar"},
    [CAUSE_UNHEALTHY] = {"@A was unhealthy: @W", "repair what the check asks for on @A; vipctl status there"},
    [CAUSE_LOWERED] = {"a check with a weight had lowered the priority of @A: @W",
	"repair what the check asks for on @A; vipctl status there"},
    [CAUSE_PREFERRED] = {"@B is preferred (it has the higher priority) and can hold it again", "nothing"},
    [CAUSE_PARTITION] =
	{"@A went on as Active, but @B did not hear it (@W): the network between them was broken, "
	 "or @A could not send",
	    "look at switch, cables and firewall between @A and @B: vipctl doctor on both"},
    [CAUSE_DIED] = {"@A fell silent (@W), and its vipd was started anew later: vipd or the machine had died",
	"see why on @A: journalctl -u vipd, journalctl -b -1"},
    [CAUSE_SILENT] =
	{"@A fell silent (@W) and has not been heard since: the machine, its network or its vipd is dead",
	    "look at @A: does it run, is it on the network? journalctl -u vipd there"},
};
