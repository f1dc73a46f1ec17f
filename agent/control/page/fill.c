/* SPDX-License-Identifier: Apache-2.0 */
/* See fill.h. */
#include "control/page/fill.h"

#include <string.h>

struct scope {
	const json_t *object;
	const struct scope *outer;
	const struct fill_text *texts;
};

static const char *fill_until_end(FILE *out, const char *at, const struct scope *scope);

static const json_t *find(const struct scope *scope, const char *name, size_t length)
{
	const json_t *found = NULL;
	for (; scope && !found; scope = scope->outer)
		found = json_object_getn(scope->object, name, length);
	return found;
}

static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		case '\'': fputs("&#39;", out); break;
		default: fputc(*text, out);
		}
	}
}

static void print(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		escape(out, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%.2f", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "true" : "false", out);
}

/* `at` is behind the opening. Returns what is behind the closing; without `out` only that. */
static const char *section(FILE *out, const char *at, const struct scope *outer, const json_t *value)
{
	size_t count = json_is_array(value)			      ? json_array_size(value)
		       : json_is_object(value) || json_is_true(value) ? 1
								      : 0;
	for (size_t i = 0; out && i < count; i++) {
		const struct scope scope = {
		    json_is_array(value) ? json_array_get(value, i) : value, outer, outer->texts};
		fill_until_end(out, at, &scope);
	}
	return fill_until_end(NULL, at, outer);
}

static void include(FILE *out, const struct scope *scope, const char *name, size_t length)
{
	for (const struct fill_text *text = scope->texts; text->name; text++) {
		if (strlen(text->name) != length || memcmp(text->name, name, length))
			continue;
		if (text->is_template)
			fill_until_end(out, text->text, scope);
		else
			fputs(text->text, out);
	}
}

/* Returns what is behind the end of the section, or the end of the text. NULL as `out`: nothing is printed.
 */
static const char *fill_until_end(FILE *out, const char *at, const struct scope *scope)
{
	for (;;) {
		const char *hole = strstr(at, "{{");
		if (out)
			fwrite(at, 1, hole ? (size_t)(hole - at) : strlen(at), out);
		if (!hole)
			return at + strlen(at);
		const char *name = hole + 2, *end = strstr(name, "}}");
		size_t length = (size_t)(end - name);
		at = end + 2;
		if (*name == '/')
			return at;
		if (*name == '#')
			at = section(out, at, scope, find(scope, name + 1, length - 1));
		else if (out && *name == '>')
			include(out, scope, name + 1, length - 1);
		else if (out)
			print(out, find(scope, name, length));
	}
}

void fill(FILE *out, const char *template, const struct fill_text *texts, const json_t *values)
{
	const struct scope scope = {values, NULL, texts};
	fill_until_end(out, template, &scope);
}
