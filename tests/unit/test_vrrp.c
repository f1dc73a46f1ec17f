/*
 * Stories of one virtual router, told as transcripts: what happened, and what it did about it. "[ 361.000]
 * timer" is an event at 361 ms; lines that begin with ">" are effects.
 *
 * Priority 150 at 100 ms: Skew_Time = 106 * 100 / 256 = 41.406 ms, Active_Down_Interval = 341.406 ms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/vrrp.h"

#define MS USEC_PER_MS

static struct vrrp vr;
static struct mono now;
static char told[16384];

static const struct vrrp_params plain = {
    .priority = 150, .preempt = true, .advert_interval_us = 100 * MS, .address_count = 1};

static struct in6_addr node(uint8_t number)
{
	return (struct in6_addr){.s6_addr = {0xfe, 0x80, [15] = number}};
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	size_t length = strlen(told);
	va_list args;
	va_start(args, format);
	vsnprintf(told + length, sizeof told - length, format, args);
	va_end(args);
}

static void tell_effect(const struct vrrp_effect *e)
{
	switch (e->type) {
	case VRRP_EFFECT_ADVERT: tell("> advert %u\n", e->priority); break;
	case VRRP_EFFECT_LAST_WORD: tell("> last word %u\n", e->priority); break;
	case VRRP_EFFECT_ASSIGN: tell("> assign %u\n", e->index); break;
	case VRRP_EFFECT_RENEW: tell("> renew\n"); break;
	case VRRP_EFFECT_WITHDRAW: tell("> withdraw\n"); break;
	case VRRP_EFFECT_ANNOUNCE: tell("> announce\n"); break;
	case VRRP_EFFECT_TRANSITION:
		tell("> %s -> %s: %s\n", vrrp_state_name(e->from), vrrp_state_name(e->to),
		    vrrp_reason_name(e->reason));
		break;
	case VRRP_EFFECT_STOPPED: tell("> stopped\n"); break;
	}
}

static void step(const char *what, const struct vrrp_event *event)
{
	struct vrrp_effects effects;
	tell("[%lld.%03lld] %s\n", (long long)(now.us / 1000), (long long)(now.us % 1000), what);
	vrrp_step(&vr, now, event, &effects);
	for (unsigned i = 0; i < effects.count; i++)
		tell_effect(&effects.items[i]);
}

/* The time passes; timers fire when they are due. */
static void until(int64_t us)
{
	for (struct mono at; (at = vrrp_deadline(&vr)).us <= us;) {
		now = at;
		step("timer", &(struct vrrp_event){.type = VRRP_EVENT_TIMER});
	}
	now.us = us;
}

static void begin(const struct vrrp_params *params)
{
	told[0] = '\0';
	now = (struct mono){0};
	vrrp_init(&vr, params, true);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
}

static void event(const char *what, enum vrrp_event_type type)
{
	step(what, &(struct vrrp_event){.type = type});
}

static void health(bool healthy)
{
	step(healthy ? "healthy" : "unhealthy",
	    &(struct vrrp_event){.type = VRRP_EVENT_HEALTH, .healthy = healthy});
}

static void present(unsigned index)
{
	step("present", &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_PRESENT, .index = index});
}

static void hear_at_interval(uint8_t from, uint8_t priority, int64_t interval_us)
{
	char what[64];
	snprintf(what, sizeof what, "advert %u from %u", priority, from);
	step(what, &(struct vrrp_event){.type = VRRP_EVENT_ADVERT,
		       .advert = {.source = node(from), .priority = priority, .interval_us = interval_us}});
}

static void hear(uint8_t from, uint8_t priority)
{
	hear_at_interval(from, priority, 100 * MS);
}

