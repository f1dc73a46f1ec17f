/*
 * Follows one packet through the base chains of a hook, as nft(8) describes: rules in order, jumps, the
 * policy. A match on something that is not known here (a mark, a set, a connection's state) counts as not
 * met: a rule that drops is believed only when every match of it is sure, and one that accepts and is not
 * sure makes the answer unsure.
 */
#include "doctor/nft.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vipd/address.h"

#define DEPTH_MAX 16

enum truth { NO, YES, MAYBE };
enum verdict { GOES_ON, RETURNS, ACCEPTED, DROPPED };

struct walk {
	const json_t *items; /* array of the ruleset */
	const struct nft_packet *packet;
	bool doubt; /* a rule that may not have been understood accepts */
	char *where;
};

static const char *member(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

/* ---- matches ---- */

static enum truth protocol_is(const json_t *value, int protocol)
{
	if (json_is_integer(value))
		return json_integer_value(value) == protocol ? YES : NO;
	const char *name = json_string_value(value);
	if (!name)
		return MAYBE;
	return strcmp(name, "vrrp") == 0 || strcmp(name, "carp") == 0 ? YES : NO;
}

/* An address, or { "prefix": { "addr": …, "len": … } }. */
static enum truth address_is(const json_t *value, const char *address)
{
	const json_t *prefix = json_object_get(value, "prefix");
	const char *base = prefix ? member(prefix, "addr") : json_string_value(value);
	json_int_t length = prefix ? json_integer_value(json_object_get(prefix, "len")) : 128;
	struct address a, b;
	if (!base || !address_parse(base, &a) || !address_parse(address, &b) || length < 0 || length > 128)
		return MAYBE;
	for (json_int_t bit = 0; bit < length; bit++) {
		if ((a.in6.s6_addr[bit / 8] ^ b.in6.s6_addr[bit / 8]) & (0x80 >> bit % 8))
			return NO;
	}
	return YES;
}

static enum truth name_is(const json_t *value, const char *name)
{
	const char *wanted = json_string_value(value);
	if (!wanted || strchr(wanted, '*'))
		return MAYBE;
	return strcmp(wanted, name) == 0 ? YES : NO;
}

/* An advert is the first packet of a connection again and again: nobody answers it. */
static enum truth state_is(const json_t *value)
{
	const char *state = json_string_value(value);
	return state && (strcmp(state, "new") == 0 || strcmp(state, "untracked") == 0) ? MAYBE : NO;
}

/* One value on the right hand of a match. */
static enum truth value_is(const json_t *left, const json_t *value, const struct nft_packet *packet)
{
	const json_t *meta = json_object_get(left, "meta"), *payload = json_object_get(left, "payload");
	const char *key = member(meta, "key"), *field = member(payload, "field");
	bool in = strcmp(packet->hook, "input") == 0;
	if (strcmp(member(json_object_get(left, "ct"), "key"), "state") == 0)
		return state_is(value);
	if (strcmp(key, "l4proto") == 0 || strcmp(field, "nexthdr") == 0)
		return protocol_is(value, packet->protocol);
	if (strcmp(key, "nfproto") == 0)
		return name_is(value, "ipv6");
	if (strcmp(key, in ? "iifname" : "oifname") == 0 || strcmp(key, in ? "iif" : "oif") == 0)
		return name_is(value, packet->interface);
	if (strcmp(member(payload, "protocol"), "ip6") == 0 && strcmp(field, "daddr") == 0)
		return address_is(value, packet->destination);
	/* The header of another protocol is not in this packet. */
	static const char *const others[] = {"ip", "tcp", "udp", "icmp", "icmpv6", "sctp", "th"};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		if (strcmp(member(payload, "protocol"), others[i]) == 0)
			return NO;
	}
	return MAYBE;
}

static enum truth match_is(const json_t *match, const struct nft_packet *packet)
{
	const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right"),
		     *set = json_is_array(right) ? right : json_object_get(right, "set");
	const char *op = member(match, "op");
	enum truth found = NO;
	if (!set)
		found = value_is(left, right, packet);
	for (size_t i = 0; i < json_array_size(set) && found != YES; i++) {
		enum truth one = value_is(left, json_array_get(set, i), packet);
		found = one == NO ? found : one;
	}
	if (strcmp(op, "!=") == 0)
		return found == MAYBE ? MAYBE : found == YES ? NO : YES;
	return strcmp(op, "==") == 0 || strcmp(op, "in") == 0 ? found : MAYBE;
}

/* ---- rules ---- */

static enum verdict chain_walk(struct walk *walk, const json_t *base, const char *chain, int depth);

