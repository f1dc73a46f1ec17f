/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same look for IPv4: ARP probes, which change nobody's cache, and the adverts that pass.
 */
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/survey.h"
#include "vipd/advert.h"
#include "vipd/arp.h"
#include "vipd/mono.h"

#define FILTER	  "arp or ip proto 112"
#define FRAME_MAX 2048
#define LISTEN_US (3000 * USEC_PER_MS)
#define ASK_US	  (300 * USEC_PER_MS) /* between two questions: one may be lost */
#define ASK_COUNT 3

static int read_mac(const char *interface, uint8_t mac[static 6])
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(request.ifr_name, interface, sizeof request.ifr_name);
	int result = fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (!result)
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return result;
}

static int ask(pcap_t *pcap, const struct survey *survey, const uint8_t mac[static 6])
{
	for (unsigned i = 0; i < survey->address_count; i++) {
		uint8_t frame[sizeof(struct ether_header) + ARP_SIZE];
		struct ether_header link = {.ether_type = htons(ETHERTYPE_ARP)};
		struct arp probe = arp_probe(&survey->addresses[i].address, mac);
		memset(link.ether_dhost, 0xff, sizeof link.ether_dhost);
		memcpy(link.ether_shost, mac, sizeof link.ether_shost);
		memcpy(frame, &link, sizeof link);
		arp_build(&probe, frame + sizeof link, ARP_SIZE);
		if (pcap_inject(pcap, frame, sizeof frame) < 0)
			return -EIO;
	}
	return 0;
}

static void take_arp(struct survey *survey, const uint8_t *bytes, size_t size)
{
	struct arp arp;
	if (arp_parse(bytes, size, &arp) != ARP_OK)
		return;
	for (unsigned i = 0; i < survey->address_count; i++) {
		struct survey_address *address = &survey->addresses[i];
		if (!address_equal(&arp.sender, &address->address))
			continue;
		address->taken = true;
		memcpy(address->mac, arp.sender_mac, sizeof address->mac);
	}
}

static void take_advert(struct survey *survey, const uint8_t *bytes, size_t size)
{
	struct ip head;
	struct advert advert;
	if (size < sizeof head)
		return;
	memcpy(&head, bytes, sizeof head);
	size_t before = head.ip_hl * 4U, length = ntohs(head.ip_len);
	if (before < sizeof head || length < before || length > size)
		return;
	struct advert_envelope envelope = {
	    address_of_ipv4(&head.ip_src), address_of_ipv4(&head.ip_dst), head.ip_ttl};
	if (advert_parse(bytes + before, length - before, &envelope, &advert) == ADVERT_OK)
		survey_advert(survey, advert.vrid, (int64_t)advert.interval_cs * 10 * USEC_PER_MS,
		    advert.addresses, advert.address_count);
}

static void take_frame(u_char *context, const struct pcap_pkthdr *frame, const u_char *bytes)
{
	struct survey *survey = (struct survey *)context;
	struct ether_header link;
	if (frame->caplen < sizeof link)
		return;
	memcpy(&link, bytes, sizeof link);
	bytes += sizeof link;
	size_t size = frame->caplen - sizeof link;
	if (link.ether_type == htons(ETHERTYPE_ARP))
		take_arp(survey, bytes, size);
	else if (link.ether_type == htons(ETHERTYPE_IP))
		take_advert(survey, bytes, size);
}

static int listen_and_ask(pcap_t *pcap, struct survey *survey, const uint8_t mac[static 6])
{
	struct mono begin = mono_now(), end = mono_add(begin, LISTEN_US);
	struct pollfd waiting = {.fd = pcap_get_selectable_fd(pcap), .events = POLLIN};
	unsigned asked = 0;
	for (;;) {
		struct mono now = mono_now();
		if (asked < ASK_COUNT && mono_reached(now, mono_add(begin, asked * ASK_US))) {
			int result = ask(pcap, survey, mac);
			if (result)
				return result;
			asked++;
		}
		struct mono until = asked < ASK_COUNT ? mono_add(begin, asked * ASK_US) : end;
		int64_t left_us = mono_sub(until, now);
		if (asked == ASK_COUNT && left_us <= 0)
			return 0;
		if (left_us > 0 && poll(&waiting, 1, (int)(left_us / USEC_PER_MS) + 1) > 0 &&
		    pcap_dispatch(pcap, -1, take_frame, (u_char *)survey) < 0)
			return -EIO;
	}
}

static int capture_start(pcap_t *pcap)
{
	char text[PCAP_ERRBUF_SIZE];
	struct bpf_program filter;
	pcap_set_snaplen(pcap, FRAME_MAX);
	pcap_set_immediate_mode(pcap, 1);
	int status = pcap_activate(pcap);
	if (status < 0)
		return status == PCAP_ERROR_PERM_DENIED	   ? -EPERM
		       : status == PCAP_ERROR_IFACE_NOT_UP ? -ENETDOWN
							   : -EIO;
	if (pcap_datalink(pcap) != DLT_EN10MB)
		return -EPROTONOSUPPORT;
	if (pcap_setnonblock(pcap, 1, text) < 0 || pcap_setdirection(pcap, PCAP_D_IN) < 0 ||
	    pcap_compile(pcap, &filter, FILTER, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return -EIO;
	int result = pcap_setfilter(pcap, &filter) < 0 ? -EIO : 0;
	pcap_freecode(&filter);
	return result;
}

int survey_segment_ipv4(struct survey *survey)
{
	char text[PCAP_ERRBUF_SIZE];
	uint8_t mac[6];
	int result = read_mac(survey->interface, mac);
	pcap_t *pcap = result ? NULL : pcap_create(survey->interface, text);
	if (!result && !pcap)
		result = -ENOMEM;
	if (!result)
		result = capture_start(pcap);
	if (!result)
		result = listen_and_ask(pcap, survey, mac);
	if (pcap)
		pcap_close(pcap);
	return result;
}
