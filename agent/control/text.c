/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for answers. What others wrote (an interface's name, a server's error page, a torn record of a dead
 * engine) may be any bytes: it is made printable here before it gets into JSON or the journal.
 */
#include "control/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vipd/mono.h"

#define CLEAN_MAX 4096

const char *text_time(int64_t us, char out[static TEXT_TIME_MAX])
{
	int64_t rest_us = us % USEC_PER_SEC;
	time_t seconds = (time_t)(us / USEC_PER_SEC);
	if (rest_us < 0) {
		rest_us += USEC_PER_SEC;
		seconds--;
	}
	struct tm tm = {0};
	gmtime_r(&seconds, &tm);
	size_t length = strftime(out, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + length, TEXT_TIME_MAX - length, ".%03dZ", (int)(rest_us / USEC_PER_MS));
	return out;
}

bool text_time_parse(const char *text, int64_t *us)
{
	struct tm tm = {0};
	int ms, end = 0;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || sscanf(rest, ".%3dZ%n", &ms, &end) != 1 || !end || rest[end] || ms < 0)
		return false;
	*us = (int64_t)timegm(&tm) * USEC_PER_SEC + ms * USEC_PER_MS;
	return true;
}

void text_clean(const char *bytes, size_t size, char *out, size_t room)
{
	size_t length = 0;
	for (size_t i = 0; i < size && bytes[i] && length + 1 < room; i++) {
		unsigned char c = (unsigned char)bytes[i];
		if (isspace(c)) {
			if (length && out[length - 1] != ' ')
				out[length++] = ' ';
		} else {
			out[length++] = c >= 0x21 && c <= 0x7e ? (char)c : '?';
		}
	}
	while (length && out[length - 1] == ' ')
		length--;
	out[length] = '\0';
}

json_t *text_json(const char *text, size_t max)
{
	size_t length = strnlen(text, max);
	json_t *json = json_stringn(text, length);
	if (json)
		return json;
	char clean[CLEAN_MAX];
	text_clean(text, length, clean, sizeof clean);
	return json_string(clean);
}

json_t *text_json_or_null(const char *text, size_t max)
{
	return strnlen(text, max) ? text_json(text, max) : json_null();
}

json_t *text_json_time(int64_t us)
{
	char out[TEXT_TIME_MAX];
	return us ? json_string(text_time(us, out)) : json_null();
}
