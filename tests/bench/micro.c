/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callgrind counts: one operation of the core or of the wire, N times over, on fixed input.
 *
 * bench_micro.py runs it with two different N and takes the difference, so that what starts and ends the
 * program is not counted.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "vipd/advert.h"
#include "vipd/auth.h"
#include "vipd/mono.h"
#include "vipd/vrrp.h"

#define INTERVAL_US 10000
#define START_US    INT64_C(1700000000000000)

static const struct address peer = {.in6.s6_addr = {0xfe, 0x80, [15] = 0x11}};
static const struct address own = {.in6.s6_addr = {0xfe, 0x80, [15] = 0x12}};
static uint8_t bytes[256];
static size_t size;
static struct auth_key key;
static struct advert_envelope envelope;

static struct vrrp backup(void)
{
	struct vrrp_params params = {
	    .priority = 100, .preempt = true, .advert_interval_us = INTERVAL_US, .address_count = 1};
	struct vrrp_effects effects;
	struct vrrp vr;
	vrrp_init(&vr, &params, VRRP_HEALTHY);
	vrrp_step(&vr, (struct mono){1}, &(struct vrrp_event){.type = VRRP_EVENT_LINK_UP, .own_address = own},
	    &effects);
	return vr;
}

/* An advert of the Active at a Backup. */
static void step_advert(long count)
{
	struct vrrp vr = backup();
	struct vrrp_effects effects;
	struct vrrp_event event = {.type = VRRP_EVENT_ADVERT,
	    .advert = {.source = peer, .interval_us = INTERVAL_US, .priority = 150}};
	for (long i = 1; i <= count; i++)
		vrrp_step(&vr, (struct mono){i * INTERVAL_US}, &event, &effects);
}

/* The advert timer of an Active whose address is there. */
static void step_timer(long count)
{
	struct vrrp vr = backup();
	struct vrrp_effects effects;
	struct mono now = vrrp_deadline(&vr);
	vrrp_step(&vr, now, &(struct vrrp_event){.type = VRRP_EVENT_TIMER}, &effects);
	vrrp_step(&vr, now, &(struct vrrp_event){.type = VRRP_EVENT_ADDRESS, .found.state = VRRP_FOUND_RIGHT},
	    &effects);
	for (long i = 0; i < count; i++)
		vrrp_step(&vr, vrrp_deadline(&vr), &(struct vrrp_event){.type = VRRP_EVENT_TIMER}, &effects);
}

static void parse(long count)
{
	struct advert advert;
	for (long i = 0; i < count; i++)
		if (advert_parse(bytes, size, &envelope, &advert) != ADVERT_OK)
			errx(1, "the advert is not taken");
}

static void build(long count)
{
	struct advert advert;
	uint8_t again[sizeof bytes];
	if (advert_parse(bytes, size, &envelope, &advert) != ADVERT_OK)
		errx(1, "the advert is not taken");
	for (long i = 0; i < count; i++)
		advert_build(&advert, &peer, &vrrp_families[VRRP_IPV6].group, NULL, again, sizeof again);
}

static void sign(long count)
{
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	for (long i = 1; i <= count; i++)
		auth_sign(&key, &peer, bytes, size, (uint64_t)i, trailer);
}

/* Each must be newer than the one before, so each is signed first; subtract `sign`. */
static void sign_and_verify(long count)
{
	struct auth_replay replay;
	struct auth_sequence sequence = {0};
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	replay = (struct auth_replay){0};
	for (long i = 1; i <= count; i++) {
		int64_t now = START_US + i * INTERVAL_US;
		auth_sign(&key, &peer, bytes, size, auth_sequence_next(&sequence, now), trailer);
		struct auth_packet packet = {.source = &peer, .pdu = bytes, .size = size, .trailer = trailer};
		if (auth_verify(&key, 1, &replay, &packet, now, INTERVAL_US) != ADVERT_OK)
			errx(1, "the signature is not taken");
	}
}

static const struct {
	const char *name;
	void (*run)(long count);
} operations[] = {
    {"step-advert", step_advert},
    {"step-timer", step_timer},
    {"parse", parse},
    {"build", build},
    {"sign", sign},
    {"sign-and-verify", sign_and_verify},
};

static void prepare(void)
{
	static const char text[] = "0123456789abcdef0123456789abcdef";
	struct advert advert = {.vrid = 100, .priority = 150, .interval_cs = 1, .address_count = 2};
	advert.addresses[0] = peer;
	advert.addresses[1] = (struct address){.in6.s6_addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
	size = advert_build(&advert, &peer, &vrrp_families[VRRP_IPV6].group, NULL, bytes, sizeof bytes);
	envelope = (struct advert_envelope){
	    .source = peer, .destination = vrrp_families[VRRP_IPV6].group, .hop_limit = VRRP_HOP_LIMIT};
	if (auth_key_parse(1, (const uint8_t *)text, sizeof text - 1, &key) != AUTH_KEY_OK)
		errx(1, "the key is not taken");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: micro OPERATION COUNT");
	prepare();
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		if (strcmp(operations[i].name, argv[1]) == 0) {
			operations[i].run(atol(argv[2]));
			return 0;
		}
	}
	errx(2, "unknown operation");
}
