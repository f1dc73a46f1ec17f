/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication of one virtual router: which key signs, which keys verify, and what each mode lets through.
 *
 *	receive-only	sends none; a trailer that is there must be right
 *	permissive	signs; a trailer that is there must be right
 *	enforce		signs; only adverts with a right trailer are taken
 *
 * Time: trailers carry the wall clock, and an advert too far from the receiver's is refused. A wall clock
 * that is stepped by hand or by a broken time server must not cut a server off from its group, so our time
 * goes on steadily from where the wall clock was at the start and follows it only in small steps. A larger
 * one may just as well be a correction. Who is right is known as soon as an advert of somebody else verifies
 * by the wall clock and not by our time: then we follow.
 */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "vipd/log.h"

#define STEP_FOLLOWED_US USEC_PER_SEC /* well inside the window of the receivers */

static int64_t clock_us(struct router_auth *auth)
{
	int64_t wall = realtime_us(), now = mono_now().us;
	if (llabs(wall - now - auth->clock_offset_us) <= STEP_FOLLOWED_US)
		auth->clock_offset_us = wall - now;
	return now + auth->clock_offset_us;
}

void router_auth_init(struct router_auth *auth)
{
	auth->clock_offset_us = realtime_us() - mono_now().us;
}

/* The others are at the time of our predecessor, wherever the wall clock has been stepped to meanwhile. */
void router_auth_continue(struct router_auth *auth, uint64_t sequence, int64_t clock_offset_us)
{
	if (sequence)
		auth->sequence = (struct auth_sequence){.started = true, .last = sequence};
	if (clock_offset_us)
		auth->clock_offset_us = clock_offset_us;
}

/* false: there is no such key, or what the file holds is none. */
static bool take_key(struct auth_key *slot, const struct config_router *config, const struct config_key *key,
    const uint8_t *secrets, size_t secrets_size)
{
	const struct config_secret *file = &key->file;
	if (file->offset > secrets_size || file->size > secrets_size - file->offset)
		return false;
	/* The guardian has checked it, but it may have been truncated before it was read. */
	enum auth_key_error error = auth_key_parse(key->id, secrets + file->offset, file->size, slot);
	if (error == AUTH_KEY_OK)
		return true;
	log_router(
	    LOG_LEVEL_ERROR, config->name, "key %u cannot be used: %s", key->id, auth_key_error_text(error));
	return false;
}

/* A key whose file cannot be used stays what it was. */
void router_auth_configure(
    struct router_auth *auth, const struct config_router *config, const uint8_t *secrets, size_t secrets_size)
{
	struct auth_key before[CONFIG_KEYS_MAX];
	unsigned count_before = auth->key_count;
	memcpy(before, auth->keys, sizeof before);
	router_auth_wipe(auth);
	auth->mode = config->auth;
	auth->active = -1;
	auth->key_count = 0;
	for (unsigned i = 0; i < config->key_count; i++) {
		const struct config_key *key = &config->keys[i];
		struct auth_key *slot = &auth->keys[auth->key_count];
		bool usable = take_key(slot, config, key, secrets, secrets_size);
		for (unsigned b = 0; b < count_before && !usable; b++) {
			usable = before[b].id == key->id;
			if (usable)
				*slot = before[b];
		}
		if (usable && key->id == config->auth_active_key)
			auth->active = (int)auth->key_count;
		auth->key_count += usable;
	}
	explicit_bzero(before, sizeof before);
}

void router_auth_wipe(struct router_auth *auth)
{
	for (unsigned i = 0; i < CONFIG_KEYS_MAX; i++)
		auth_key_wipe(&auth->keys[i]);
}

/*
 * For an advert that is stale by our time. Those who refused ours have no mark of them, so the sequence
 * begins anew; and our marks are of the time before.
 */
static enum advert_verdict verify_by_wall_clock(
    struct router_auth *auth, const struct auth_packet *packet, int64_t interval_us)
{
	int64_t wall = realtime_us(), step = wall - clock_us(auth);
	if (llabs(step) <= STEP_FOLLOWED_US)
		return ADVERT_AUTH_STALE;
	struct auth_replay replay = {0};
	enum advert_verdict verdict =
	    auth_verify(auth->keys, auth->key_count, &replay, packet, wall, interval_us);
	if (verdict != ADVERT_OK)
		return verdict;
	auth->replay = replay;
	auth->clock_offset_us += step;
	auth->sequence = (struct auth_sequence){0};
	log_notice(
	    "the wall clock was stepped by %lld s, and others are at its time: adverts are signed by it now",
	    (long long)(step / USEC_PER_SEC));
	return ADVERT_OK;
}

enum advert_verdict router_auth_check(struct router_auth *auth, const struct address *source,
    const uint8_t *pdu, const struct advert *advert, int64_t interval_us)
{
	if (auth->mode == AUTH_OFF)
		return advert->trailer ? ADVERT_AUTH_UNEXPECTED : ADVERT_OK;
	if (!advert->trailer)
		return auth->mode == AUTH_ENFORCE ? ADVERT_AUTH_MISSING : ADVERT_OK;
	struct auth_packet packet = {source, pdu, advert->size, advert->trailer};
	enum advert_verdict verdict =
	    auth_verify(auth->keys, auth->key_count, &auth->replay, &packet, clock_us(auth), interval_us);
	return verdict == ADVERT_AUTH_STALE ? verify_by_wall_clock(auth, &packet, interval_us) : verdict;
}

bool router_auth_is_mute(const struct router_auth *auth)
{
	return config_auth_signs(auth->mode) && auth->active < 0;
}

const struct auth_key *router_auth_signs(struct router_auth *auth, uint64_t *sequence)
{
	if (!config_auth_signs(auth->mode) || auth->active < 0)
		return NULL;
	*sequence = auth_sequence_next(&auth->sequence, clock_us(auth));
	return &auth->keys[auth->active];
}