/* Becomes Active with its address, announcements and all; the transcript begins after that. */
static void begin_active(const struct vrrp_params *params)
{
	begin(params);
	until(1000 * MS);
	for (unsigned i = 0; i < params->address_count; i++)
		present(i);
	until(3000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	told[0] = '\0';
}

#define expect(text) assert_string_equal(told, text)

/* 6.4.1, 6.4.2: alone, it becomes Active after Active_Down_Interval; announced only when the kernel has the
 * address. */
static void test_election(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	now.us = 342050;
	present(0);
	until(560 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[341.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n"
	       "[342.050] present\n"
	       "> announce\n"
	       "[352.050] timer\n"
	       "> announce\n"
	       "[392.050] timer\n"
	       "> announce\n"
	       "[441.406] timer\n"
	       "> advert 150\n"
	       "[541.406] timer\n"
	       "> advert 150\n"
	       "[542.050] timer\n"
	       "> announce\n");
}

/* 6.1: never rounded to centiseconds, at both ends of what the configuration allows. */
static void test_timers_at_the_edges(void **state)
{
	(void)state;
	const struct {
		uint8_t priority;
		int64_t interval_us, down_us;
	} edges[] = {
	    {254, 10 * MS, 30078},
	    {1, 10 * MS, 39960},
	    {32, 10 * MS, 38750},
	    {254, 40950 * MS, 123169921},
	    {100, 40950 * MS, 147803906},
	    {32, 40950 * MS, 158681250},
	};
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		struct vrrp_params params = plain;
		params.priority = edges[i].priority;
		params.advert_interval_us = edges[i].interval_us;
		begin(&params);
		assert_int_equal(vrrp_deadline(&vr).us, edges[i].down_us);
	}
}

/* 6.4.2: an acceptable advert restarts the timer and brings the sender's interval with it. */
static void test_backup_follows_active(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear_at_interval(9, 200, 200 * MS);
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 3 * 200 * MS + 106 * 200 * MS / 256);
	hear(9, 150); /* equal is acceptable */
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 341406);
}

/* 6.4.2: Preempt_Mode true discards lower priorities: the timer runs on. False accepts them. */
static void test_preemption(void **state)
{
	(void)state;
	begin(&plain);
	until(300 * MS);
	hear(9, 100);
	until(342 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[300.000] advert 100 from 9\n"
	       "[341.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: preempted_lower\n");

	struct vrrp_params params = plain;
	params.preempt = false;
	begin(&params);
	until(300 * MS);
	hear(9, 100);
	assert_int_equal(vrrp_deadline(&vr).us, 300 * MS + 341406);

	params.preempt = true;
	params.preempt_delay_us = 1000 * MS;
	begin(&params);
	for (int i = 1; i < 10; i++) {
		until(i * 100 * MS);
		hear(9, 100);
	}
	assert_int_equal(vr.state, VRRP_BACKUP);
	for (int i = 10; i < 14; i++) { /* the delay is over: the next three adverts are discarded */
		until(i * 100 * MS);
		hear(9, 100);
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* 6.4.2: priority 0 means Skew_Time. */
static void test_active_resigns(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(9, 0);
	until(142 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[100.000] advert 200 from 9\n"
	       "[100.000] advert 0 from 9\n"
	       "[141.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: resigned\n");
}

/* The second notice does not make the wait of the first longer: the address may be gone by then. */
static void test_second_notice(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(9, 0);
	until(130 * MS);
	hear(9, 0);
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 41406);
}

/* 6.4.3: a greater priority wins; the loser says a last word, so that the winner announces last, and lets go.
 */
static void test_active_meets_better(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 151);
	until(3100 * MS);
	expect("[3000.000] advert 151 from 9\n"
	       "> last word 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3025.000] timer\n"
	       "> withdraw\n");
}

/* 6.4.3: equal priority, the greater address wins, as an unsigned number in network order. */
static void test_tie(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(4, 150);
	expect("[3000.000] advert 150 from 4\n"
	       "> advert 150\n"
	       "> announce\n");
	told[0] = '\0';
	until(3020 * MS);
	told[0] = '\0';
	hear(200, 150); /* above 127: unsigned */
	expect("[3020.000] advert 150 from 200\n"
	       "> last word 150\n"
	       "> active -> backup: higher_address\n");
}

