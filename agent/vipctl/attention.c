/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs attention: by the status, and by the file of the configuration, which only this program reads.
 */
#include <stdarg.h>

#include "vipctl/page.h"
#include "vipctl/show.h"

static void print(void *context, enum attention grade, const char *text)
{
	struct page *page = context;
	page->attention = true;
	page_sentence(page, grade == ATTENTION_BAD ? COLOUR_BAD : COLOUR_WARN, 0, "! %s", text);
}

__attribute__((format(printf, 2, 3))) static void attention(struct page *page, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	print(page, ATTENTION_WARNING, text);
}

/* The next start would have what the file says, or fail. */
static void judge_config(struct page *page, const json_t *status)
{
	char why[CONFIG_WHY_MAX], at[SHOW_TEXT_MAX];
	const json_t *config = json_object_get(status, "config"),
		     *last = json_object_get(config, "last_reload");
	const char *path = member_text(config, "path"), *error = member_text(last, "error");
	enum config_file file = config_file_look(status, why);
	if (json_is_object(last) && !member_true(last, "successful"))
		attention(page, "the reload of %s was refused; what was in force before still is: %.*s",
		    show_time(member_text(last, "at"), at), (int)strcspn(error, "\n"), error);
	if (file == CONFIG_FILE_WRONG)
		attention(page,
		    "%s is wrong, and vipd would not start with it: %s; all errors: vipd -n -c %s", path, why,
		    path);
	else if (file == CONFIG_FILE_CHANGED)
		attention(page, "%s has changed since vipd read it: vipctl reload", path);
}

void attention_print_groups(struct page *page, const json_t *status)
{
	attention_find_groups(status, print, page);
}

void attention_print(struct page *page, const json_t *status)
{
	judge_config(page, status);
	attention_find(status, print, page);
}
