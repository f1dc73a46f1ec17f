/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking and listening on one interface.
 *
 * A raw ICMPv6 socket and one for ARP send the questions; libpcap sees the answers, and adverts both ways.
 * First the group is asked, in IPv6, because the link-layer addresses of its members tell afterwards whose an
 * answer is; then every virtual address and every member. Questions are sent twice.
 *
 * A question costs a neighbour an entry in its cache, as every other packet from here would.
 */
#include "doctor/segment.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "vipd/advert.h"
#include "vipd/arp.h"
#include "vipd/cursor.h"
#include "vipd/mono.h"
#include "vipd/na.h"
#include "vipd/net.h"
#include "vipd/timing.h"

#define GROUP_WAIT_US	 (400 * USEC_PER_MS)
#define NEIGHBOR_WAIT_US (600 * USEC_PER_MS)
#define LISTEN_MIN_US	 (1000 * USEC_PER_MS)
#define LISTEN_MAX_US	 (5000 * USEC_PER_MS)
#define FRAME_MAX	 (sizeof(struct ether_header) + sizeof(struct ip6_hdr) + ADVERT_SIZE_MAX)
#define FILTER		 "ip proto 112 or ip6 proto 112 or icmp6 or arp"

struct ears {
	int icmp;    /* for questions; below 0: why not (a kernel without IPv6 has none) */
	int arp;     /* the same, of IPv4 */
	pcap_t *in;  /* before any firewall */
	pcap_t *out; /* behind it */
	uint16_t echo_id;
};

