/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packets: VRRP adverts, Neighbor Advertisements and gratuitous ARP, a line of JSON each, as libpcap finds
 * them on an interface or in a capture file: packets [-b] INTERFACE, or packets -r FILE. With -b it wakes
 * once a second, for those who must not be disturbed. The first line of an interface says that it listens;
 * the last one, after SIGTERM, how many were lost.
 */
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	VRRP = 112,
	ICMPV6 = 58,
	ADVERTISEMENT = 136,
	TARGET_LINK_LAYER = 2,
	SNAPLEN = 256,
	BUFFER = 32 << 20
};
#define FILTER "proto 112 or ip6 proto 112 or (icmp6 and ip6[40] == 136) or (arp and arp[14:4] == arp[24:4])"

static volatile sig_atomic_t over;

static void end(int number)
{
	(void)number;
	over = 1;
}

static const char *address(int family, const u_char *bytes, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family, bytes, text, INET6_ADDRSTRLEN);
}

static void print_mac(const char *name, const u_char *m)
{
	printf(", \"%s\": \"%02x:%02x:%02x:%02x:%02x:%02x\"", name, m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const char *yes_no(int bit)
{
	return bit ? "true" : "false";
}

static void print_head(int family, const u_char *source, const u_char *destination, unsigned hop_limit)
{
	char text[INET6_ADDRSTRLEN];

	printf(", \"source\": \"%s\"", address(family, source, text));
	printf(", \"destination\": \"%s\", \"hop_limit\": %u", address(family, destination, text), hop_limit);
}

static void print_advert(const u_char *payload, size_t size)
{
	if (size >= 8)
		printf(", \"advert\": %u, \"vrid\": %u", payload[2], payload[1]);
}

static void print_payload(const u_char *ip, const u_char *payload, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (ip[6] == VRRP) {
		print_advert(payload, size);
	} else if (ip[6] == ICMPV6 && size >= 24) {
		printf(", \"router\": %s, \"solicited\": %s, \"override\": %s, \"target\": \"%s\"",
		    yes_no(payload[4] & 0x80), yes_no(payload[4] & 0x40), yes_no(payload[4] & 0x20),
		    address(AF_INET6, payload + 8, text));
		if (size >= 32 && payload[24] == TARGET_LINK_LAYER)
			print_mac("mac", payload + 26);
		else
			fputs(", \"mac\": null", stdout);
	}
}

static void print_ipv4(const u_char *ip, size_t size)
{
	size_t header = 4 * (ip[0] & 15u);

	print_head(AF_INET, ip + 12, ip + 16, ip[8]);
	if (size > header)
		print_advert(ip + header, size - header);
}

static void print_ipv6(const u_char *ip, size_t size)
{
	print_head(AF_INET6, ip + 8, ip + 24, ip[7]);
	print_payload(ip, ip + 40, size - 40);
}

static void print_arp(const u_char *arp)
{
	char text[INET6_ADDRSTRLEN];

	printf(", \"arp\": \"%s\", \"target\": \"%s\"", arp[7] == 1 ? "request" : "reply",
	    address(AF_INET, arp + 24, text));
	print_mac("mac", arp + 8);
}

/* `user` is the packet source; a capture file of IPv6 packets has no Ethernet header. */
static void print_packet(u_char *user, const struct pcap_pkthdr *head, const u_char *frame)
{
	const size_t begin = pcap_datalink((pcap_t *)user) == DLT_EN10MB ? 14 : 0;
	const u_char *packet = frame + begin;
	const size_t size = head->caplen - begin;
	const bool arp = begin && frame[12] == 8 && frame[13] == 6;

	if (head->caplen < begin + (arp ? 28 : packet[0] >> 4 == 4 ? 20 : 40))
		return;
	printf(
	    "{\"at\": %lld.%09ld", (long long)head->ts.tv_sec, (long)head->ts.tv_usec); /* ns, as asked for */
	if (begin) {
		print_mac("to", frame);
		print_mac("from", frame + 6);
	}
	if (arp)
		print_arp(packet);
	else if (packet[0] >> 4 == 4)
		print_ipv4(packet, size);
	else
		print_ipv6(packet, size);
	puts("}");
}

static bool filter(pcap_t *pcap)
{
	struct bpf_program program;
	bool done = pcap_compile(pcap, &program, FILTER, 1, PCAP_NETMASK_UNKNOWN) == 0 &&
		    pcap_setfilter(pcap, &program) == 0;

	if (done)
		pcap_freecode(&program);
	return done;
}

static int read_file(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);

	if (!pcap || !filter(pcap) || pcap_loop(pcap, 0, print_packet, (u_char *)pcap) < 0) {
		fprintf(stderr, "packets: %s: %s\n", path, pcap ? pcap_geterr(pcap) : error);
		return 1;
	}
	pcap_close(pcap);
	return 0;
}

static pcap_t *interface_open(const char *name, bool batched)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_create(name, error);

	if (!pcap)
		return NULL;
	pcap_set_snaplen(pcap, SNAPLEN);
	pcap_set_timeout(pcap, 1000);
	pcap_set_immediate_mode(pcap, !batched);
	pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
	if (batched)
		pcap_set_buffer_size(pcap, BUFFER);
	pcap_set_promisc(pcap, batched); /* a bridge that snoops keeps groups from itself */
	if (pcap_activate(pcap) < 0 || !filter(pcap)) {
		pcap_close(pcap);
		return NULL;
	}
	return pcap;
}

static const struct timespec between_looks = {.tv_nsec = 10000000};

/* For as long as it takes, also while the interface is down or away. */
static int listen_on(const char *name, bool batched)
{
	const struct sigaction ends = {.sa_handler = end};
	unsigned lost = 0;
	bool told = false;

	sigaction(SIGTERM, &ends, NULL);
	while (!over) {
		pcap_t *pcap = interface_open(name, batched);
		struct pcap_stat stat;

		if (pcap && !told)
			puts("{\"ready\": true}");
		told = told || pcap;
		fflush(stdout);
		while (pcap && !over && pcap_dispatch(pcap, -1, print_packet, (u_char *)pcap) >= 0)
			fflush(stdout);
		if (pcap && pcap_stats(pcap, &stat) == 0)
			lost += stat.ps_drop;
		if (pcap)
			pcap_close(pcap);
		nanosleep(&between_looks, NULL); /* sleep-ok: the interface may be away until the test ends */
	}
	printf("{\"lost\": %u}\n", lost);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "-r"))
		return read_file(argv[2]);
	if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[1], "-b") != 0)) {
		fprintf(stderr, "usage: packets [-b] INTERFACE | packets -r FILE\n");
		return 2;
	}
	return listen_on(argv[argc - 1], argc == 3);
}