/* 6.4.3: a losing advert is answered at once and announced against, but not faster than every 10 ms. */
static void test_losing_adverts_are_answered(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 100);
	now.us += 1 * MS;
	hear(9, 100);
	now.us = 3011 * MS;
	hear(9, 100);
	expect("[3000.000] advert 100 from 9\n"
	       "> advert 150\n"
	       "> announce\n"
	       "[3001.000] advert 100 from 9\n"
	       "[3011.000] advert 100 from 9\n"
	       "> advert 150\n"
	       "> announce\n");
}

/* Who wins announces last: somebody else's NA for our address is answered, too. */
static void test_foreign_announcement(void **state)
{
	(void)state;
	begin_active(&plain);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	now.us += 1 * MS;
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	expect("[3000.000] foreign NA\n"
	       "> advert 150\n"
	       "> announce\n"
	       "[3001.000] foreign NA\n");
	begin(&plain);
	told[0] = '\0';
	event("foreign NA", VRRP_EVENT_FOREIGN_NA); /* the Active's, as it should be */
	expect("[0.000] foreign NA\n");
}

/* 6.4.3, priority 0 heard by the Active: an advert at once, and the timer restarts. */
static void test_active_hears_priority_zero(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 0);
	assert_non_null(strstr(told, "> advert 150\n"));
	assert_int_equal(vr.adver.us, 3100 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
}

/* Make before break: the address stays until the successor has announced it, and 1 ms longer. */
static void test_drain_with_successor(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(9, 100);
	until(3052 * MS);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	until(3400 * MS);
	event("resume", VRRP_EVENT_RESUME);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3052.000] foreign NA\n"
	       "[3053.000] timer\n"
	       "> withdraw\n"
	       "[3400.000] resume\n");
	assert_int_equal(vrrp_deadline(&vr).us, 3400 * MS + 341406);
}

/* The better one cannot hold the address after all: the one that gave way to it has it still. */
static void test_claimant_resigns(void **state)
{
	(void)state;
	begin_active(&plain);
	hear(9, 200);
	now.us = 3001 * MS;
	hear(9, 0);
	until(3043 * MS);
	expect("[3000.000] advert 200 from 9\n"
	       "> last word 150\n"
	       "> active -> backup: higher_priority\n"
	       "[3001.000] advert 0 from 9\n"
	       "[3042.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resigned\n"
	       "> announce\n");

	begin_active(&plain); /* one that stops keeps it for its time, and not longer */
	event("stop", VRRP_EVENT_STOP);
	until(3050 * MS);
	hear(9, 200);
	hear(9, 0);
	until(9000 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3050.000] advert 200 from 9\n"
	       "[3050.000] advert 0 from 9\n"
	       "[3200.000] timer\n"
	       "> withdraw\n"
	       "> stopped\n");
}

/* Two successors at once: an announcement may be the loser's, so it proves nothing; the bound does. */
static void test_drain_with_two_successors(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(9, 100);
	hear(8, 100);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	until(3100 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] advert 100 from 9\n"
	       "[3050.000] advert 100 from 8\n"
	       "[3050.000] foreign NA\n"
	       "[3075.000] timer\n"
	       "> withdraw\n");

	/* The second is heard only when the first has announced: whose announcement it was is open again. */
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	hear(8, 200);
	event("foreign NA", VRRP_EVENT_FOREIGN_NA);
	assert_int_equal(vr.withdraw.us, 3051 * MS);
	now.us += 500;
	hear(9, 200);
	assert_int_equal(vr.withdraw.us, 3075500);
	hear(8, 200); /* and only once */
	now.us += 500;
	hear(8, 200);
	assert_int_equal(vr.withdraw.us, 3075500);
}

