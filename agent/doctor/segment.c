/*
 * Asking and listening on one interface.
 *
 * Two sockets: a raw ICMPv6 socket sends the questions and gets the answers; a packet socket with a filter in
 * the kernel sees adverts both ways. First the group is asked, because the link-layer addresses of its
 * members tell afterwards whose an answer is; then every virtual address and every member. Questions are sent
 * twice.
 *
 * A question costs a neighbour an entry in its cache, as every other packet from here would.
 */
#include "doctor/segment.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vipd/advert.h"
#include "vipd/cursor.h"
#include "vipd/mono.h"
#include "vipd/na.h"

#define GROUP_WAIT_US	 (400 * USEC_PER_MS)
#define NEIGHBOR_WAIT_US (600 * USEC_PER_MS)
#define LISTEN_MIN_US	 (1000 * USEC_PER_MS)
#define LISTEN_MAX_US	 (5000 * USEC_PER_MS)
#define LISTEN_INTERVALS 4
#define FRAME_MAX	 (sizeof(struct ip6_hdr) + ADVERT_SIZE_MAX)

struct ears {
	int icmp; /* -1: none */
	int tap;
	uint16_t echo_id;
};

void segment_want(struct segment *segment, const struct config_router *router)
{
	for (unsigned i = 0; i < router->address_count && segment->target_count < SEGMENT_TARGETS_MAX; i++)
		segment->targets[segment->target_count++] = router->addresses[i];
	for (unsigned i = 0; i < router->peer_count && segment->unicast_count < CONFIG_PEERS_MAX; i++)
		segment->unicasts[segment->unicast_count++] = router->peers[i];
	segment->group_wanted |= router->peer_count == 0;
	int64_t wanted = LISTEN_INTERVALS * router->advert_interval_us;
	wanted = wanted < LISTEN_MIN_US ? LISTEN_MIN_US : wanted > LISTEN_MAX_US ? LISTEN_MAX_US : wanted;
	if (wanted > segment->listen_us)
		segment->listen_us = wanted;
}

unsigned segment_answers(const struct segment *segment, const struct address *target,
    const struct segment_answer *answers[], unsigned room)
{
	unsigned count = 0;
	for (unsigned i = 0; i < segment->answer_count; i++) {
		if (!address_equal(&segment->answers[i].target, target))
			continue;
		if (count < room)
			answers[count] = &segment->answers[i];
		count++;
	}
	return count;
}

/* ---- sockets ---- */

static void mac_find(struct segment *segment)
{
	struct ifaddrs *list;
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct sockaddr_ll link;
		if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_PACKET ||
		    strcmp(entry->ifa_name, segment->interface) != 0)
			continue;
		memcpy(&link, entry->ifa_addr, sizeof link);
		segment->has_mac = link.sll_halen == sizeof segment->mac;
		if (segment->has_mac)
			memcpy(segment->mac, link.sll_addr, sizeof segment->mac);
	}
	freeifaddrs(list);
}

static int icmp_open(const struct segment *segment)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (fd < 0)
		return -errno;
	struct icmp6_filter filter;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	int index = (int)segment->ifindex, one = 1, zero = 0, hops = NA_HOP_LIMIT;
	size_t length = strlen(segment->interface);
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, segment->interface, (socklen_t)length) < 0 ||
	    setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &zero, sizeof zero) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof one) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/* Nothing but IPv6 packets whose next header is VRRP; bytes begin with the IPv6 header. */
static int tap_open(const struct segment *segment)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct ip6_hdr, ip6_nxt)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VRRP_PROTOCOL, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0xffff),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};
	/* Outgoing packets are seen by those only who listen to every protocol. */
	struct sockaddr_ll address = {
	    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)segment->ifindex};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/* ---- questions ---- */

static int send_to(const struct ears *ears, const struct address *to, const void *bytes, size_t size)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = to->in6};
	return sendto(ears->icmp, bytes, size, 0, (struct sockaddr *)&address, sizeof address) < 0 ? -errno
												   : 0;
}

static int ask_echo(const struct ears *ears, const struct address *to)
{
	struct icmp6_hdr echo = {.icmp6_type = ICMP6_ECHO_REQUEST};
	echo.icmp6_id = ears->echo_id;
	return send_to(ears, to, &echo, sizeof echo);
}

