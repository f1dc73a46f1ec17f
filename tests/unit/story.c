/*
 * How a story is told.
 */
#include "story.h"

#include <stdio.h>

struct vrrp vr;
struct mono now;
char told[16384];

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

void step(const char *what, const struct vrrp_event *event)
{
	struct vrrp_effects effects;
	tell("[%lld.%03lld] %s\n", (long long)(now.us / 1000), (long long)(now.us % 1000), what);
	vrrp_step(&vr, now, event, &effects);
	for (unsigned i = 0; i < effects.count; i++)
		tell_effect(&effects.items[i]);
}

void until(int64_t us)
{
	for (struct mono at; (at = vrrp_deadline(&vr)).us <= us;) {
		now = at;
		step("timer", &(struct vrrp_event){.type = VRRP_EVENT_TIMER});
	}
	now.us = us;
}

void begin(const struct vrrp_params *params)
{
	told[0] = '\0';
	now = (struct mono){0};
	vrrp_init(&vr, params, VRRP_HEALTHY);
	step("link up", &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = node(5)});
}

void event(const char *what, enum vrrp_event_type type)
{
	step(what, &(struct vrrp_event){.type = type});
}

void health(enum vrrp_health health)
{
	step(vrrp_health_name(health), &(struct vrrp_event){.type = VRRP_EVENT_HEALTH, .health = health});
}

void present(unsigned index)
{
	step("present", &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS_PRESENT, .index = index});
}

void hear_at_interval(uint8_t from, uint8_t priority, int64_t interval_us)
{
	char what[64];
	snprintf(what, sizeof what, "advert %u from %u", priority, from);
	step(what, &(struct vrrp_event){.type = VRRP_EVENT_ADVERT,
		       .advert = {.source = node(from), .priority = priority, .interval_us = interval_us}});
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
