/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickles: an ACK and its IP header as bytes (RFC 9293 section 3.1, RFC 791 section 3.1, RFC 8200 section 3).
 */
#include <netinet/in.h>

#include "vipd/advert.h"
#include "vipd/cursor.h"
#include "vipd/tickle.h"

#define TCP_SIZE     20
#define IPV4_SIZE    20
#define AT_TCP_SUM   16 /* where it is in a TCP header */
#define AT_IP_SUM    10 /* where it is in an IPv4 header */
#define TTL	     64
#define DO_NOT_SPLIT 0x4000
#define ACK	     0x10
#define WINDOW	     1024

static void write_ip(struct writer *w, const struct address *source, const struct address *destination)
{
	if (address_is_ipv4(source)) {
		write_u16(w, 0x4500); /* version, size of the header in words, no class */
		write_u16(w, IPV4_SIZE + TCP_SIZE);
		write_u16(w, 0);
		write_u16(w, DO_NOT_SPLIT);
		write_u8(w, TTL);
		write_u8(w, IPPROTO_TCP);
		write_u16(w, 0); /* checksum */
	} else {
		write_u32(w, 0x60000000);
		write_u16(w, TCP_SIZE);
		write_u8(w, IPPROTO_TCP);
		write_u8(w, TTL);
	}
	write_bytes(w, address_bytes(source), address_size(source));
	write_bytes(w, address_bytes(destination), address_size(source));
}

static void write_ack(struct writer *w, uint16_t source_port, uint16_t destination_port)
{
	write_u16(w, source_port);
	write_u16(w, destination_port);
	write_u32(w, 0); /* sequence number */
	write_u32(w, 0); /* acknowledgment number */
	write_u8(w, TCP_SIZE / 4 << 4);
	write_u8(w, ACK);
	write_u16(w, WINDOW);
	write_u16(w, 0); /* checksum */
	write_u16(w, 0);
}

size_t tickle_build(const struct address *source, uint16_t source_port, const struct address *destination,
    uint16_t destination_port, uint8_t bytes[static TICKLE_SIZE_MAX])
{
	struct writer w = writer_of(bytes, TICKLE_SIZE_MAX);
	write_ip(&w, source, destination);
	uint8_t *tcp = w.next;
	write_ack(&w, source_port, destination_port);
	uint16_t sum = checksum_pseudo(source, destination, IPPROTO_TCP, tcp, TCP_SIZE);
	memcpy(tcp + AT_TCP_SUM, &sum, sizeof sum);
	if (address_is_ipv4(source)) {
		sum = checksum_plain(bytes, IPV4_SIZE);
		memcpy(bytes + AT_IP_SUM, &sum, sizeof sum);
	}
	return (size_t)(w.next - bytes);
}
