/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A roster, as transcripts: at which second, who says what, and what there is to tell people.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/roster.h"
#include "vipd/vrrp.h"

#define SECOND USEC_PER_SEC
#define WALL   (INT64_C(1795365540) * USEC_PER_SEC)

static struct roster roster;

/* Of node nN: address fe80::N. */
static struct address address_of(unsigned n)
{
	return (struct address){{{{0xfe, 0x80, [14] = (uint8_t)(n >> 8), (uint8_t)n}}}};
}

static struct hello hello_of(unsigned n, double at_s)
{
	struct hello hello = {.family = AF_INET6,
	    .vrid = 100,
	    .boot = {(uint8_t)n},
	    .number = (uint64_t)(at_s * 1000) + 1,
	    .interval_ms = 1000,
	    .state = VRRP_BACKUP,
	    .health = VRRP_HEALTHY,
	    .priority = 100,
	    .effective_priority = 100,
	    .candidate = true,
	    .advert_interval_ms = 100,
	    .address_count = 2,
	    .addresses = {{{{{0x20, [15] = 1}}}}, {{{{0x20, [15] = 2}}}}}};
	snprintf(hello.node, sizeof hello.node, "n%u", n);
	return hello;
}

/* "active" "p150" "failing" "drained" "leaving" "signed" "reboot" "old" "slow" */
static void apply(struct hello *hello, const char *word)
{
	if (!strcmp(word, "active"))
		hello->state = VRRP_ACTIVE;
	else if (word[0] == 'p')
		hello->effective_priority = (uint8_t)atoi(word + 1);
	else if (!strcmp(word, "failing"))
		hello->health = VRRP_FAILING, hello->effective_priority = 5;
	else if (!strcmp(word, "drained"))
		hello->candidate = false, hello->effective_priority = 0;
	else if (!strcmp(word, "leaving"))
		hello->leaving = true;
	else if (!strcmp(word, "signed"))
		hello->is_signed = true;
	else if (!strcmp(word, "reboot"))
		hello->boot[1] = 1, hello->number = 1;
	else if (!strcmp(word, "old"))
		hello->number = 1;
	else if (!strcmp(word, "slow"))
		hello->interval_ms = 10000;
	else
		fail_msg("no such word: %s", word);
}

static void describe(const struct roster_news *news, char *out, size_t room)
{
	static const char *const events[] = {
	    [ROSTER_QUIET] = "",
	    [ROSTER_JOINED] = "joined",
	    [ROSTER_IS_LOST] = "lost",
	    [ROSTER_IS_BACK] = "back",
	    [ROSTER_HAS_STOPPED] = "stopped",
	};
	size_t length = strlen(out);
	if (news->event != ROSTER_QUIET)
		snprintf(out + length, room - length, "%s%s %s%s", length ? ", " : "", news->node,
		    events[news->event], news->rebooted ? " rebooted" : "");
}

/* One line: at that second "nN words…" is heard, or nothing if the text is ""; then the roster is looked at.
 */
struct line {
	double at_s;
	const char *said, *expected;
};

#define END                                                                                                  \
	{                                                                                                    \
		.said = NULL                                                                                 \
	}

static void say(double at_s, const char *said, char *told, size_t room)
{
	char words[64];
	struct roster_news news;
	struct mono now = {(int64_t)(at_s * SECOND) + SECOND};
	unsigned n = (unsigned)atoi(said + 1);
	struct hello hello = hello_of(n, at_s);
	struct address source = address_of(n);
	snprintf(words, sizeof words, "%s", said);
	strtok(words, " ");
	for (char *word = strtok(NULL, " "); word; word = strtok(NULL, " "))
		apply(&hello, word);
	enum hello_verdict verdict =
	    roster_hear(&roster, &source, &hello, now, WALL + (int64_t)(at_s * SECOND), &news);
	if (verdict != HELLO_OK)
		snprintf(told, room, "%s", hello_verdict_name(verdict));
	else
		describe(&news, told, room);
}

static void play_on(const struct line *lines)
{
	for (; lines->expected; lines++) {
		char told[256] = "";
		struct roster_news news;
		struct mono now = {(int64_t)(lines->at_s * SECOND) + SECOND};
		if (lines->said[0])
			say(lines->at_s, lines->said, told, sizeof told);
		while (roster_expire(&roster, now, WALL + (int64_t)(lines->at_s * SECOND), &news))
			describe(&news, told, sizeof told);
		if (strcmp(told, lines->expected))
			fail_msg("[%5.1f] %s -> \"%s\", not \"%s\"", lines->at_s, lines->said, told,
			    lines->expected);
	}
}

static void play(const struct line *lines)
{
	roster = (struct roster){0};
	play_on(lines);
}
