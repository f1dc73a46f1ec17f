/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arp_parse() with hostile bytes. What was accepted must survive a round trip.
 */
#include <stdlib.h>
#include <string.h>

#include "vipd/arp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *packet = malloc(size ? size : 1), rebuilt[ARP_SIZE];
	memcpy(packet, data, size);
	struct arp arp;
	enum arp_verdict verdict = arp_parse(packet, size, &arp);
	if (verdict >= ARP_VERDICTS)
		abort();
	if (verdict == ARP_OK && (!address_is_ipv4(&arp.sender) || !address_is_ipv4(&arp.target) ||
				     arp_build(&arp, rebuilt, sizeof rebuilt) != ARP_SIZE ||
				     memcmp(rebuilt, packet, ARP_SIZE) != 0))
		abort();
	free(packet);
	return 0;
}
