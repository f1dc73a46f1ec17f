/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resigns in place of an engine that cannot: priority 0 for every virtual router that it was Active for, so
 * that a Backup takes over now and not after three intervals of silence.
 *
 * It only sends, and reads nothing from the network. Everything comes from the configuration and the board:
 * who was Active, from which address, and which sequence the last signature had.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"
#include "vipd/net.h"

struct notice {
	const struct config_router *config;
	struct board_router board;
	const uint8_t *secrets;
	size_t secrets_size;
};

/* After that somebody else is Active, and priority 0 from here would only disturb. */
static bool was_active(const struct board_router *board, const struct config_router *config)
{
	int64_t silence = mono_sub(mono_now(), board->active_seen);
	return board->state == VRRP_ACTIVE && board->active_self && silence >= 0 &&
	       silence <= vrrp_late_limit(config->advert_interval_us);
}

/* The key that signs, parsed into *key; NULL: there is none. */
static const struct auth_key *signing_key(const struct notice *notice, struct auth_key *key)
{
	const struct config_router *config = notice->config;
	if (!config_auth_signs(config->auth))
		return NULL;
	for (unsigned i = 0; i < config->key_count; i++) {
		const struct config_secret *file = &config->keys[i].file;
		if (config->keys[i].id == config->auth_active_key && file->offset <= notice->secrets_size &&
		    file->size <= notice->secrets_size - file->offset &&
		    auth_key_parse(config->keys[i].id, notice->secrets + file->offset, file->size, key) ==
			AUTH_KEY_OK)
			return key;
	}
	return NULL;
}

static int send_to(int fd, const struct notice *notice, const struct address *destination)
{
	const struct board_router *board = &notice->board;
	struct auth_sequence sequence = {.started = board->auth_sequence != 0, .last = board->auth_sequence};
	struct net_outgoing packet = {
	    .ifindex = board->ifindex, .source = board->active_address, .destination = *destination};
	struct auth_key room = {0};
	const struct auth_key *key = signing_key(notice, &room);
	int64_t clock_us =
	    board->auth_clock_us ? mono_now().us + board->auth_clock_us : realtime_us(); /* as the engine's */
	if (config_auth_signs(notice->config->auth) && !key)
		return -ENOKEY;
	net_compose(
	    notice->config, VRRP_PRIORITY_RESIGN, key, auth_sequence_next(&sequence, clock_us), &packet);
	auth_key_wipe(&room);
	int result = net_send(fd, &packet, 1);
	return result < 0 ? result : 0;
}

static void resign(const int fds[static VRRP_FAMILIES], const struct notice *notice)
{
	const struct config_router *config = notice->config;
	const struct vrrp_family *family = vrrp_family_numbered(config->id.family);
	int fd = fds[vrrp_family_index(family)];
	int result = fd < 0 ? fd : config->peer_count ? 0 : send_to(fd, notice, &family->group);
	for (unsigned i = 0; i < config->peer_count && !result; i++)
		result = send_to(fd, notice, &config->peers[i]);
	if (result)
		log_router(LOG_LEVEL_ERROR, config->name,
		    "cannot send priority 0 on %s: %s; the others take over when they miss adverts",
		    config->id.interface, strerrordesc_np(-result));
	else
		log_router(LOG_LEVEL_NOTICE, config->name, "sent priority 0 on %s in place of the engine",
		    config->id.interface);
}

int64_t resign_routers(const struct config *config, const struct board *board, int keys)
{
	struct notice notice = {0};
	int64_t stay_us = 0;
	int fds[VRRP_FAMILIES];
	for (unsigned i = 0; i < VRRP_FAMILIES; i++)
		fds[i] = net_open_vrrp(&vrrp_families[i]);
	notice.secrets = sealed_map(keys, SIZE_MAX, &notice.secrets_size);
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
		if (!board_read_router(board, i, &notice.board))
			break;
		notice.config = config_router_of(config, &notice.board.id);
		if (!notice.config || !was_active(&notice.board, notice.config))
			continue;
		resign(fds, &notice);
		int64_t own_us = vrrp_handover_time(notice.config->advert_interval_us);
		stay_us = stay_us < own_us ? own_us : stay_us;
	}
	if (notice.secrets && notice.secrets_size)
		munmap((void *)notice.secrets, notice.secrets_size);
	for (unsigned i = 0; i < VRRP_FAMILIES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return stay_us;
}
