/*
 * The last word of an engine that cannot speak for itself any more: priority 0 for every virtual router that
 * it was Active for, so that a Backup takes over now and not when the silence has lasted for three intervals.
 *
 * It only sends, and reads nothing from the network. All of it comes from the configuration and from the
 * board: who was Active, from which address, and which sequence its last signature had.
 */
#include <errno.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/auth.h"
#include "vipd/log.h"

/* How long the address stays: a Backup takes over after Skew_Time, which is below one interval. */
#define STAY_MIN_US (50 * USEC_PER_MS)
#define STAY_MAX_US (10 * USEC_PER_SEC)

#define TRAFFIC_CLASS 0xc0 /* CS6, network control; as the engine's */

struct notice {
	const struct config_router *config;
	struct board_router board;
	const uint8_t *secrets;
	size_t secrets_size;
};

static const struct config_router *configured(const struct config *config, const struct board_router *board)
{
	for (unsigned i = 0; i < config->router_count; i++)
		if (router_id_equal(&config->routers[i].id, &board->id))
			return &config->routers[i];
	return NULL;
}

/* Later than that somebody else is Active, and priority 0 from here would only disturb. */
static bool was_active(const struct board_router *board, const struct config_router *config)
{
	int64_t silence = mono_sub(mono_now(), board->active_seen);
	return board->state == VRRP_ACTIVE && board->active_self && silence >= 0 &&
	       silence <= 3 * config->advert_interval_us;
}

/* false: this router does not sign */
static bool sign(
    const struct notice *notice, const uint8_t *pdu, size_t size, uint8_t trailer[static ADVERT_TRAILER_SIZE])
{
	const struct config_router *config = notice->config;
	if (config->auth != AUTH_PERMISSIVE && config->auth != AUTH_ENFORCE)
		return false;
	for (unsigned i = 0; i < config->key_count; i++) {
		const struct config_secret *file = &config->keys[i].file;
		struct auth_sequence sequence = {
		    .started = notice->board.auth_sequence != 0, .last = notice->board.auth_sequence};
		struct auth_key key;
		if (config->keys[i].id != config->auth_active_key || file->offset > notice->secrets_size ||
		    file->size > notice->secrets_size - file->offset ||
		    auth_key_parse(config->keys[i].id, notice->secrets + file->offset, file->size, &key) !=
			AUTH_KEY_OK)
			continue;
		auth_sign(&key, &notice->board.active_address, pdu, size,
		    auth_sequence_next(&sequence, realtime_us()), trailer);
		auth_key_wipe(&key);
		return true;
	}
	return false;
}

static int send_to(int fd, const struct notice *notice, const struct address *destination)
{
	const struct config_router *config = notice->config;
	const struct address *source = &notice->board.active_address;
	struct advert advert = {.vrid = config->id.vrid,
	    .interval_cs = (uint16_t)(config->advert_interval_us / (10 * USEC_PER_MS))};
	uint8_t trailer[ADVERT_TRAILER_SIZE];
	uint8_t bytes[ADVERT_HEADER_SIZE + 16 * ADVERT_ADDRESSES_MAX + ADVERT_TRAILER_SIZE];
	if (config->link_local_mode != LINK_LOCAL_NONE)
		advert.addresses[advert.address_count++] = config->link_local;
	for (unsigned i = 0; i < config->address_count; i++)
		advert.addresses[advert.address_count++] = config->addresses[i];
	size_t size = advert_build(&advert, source, destination, NULL, bytes, sizeof bytes);
	if (sign(notice, bytes, size, trailer))
		size = advert_build(&advert, source, destination, trailer, bytes, sizeof bytes);

	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {.header = {.cmsg_level = IPPROTO_IPV6,
			 .cmsg_type = IPV6_PKTINFO,
			 .cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo))}};
	struct in6_pktinfo from = {.ipi6_addr = source->in6, .ipi6_ifindex = notice->board.ifindex};
	memcpy(CMSG_DATA(&control.header), &from, sizeof from);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = destination->in6};
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_name = &to,
	    .msg_namelen = sizeof to,
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof control.room};
	return sendmsg(fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int open_socket(void)
{
	int hops = VRRP_HOP_LIMIT, class = TRAFFIC_CLASS, off = 0;
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, VRRP_PROTOCOL);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof off) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
	return fd;
}

static void resign(int fd, const struct notice *notice)
{
	const struct config_router *config = notice->config;
	int result = config->peer_count ? 0 : send_to(fd, notice, &vrrp_group);
	for (unsigned i = 0; i < config->peer_count && !result; i++)
		result = send_to(fd, notice, &config->peers[i]);
	if (result)
		log_error("%s: cannot send priority 0 on %s: %s; the others take over when they miss adverts",
		    config->name, config->id.interface, strerrordesc_np(-result));
	else
		log_notice(
		    "%s: sent priority 0 on %s in place of the engine", config->name, config->id.interface);
}

int64_t resign_stay(int64_t interval_us)
{
	return interval_us < STAY_MIN_US   ? STAY_MIN_US
	       : interval_us > STAY_MAX_US ? STAY_MAX_US
					   : interval_us;
}

int64_t resign_routers(const struct config *config, const struct board *board, int keys)
{
	struct notice notice = {0};
	int64_t stay_us = 0;
	int fd = open_socket();
	if (fd < 0) {
		log_error("cannot send priority 0: %s; the others take over when they miss adverts",
		    strerrordesc_np(-fd));
		return 0;
	}
	notice.secrets = sealed_map(keys, &notice.secrets_size);
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
		if (!board_read_router(board, i, &notice.board))
			break;
		notice.config = configured(config, &notice.board);
		if (!notice.config || !was_active(&notice.board, notice.config))
			continue;
		resign(fd, &notice);
		int64_t own_us = resign_stay(notice.config->advert_interval_us);
		stay_us = stay_us < own_us ? own_us : stay_us;
	}
	if (notice.secrets && notice.secrets_size)
		munmap((void *)notice.secrets, notice.secrets_size);
	close(fd);
	return stay_us;
}
