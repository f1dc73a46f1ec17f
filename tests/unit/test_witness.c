/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hellos of other servers, through the roster into the timeline: two servers that have one address for a
 * while, which is a fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/witness.h"
#include "vipd/vrrp.h"

static struct roster roster;
static struct timeline timeline;
static const struct router_id api = {.interface = "eth0", .family = AF_INET6, .vrid = 100};

static struct mono at(unsigned s)
{
	return (struct mono){(1000 + s) * USEC_PER_SEC};
}

/* At second `now` from the address fe80::n, with the boot id of its own that a server has. */
static void hear(unsigned now, const char *node, unsigned n, enum vrrp_state state, unsigned since)
{
	static const char router[CONFIG_NAME_MAX] = "api";
	const struct address source = {{{{0xfe, 0x80, [15] = (uint8_t)n}}}};
	const struct timeline_why why = {.word = TIMELINE_SAID, .cause = VRRP_REASON_NO_ADVERT};
	const struct witness witness = {
	    .timeline = &timeline, .roster = &roster, .id = &api, .router = router, .started = at(0)};
	struct hello hello = {.vrid = 100,
	    .family = AF_INET6,
	    .number = now,
	    .interval_ms = 1000,
	    .state = (uint8_t)state,
	    .cause = VRRP_REASON_NO_ADVERT,
	    .state_ms = (now - since) * 1000};
	struct roster_news news;
	snprintf(hello.node, sizeof hello.node, "%s", node);
	memcpy(hello.boot, node, 2);
	assert_int_equal(roster_hear(&roster, &source, &hello, at(now), 0, &news), HELLO_OK);
	witness_hear(&witness, &source, &hello, &why, at(now));
}

/* Names of the servers that hold it, as the timeline tells. */
static void expect_holders(const char *expected)
{
	char text[128] = "";
	for (unsigned i = 0; i < timeline.count; i++)
		if (!timeline.holdings[i].over)
			strcat(strcat(text, timeline.holdings[i].node), " ");
	assert_string_equal(text, expected);
}

static void two_with_one_address(void **state)
{
	(void)state;
	hear(1, "n2", 2, VRRP_ACTIVE, 0);
	hear(9, "n3", 2, VRRP_ACTIVE, 8);
	hear(10, "n2", 2, VRRP_ACTIVE, 0);
	hear(11, "n3", 2, VRRP_ACTIVE, 8);
	expect_holders("n2 n3 ");
	assert_int_equal(timeline.count, 2); /* however often they say it */
	hear(12, "n2", 2, VRRP_ACTIVE, 0);
	hear(13, "n3", 3, VRRP_BACKUP, 12); /* it got one of its own */
	expect_holders("n2 ");
	assert_int_equal(timeline.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_with_one_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