/* Nobody there: a second notice after one interval, and after two the address goes all the same. */
static void test_drain_without_successor(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(9000 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3100.000] timer\n"
	       "> advert 0\n"
	       "[3200.000] timer\n"
	       "> withdraw\n");
}

/* Resumed before anybody took over: the address was never gone. */
static void test_resume_at_once(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	event("resume", VRRP_EVENT_RESUME);
	until(3092 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] resume\n"
	       "[3091.406] timer\n"
	       "> advert 150\n"
	       "> backup -> active: resumed\n"
	       "> announce\n");
}

/* Drained or stopped again before anybody took over: the address goes in the end all the same. */
static void test_resume_and_leave_again(void **state)
{
	(void)state;
	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	until(3050 * MS);
	event("resume", VRRP_EVENT_RESUME);
	until(3060 * MS);
	event("drain", VRRP_EVENT_DRAIN);
	until(9000 * MS);
	expect("[3000.000] drain\n"
	       "> advert 0\n"
	       "> active -> backup: drained\n"
	       "[3050.000] resume\n"
	       "[3060.000] drain\n"
	       "[3160.000] timer\n"
	       "> advert 0\n"
	       "[3260.000] timer\n"
	       "> withdraw\n");

	begin_active(&plain);
	event("drain", VRRP_EVENT_DRAIN);
	event("resume", VRRP_EVENT_RESUME);
	event("stop", VRRP_EVENT_STOP);
	until(9000 * MS);
	assert_non_null(strstr(told, "> stopped\n"));
}

static void test_stop(void **state)
{
	(void)state;
	begin_active(&plain);
	event("stop", VRRP_EVENT_STOP);
	until(3042 * MS);
	hear(9, 100);
	until(4000 * MS);
	expect("[3000.000] stop\n"
	       "> advert 0\n"
	       "> active -> initialize: stopped\n"
	       "[3042.000] advert 100 from 9\n"
	       "[3067.000] timer\n"
	       "> withdraw\n"
	       "> stopped\n");

	begin(&plain);
	told[0] = '\0';
	event("stop", VRRP_EVENT_STOP);
	expect("[0.000] stop\n"
	       "> backup -> initialize: stopped\n"
	       "> stopped\n");
}

/* A refused address: priority 0 at once, fault, and another try after a back-off that grows. */
static void test_refused_address(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	told[0] = '\0';
	step("failed", &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_FAILED, .error = 13});
	until(1342 * MS);
	expect("[342.000] failed\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n"
	       "[1342.000] timer\n"
	       "> fault -> backup: address_retry\n");
	until(1700 * MS);
	step("failed", &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_FAILED, .error = 13});
	assert_int_equal(vrrp_deadline(&vr).us, 3700 * MS);
}

/* Somebody removes the address: it is back and announced, and nothing moved; ten times in ten seconds, then
 * fault. */
static void test_lost_address(void **state)
{
	(void)state;
	begin_active(&plain);
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	present(0);
	expect("[3000.000] lost\n"
	       "> assign 0\n"
	       "[3000.000] present\n"
	       "> announce\n");
	for (int i = 0; i < 9; i++) {
		event("lost", VRRP_EVENT_ADDRESS_LOST);
		present(0);
	}
	assert_int_equal(vr.state, VRRP_ACTIVE);
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	assert_int_equal(vr.state, VRRP_FAULT);

	begin(&plain);
	until(342 * MS);
	present(0);
	told[0] = '\0';
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	until(400 * MS); /* nothing is announced that is not there */
	expect("[342.000] lost\n"
	       "> assign 0\n");
}

/* Somebody removes it before the kernel has told that it is there: it is asked for again. */
static void test_snatched_address(void **state)
{
	(void)state;
	begin(&plain);
	until(342 * MS);
	told[0] = '\0';
	event("lost", VRRP_EVENT_ADDRESS_LOST);
	present(0);
	expect("[342.000] lost\n"
	       "> assign 0\n"
	       "[342.000] present\n"
	       "> announce\n");
}

