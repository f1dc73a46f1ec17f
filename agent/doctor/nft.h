/*
 * What a ruleset of nftables does to one kind of packet.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct nft_packet {
	const char *hook;      /* "input" or "output" */
	const char *interface; /* where it comes in or goes out */
	const char *destination;
	int protocol;
};

enum nft_fate {
	NFT_PASSES,
	NFT_DROPPED,
	NFT_UNSURE /* would be dropped, unless a rule that is not understood here lets it pass */
};

#define NFT_RULE_MAX 160

/*
 * ruleset: what `nft -j list ruleset` prints. `where` gets the chain, with the handle of the rule, that
 * decides; it is written for NFT_DROPPED and NFT_UNSURE.
 */
enum nft_fate nft_judge(
    const json_t *ruleset, const struct nft_packet *packet, char where[static NFT_RULE_MAX]);
