/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a transcript is made.
 */
#include "transcript.h"

#include <stdio.h>

struct vrrp vr;
struct mono now;
char told[16384];
bool tell_questions, kernel_answers;

const struct vrrp_params plain = {
    .priority = 150, .preempt = true, .advert_interval_us = 100 * MS, .address_count = 1};

struct address node(uint8_t number)
{
	return (struct address){.in6.s6_addr = {0xfe, 0x80, [15] = number}};
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	size_t length = strlen(told);
	va_list args;
	va_start(args, format);
	vsnprintf(told + length, sizeof told - length, format, args);
	va_end(args);
}

static void tell_addresses(void)
{
	uint32_t wanted = vrrp_wanted(&vr);
	tell(wanted ? "> hold" : "> withdraw");
	for (unsigned i = 0; i < vr.params.address_count; i++) {
		if (vr.remove[i])
			tell(" without %u/%u", i, vr.remove[i]);
		if (wanted >> i & 1)
			tell(" %u", i);
		else if (vr.shared >> i & 1)
			tell(", leave %u", i);
	}
	tell("\n");
}

static void tell_effect(const struct vrrp_effect *e)
{
	switch (e->type) {
	case VRRP_EFFECT_ADVERT: tell("> advert %u\n", e->priority); break;
	case VRRP_EFFECT_FINAL_ADVERT: tell("> final advert %u\n", e->priority); break;
	case VRRP_EFFECT_ADDRESSES: tell_addresses(); break;
	case VRRP_EFFECT_ANNOUNCE: tell("> announce\n"); break;
	case VRRP_EFFECT_ASK: tell("> ask\n"); break;
	case VRRP_EFFECT_TRANSITION:
		tell("> %s -> %s: %s\n", vrrp_state_name(e->from), vrrp_state_name(e->to),
		    vrrp_reason_name(e->reason));
		break;
	case VRRP_EFFECT_CONFLICT: tell("> conflict: %s\n", vrrp_conflict_name(vr.conflict)); break;
	case VRRP_EFFECT_STRAY: tell("> stray %u\n", e->index); break;
	case VRRP_EFFECT_RESTORED: tell("> restored %u\n", e->index); break;
	case VRRP_EFFECT_STOPPED: tell("> stopped\n"); break;
	}
}

void step(const char *what, const struct vrrp_event *event)
{
	struct vrrp_effects effects;
	vrrp_step(&vr, now, event, &effects);
	bool only_asks =
	    effects.count && effects.items[0].type == VRRP_EFFECT_ASK &&
	    (effects.count == 1 || (effects.count == 2 && effects.items[1].type == VRRP_EFFECT_ANNOUNCE));
	if (only_asks && !tell_questions)
		return;
	tell("[%lld.%03lld] %s\n", (long long)(now.us / 1000), (long long)(now.us % 1000), what);
	for (unsigned i = 0; i < effects.count; i++)
		tell_effect(&effects.items[i]);
}

void answer(void)
{
	struct vrrp_effects effects;
	for (unsigned i = 0; i < vr.params.address_count; i++)
		if (vr.on_link & ~vrrp_wanted(&vr) & ~vr.shared & UINT32_C(1) << i)
			vrrp_step(
			    &vr, now, &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS, .index = i}, &effects);
	vrrp_step(
	    &vr, now, &(struct vrrp_event){.type = VRRP_EVENT_ANSWER, .answer.number = vr.request}, &effects);
}

void until(int64_t us)
{
	for (struct mono at; (at = vrrp_deadline(&vr)).us <= us;) {
		now = at;
		step("timer", &(struct vrrp_event){.type = VRRP_EVENT_TIMER});
		if (kernel_answers && vr.request != vr.answered)
			answer();
	}
	now.us = us;
}

int64_t due(void)
{
	struct vrrp without_questions = vr;
	without_questions.ask = MONO_NEVER;
	return vrrp_deadline(&without_questions).us;
}

void begin(const struct vrrp_params *params)
{
	told[0] = '\0';
	tell_questions = false;
	kernel_answers = true;
	now = (struct mono){0};
	vrrp_init(&vr, params, VRRP_HEALTHY);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
}

void event(const char *what, enum vrrp_event_type type)
{
	step(what, &(struct vrrp_event){.type = type});
}

void lowered(uint8_t by)
{
	char what[32];
	snprintf(what, sizeof what, "lowered by %u", by);
	step(what, &(struct vrrp_event){.type = VRRP_EVENT_HEALTH, .health = vr.health, .lowered = by});
}

void health(enum vrrp_health health)
{
	step(vrrp_health_name(health),
	    &(struct vrrp_event){.type = VRRP_EVENT_HEALTH, .health = health, .lowered = vr.lowered});
}

void found(const char *what, unsigned index, enum vrrp_found_state state, uint8_t prefix)
{
	step(what,
	    &(struct vrrp_event){
		.type = VRRP_EVENT_ADDRESS, .index = index, .found = {.state = state, .prefix = prefix}});
}

void present(unsigned index)
{
	answer();
	found("present", index, VRRP_FOUND_RIGHT, 0);
}

void lost(unsigned index)
{
	found("lost", index, VRRP_FOUND_NOT, 0);
}

void refuse(int error)
{
	step("refused", &(struct vrrp_event){
			    .type = VRRP_EVENT_ANSWER, .answer = {.number = vr.request, .error = error}});
}

void claim(enum vrrp_claim claim)
{
	static const char *const names[] = {
	    "announcement", "answer", "our own source", "our address, other VRID"};
	step(names[claim], &(struct vrrp_event){.type = VRRP_EVENT_CLAIM, .claim = claim});
}

void hear_final(uint8_t from, uint8_t priority)
{
	step("final advert", &(struct vrrp_event){.type = VRRP_EVENT_ADVERT,
				 .advert = {.source = node(from),
				     .arrived = now,
				     .priority = priority,
				     .interval_us = 100 * MS,
				     .final = true}});
}

void hear_at_interval(uint8_t from, uint8_t priority, int64_t interval_us)
{
	char what[64];
	snprintf(what, sizeof what, "advert %u from %u", priority, from);
	step(what,
	    &(struct vrrp_event){.type = VRRP_EVENT_ADVERT,
		.advert = {
		    .source = node(from), .arrived = now, .priority = priority, .interval_us = interval_us}});
}

void hear(uint8_t from, uint8_t priority)
{
	hear_at_interval(from, priority, 100 * MS);
}

void begin_active(const struct vrrp_params *params)
{
	begin(params);
	until(1000 * MS);
	for (unsigned i = 0; i < params->address_count; i++)
		present(i);
	until(3000 * MS);
	assert_int_equal(vr.state, VRRP_ACTIVE);
	told[0] = '\0';
}