/* RFC 4861 section 4.3, to the solicited-node group of the target (RFC 4291 section 2.7.1). */
static int ask_neighbor(const struct segment *segment, const struct ears *ears, const struct address *target)
{
	struct {
		struct nd_neighbor_solicit head;
		struct nd_opt_hdr option;
		uint8_t mac[6];
	} question = {.head = {.nd_ns_hdr.icmp6_type = ND_NEIGHBOR_SOLICIT, .nd_ns_target = target->in6},
	    .option = {.nd_opt_type = ND_OPT_SOURCE_LINKADDR, .nd_opt_len = 1}};
	struct address group = solicited_node(target);
	memcpy(question.mac, segment->mac, sizeof question.mac);
	return send_to(ears, &group, &question, segment->has_mac ? sizeof question : sizeof question.head);
}

static int ask_members(const struct segment *segment, const struct ears *ears)
{
	int result = segment->group_wanted ? ask_echo(ears, &vrrp_group) : 0;
	for (unsigned i = 0; i < segment->unicast_count && !result; i++)
		result = ask_echo(ears, &segment->unicasts[i]);
	return result;
}

static int ask_neighbors(const struct segment *segment, const struct ears *ears)
{
	int result = 0;
	for (unsigned i = 0; i < segment->target_count && !result; i++)
		result = ask_neighbor(segment, ears, &segment->targets[i]);
	for (unsigned i = 0; i < segment->peer_count && !result; i++)
		result = ask_neighbor(segment, ears, &segment->peers[i]);
	for (unsigned i = 0; i < segment->speaker_count && !result; i++) {
		if (!segment->speakers[i].outgoing)
			result = ask_neighbor(segment, ears, &segment->speakers[i].source);
	}
	return result;
}

/* ---- answers ---- */

static void peer_add(struct segment *segment, const struct address *peer)
{
	for (unsigned i = 0; i < segment->peer_count; i++) {
		if (address_equal(&segment->peers[i], peer))
			return;
	}
	if (segment->peer_count < SEGMENT_PEERS_MAX)
		segment->peers[segment->peer_count++] = *peer;
}

static void answer_add(struct segment *segment, const struct na *na)
{
	for (unsigned i = 0; i < segment->answer_count; i++) {
		if (address_equal(&segment->answers[i].target, &na->target) &&
		    memcmp(segment->answers[i].mac, na->mac, sizeof na->mac) == 0)
			return;
	}
	if (segment->answer_count == SEGMENT_ANSWERS_MAX)
		return;
	struct segment_answer *answer = &segment->answers[segment->answer_count++];
	answer->target = na->target;
	memcpy(answer->mac, na->mac, sizeof answer->mac);
}

/* Announcements count as well as answers: both say who claims an address. Our own do not come back. */
static void icmp_take(struct segment *segment, const struct ears *ears, const uint8_t *bytes, size_t size,
    const struct address *source, const struct address *destination, uint8_t hop_limit)
{
	struct na na;
	struct icmp6_hdr head;
	if (size < sizeof head)
		return;
	memcpy(&head, bytes, sizeof head);
	if (head.icmp6_type == ICMP6_ECHO_REPLY && head.icmp6_id == ears->echo_id)
		peer_add(segment, source);
	else if (na_parse(bytes, size, source, destination, hop_limit, &na) == NA_OK && na.has_mac &&
		 !(segment->has_mac && memcmp(na.mac, segment->mac, sizeof na.mac) == 0))
		answer_add(segment, &na);
}

static bool icmp_read(struct segment *segment, const struct ears *ears)
{
	uint8_t bytes[1500], hop_limit = 0;
	struct sockaddr_in6 source;
	struct address destination = {0};
	struct iovec part = {bytes, sizeof bytes};
	_Alignas(struct cmsghdr) char control[256];
	struct msghdr message = {.msg_name = &source,
	    .msg_namelen = sizeof source,
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof control};
	ssize_t size = recvmsg(ears->icmp, &message, 0);
	if (size < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		int hops;
		struct in6_pktinfo info;
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&hops, CMSG_DATA(c), sizeof hops);
			hop_limit = (uint8_t)hops;
		} else if (c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof info);
			destination.in6 = info.ipi6_addr;
		}
	}
	icmp_take(
	    segment, ears, bytes, (size_t)size, &(struct address){source.sin6_addr}, &destination, hop_limit);
	return true;
}

/* ---- adverts ---- */

static struct segment_speaker *speaker_find(
    struct segment *segment, const struct address *source, uint8_t vrid, bool outgoing)
{
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		struct segment_speaker *speaker = &segment->speakers[i];
		if (address_equal(&speaker->source, source) && speaker->vrid == vrid &&
		    speaker->outgoing == outgoing)
			return speaker;
	}
	if (segment->speaker_count == SEGMENT_SPEAKERS_MAX)
		return NULL;
	struct segment_speaker *speaker = &segment->speakers[segment->speaker_count++];
	*speaker = (struct segment_speaker){.source = *source, .vrid = vrid, .outgoing = outgoing};
	return speaker;
}

