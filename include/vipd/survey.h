/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which addresses and VRIDs on a segment, before there is a configuration.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/config.h"

#define SURVEY_ADDRESSES_MAX 8
#define SURVEY_LIST_MAX	     (CONFIG_ADDRESSES_MAX + 1)

/* What the adverts of a group say of it. Addresses of the other family are in none of them. */
struct survey_group {
	uint8_t vrid;	/* 0: there is no such group */
	bool version_2; /* it speaks VRRPv2, and nothing else is known of it */
	int64_t interval_us;
	bool plain_checksum; /* of IPv4, as RFC 9568 has it */
	bool is_signed;
	uint8_t key_id; /* with this key */
	unsigned address_count;
	struct address addresses[SURVEY_LIST_MAX]; /* in their order, with the link-local one of IPv6 */
};

struct survey {
	char interface[IF_NAMESIZE];
	unsigned address_count; /* all of one family */
	struct survey_address {
		struct address address;	   /* to ask for */
		bool taken;		   /* somebody answers for it; */
		uint8_t mac[6];		   /* whose link-layer address this is */
		struct survey_group group; /* that has it in its adverts */
	} addresses[SURVEY_ADDRESSES_MAX];
	bool used[VRID_MAX + 1]; /* by VRID: somebody has it, in either family and any version of VRRP */
};

/* Asks for the addresses and listens to adverts, for three seconds. 0, or -errno: nothing is known (-EPERM:
 * not root). */
int survey_segment(struct survey *survey);