/* The kernel takes the request, and then nothing is heard of it: an Active like that serves nobody. */
static void test_missing_address(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.advert_interval_us = 5000 * MS;
	begin(&params);
	until(19000 * MS);
	told[0] = '\0';
	until(21000 * MS);
	expect("[19070.312] timer\n"
	       "> assign 0\n"
	       "[20070.312] timer\n"
	       "> advert 0\n"
	       "> withdraw\n"
	       "> active -> fault: address_failed\n");

	begin(&params);
	until(19000 * MS);
	present(0);
	event("lost", VRRP_EVENT_ADDRESS_LOST); /* all the time again */
	told[0] = '\0';
	until(20900 * MS);
	expect("[20000.000] timer\n"
	       "> assign 0\n");
}

static void test_link(void **state)
{
	(void)state;
	begin_active(&plain);
	event("link down", VRRP_EVENT_LINK_DOWN);
	until(5000 * MS);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
	expect("[3000.000] link down\n"
	       "> withdraw\n"
	       "> active -> fault: link_down\n"
	       "[5000.000] link up\n"
	       "> fault -> backup: link_up\n");
}

/* "demote": an unhealthy holder keeps the address and says so; nobody healthy means nothing moves. */
static void test_demotion(void **state)
{
	(void)state;
	begin_active(&plain);
	health(false);
	until(3001 * MS);
	health(true);
	expect("[3000.000] unhealthy\n"
	       "> advert 18\n"
	       "[3001.000] healthy\n"
	       "> advert 150\n");
	assert_int_equal(vrrp_demoted_priority(32), 4);
	assert_int_equal(vrrp_demoted_priority(254), 31);
	begin(&plain);
	hear(9, 31); /* the top of the band belongs to it */
	assert_int_equal(vrrp_deadline(&vr).us, 41406);
}

/* A healthy Backup waits Skew_Time, not three intervals, for an unhealthy Active; also without preemption. */
static void test_unhealthy_active(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.preempt = false;
	begin(&params);
	until(100 * MS);
	hear(9, 200);
	until(150 * MS);
	hear(9, 20);
	until(160 * MS);
	hear(9, 20); /* a second one does not restart the wait */
	until(192 * MS);
	expect("[0.000] link up\n"
	       "> initialize -> backup: started\n"
	       "[100.000] advert 200 from 9\n"
	       "[150.000] advert 20 from 9\n"
	       "[160.000] advert 20 from 9\n"
	       "[191.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: peer_unhealthy\n");
}

/* All fail at once: a Backup that hears of the Active's failure first learns of its own before its timer
 * fires. */
static void test_all_unhealthy(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(9, 24);
	until(110 * MS);
	health(false);
	assert_int_equal(vr.state, VRRP_BACKUP);
	/* Skew_Time of the demoted priority 18 is 92.968 ms */
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 300 * MS + 92968);
	until(200 * MS);
	hear(9, 10); /* lower than our 18: among the unhealthy nobody preempts */
	assert_int_equal(vrrp_deadline(&vr).us, 200 * MS + 300 * MS + 92968);
	health(true); /* the first that recovers takes over within Skew_Time */
	assert_int_equal(vrrp_deadline(&vr).us, 200 * MS + 41406);
}

/* The last word of an unhealthy loser does not turn those who follow a healthy Active. */
static void test_last_word_is_no_news(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(8, 20);
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 341406);
	hear(9, 20);
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 41406);
}

/* Healthy no more, it has no business to replace the lower Active that it was about to preempt. */
static void test_unhealthy_preempts_nobody(void **state)
{
	(void)state;
	begin(&plain);
	until(300 * MS);
	hear(9, 100);
	until(310 * MS);
	health(false);
	assert_int_equal(vrrp_deadline(&vr).us, 300 * MS + 300 * MS + 92968);
}

