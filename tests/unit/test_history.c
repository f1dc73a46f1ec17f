/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a control remembers of who was Active, when it was away meanwhile, or heard only adverts, or another
 * address: "NODE FROM-UNTIL why it began/why it ended", in seconds since the begin.
 */
#include "group_world.h"

#define START 100

static double second_of(struct mono then)
{
	int64_t tenths = mono_sub(then, (struct mono){START * USEC_PER_SEC}) / (100 * USEC_PER_MS);
	return (double)tenths / 10;
}

static void expect(unsigned n, const char *expected)
{
	char text[1024] = "";
	const struct timeline *timeline = &nodes[n].group->history->timeline;
	for (unsigned i = 0; i < timeline->count; i++) {
		const struct holding *h = &timeline->holdings[i];
		char until[16] = "";
		size_t length = strlen(text);
		if (h->over)
			snprintf(until, sizeof until, "%g", second_of(h->until));
		snprintf(text + length, sizeof text - length, "%s%s %g-%s %s%s%s", i ? ", " : "",
		    h->node[0] ? h->node : "?", second_of(h->from), until, timeline_why_code(&h->began),
		    h->over ? "/" : "", h->over ? timeline_why_code(&h->ended) : "");
	}
	assert_string_equal(text, expected);
}

static void becomes(unsigned n, enum vrrp_state state, enum vrrp_reason reason)
{
	board_add_event(nodes[n].board, &(struct board_event){.at = world_now,
					    .id = nodes[n].config->routers[0].id,
					    .to = (uint8_t)state,
					    .reason = (uint8_t)reason});
	engine_says(n, reason, (uint8_t)reason);
	engine_becomes(n, state);
}

/* Node 0 takes over at second 6. */
static void begin(void)
{
	engine_says(0, state, VRRP_BACKUP);
	world_start();
	run_for(1);
	becomes(0, VRRP_ACTIVE, VRRP_REASON_NO_ADVERT);
	run_for(4);
}

/* The adverts of that one are heard. */
static void hear(unsigned n, const char *active, unsigned seconds)
{
	for (unsigned i = 0; i < 10 * seconds; i++) {
		board_hears(n, active);
		run_for(0.1);
	}
}

static void count_news(void *context)
{
	++*(unsigned *)context;
}

/* The one with the old address is not heard any more; the new one is heard at once. */
static void another_address(void **state)
{
	unsigned news = 0;
	(void)state;
	begin();
	nodes[1].group->on_news = count_news;
	nodes[1].group->news_context = &news;
	engine_says(0, own_address, address_of("fe80::99"));
	self = &nodes[0];
	part_group.changed(self->group);
	run_for(0.5);
	assert_int_equal(news, 2); /* it has joined */
	expect(1, "n0 6- no_advert");
	run_for(10);
	expect(1, "n0 6- no_advert");
	struct address there = nodes[1].group->history->timeline.holdings[0].address,
		       now = address_of("fe80::99");
	assert_true(address_equal(&there, &now));
	becomes(0, VRRP_BACKUP, VRRP_REASON_DRAINED);
	run_for(1);
	expect(1, "n0 6-20.5 no_advert/drained");
}

/* The same while nobody listened here. */
static void another_address_meanwhile(void **state)
{
	(void)state;
	carry_timeline(1);
	begin();
	control_end(1, false);
	engine_says(0, own_address, address_of("fe80::99"));
	run_for(30);
	control_start(1);
	run_for(2);
	expect(1, "n0 6- no_advert");
	run_for(10);
	expect(1, "n0 6- no_advert");
	close(FD_TIMELINE);
}

/* How it was when it left, in its own words: a lowered priority is told of a healthy one alone. */
static void what_was_wrong(void **state)
{
	static const struct {
		enum vrrp_health health;
		uint8_t lowered, told;
		const char *text;
	} rows[] = {{VRRP_FAILING, 20, 0, "apiserver: HTTP 500"}, {VRRP_HEALTHY, 20, 20, "disk: full"},
	    {VRRP_HEALTHY, 0, 0, ""}};
	(void)state;
	begin();
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		becomes(0, VRRP_ACTIVE, VRRP_REASON_PREEMPTED_LOWER);
		run_for(3);
		engine_says(0, health, (uint8_t)rows[i].health);
		engine_says(0, lowered, rows[i].lowered);
		snprintf(
		    board_begin_router(nodes[0].board, 0)->health_text, BOARD_REASON_MAX, "%s", rows[i].text);
		board_end_router(nodes[0].board, 0);
		becomes(0, VRRP_BACKUP, VRRP_REASON_HIGHER_PRIORITY);
		run_for(3);
		const struct timeline *timeline = &nodes[1].group->history->timeline;
		const struct holding *last = &timeline->holdings[timeline->count - 1];
		assert_true(last->over);
		assert_int_equal(last->lowered, rows[i].told);
		assert_string_equal(last->trouble, rows[i].text);
	}
}

/* Two machines of one name. */
static void another_server_of_that_name(void **state)
{
	(void)state;
	begin();
	memcpy(nodes[2].config->node, nodes[0].config->node, sizeof nodes[2].config->node);
	memset(nodes[2].group->boot, 7, sizeof nodes[2].group->boot);
	becomes(2, VRRP_ACTIVE, VRRP_REASON_NO_ADVERT);
	run_for(3);
	expect(1, "n0 6- no_advert, n0 10- no_advert");
}