void segment_want(struct segment *segment, const struct config_router *router)
{
	int64_t wanted = vrrp_silence_limit(router->advert_interval_us); /* somebody is Active by then */
	wanted = wanted < LISTEN_MIN_US ? LISTEN_MIN_US : wanted > LISTEN_MAX_US ? LISTEN_MAX_US : wanted;
	if (wanted > segment->listen_us)
		segment->listen_us = wanted;
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

/* What pcap_activate() says, as -errno; above 0 are warnings. */
static int error_of(int status)
{
	switch (status) {
	case PCAP_ERROR_NO_SUCH_DEVICE: return -ENODEV;
	case PCAP_ERROR_IFACE_NOT_UP: return -ENETDOWN;
	case PCAP_ERROR_PERM_DENIED: return -EPERM;
	default: return status < 0 ? -EIO : 0;
	}
}

static int capture_start(pcap_t *pcap, pcap_direction_t direction)
{
	char text[PCAP_ERRBUF_SIZE];
	struct bpf_program filter;
	pcap_set_snaplen(pcap, FRAME_MAX);
	pcap_set_immediate_mode(pcap, 1);
	int result = error_of(pcap_activate(pcap));
	if (result)
		return result;
	if (pcap_datalink(pcap) != DLT_EN10MB)
		return -EPROTONOSUPPORT;
	if (pcap_setnonblock(pcap, 1, text) < 0 || pcap_setdirection(pcap, direction) < 0 ||
	    pcap_compile(pcap, &filter, FILTER, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return -EIO;
	result = pcap_setfilter(pcap, &filter) < 0 ? -EIO : 0;
	pcap_freecode(&filter);
	return result;
}

/* libpcap does not say of a packet which way it went, so each direction has a handle. NULL: *error says why.
 */
static pcap_t *capture_open(const struct segment *segment, pcap_direction_t direction, int *error)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_create(segment->interface, text);
	int result = pcap ? capture_start(pcap, direction) : -ENOMEM;
	if (!result)
		return pcap;
	if (pcap)
		pcap_close(pcap);
	*error = result;
	return NULL;
}

/* ---- questions ---- */

static int send_to(const struct segment *segment, const struct ears *ears, const struct address *to,
    const void *bytes, size_t size)
{
	struct net_outgoing packet = {.ifindex = segment->ifindex, .destination = *to, .size = size};
	memcpy(packet.bytes, bytes, size);
	int result = ears->icmp < 0 ? ears->icmp : net_send(ears->icmp, &packet, 1);
	return result < 0 ? result : 0;
}

static int ask_echo(const struct segment *segment, const struct ears *ears, const struct address *to)
{
	struct icmp6_hdr echo = {.icmp6_type = ICMP6_ECHO_REQUEST};
	echo.icmp6_id = ears->echo_id;
	return send_to(segment, ears, to, &echo, sizeof echo);
}

static int ask_arp(const struct segment *segment, const struct ears *ears, const struct address *target)
{
	uint8_t bytes[ARP_SIZE];
	struct arp probe = arp_probe(target, segment->mac);
	arp_build(&probe, bytes, sizeof bytes);
	return ears->arp < 0 ? ears->arp : net_send_arp(ears->arp, segment->ifindex, bytes);
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
	if (address_is_ipv4(target))
		return ask_arp(segment, ears, target);
	memcpy(question.mac, segment->mac, sizeof question.mac);
	return send_to(
	    segment, ears, &group, &question, segment->has_mac ? sizeof question : sizeof question.head);
}

/* The virtual routers of this interface, one after the other; NULL behind the last. */
static const struct config_router *next_router(const struct segment *segment, unsigned *i)
{
	while (*i < segment->config->router_count) {
		const struct config_router *router = &segment->config->routers[(*i)++];
		if (strcmp(router->id.interface, segment->interface) == 0)
			return router;
	}
	return NULL;
}

static int ask_members(const struct segment *segment, const struct ears *ears)
{
	const struct config_router *router;
	bool group_asked = false;
	int result = 0;
	for (unsigned i = 0; (router = next_router(segment, &i)) && !result;) {
		if (router->id.family != AF_INET6)
			continue;
		if (!router->peer_count && !group_asked)
			result = ask_echo(segment, ears, &vrrp_families[VRRP_IPV6].group);
		group_asked |= !router->peer_count;
		for (unsigned k = 0; k < router->peer_count && !result; k++)
			result = ask_echo(segment, ears, &router->peers[k]);
	}
	return result;
}

static int ask_neighbors(const struct segment *segment, const struct ears *ears)
{
	const struct config_router *router;
	int result = 0;
	for (unsigned i = 0; (router = next_router(segment, &i)) && !result;) {
		for (unsigned k = 0; k < router->address_count && !result; k++)
			result = ask_neighbor(segment, ears, &router->addresses[k]);
	}
	for (unsigned i = 0; i < segment->peer_count && !result; i++)
		result = ask_neighbor(segment, ears, &segment->peers[i]);
	for (unsigned i = 0; i < segment->speaker_count && !result; i++) {
		const struct segment_speaker *speaker = &segment->speakers[i];
		if (!speaker->outgoing && (ears->icmp >= 0 || address_is_ipv4(&speaker->source)))
			result = ask_neighbor(segment, ears, &speaker->source);
	}
	return result;
}

/* ---- answers ---- */

/* Announcements count as well as answers: both say who claims an address. */
static void take_icmp(struct segment *segment, const struct ears *ears, const struct ip6_hdr *head,
    const uint8_t *bytes, size_t size)
{
	struct na na;
	struct icmp6_hdr icmp;
	struct address source = {head->ip6_src}, destination = {head->ip6_dst};
	if (size < sizeof icmp)
		return;
	memcpy(&icmp, bytes, sizeof icmp);
	if (icmp.icmp6_type == ICMP6_ECHO_REPLY && icmp.icmp6_id == ears->echo_id)
		segment_add_peer(segment, &source);
	else if (na_parse(bytes, size, &source, &destination, head->ip6_hlim, &na) == NA_OK && na.has_mac)
		segment_add_answer(segment, &na.target, na.mac);
}

/* What pcap_dispatch() hands on. */
struct capture {
	struct segment *segment;
	const struct ears *ears;
	bool outgoing;
};

/* One frame behind its Ethernet header. */
struct frame {
	const struct pcap_pkthdr *pcap;
	struct ether_header link;
	const uint8_t *bytes;
	size_t size;
	bool reflected; /* from here, and it came back */
};

static void take_vrrp(const struct capture *capture, const struct frame *frame,
    const struct advert_envelope *envelope, const uint8_t *bytes, size_t size)
{
	struct advert advert;
	struct segment *segment = capture->segment;
	int64_t at_us = frame->pcap->ts.tv_sec * USEC_PER_SEC + frame->pcap->ts.tv_usec;
	enum advert_verdict verdict = advert_parse(bytes, size, envelope, &advert);
	if (size >= 2)
		segment->vrids[bytes[1]] = true;
	if (frame->reflected)
		segment->reflected++;
	else if (verdict == ADVERT_OK)
		segment_hear(
		    segment, &envelope->source, frame->link.ether_shost, &advert, capture->outgoing, at_us);
	else if (verdict == ADVERT_VRRP_VERSION_2)
		segment_hear_old(segment, bytes, size);
}

/* What follows the length that the header tells is padding. */
static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void take_ipv6(const struct capture *capture, const struct frame *frame)
{
	struct ip6_hdr head;
	if (frame->size < sizeof head)
		return;
	memcpy(&head, frame->bytes, sizeof head);
	size_t size = smaller(ntohs(head.ip6_plen), frame->size - sizeof head);
	struct advert_envelope envelope = {{head.ip6_src}, {head.ip6_dst}, head.ip6_hlim};
	if (head.ip6_nxt == VRRP_PROTOCOL)
		take_vrrp(capture, frame, &envelope, frame->bytes + sizeof head, size);
	else if (head.ip6_nxt == IPPROTO_ICMPV6 && !capture->outgoing && !frame->reflected)
		take_icmp(capture->segment, capture->ears, &head, frame->bytes + sizeof head, size);
}

static void take_ipv4(const struct capture *capture, const struct frame *frame)
{
	struct iphdr head;
	if (frame->size < sizeof head)
		return;
	memcpy(&head, frame->bytes, sizeof head);
	size_t before = head.ihl * 4U, size = smaller(ntohs(head.tot_len), frame->size);
	struct advert_envelope envelope = {
	    address_of_bytes(&head.saddr, 4), address_of_bytes(&head.daddr, 4), head.ttl};
	if (before <= size)
		take_vrrp(capture, frame, &envelope, frame->bytes + before, size - before);
}

/* Replies, announcements, and questions: they say that somebody has the address that asks. */
static void take_arp(const struct capture *capture, const struct frame *frame)
{
	struct arp arp;
	if (!capture->outgoing && arp_parse(frame->bytes, frame->size, &arp) == ARP_OK &&
	    !address_is_unspecified(&arp.sender))
		segment_add_answer(capture->segment, &arp.sender, arp.sender_mac);
}

static void take_frame(u_char *context, const struct pcap_pkthdr *pcap, const u_char *bytes)
{
	const struct capture *capture = (const struct capture *)context;
	struct segment *segment = capture->segment;
	struct frame frame = {.pcap = pcap};
	if (pcap->caplen < sizeof frame.link)
		return;
	memcpy(&frame.link, bytes, sizeof frame.link);
	frame.bytes = bytes + sizeof frame.link;
	frame.size = pcap->caplen - sizeof frame.link;
	frame.reflected = !capture->outgoing && segment->has_mac &&
			  memcmp(frame.link.ether_shost, segment->mac, sizeof segment->mac) == 0;
	switch (ntohs(frame.link.ether_type)) {
	case ETHERTYPE_IPV6: take_ipv6(capture, &frame); break;
	case ETHERTYPE_IP: take_ipv4(capture, &frame); break;
	case ETHERTYPE_ARP: take_arp(capture, &frame); break;
	}
}

/* ---- the run ---- */

static void read_all(struct segment *segment, const struct ears *ears, pcap_t *pcap)
{
	struct capture capture = {segment, ears, pcap == ears->out};
	if (pcap_dispatch(pcap, -1, take_frame, (u_char *)&capture) < 0 && !segment->listening_error)
		segment->listening_error = -EIO;
}

static void listen_until(struct segment *segment, const struct ears *ears, struct mono end)
{
	struct pollfd waiting[] = {{.fd = ears->in ? pcap_get_selectable_fd(ears->in) : -1, .events = POLLIN},
	    {.fd = ears->out ? pcap_get_selectable_fd(ears->out) : -1, .events = POLLIN}};
	for (;;) {
		int64_t left_us = mono_sub(end, mono_now());
		if (left_us <= 0 || segment->listening_error)
			return;
		if (poll(waiting, 2, (int)(left_us / USEC_PER_MS) + 1) <= 0)
			continue;
		if (waiting[0].revents)
			read_all(segment, ears, ears->in);
		if (waiting[1].revents)
			read_all(segment, ears, ears->out);
	}
}

typedef int question(const struct segment *segment, const struct ears *ears);

/* Asks twice within `wait_us`: a question may be lost. */
static void ask_and_listen(
    struct segment *segment, const struct ears *ears, question *ask, struct mono begin, int64_t wait_us)
{
	for (int half = 1; half <= 2; half++) {
		int result = ask(segment, ears);
		if (result && !segment->asking_error)
			segment->asking_error = result;
		listen_until(segment, ears, mono_add(begin, wait_us / 2 * half));
	}
}

/* A switch with MLD snooping forwards adverts to members only. */
static void group_join(const struct segment *segment, const struct ears *ears)
{
	const struct ipv6_mreq group = {vrrp_families[VRRP_IPV6].group.in6, segment->ifindex};
	if (segment->joins && ears->icmp >= 0)
		setsockopt(ears->icmp, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group);
}

void segment_listen(struct segment *segment)
{
	segment->peer_count = segment->answer_count = segment->speaker_count = segment->said_count = 0;
	segment->reflected = segment->old_count = 0;
	memset(segment->vrids, 0, sizeof segment->vrids);
	segment->lost = false;
	segment->listening_error = 0;
	segment->ifindex = if_nametoindex(segment->interface);
	if (!segment->ifindex) {
		segment->asking_error = segment->listening_error = -ENODEV;
		return;
	}
	mac_find(segment);
	struct ears ears = {
	    .icmp = net_open_icmp(NULL, 0), .arp = net_open_arp(), .echo_id = (uint16_t)getpid()};
	segment->asking_error = 0;
	ears.in = capture_open(segment, PCAP_D_IN, &segment->listening_error);
	ears.out = ears.in ? capture_open(segment, PCAP_D_OUT, &segment->listening_error) : NULL;
	group_join(segment, &ears);
	if (!segment->listening_error) {
		struct mono begin = mono_now();
		ask_and_listen(segment, &ears, ask_members, begin, GROUP_WAIT_US);
		ask_and_listen(
		    segment, &ears, ask_neighbors, mono_add(begin, GROUP_WAIT_US), NEIGHBOR_WAIT_US);
		listen_until(segment, &ears, mono_add(begin, segment->listen_us));
	} else if (!segment->asking_error) {
		segment->asking_error = segment->listening_error; /* nobody would hear the answers */
	}
	if (ears.icmp >= 0)
		close(ears.icmp);
	if (ears.arp >= 0)
		close(ears.arp);
	if (ears.in)
		pcap_close(ears.in);
	if (ears.out)
		pcap_close(ears.out);
}
