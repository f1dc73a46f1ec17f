/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody reads these texts at night, and they have room for one line: so the part of the answer that says
 * what failed is quoted, and what is wrong on our side is named by its key in the configuration.
 */
#include "control/checks/judge.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/text.h"

#define PLAIN_MAX 8192
#define QUOTE_MAX 128

void judge_say(struct check_result *result, enum check_outcome outcome, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(result->text, sizeof result->text, format, args);
	va_end(args);
	result->outcome = outcome;
}

/* What a browser would show of it. */
static size_t drop_tags(const char *html, size_t size, char out[static PLAIN_MAX])
{
	size_t length = 0;
	bool tag = false;
	for (size_t i = 0; i < size && length < PLAIN_MAX; i++) {
		if (html[i] == '<')
			tag = true;
		if (!tag)
			out[length++] = html[i];
		if (html[i] == '>')
			tag = false;
	}
	return length;
}

/* Kubernetes says what it refuses in an object of kind Status. */
static bool quote_status(const struct answer *answer, char quote[static QUOTE_MAX])
{
	json_t *json = json_loadb(answer->body, answer->size, 0, NULL);
	const char *message = json_string_value(json_object_get(json, "message"));
	if (message)
		text_clean(message, strlen(message), quote, QUOTE_MAX);
	json_decref(json);
	return message != NULL;
}

/* /readyz answers with a line for every gate, [-] before those that fail: those first, else its beginning. */
static const char *excerpt(const struct answer *answer, char quote[static QUOTE_MAX])
{
	char plain[PLAIN_MAX];
	if (quote_status(answer, quote))
		return quote;
	size_t size = drop_tags(answer->body, answer->size, plain);
	const char *failed = memmem(plain, size, "[-]", 3);
	const char *from = failed ? failed : plain;
	size -= (size_t)(from - plain);
	const char *end = failed ? memchr(from, '\n', size) : NULL;
	text_clean(from, end ? (size_t)(end - from) : size, quote, QUOTE_MAX);
	return quote;
}

static void judge_body(
    const struct config_check *config, const struct answer *answer, struct check_result *result)
{
	char quote[QUOTE_MAX];
	if (!config->body[0] || memmem(answer->body, answer->size, config->body, strlen(config->body)))
		return;
	excerpt(answer, quote);
	judge_say(result, CHECK_FAILURE, "the answer does not contain \"%.64s\"%s%s", config->body,
	    *quote ? ": " : "", quote);
}

void judge_expired(const struct config_check *config, int64_t client_expired_us, const char *what,
    enum check_outcome outcome, struct check_result *result)
{
	char time[TEXT_TIME_MAX];
	judge_say(result, outcome, "%s: the client certificate %s expired at %s; %s", what, config->cert.path,
	    text_time(client_expired_us, time), config_renew_client(config));
}

/* 401: it does not know who asks. 403: it knows, and does not permit it, or has not loaded its permissions.
 */
static void judge_refusal(
    const struct config_check *config, const struct answer *answer, struct check_result *result)
{
	char quote[QUOTE_MAX], what[32];
	snprintf(what, sizeof what, "HTTP status %ld", answer->status);
	excerpt(answer, quote);
	if (!config->cert.path[0])
		judge_say(
		    result, CHECK_UNAUTHORIZED, "%s: give the check a client certificate (cert, key)", what);
	else if (answer->client_expired_us)
		judge_expired(config, answer->client_expired_us, what, CHECK_UNAUTHORIZED, result);
	else if (answer->status == 401)
		judge_say(result, CHECK_UNAUTHORIZED,
		    "%s: the server does not accept the client certificate %s", what, config->cert.path);
	else
		judge_say(result, CHECK_UNAUTHORIZED,
		    "%s: the server is not ready, or its RBAC forbids it%s%s", what, *quote ? ": " : "",
		    quote);
}

void judge_answer(const struct config_check *config, const struct answer *answer, struct check_result *result)
{
	char list[64] = "", quote[QUOTE_MAX];
	result->outcome = CHECK_SUCCESS;
	if (config_expects(config, answer->status)) {
		judge_body(config, answer, result);
		return;
	}
	if (answer->status == 401 || answer->status == 403) {
		judge_refusal(config, answer, result);
		return;
	}
	if (answer->client_expired_us && answer->status / 100 == 4) {
		snprintf(list, sizeof list, "HTTP status %ld", answer->status);
		judge_expired(config, answer->client_expired_us, list, CHECK_FAILURE, result);
		return;
	}
	for (uint32_t i = 0; i < config->expect_count; i++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "%s%u", i ? " or " : "",
		    config->expect[i]);
	excerpt(answer, quote);
	judge_say(result, CHECK_FAILURE, "HTTP status %ld, expected %s%s%s", answer->status, list,
	    *quote ? ": " : "", quote);
}
