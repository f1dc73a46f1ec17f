/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which servers are published as ready, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "control/publish/set.h"
#include "control/publish/target.h"
#include "vipd/vrrp.h"

#define SEC USEC_PER_SEC

static struct roster roster;
static struct publish_members gone;
static struct publish_set set, kept;
static struct hello ours;
static bool ours_is_drained;
static struct publish_facts facts = {.roster = &roster, .ours = &ours, .kept = &kept, .gone = &gone};

static struct address server(uint8_t number)
{
	return (struct address){.in6.s6_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = number}};
}

static struct hello hello(uint8_t number)
{
	struct hello hello = {
	    .node = {'n', (char)('0' + number)}, .address = server(number), .health = VRRP_HEALTHY};
	return hello;
}

static struct roster_member *member(uint8_t number)
{
	struct roster_member *new = &roster.members[roster.count++];
	*new = (struct roster_member){.source = server(number), .hello = hello(number)};
	return new;
}

/* "n1+ n3- " */
static const char *make(void)
{
	static char text[256];
	ours = hello(2);
	ours.drained = ours_is_drained;
	publish_set_make(&set, &facts);
	text[0] = '\0';
	for (unsigned i = 0; i < set.count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c ", set.servers[i].node,
		    set.servers[i].ready ? '+' : '-');
	return text;
}

static int begin(void **state)
{
	(void)state;
	roster = (struct roster){0};
	gone = (struct publish_members){0};
	kept = (struct publish_set){0};
	facts.ipv4 = false;
	return 0;
}

static void test_ready(void **state)
{
	(void)state;
	member(3);
	member(1);
	assert_string_equal(make(), "n1+ n2+ n3+ ");
	assert_int_equal(set.ready, 3);
	roster.members[0].hello.health = VRRP_FAILING;
	roster.members[1].hello.drained = true;
	assert_string_equal(make(), "n1- n2+ n3- ");
	roster.members[0].hello.health = VRRP_RECOVERING;
	roster.members[1].hello.drained = false;
	roster.members[1].presence = ROSTER_STOPPED;
	assert_string_equal(make(), "n1- n2+ n3- ");
	assert_int_equal(set.ready, 1);
}

/* Its hellos may be filtered: what it was it stays until it does not take connections either. */
static void test_lost(void **state)
{
	(void)state;
	const struct address *doubtful[ROSTER_MEMBERS_MAX];
	member(1)->presence = ROSTER_LOST;
	struct roster_member *third = member(3);
	third->presence = ROSTER_LOST;
	third->hello.health = VRRP_FAILING;
	assert_string_equal(make(), "n1+ n2+ n3- ");
	assert_int_equal(publish_set_doubtful(&facts, doubtful), 1);
	assert_true(address_equal(doubtful[0], &roster.members[0].hello.address));
	gone = (struct publish_members){1, {server(1)}};
	assert_string_equal(make(), "n1- n2+ n3- ");
	roster.members[0].presence = ROSTER_HERE; /* back before anybody looked again */
	assert_string_equal(make(), "n1+ n2+ n3- ");
}

/* One server, two members: it has another network card, or came back from another link-local address. */
static void test_one_address_of_two(void **state)
{
	(void)state;
	struct roster_member *old = member(1), *new = member(1);
	old->presence = ROSTER_LOST;
	new->hello.health = VRRP_FAILING;
	assert_string_equal(make(), "n1- n2+ ");
	member(2)->presence = ROSTER_LOST; /* what this node was called from elsewhere */
	roster.members[2].hello.health = VRRP_FAILING;
	assert_string_equal(make(), "n1- n2+ ");
}

/* What was published and is not known here stays until it does not answer: this process may be new. */
static void test_kept(void **state)
{
	(void)state;
	const struct address *doubtful[ROSTER_MEMBERS_MAX];
	member(1);
	struct roster_member *third = member(3);
	make();
	kept = set;
	roster.count = 1;
	assert_string_equal(make(), "n1+ n2+ n3+ ");
	assert_int_equal(publish_set_doubtful(&facts, doubtful), 1);
	assert_true(address_equal(doubtful[0], &kept.servers[2].address));
	gone = (struct publish_members){1, {server(3)}};
	assert_string_equal(make(), "n1+ n2+ ");
	gone.count = 0;
	roster.count = 2; /* what it says itself goes before */
	third->hello.drained = true;
	assert_string_equal(make(), "n1+ n2+ n3- ");
	third->hello.drained = false;
	third->hello.address = server(4); /* it has another address now */
	assert_string_equal(make(), "n1+ n2+ n3+ ");
	assert_true(address_equal(&set.servers[2].address, &third->hello.address));
	assert_int_equal(set.count, 3);
	roster.count = 1;
	struct publish_set copy = kept;
	struct address address = server(3);
	assert_true(publish_set_forget(&kept, "n3", NULL));
	assert_false(publish_set_forget(&kept, "n9", NULL));
	assert_string_equal(make(), "n1+ n2+ ");
	kept = copy;
	assert_true(publish_set_forget(&kept, "2001:db8::3", &address));
	assert_string_equal(make(), "n1+ n2+ ");
}