/* Who follows an Active takes what its losers say for no news: neither is it whom to follow, nor preempted.
 */
static void test_losers_are_no_news(void **state)
{
	(void)state;
	begin(&plain);
	until(100 * MS);
	hear(9, 200);
	hear(8, 100);
	hear(8, 20); /* it has turned unhealthy meanwhile */
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 341406);
	until(110 * MS);
	hear(8, 200); /* a tie that 9 wins */
	assert_int_equal(vrrp_deadline(&vr).us, 100 * MS + 341406);
	until(251 * MS); /* 9 should have spoken by now */
	hear(8, 20);
	assert_int_equal(vrrp_deadline(&vr).us, 251 * MS + 41406);

	begin(&plain); /* the same while unhealthy: healthy again, it follows the healthy one */
	health(false);
	hear(9, 200);
	hear(8, 20);
	health(true);
	assert_int_equal(vrrp_deadline(&vr).us, 341406);
}

static void test_resign_unhealthy(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.resign_unhealthy = true;
	begin_active(&params);
	health(false);
	until(3020 * MS);
	hear(9, 100);
	until(9000 * MS);
	assert_int_equal(vr.state, VRRP_BACKUP);
	assert_true(mono_is_never(vrrp_deadline(&vr)));
	expect("[3000.000] unhealthy\n"
	       "> advert 0\n"
	       "> active -> backup: unhealthy\n"
	       "[3020.000] advert 100 from 9\n"
	       "[3045.000] timer\n"
	       "> withdraw\n");
}

/* A late engine is a dead engine: it lets go before it looks at anything. */
static void test_late_engine(void **state)
{
	(void)state;
	begin_active(&plain);
	now.us = 3241 * MS; /* 299.6 ms after the last advert: not yet */
	hear(9, 100);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	told[0] = '\0';
	now.us = 3600 * MS;
	hear(9, 100);
	expect("[3600.000] advert 100 from 9\n"
	       "> withdraw\n"
	       "> active -> backup: late\n");
}

/* One forged advert with the longest interval silences a Backup for ten of its own intervals and no more;
 * told twice, ten times its Active_Down_Interval. */
static void test_learned_interval_is_bounded(void **state)
{
	(void)state;
	begin(&plain);
	hear_at_interval(9, 254, 40950 * MS);
	assert_int_equal(vrrp_deadline(&vr).us, 900 * MS + 41406);
	hear_at_interval(10, 254, 40950 * MS); /* another sender confirms nothing */
	assert_int_equal(vrrp_deadline(&vr).us, 900 * MS + 41406);
	hear_at_interval(10, 254, 40950 * MS);
	assert_int_equal(vrrp_deadline(&vr).us, 3000 * MS + 414060);
	begin(&plain);
	hear_at_interval(9, 254, 40950 * MS);
	health(false); /* a longer Skew_Time does not get around it */
	assert_int_equal(vrrp_deadline(&vr).us, 900 * MS + 92968);
}

/* A peer at 1 s, our own interval is 100 ms: the first time we may be too quick, from then on it is left in
 * peace. */
static void test_slow_peer(void **state)
{
	(void)state;
	begin(&plain);
	hear_at_interval(9, 200, 1000 * MS);
	until(941 * MS + 406);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	hear_at_interval(9, 200, 1000 * MS); /* it answers our losing advert */
	assert_int_equal(vr.state, VRRP_BACKUP);
	for (int s = 1; s < 5; s++) {
		until(s * 1000 * MS + 941406);
		hear_at_interval(9, 200, 1000 * MS);
		assert_int_equal(vr.state, VRRP_BACKUP);
	}
}