/* It was rebooted, and has taken over from another address, before anybody lost it: then control was away. */
static void another_boot_from_another_address(void **state)
{
	(void)state;
	carry_timeline(1);
	begin();
	memset(nodes[0].group->boot, 7, sizeof nodes[0].group->boot); /* the first boot */
	run_for(1);
	control_end(0, false);
	engine_says(0, own_address, address_of("fe80::99"));
	engine_says(0, state, VRRP_BACKUP);
	engine_says(0, reason, VRRP_REASON_STARTED);
	engine_says(0, since, world_now);
	control_start(0);
	run_for(0.5);
	becomes(0, VRRP_ACTIVE, VRRP_REASON_NO_ADVERT);
	run_for(1);
	expect(1, "n0 6- no_advert, n0 11.5- no_advert");
	control_end(1, false);
	control_start(1);
	run_for(2);
	expect(1, "n0 6-11.5 no_advert/lost, n0 11.5- no_advert");
	close(FD_TIMELINE);
}

/* It died, and another one took over, while nobody listened here: that was no time with two. */
static void control_was_away(void **state)
{
	(void)state;
	carry_timeline(1);
	begin();
	control_end(1, false);
	control_end(0, false);
	run_for(0.3);
	becomes(2, VRRP_ACTIVE, VRRP_REASON_NO_ADVERT);
	run_for(60);
	control_start(1);
	run_for(12);
	expect(1, "n0 6-10.3 no_advert/lost, n2 10.3- no_advert");
	close(FD_TIMELINE);
}

/* The same of this node itself: it was killed, and has another board when it is started an hour later. */
static void vipd_was_killed(void **state)
{
	(void)state;
	carry_timeline(1);
	engine_says(0, state, VRRP_BACKUP);
	world_start();
	becomes(1, VRRP_ACTIVE, VRRP_REASON_NO_ADVERT);
	run_for(5);
	control_end(1, false);
	run_for(0.3);
	becomes(2, VRRP_ACTIVE, VRRP_REASON_NO_ADVERT);
	run_for(3600);
	atomic_store(&nodes[1].board->event_count, 0);
	nodes[1].board->created = world_now;
	control_start(1);
	becomes(1, VRRP_BACKUP, VRRP_REASON_STARTED);
	run_for(2);
	expect(1, "n1 5-10 no_advert/started, n2 10.3- no_advert");
	close(FD_TIMELINE);
}

/* One that sends no hello: it is not Active all the time because it was heard long ago. */
static void a_stranger_twice(void **state)
{
	(void)state;
	unsigned news = 0;
	engine_says(0, state, VRRP_BACKUP);
	world_start();
	nodes[1].group->on_news = count_news;
	nodes[1].group->news_context = &news;
	hear(1, "fe80::77", 5);
	assert_int_equal(news, 1);
	expect(1, "? 6- unknown");
	run_for(20);
	assert_int_equal(news, 2);
	hear(1, "fe80::77", 2);
	assert_int_equal(news, 3);
	expect(1, "? 6-11 unknown/lost, ? 31- unknown");
}

/* A firewall drops its hellos, and not its adverts: it is Active all the same, until they end, too. */
static void without_its_hellos(void **state)
{
	(void)state;
	begin();
	hear(1, "fe80::1", 1);
	nodes[0].is_cut = true;
	hear(1, "fe80::1", 10);
	assert_false(is_here(1, 0));
	expect(1, "n0 6- no_advert");
	nodes[0].is_cut = false;
	hear(1, "fe80::1", 5);
	expect(1, "n0 6- no_advert");
	nodes[0].is_cut = true;
	hear(1, "fe80::1", 10);
	run_for(5);
	expect(1, "n0 6-37.1 no_advert/lost");
}

/* It has a name as soon as it says so. */
static void a_stranger_with_a_name(void **state)
{
	(void)state;
	nodes[0].is_cut = true;
	engine_says(0, since, world_now);
	engine_says(0, reason, VRRP_REASON_NO_ADVERT);
	world_start();
	hear(1, "fe80::1", 5);
	expect(1, "? 6- unknown");
	nodes[0].is_cut = false;
	hear(1, "fe80::1", 2);
	expect(1, "n0 6- no_advert");
}

/* The virtual router has another name from now on, also in what was. */
static void another_name(void **state)
{
	(void)state;
	begin();
	snprintf(nodes[1].config->routers[0].name, CONFIG_NAME_MAX, "new");
	reload(1);
	assert_string_equal(nodes[1].group->history->timeline.holdings[0].router, "new");
	expect(1, "n0 6- no_advert");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(another_address, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(another_address_meanwhile, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(what_was_wrong, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(another_server_of_that_name, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(another_boot_from_another_address, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(control_was_away, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(vipd_was_killed, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(a_stranger_twice, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(without_its_hellos, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(a_stranger_with_a_name, world_begin, world_end),
	    cmocka_unit_test_setup_teardown(another_name, world_begin, world_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