/* Somebody else was the holder meanwhile: what this node has published is older than what it hears. */
static void test_kept_is_corrected(void **state)
{
	(void)state;
	member(1);
	struct roster_member *third = member(3);
	make();
	struct publish_set copy = kept = set;
	static const struct {
		enum roster_presence presence;
		bool drained;
		uint8_t address;
		const char *then;
	} rows[] = {
	    {ROSTER_HERE, false, 3, "n1+ n2+ n3+ "},
	    {ROSTER_LOST, false, 3, "n1+ n2+ n3+ "},
	    {ROSTER_STOPPED, false, 3, "n1+ n2+ "},
	    {ROSTER_HERE, true, 3, "n1+ n2+ "},
	    {ROSTER_HERE, false, 4, "n1+ n2+ "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		kept = copy;
		roster.count = 2;
		third->presence = rows[i].presence;
		third->hello.drained = rows[i].drained;
		third->hello.address = server(rows[i].address);
		publish_set_correct(&kept, &roster);
		roster.count = 1; /* it is no longer known */
		assert_string_equal(make(), rows[i].then);
	}
}

static void test_addresses(void **state)
{
	(void)state;
	member(1)->hello.address = (struct address){0};
	member(3)->hello.address = (struct address){.in6.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2, 3}};
	assert_string_equal(make(), "n2+ ");
	facts.ipv4 = true;
	publish_set_make(&set, &facts);
	assert_int_equal(set.count, 1);
	assert_string_equal(set.servers[0].node, "n3");
}

/* ---- when ---- */

static struct publish_target target;

static bool due(int64_t at_us)
{
	return publish_target_due(&target, 1 * SEC, 1 * SEC, (struct mono){at_us});
}

static void look(int64_t at_us)
{
	struct publish_members rivals;
	make();
	publish_target_look(&target, true, &set, (struct mono){at_us}, (struct mono){at_us});
	publish_rivals_find(&rivals, &roster);
	publish_target_rivals(&target, &rivals, (struct mono){at_us});
}

/* Holder since 100 s, and all is said. */
static void hold(void)
{
	target = (struct publish_target){0};
	member(1);
	look(100 * SEC);
	assert_false(due(101 * SEC - 1));
	assert_true(due(101 * SEC));
	publish_target_succeeded(&target, &set, (struct mono){101 * SEC});
	assert_false(due(102 * SEC));
}

static void test_a_change(void **state)
{
	(void)state;
	hold();
	roster.members[0].hello.health = VRRP_FAILING;
	look(110 * SEC);
	assert_false(due(111 * SEC - 1));
	roster.members[0].hello.health = VRRP_HEALTHY;
	look(110 * SEC + SEC / 2); /* it did not last */
	assert_false(due(112 * SEC));
	roster.members[0].hello.health = VRRP_FAILING;
	look(120 * SEC);
	assert_true(due(121 * SEC));
}

/* One that changes all the time, and another that is dead; and nothing goes out unsettled because a rival
 * left. */
static void test_one_that_never_settles(void **state)
{
	(void)state;
	member(3);
	hold();
	roster.members[0].hello.drained = true;
	look(110 * SEC);
	publish_target_again(&target, (struct mono){110 * SEC});
	assert_false(due(111 * SEC - 1));
	for (int64_t at = 110 * SEC; at < 113 * SEC; at += SEC / 2) {
		ours_is_drained = !ours_is_drained;
		look(at);
		assert_false(due(at));
	}
	ours_is_drained = !ours_is_drained;
	look(113 * SEC);
	assert_true(due(113 * SEC));
	ours_is_drained = false;
}

/* It has settled since it happened, not since it was certain. */
static void test_a_change_of_before(void **state)
{
	(void)state;
	hold();
	roster.members[0].hello.health = VRRP_FAILING;
	make();
	publish_target_look(
	    &target, true, &set, (struct mono){110 * SEC}, (struct mono){110 * SEC + SEC / 2});
	assert_false(due(111 * SEC - 1));
	assert_true(due(111 * SEC));
}

/* A request of the old holder may come late, and people edit things. */
static void test_the_same_again(void **state)
{
	(void)state;
	hold();
	assert_false(due(160 * SEC - 1));
	assert_true(due(160 * SEC));
	publish_target_succeeded(&target, &set, (struct mono){160 * SEC});
	assert_false(due(760 * SEC - 1));
	assert_true(due(760 * SEC));
}

static void test_failures(void **state)
{
	(void)state;
	static const int64_t waits_s[] = {2, 4, 8, 16, 32, 60, 60};
	hold();
	roster.members[0].hello.health = VRRP_FAILING;
	look(200 * SEC);
	int64_t now = 201 * SEC;
	for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
		assert_true(due(now));
		publish_target_failed(&target, (struct mono){now});
		assert_false(due(now + waits_s[i] * SEC - 1));
		now += waits_s[i] * SEC;
	}
	publish_target_succeeded(&target, &set, (struct mono){now});
	assert_false(due(now + 1 * SEC));
}

