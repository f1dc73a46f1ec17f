/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARP: golden bytes (what keepalived 2.2.7 and the Linux kernel send), round trips, and every refusal.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/arp.h"

#define HEAD 0x00, 0x01, 0x08, 0x00, 6, 4, 0x00
#define MAC  0x02, 0, 0, 0, 0, 0x21

static const uint8_t mac[6] = {MAC};
static const uint8_t announcing_request[ARP_SIZE] = {
    HEAD, 1, MAC, 192, 0, 2, 100, 0, 0, 0, 0, 0, 0, 192, 0, 2, 100};
static const uint8_t announcing_reply[ARP_SIZE] = {HEAD, 2, MAC, 192, 0, 2, 100, MAC, 192, 0, 2, 100};
static const uint8_t probe[ARP_SIZE] = {HEAD, 1, MAC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 100};
/* keepalived announces with ff:ff:ff:ff:ff:ff as the target's MAC. */
static const uint8_t of_keepalived[ARP_SIZE] = {
    HEAD, 1, MAC, 192, 0, 2, 100, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 192, 0, 2, 100};
/* Linux to a probe. */
static const uint8_t answer[ARP_SIZE] = {HEAD, 2, MAC, 192, 0, 2, 100, 2, 0, 0, 0, 0, 0x11, 0, 0, 0, 0};

static struct address address(const char *text)
{
	struct in_addr in4;
	assert_int_equal(inet_pton(AF_INET, text, &in4), 1);
	return address_of_ipv4(&in4);
}

static enum arp_verdict parse(const uint8_t *bytes, size_t size, struct arp *out)
{
	uint8_t *copy = malloc(size ? size : 1); /* the sanitizer sees a read past the end */
	memcpy(copy, bytes, size);
	struct arp arp, untouched;
	memset(&arp, 0xa5, sizeof arp);
	memset(&untouched, 0xa5, sizeof untouched);
	enum arp_verdict verdict = arp_parse(copy, size, &arp);
	if (verdict != ARP_OK)
		assert_memory_equal(&arp, &untouched, sizeof arp);
	else if (out)
		*out = arp;
	free(copy);
	return verdict;
}

static void encodes(const struct arp *arp, const uint8_t *expected)
{
	uint8_t bytes[ARP_SIZE];
	assert_int_equal(arp_build(arp, bytes, sizeof bytes), ARP_SIZE);
	assert_memory_equal(bytes, expected, ARP_SIZE);
	for (size_t room = 0; room < ARP_SIZE; room++)
		assert_int_equal(arp_build(arp, bytes, room), 0);
}

static void announcements_and_probe(void **state)
{
	(void)state;
	struct address vip = address("192.0.2.100");
	struct arp arp = arp_announcement(ARP_REQUEST, &vip, mac);
	encodes(&arp, announcing_request);
	arp = arp_announcement(ARP_REPLY, &vip, mac);
	encodes(&arp, announcing_reply);
	arp = arp_probe(&vip, mac);
	encodes(&arp, probe);
}

static void decodes(
    const uint8_t *bytes, enum arp_operation operation, const char *sender, const char *target)
{
	struct arp arp;
	uint8_t again[ARP_SIZE], padded[46] = {0};
	struct address from = address(sender), to = address(target);
	memcpy(padded, bytes, ARP_SIZE); /* as it comes in the shortest Ethernet frame */
	assert_int_equal(parse(padded, sizeof padded, &arp), ARP_OK);
	assert_int_equal(arp.operation, operation);
	assert_memory_equal(arp.sender_mac, mac, sizeof mac);
	assert_true(address_equal(&arp.sender, &from));
	assert_true(address_equal(&arp.target, &to));
	assert_int_equal(arp_build(&arp, again, sizeof again), ARP_SIZE);
	assert_memory_equal(again, bytes, ARP_SIZE);
}

static void golden_decodes(void **state)
{
	(void)state;
	decodes(announcing_request, ARP_REQUEST, "192.0.2.100", "192.0.2.100");
	decodes(announcing_reply, ARP_REPLY, "192.0.2.100", "192.0.2.100");
	decodes(probe, ARP_REQUEST, "0.0.0.0", "192.0.2.100");
	decodes(of_keepalived, ARP_REQUEST, "192.0.2.100", "192.0.2.100");
	decodes(answer, ARP_REPLY, "192.0.2.100", "0.0.0.0");
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		uint8_t value;
	} cases[] = {{1, 6}, {2, 0x86}, {4, 8}, {5, 16}, {7, 0}, {7, 3}, {6, 1}};
	for (size_t size = 0; size < ARP_SIZE; size++)
		assert_int_equal(parse(probe, size, NULL), ARP_TOO_SHORT);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t bytes[ARP_SIZE];
		memcpy(bytes, probe, sizeof bytes);
		bytes[cases[i].offset] = cases[i].value;
		assert_int_equal(parse(bytes, sizeof bytes, NULL), ARP_BAD_TYPE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(announcements_and_probe),
	    cmocka_unit_test(golden_decodes),
	    cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
