/* SPDX-License-Identifier: Apache-2.0 */
/* See page.h. */
#include "control/page/page.h"

#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "control/page/fill.h"
#include "control/page/model.h"

#define LIST_MAX 64 /* elements of each list, if there is room */
/* Until a page whose stream has ended asks again: before it says that there is no answer (page.js). */
#define RETRY_MS 1000

#define PAGE_TEXT(name, file)                                                                                \
	__asm__(".pushsection .rodata\n"                                                                     \
		".global page_" #name "\n"                                                                   \
		"page_" #name ":\n"                                                                          \
		".incbin \"agent/control/page/" file "\"\n"                                                  \
		".byte 0\n"                                                                                  \
		".popsection\n");                                                                            \
	extern const char page_##name[]

PAGE_TEXT(html, "page.html");
PAGE_TEXT(main, "main.html");
PAGE_TEXT(style, "page.css");
PAGE_TEXT(script, "page.js");

static const struct fill_text texts[] = {
    {"main", page_main, true}, {"style", page_style, false}, {"script", page_script, false}, {0}};

static char *filled(const char *template, const json_t *model, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);
	if (!out)
		return NULL;
	fill(out, template, texts, model);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

char *page_make(const json_t *status, const json_t *timeline, int64_t now_ms, json_t **model, size_t *size)
{
	for (size_t most = LIST_MAX;; most /= 2) {
		*model = page_model(status, timeline, now_ms, most);
		char *text = filled(page_html, *model, size);
		if (text && (*size <= PAGE_SIZE_MAX || most == 1))
			return text;
		free(text);
		json_decref(*model);
		*model = NULL;
		if (!text)
			return NULL;
	}
}

/* A line of an event begins with its field, and an empty one ends it. */
char *page_event(const json_t *model, size_t *size)
{
	size_t length = 0;
	char *text = filled(page_main, model, &length), *rest = text, *event = NULL;
	FILE *out = text ? open_memstream(&event, size) : NULL;
	if (!out) {
		free(text);
		return NULL;
	}
	fprintf(out, "retry:%d\n", RETRY_MS);
	for (char *line; (line = strsep(&rest, "\r\n"));)
		fprintf(out, "data:%s\n", line);
	fputc('\n', out);
	free(text);
	if (fclose(out) == 0)
		return event;
	free(event);
	return NULL;
}

static void hash(const char *text, char out[static BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1])
{
	struct sha256_ctx sha;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&sha);
	sha256_update(&sha, strlen(text), (const uint8_t *)text);
	sha256_digest(&sha, sizeof digest, digest);
	base64_encode_raw(out, sizeof digest, digest);
	out[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE)] = '\0';
}

const char *page_policy(void)
{
	static char policy[512];
	char script[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1],
	    style[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1];
	if (!policy[0]) {
		hash(page_script, script);
		hash(page_style, style);
		snprintf(policy, sizeof policy,
		    "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; "
		    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		    script, style);
	}
	return policy;
}
