/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files of BIND, as `tsig-keygen` and `ddns-confgen` write them.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "control/publish/target.h"

/* The next word or text in quotes or one of { } ; false at the end, and if it does not fit. */
static bool next_token(const char **text, const char *end, char *token, size_t room)
{
	const char *c = *text;
	size_t length = 0;
	for (;;) {
		while (c < end && isspace((unsigned char)*c))
			c++;
		bool comment = c < end && (*c == '#' || (*c == '/' && c + 1 < end && c[1] == '/'));
		if (!comment)
			break;
		while (c < end && *c != '\n')
			c++;
	}
	if (c == end)
		return false;
	bool quoted = *c == '"';
	const char *stop = quoted ? "\"" : " \t\r\n{};\"";
	if (!quoted && strchr("{};", *c)) {
		token[length++] = *c++;
	} else {
		for (c += quoted; c < end && *c && !strchr(stop, *c); c++) {
			if (length + 1 >= room)
				return false;
			token[length++] = *c;
		}
		c += quoted && c < end;
	}
	token[length] = '\0';
	*text = c;
	return length != 0;
}

static bool is_base64(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	return length && text[length + strspn(text + length, "=")] == '\0';
}

/* What ldns can sign with. */
static bool is_known(const char *algorithm)
{
	static const char *const known[] = {"hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha1"};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (!strcasecmp(algorithm, known[i]))
			return true;
	return false;
}

const char *tsig_key_parse(const char *text, size_t size, struct tsig_key *key)
{
	const char *end = text + size;
	char token[256], value[256];
	*key = (struct tsig_key){0};
	if (!next_token(&text, end, token, sizeof token) || strcmp(token, "key") ||
	    !next_token(&text, end, key->name, sizeof key->name) ||
	    !next_token(&text, end, token, sizeof token) || strcmp(token, "{"))
		return "is not a key file of BIND; make one with tsig-keygen -a hmac-sha256 NAME";
	while (next_token(&text, end, token, sizeof token) && strcmp(token, "}")) {
		if (!strcmp(token, ";"))
			continue;
		if (!next_token(&text, end, value, sizeof value))
			break;
		if (!strcmp(token, "algorithm") && !is_known(value))
			return "has an algorithm that is not known here; make one with tsig-keygen -a "
			       "hmac-sha256";
		if (!strcmp(token, "algorithm")) {
			size_t length = strlen(value);
			memcpy(key->algorithm, value, length);
			key->algorithm[length] = '.';
		} else if (!strcmp(token, "secret")) {
			memcpy(key->secret, value, sizeof key->secret);
		}
	}
	explicit_bzero(value, sizeof value);
	if (!key->algorithm[0] || !is_base64(key->secret))
		return "has no algorithm, or no secret in base64; make one with tsig-keygen -a hmac-sha256";
	return NULL;
}
