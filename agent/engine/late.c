/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the engine is late. What it sleeps through it was not scheduled for; what is left of a turn when the
 * next deadline has passed belongs to what took longest in it, or to a page fault.
 */
#include "engine/engine.h"

#include <sys/resource.h>

static bool has_faulted(struct turn *turn)
{
	struct rusage usage = {0};
	long before = turn->faults;
	getrusage(RUSAGE_THREAD, &usage);
	turn->faults = usage.ru_majflt;
	return turn->faults != before;
}

void late_open(struct engine *engine)
{
	has_faulted(&engine->turn); /* what the start had to read made nobody late */
}

void late_turn_begins(struct engine *engine, struct mono now)
{
	struct turn *turn = &engine->turn;
	turn->from = now;
	for (int i = 0; i < BOARD_LATES; i++)
		turn->us[i] = 0;
}

void late_did(struct engine *engine, enum board_late what)
{
	struct turn *turn = &engine->turn;
	struct mono now = mono_now();
	turn->us[what] += mono_sub(now, turn->from);
	turn->from = now;
}

static enum board_late cause_of(struct turn *turn)
{
	enum board_late longest = BOARD_LATE_RECEIVE;
	for (enum board_late i = longest; i < BOARD_LATES; i++)
		if (turn->us[i] > turn->us[longest])
			longest = i;
	return has_faulted(turn) ? BOARD_LATE_PAGE_FAULT : longest;
}

void late_woke(struct engine *engine, struct mono deadline, struct mono now)
{
	int64_t us = mono_sub(now, deadline), busy_us = mono_sub(engine->turn.from, deadline);
	enum board_late cause = BOARD_LATE_NOT_SCHEDULED;
	if (busy_us > 0)
		cause = cause_of(&engine->turn);
	else
		busy_us = 0;
	record_lateness(engine, us, cause, busy_us);
}