/* A reload that changes priority and interval moves nothing; the others hear of it at once. */
static void test_reconfiguration(void **state)
{
	(void)state;
	begin_active(&plain);
	struct vrrp_params params = plain;
	params.priority = 120;
	params.advert_interval_us = 1000 * MS;
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &params, .present = 1});
	until(4500 * MS);
	expect("[3000.000] config\n"
	       "> advert 120\n"
	       "[4000.000] timer\n"
	       "> advert 120\n");
}

static void test_more_addresses(void **state)
{
	(void)state;
	begin_active(&plain);
	struct vrrp_params params = plain;
	params.address_count = 3;
	step("config", &(struct vrrp_event){.type = VRRP_EVENT_CONFIG, .params = &params, .present = 2});
	present(0);
	present(2);
	expect("[3000.000] config\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> assign 2\n"
	       "[3000.000] present\n"
	       "[3000.000] present\n"
	       "> announce\n");
}

/* A new engine in the place of one that died goes on: no transition of the group, no address gone. */
static void test_adoption(void **state)
{
	(void)state;
	told[0] = '\0';
	now = (struct mono){0};
	vrrp_init(&vr, &plain, true);
	step("adopt", &(struct vrrp_event){.type = VRRP_EVENT_ADOPT, .own_address = node(5), .present = 1});
	expect("[0.000] adopt\n"
	       "> advert 150\n"
	       "> initialize -> active: adopted\n"
	       "> announce\n");
}

static void test_lease(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	params.lease_us = 3000 * MS;
	begin_active(&params);
	until(3400 * MS);
	expect("[3041.406] timer\n"
	       "> advert 150\n"
	       "[3141.406] timer\n"
	       "> advert 150\n"
	       "[3241.406] timer\n"
	       "> advert 150\n"
	       "[3341.406] timer\n"
	       "> advert 150\n"
	       "> renew\n");
}

/* A refused renewal: tried again while there is time, then a handover with the address in place. */
static void test_refused_renewal(void **state)
{
	(void)state;
	struct vrrp_params params = plain;
	const struct vrrp_event refused = {.type = VRRP_EVENT_ADDRESS_FAILED, .error = 12};
	params.lease_us = 3000 * MS;
	begin_active(&params);
	until(3341406); /* the first renewal */
	told[0] = '\0';
	step("refused", &refused);
	expect("[3341.406] refused\n");
	assert_int_equal(vr.renew.us, 3591406);
	until(3591406);
	assert_non_null(strstr(told, "> renew\n")); /* and that is taken: as if nothing had been */
	assert_int_equal(vr.renew.us, 4591406);

	until(4591406);
	for (int i = 0; i < 6; i++) {
		step("refused", &refused);
		assert_int_equal(vr.state, VRRP_ACTIVE);
		until(4591406 + (i + 1) * 250000);
	}
	told[0] = '\0';
	step("refused", &refused); /* 500 ms are left */
	until(vr.renew.us);
	told[0] = '\0';
	step("refused", &refused);
	expect("[6341.406] refused\n"
	       "> advert 0\n"
	       "> active -> fault: address_failed\n");
	until(6600 * MS);
	expect("[6341.406] refused\n"
	       "> advert 0\n"
	       "> active -> fault: address_failed\n"
	       "[6441.406] timer\n"
	       "> advert 0\n"
	       "[6541.406] timer\n"
	       "> withdraw\n");

	/* Who takes over is refused, too: the address stays as long as it would have, and not until the
	 * retry. */
	begin_active(&params);
	until(5999 * MS);
	vr.leased_before = (struct mono){3300 * MS};
	step("refused", &refused);
	assert_int_equal(vr.state, VRRP_FAULT);
	until(6010 * MS);
	hear(9, 200);
	assert_int_equal(vr.withdraw.us, 6035 * MS);
	hear(9, 0);
	assert_int_equal(vr.withdraw.us, 6199 * MS);
}

/* A confirmation that comes after everything was given up: nothing may stay. */
static void test_late_confirmation(void **state)
{
	(void)state;
	begin(&plain);
	told[0] = '\0';
	present(0);
	expect("[0.000] present\n"
	       "> withdraw\n");
}