/* The trailer begins with type, key id and two zero bytes; then comes the time in units of 2^-32 s, of which
 * 16 bits are a counter. */
static void speaker_stamp(struct segment_speaker *speaker, const struct advert *advert, int64_t now_us)
{
	struct reader r = reader_of(advert->trailer, ADVERT_TRAILER_SIZE);
	read_u32(&r);
	uint32_t seconds = read_u32(&r);
	uint64_t fraction = read_u32(&r);
	/* Signed difference of 32-bit seconds: right until 2106 and beyond. */
	int64_t ahead = (int32_t)(seconds - (uint32_t)(now_us / USEC_PER_SEC));
	speaker->stamped = true;
	speaker->skew_us =
	    ahead * USEC_PER_SEC + (int64_t)(fraction * (uint64_t)USEC_PER_SEC >> 32) - now_us % USEC_PER_SEC;
}

static bool tap_read(struct segment *segment, const struct ears *ears)
{
	uint8_t bytes[FRAME_MAX];
	struct sockaddr_ll from = {0};
	socklen_t room = sizeof from;
	struct ip6_hdr head;
	struct advert advert;
	ssize_t size = recvfrom(ears->tap, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &room);
	if (size < 0)
		return false;
	if ((size_t)size < sizeof head || from.sll_protocol != htons(ETH_P_IPV6))
		return true;
	memcpy(&head, bytes, sizeof head);
	size_t length = ntohs(head.ip6_plen), left = (size_t)size - sizeof head;
	struct advert_envelope envelope = {{head.ip6_src}, {head.ip6_dst}, head.ip6_hlim};
	if (advert_parse(bytes + sizeof head, length < left ? length : left, &envelope, &advert) != ADVERT_OK)
		return true;
	struct segment_speaker *speaker =
	    speaker_find(segment, &envelope.source, advert.vrid, from.sll_pkttype == PACKET_OUTGOING);
	if (!speaker)
		return true;
	speaker->count++;
	speaker->priority = advert.priority;
	if (advert.trailer)
		speaker_stamp(speaker, &advert, realtime_us());
	return true;
}

/* ---- the run ---- */

static void listen_until(struct segment *segment, const struct ears *ears, struct mono end)
{
	struct pollfd waiting[] = {{.fd = ears->icmp, .events = POLLIN}, {.fd = ears->tap, .events = POLLIN}};
	for (;;) {
		int64_t left_us = mono_sub(end, mono_now());
		if (left_us <= 0)
			return;
		if (poll(waiting, 2, (int)(left_us / USEC_PER_MS) + 1) <= 0)
			continue;
		if (ears->icmp >= 0 && waiting[0].revents)
			icmp_read(segment, ears);
		if (ears->tap >= 0 && waiting[1].revents)
			tap_read(segment, ears);
	}
}

typedef int question(const struct segment *segment, const struct ears *ears);

/* Asks twice within `wait_us`: a question may be lost. */
static void ask_and_listen(
    struct segment *segment, const struct ears *ears, question *ask, struct mono begin, int64_t wait_us)
{
	for (int half = 1; half <= 2; half++) {
		int result = ears->icmp >= 0 ? ask(segment, ears) : 0;
		if (result && !segment->asking_error)
			segment->asking_error = result;
		listen_until(segment, ears, mono_add(begin, wait_us / 2 * half));
	}
}

void segment_listen(struct segment *segment)
{
	segment->ifindex = if_nametoindex(segment->interface);
	if (!segment->ifindex) {
		segment->asking_error = segment->listening_error = -ENODEV;
		return;
	}
	mac_find(segment);
	struct ears ears = {icmp_open(segment), tap_open(segment), (uint16_t)getpid()};
	segment->asking_error = ears.icmp < 0 ? ears.icmp : 0;
	segment->listening_error = ears.tap < 0 ? ears.tap : 0;
	if (ears.icmp >= 0 || ears.tap >= 0) {
		struct mono begin = mono_now();
		ask_and_listen(segment, &ears, ask_members, begin, GROUP_WAIT_US);
		ask_and_listen(
		    segment, &ears, ask_neighbors, mono_add(begin, GROUP_WAIT_US), NEIGHBOR_WAIT_US);
		listen_until(segment, &ears, mono_add(begin, segment->listen_us));
	}
	if (ears.icmp >= 0)
		close(ears.icmp);
	if (ears.tap >= 0)
		close(ears.tap);
}
