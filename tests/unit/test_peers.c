/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who counts as a peer: anybody may be a member of the VRRP group, so who has answered must be known to be of
 * this group of servers. fe80::1 advertises our VRID 7, fe80::2 and fe80::3 another one, fe80::4 nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/doctor.h"

#define VRID 7

static struct segment segment;
static struct config_router router;
static struct doctor doctor;
static bool active;
static enum doctor_sign sign;
static char found[256];

/* ---- what the finder asks for ---- */

void finding_add(
    struct doctor *of, enum doctor_sign as, const char *subject, const char *advice, const char *format, ...)
{
	(void)of, (void)subject, (void)advice;
	va_list args;
	va_start(args, format);
	vsnprintf(found, sizeof found, format, args);
	va_end(args);
	sign = as;
}

void list_add(char *list, size_t room, const char *text)
{
	size_t length = strlen(list);
	snprintf(list + length, room - length, "%s%s", length ? ", " : "", text);
}

const struct segment *router_segment(const struct doctor *of, const struct config_router *wanted)
{
	(void)of, (void)wanted;
	return &segment;
}

const json_t *router_status(const json_t *status, const struct config_router *wanted)
{
	(void)wanted;
	return status;
}

bool is_active_here(const struct doctor *of, const struct config_router *wanted)
{
	(void)of, (void)wanted;
	return active;
}

bool has_moved(const struct doctor *of, const struct config_router *wanted)
{
	(void)of, (void)wanted;
	return false;
}

const char *holder_address(const json_t *status)
{
	(void)status;
	return "";
}

/* ---- the segment ---- */

static struct address at(unsigned last)
{
	return (struct address){.in6.s6_addr = {0xfe, 0x80, [15] = (uint8_t)last}};
}

static void hear(unsigned last, uint8_t vrid)
{
	const uint8_t mac[6] = {2, [5] = (uint8_t)last};
	const struct advert advert = {.vrid = vrid, .priority = 100, .interval_cs = 10};
	const struct address source = at(last);
	segment_hear(&segment, &source, mac, &advert, false, 100000);
}

static int setup(void **state)
{
	(void)state;
	segment = (struct segment){0};
	router = (struct config_router){.name = "api", .id = {.family = AF_INET6, .vrid = VRID}};
	doctor.status = NULL;
	active = true;
	hear(2, VRID + 1);
	hear(3, VRID + 1);
	return 0;
}

static void answers(unsigned last)
{
	const struct address peer = at(last);
	segment_add_peer(&segment, &peer);
}

static void assert_finds(enum doctor_sign expected, const char *text)
{
	find_peers(&doctor, &router);
	assert_int_equal(sign, expected);
	assert_non_null(strstr(found, text));
}

static void test_another_group_is_no_peer(void **state)
{
	(void)state;
	answers(2);
	answers(3);
	assert_finds(DOCTOR_WARNING, "no peers: no server of this group in ff02::12 answers");
	active = false;
	assert_finds(DOCTOR_FAILURE, "no peers");
}

static void test_who_says_nothing_is_not_known(void **state)
{
	(void)state;
	answers(2);
	answers(4);
	assert_finds(DOCTOR_UNKNOWN, "in ff02::12: fe80::4, and whether that is a server of this group");
}

static void test_who_is_known(void **state)
{
	(void)state;
	answers(4);
	doctor.status = json_pack(
	    "{s:{s:[{s:s}, {s:s}]}}", "group", "members", "address", "fe80::9", "address", "fe80::4");
	assert_finds(DOCTOR_FINE, "in ff02::12: fe80::4; advertising: nobody else");
	json_decref(doctor.status);
	doctor.status = NULL;
	router.peer_count = 1;
	router.peers[0] = at(4);
	assert_finds(DOCTOR_FINE, "of the configured peers: fe80::4; advertising: nobody else");
}

static void test_who_advertises_is_known(void **state)
{
	(void)state;
	hear(1, VRID);
	answers(1);
	assert_finds(DOCTOR_FINE, "advertising: fe80::1");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_another_group_is_no_peer, setup),
	    cmocka_unit_test_setup(test_who_says_nothing_is_not_known, setup),
	    cmocka_unit_test_setup(test_who_is_known, setup),
	    cmocka_unit_test_setup(test_who_advertises_is_known, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
