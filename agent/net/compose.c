/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The advert of a configured router.
 */
#include "vipd/interval.h"
#include "vipd/net.h"

_Static_assert(ADVERT_ADDRESSES_MAX >= CONFIG_ADDRESSES_MAX + 1, "and the link-local one");

void net_compose(const struct config_router *config, uint8_t priority, const struct auth_key *key,
    uint64_t sequence, struct net_outgoing *packet)
{
	struct advert advert = {
	    .vrid = config->id.vrid,
	    .priority = priority,
	    .interval_cs = vrrp_interval_cs(config->advert_interval_us),
	    .plain_checksum = config->id.family == AF_INET && config->checksum == CHECKSUM_RFC9568,
	};
	if (config->id.family == AF_INET6 && config->link_local_mode != LINK_LOCAL_NONE)
		advert.addresses[advert.address_count++] = config->link_local;
	for (unsigned i = 0; i < config->address_count; i++)
		if (config_advertises(config, i))
			advert.addresses[advert.address_count++] = config->addresses[i];

	uint8_t trailer[ADVERT_TRAILER_SIZE];
	packet->size = advert_build(
	    &advert, &packet->source, &packet->destination, NULL, packet->bytes, sizeof packet->bytes);
	if (!key)
		return;
	auth_sign(key, &packet->source, packet->bytes, packet->size, sequence, trailer);
	packet->size = advert_build(
	    &advert, &packet->source, &packet->destination, trailer, packet->bytes, sizeof packet->bytes);
}
