/*
 * Authentication of one virtual router: which key signs, which keys verify, and what each mode lets through.
 *
 *	receive-only	sends none; a trailer that is there must be right
 *	permissive	signs; a trailer that is there must be right
 *	enforce		signs; only adverts with a right trailer are taken
 */
#include "engine/engine.h"

#include <string.h>

#include "vipd/log.h"

static void take_key(struct router_auth *auth, const struct config_router *config,
    const struct config_key *key, const uint8_t *secrets, size_t secrets_size)
{
	struct auth_key *slot = &auth->keys[auth->key_count];
	const struct config_secret *file = &key->file;
	if (file->offset > secrets_size || file->size > secrets_size - file->offset)
		return;
	/* The guardian has read and checked it; what arrives here broken is a key that no packet matches. */
	enum auth_key_error error = auth_key_parse(key->id, secrets + file->offset, file->size, slot);
	if (error != AUTH_KEY_OK) {
		log_error("%s: key %u cannot be used: %s", config->name, key->id, auth_key_error_text(error));
		return;
	}
	if (key->id == config->auth_active_key)
		auth->active = (int)auth->key_count;
	auth->key_count++;
}

void router_auth_configure(
    struct router_auth *auth, const struct config_router *config, const uint8_t *secrets, size_t secrets_size)
{
	for (unsigned i = 0; i < CONFIG_KEYS_MAX; i++)
		auth_key_wipe(&auth->keys[i]);
	auth->mode = config->auth;
	auth->active = -1;
	auth->key_count = 0;
	for (unsigned i = 0; i < config->key_count; i++)
		take_key(auth, config, &config->keys[i], secrets, secrets_size);
}

void router_auth_wipe(struct router_auth *auth)
{
	for (unsigned i = 0; i < CONFIG_KEYS_MAX; i++)
		auth_key_wipe(&auth->keys[i]);
}

enum advert_verdict router_auth_check(struct router_auth *auth, const struct in6_addr *source,
    const uint8_t *pdu, const struct advert *advert, int64_t interval_us)
{
	if (auth->mode == AUTH_OFF)
		return advert->trailer ? ADVERT_AUTH_UNEXPECTED : ADVERT_OK;
	if (!advert->trailer)
		return auth->mode == AUTH_ENFORCE ? ADVERT_AUTH_MISSING : ADVERT_OK;
	struct auth_packet packet = {source, pdu, advert->size, advert->trailer};
	return auth_verify(auth->keys, auth->key_count, &auth->replay, &packet, realtime_us(), interval_us);
}

bool router_auth_sign(struct router_auth *auth, const struct in6_addr *source, const uint8_t *pdu,
    size_t size, uint8_t trailer[static ADVERT_TRAILER_SIZE])
{
	if ((auth->mode != AUTH_PERMISSIVE && auth->mode != AUTH_ENFORCE) || auth->active < 0)
		return false;
	uint64_t sequence = auth_sequence_next(&auth->sequence, realtime_us());
	auth_sign(&auth->keys[auth->active], source, pdu, size, sequence, trailer);
	return true;
}
