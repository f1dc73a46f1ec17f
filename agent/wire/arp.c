/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARP: bytes <-> struct arp (RFC 826).
 *
 *	hardware (2) = 1 | protocol (2) = 0800 | sizes (2) = 6, 4 | operation (2)
 *	sender MAC (6), address (4) | target MAC (6), address (4)
 */
#include "vipd/arp.h"

#include "vipd/cursor.h"

#define ETHERNET 1
#define IPV4	 0x0800
#define MAC_SIZE 6

static const struct address nobody = {{{{[10] = 0xff, 0xff}}}};

struct arp arp_announcement(
    enum arp_operation operation, const struct address *address, const uint8_t mac[static 6])
{
	struct arp arp = {.operation = operation, .sender = *address, .target = *address};
	memcpy(arp.sender_mac, mac, MAC_SIZE);
	if (operation == ARP_REPLY)
		memcpy(arp.target_mac, mac, MAC_SIZE);
	return arp;
}

struct arp arp_probe(const struct address *address, const uint8_t mac[static 6])
{
	struct arp arp = {.operation = ARP_REQUEST, .sender = nobody, .target = *address};
	memcpy(arp.sender_mac, mac, MAC_SIZE);
	return arp;
}

size_t arp_build(const struct arp *arp, uint8_t *bytes, size_t room)
{
	struct writer w = writer_of(bytes, room);
	write_u16(&w, ETHERNET);
	write_u16(&w, IPV4);
	write_u8(&w, MAC_SIZE);
	write_u8(&w, 4);
	write_u16(&w, (uint16_t)arp->operation);
	write_bytes(&w, arp->sender_mac, MAC_SIZE);
	write_bytes(&w, address_bytes(&arp->sender), 4);
	write_bytes(&w, arp->target_mac, MAC_SIZE);
	write_bytes(&w, address_bytes(&arp->target), 4);
	return w.failed ? 0 : ARP_SIZE;
}

static void read_host(struct reader *r, uint8_t mac[static MAC_SIZE], struct address *address)
{
	const uint8_t *bytes = read_bytes(r, MAC_SIZE + 4);
	if (!bytes)
		return;
	memcpy(mac, bytes, MAC_SIZE);
	*address = address_of_bytes(bytes + MAC_SIZE, 4);
}

enum arp_verdict arp_parse(const uint8_t *bytes, size_t size, struct arp *arp)
{
	struct reader r = reader_of(bytes, size);
	struct arp a = {0};
	uint16_t hardware = read_u16(&r);
	uint16_t protocol = read_u16(&r);
	uint16_t sizes = read_u16(&r);
	uint16_t operation = read_u16(&r);
	read_host(&r, a.sender_mac, &a.sender);
	read_host(&r, a.target_mac, &a.target);
	if (r.failed)
		return ARP_TOO_SHORT;
	if (hardware != ETHERNET || protocol != IPV4 || sizes != (MAC_SIZE << 8 | 4) ||
	    (operation != ARP_REQUEST && operation != ARP_REPLY))
		return ARP_BAD_TYPE;
	a.operation = (enum arp_operation)operation;
	*arp = a;
	return ARP_OK;
}