/* If nobody is ready the last list stays; and without a roster nothing is said at all. */
static void test_never_empty(void **state)
{
	(void)state;
	hold();
	roster.members[0].hello.health = VRRP_FAILING;
	ours = hello(2);
	ours.health = VRRP_FAILING;
	publish_set_make(&set, &facts);
	publish_target_look(&target, true, &set, (struct mono){110 * SEC}, (struct mono){110 * SEC});
	assert_false(due(112 * SEC));
	assert_int_equal(target.wanted.ready, 2);

	target = (struct publish_target){0};
	publish_target_look(&target, true, NULL, (struct mono){100 * SEC}, (struct mono){100 * SEC});
	assert_false(due(2000 * SEC));
}

static void test_another_holder(void **state)
{
	(void)state;
	hold();
	publish_target_look(&target, false, NULL, (struct mono){110 * SEC}, (struct mono){110 * SEC});
	assert_false(due(2000 * SEC));
	look(3000 *
	     SEC); /* what was said before counts for nothing: somebody else may have said other things */
	assert_false(due(3000 * SEC));
	assert_true(due(3001 * SEC));
}

/* A second holder says what it likes for as long as it is one; what this node knows does not change by it. */
static void test_a_second_holder(void **state)
{
	(void)state;
	hold();
	publish_target_succeeded(&target, &set, (struct mono){160 * SEC});
	roster.members[0].hello.state = VRRP_ACTIVE;
	look(200 * SEC);
	assert_false(due(204 * SEC));
	roster.members[0].hello.state = VRRP_BACKUP;
	look(205 * SEC);
	assert_false(due(206 * SEC - 1));
	assert_true(due(206 * SEC));
	publish_target_tried(&target);
	publish_target_succeeded(&target, &set, (struct mono){206 * SEC});
	look(207 * SEC);
	assert_false(due(265 * SEC - 1));
	assert_true(due(265 * SEC)); /* a request of it may have come late */
}

/* It may have been a holder on the other side of a partition, or stopped in the middle of a request. */
static void test_lost_and_back(void **state)
{
	(void)state;
	hold();
	publish_target_succeeded(&target, &set, (struct mono){160 * SEC});
	roster.members[0].presence = ROSTER_LOST;
	look(200 * SEC);
	assert_false(due(204 * SEC));
	for (int i = 0; i < 9; i++)
		publish_target_failed(&target, (struct mono){204 * SEC});
	roster.members[0].presence = ROSTER_HERE;
	look(205 * SEC);
	assert_true(due(206 * SEC)); /* what was cut off was the server of names, too */
}

/* ---- keys ---- */

static const char *parse(const char *text, struct tsig_key *key)
{
	return tsig_key_parse(text, strlen(text), key);
}

static void test_tsig_keys(void **state)
{
	(void)state;
	struct tsig_key key;
	assert_null(parse("key \"vipd\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0\";\n};\n", &key));
	assert_string_equal(key.name, "vipd");
	assert_string_equal(key.algorithm, "hmac-sha256.");
	assert_string_equal(key.secret, "c2VjcmV0");
	assert_null(parse("# made by hand\nkey vipd.{secret c2VjcmV0==;algorithm HMAC-SHA512;};", &key));
	assert_string_equal(key.name, "vipd.");
	assert_string_equal(key.algorithm, "HMAC-SHA512.");
	static const char *const bad[] = {"", "key", "key \"a\"", "key \"a\" {", "c2VjcmV0", "key \"a\" { };",
	    "key \"a\" { algorithm hmac-md5; secret \"c2VjcmV0\"; };",
	    "key \"a\" { algorithm hmac-sha256; };", "key \"a\" { algorithm hmac-sha256; secret \"s!\"; };",
	    "key \"a\" { algorithm hmac-sha256; secret",
	    "key \"\" { algorithm hmac-sha256; secret \"c2Vj\"; };"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_non_null(parse(bad[i], &key));
	char lengthy[2048];
	memset(lengthy, 'a', sizeof lengthy);
	memcpy(lengthy, "key ", 4);
	assert_non_null(tsig_key_parse(lengthy, sizeof lengthy, &key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_ready, begin),
	    cmocka_unit_test_setup(test_lost, begin),
	    cmocka_unit_test_setup(test_one_address_of_two, begin),
	    cmocka_unit_test_setup(test_kept, begin),
	    cmocka_unit_test_setup(test_kept_is_corrected, begin),
	    cmocka_unit_test_setup(test_addresses, begin),
	    cmocka_unit_test_setup(test_a_change, begin),
	    cmocka_unit_test_setup(test_a_change_of_before, begin),
	    cmocka_unit_test_setup(test_one_that_never_settles, begin),
	    cmocka_unit_test_setup(test_the_same_again, begin),
	    cmocka_unit_test_setup(test_failures, begin),
	    cmocka_unit_test_setup(test_never_empty, begin),
	    cmocka_unit_test_setup(test_another_holder, begin),
	    cmocka_unit_test_setup(test_a_second_holder, begin),
	    cmocka_unit_test_setup(test_lost_and_back, begin),
	    cmocka_unit_test(test_tsig_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