/* The neighbours must learn it from the holder; a Backup has nothing to say. */
static void test_another_mac(void **state)
{
	(void)state;
	begin(&plain);
	event("another MAC", VRRP_EVENT_MAC_CHANGED);
	until(342 * MS);
	present(0);
	told[0] = '\0';
	event("another MAC", VRRP_EVENT_MAC_CHANGED);
	until(353 * MS);
	expect("[342.000] another MAC\n"
	       "> announce\n"
	       "[352.000] timer\n"
	       "> announce\n");
}

static void occupied(bool yes)
{
	step(yes ? "occupied" : "vacant", &(struct vrrp_event){.type = VRRP_EVENT_OCCUPIED, .occupied = yes});
}

/* on_conflict = "wait": at the start, and only then, the address is left to a host without VRRP. */
static void test_occupied_address(void **state)
{
	(void)state;
	struct vrrp_params waits = plain;
	waits.wait_if_occupied = true;
	begin(&waits);
	occupied(true);
	told[0] = '\0';
	until(700 * MS);
	occupied(false);
	until(1030 * MS);
	expect("[341.406] timer\n"
	       "[682.812] timer\n"
	       "[700.000] vacant\n"
	       "[1024.218] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n");

	begin(&waits); /* there has been an Active: nothing delays the next one */
	hear(7, 200);
	occupied(true);
	told[0] = '\0';
	until(350 * MS);
	expect("[341.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n");

	begin(&plain);
	occupied(true);
	told[0] = '\0';
	until(350 * MS);
	expect("[341.406] timer\n"
	       "> advert 150\n"
	       "> assign 0\n"
	       "> backup -> active: no_advert\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_election),
	    cmocka_unit_test(test_timers_at_the_edges),
	    cmocka_unit_test(test_backup_follows_active),
	    cmocka_unit_test(test_preemption),
	    cmocka_unit_test(test_active_resigns),
	    cmocka_unit_test(test_second_notice),
	    cmocka_unit_test(test_active_meets_better),
	    cmocka_unit_test(test_tie),
	    cmocka_unit_test(test_losing_adverts_are_answered),
	    cmocka_unit_test(test_foreign_announcement),
	    cmocka_unit_test(test_active_hears_priority_zero),
	    cmocka_unit_test(test_drain_with_successor),
	    cmocka_unit_test(test_drain_with_two_successors),
	    cmocka_unit_test(test_claimant_resigns),
	    cmocka_unit_test(test_drain_without_successor),
	    cmocka_unit_test(test_resume_at_once),
	    cmocka_unit_test(test_resume_and_leave_again),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_refused_address),
	    cmocka_unit_test(test_refused_renewal),
	    cmocka_unit_test(test_lost_address),
	    cmocka_unit_test(test_snatched_address),
	    cmocka_unit_test(test_missing_address),
	    cmocka_unit_test(test_link),
	    cmocka_unit_test(test_demotion),
	    cmocka_unit_test(test_unhealthy_active),
	    cmocka_unit_test(test_unhealthy_preempts_nobody),
	    cmocka_unit_test(test_all_unhealthy),
	    cmocka_unit_test(test_last_word_is_no_news),
	    cmocka_unit_test(test_losers_are_no_news),
	    cmocka_unit_test(test_resign_unhealthy),
	    cmocka_unit_test(test_late_engine),
	    cmocka_unit_test(test_learned_interval_is_bounded),
	    cmocka_unit_test(test_slow_peer),
	    cmocka_unit_test(test_reconfiguration),
	    cmocka_unit_test(test_more_addresses),
	    cmocka_unit_test(test_adoption),
	    cmocka_unit_test(test_lease),
	    cmocka_unit_test(test_late_confirmation),
	    cmocka_unit_test(test_occupied_address),
	    cmocka_unit_test(test_another_mac),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
