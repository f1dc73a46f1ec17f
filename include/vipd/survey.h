/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which addresses and VRIDs on a segment, before there is a configuration.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"

#define SURVEY_ADDRESSES_MAX 8

struct survey {
	char interface[IF_NAMESIZE];
	unsigned address_count; /* all of one family */
	struct survey_address {
		struct address address; /* to ask for */
		bool taken;		/* somebody answers for it; */
		uint8_t mac[6];		/* whose link-layer address this is */
		uint8_t vrid;		/* the group that has it in its adverts; 0: none */
		int64_t interval_us;	/* of that group's adverts */
	} addresses[SURVEY_ADDRESSES_MAX];
	bool used[256]; /* by VRID: somebody advertises it */
};

/* Asks for the addresses and listens to adverts, for three seconds. 0, or -errno: nothing is known (-EPERM:
 * not root). */
int survey_segment(struct survey *survey);