static enum truth matches(const json_t *expressions, const struct nft_packet *packet)
{
	static const char *const harmless[] = {"counter", "log", "comment", "accept", "drop", "reject",
	    "jump", "goto", "return", "continue", "notrack"};
	enum truth all = YES;
	for (size_t i = 0; i < json_array_size(expressions) && all != NO; i++) {
		const json_t *item = json_array_get(expressions, i), *match = json_object_get(item, "match");
		bool known = false;
		for (size_t k = 0; k < sizeof harmless / sizeof harmless[0]; k++)
			known |= json_object_get(item, harmless[k]) != NULL;
		enum truth one = match ? match_is(match, packet) : known ? YES : MAYBE;
		all = one == YES ? all : one;
	}
	return all;
}

static enum verdict verdict_take(struct walk *walk, const json_t *rule, const json_t *item, int depth)
{
	const json_t *jump = json_object_get(item, "jump"), *go = json_object_get(item, "goto");
	if (json_object_get(item, "drop") || json_object_get(item, "reject")) {
		snprintf(walk->where, NFT_RULE_MAX, "table %s %s, chain %s, rule handle %lld",
		    member(rule, "family"), member(rule, "table"), member(rule, "chain"),
		    (long long)json_integer_value(json_object_get(rule, "handle")));
		return DROPPED;
	}
	if (json_object_get(item, "accept"))
		return ACCEPTED;
	if (json_object_get(item, "return"))
		return RETURNS;
	if (jump || go) {
		enum verdict v = chain_walk(walk, rule, member(jump ? jump : go, "target"), depth + 1);
		return v == RETURNS ? (go ? RETURNS : GOES_ON) : v;
	}
	return GOES_ON;
}

static bool may_accept(const json_t *expressions)
{
	for (size_t i = 0; i < json_array_size(expressions); i++) {
		const json_t *item = json_array_get(expressions, i);
		if (json_object_get(item, "accept") || json_object_get(item, "jump") ||
		    json_object_get(item, "goto") || json_object_get(item, "vmap"))
			return true;
	}
	return false;
}

static enum verdict rule_take(struct walk *walk, const json_t *rule, int depth)
{
	const json_t *expressions = json_object_get(rule, "expr");
	enum truth truth = matches(expressions, walk->packet);
	enum verdict verdict = GOES_ON;
	if (truth == MAYBE && may_accept(expressions))
		walk->doubt = true;
	if (truth != YES)
		return GOES_ON;
	for (size_t i = 0; i < json_array_size(expressions) && verdict == GOES_ON; i++)
		verdict = verdict_take(walk, rule, json_array_get(expressions, i), depth);
	return verdict;
}

/* The rules of `chain` in the table of `base` (a chain or a rule of it); its end counts as a return. */
static enum verdict chain_walk(struct walk *walk, const json_t *base, const char *chain, int depth)
{
	enum verdict verdict = GOES_ON;
	if (depth > DEPTH_MAX)
		return RETURNS;
	for (size_t i = 0; i < json_array_size(walk->items) && verdict == GOES_ON; i++) {
		const json_t *rule = json_object_get(json_array_get(walk->items, i), "rule");
		if (rule && strcmp(member(rule, "family"), member(base, "family")) == 0 &&
		    strcmp(member(rule, "table"), member(base, "table")) == 0 &&
		    strcmp(member(rule, "chain"), chain) == 0)
			verdict = rule_take(walk, rule, depth);
	}
	return verdict == GOES_ON ? RETURNS : verdict;
}

static bool is_concerned(const json_t *chain, const struct nft_packet *packet)
{
	const char *family = member(chain, "family");
	return strcmp(member(chain, "hook"), packet->hook) == 0 &&
	       (strcmp(family, "ip6") == 0 || strcmp(family, "inet") == 0);
}

/* Accepted by one base chain, a packet still goes through the next ones. */
enum nft_fate nft_judge(
    const json_t *ruleset, const struct nft_packet *packet, char where[static NFT_RULE_MAX])
{
	enum nft_fate fate = NFT_PASSES;
	char found[NFT_RULE_MAX];
	struct walk walk = {json_object_get(ruleset, "nftables"), packet, false, found};
	for (size_t i = 0; i < json_array_size(walk.items); i++) {
		const json_t *chain = json_object_get(json_array_get(walk.items, i), "chain");
		if (!chain || !is_concerned(chain, packet))
			continue;
		walk.doubt = false;
		const char *name = member(chain, "name");
		enum verdict verdict = chain_walk(&walk, chain, name, 0);
		bool by_policy = verdict == RETURNS && strcmp(member(chain, "policy"), "drop") == 0;
		if (by_policy)
			snprintf(found, sizeof found, "table %s %s, chain %s, policy drop",
			    member(chain, "family"), member(chain, "table"), name);
		if (verdict != DROPPED && !by_policy)
			continue;
		snprintf(where, NFT_RULE_MAX, "%s", found);
		if (!walk.doubt)
			return NFT_DROPPED;
		fate = NFT_UNSURE;
	}
	return fate;
}
