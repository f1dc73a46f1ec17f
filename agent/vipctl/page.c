/* SPDX-License-Identifier: Apache-2.0 */
/* See page.h. */
#include "vipctl/page.h"

#include <stdarg.h>

void page_sentence(struct page *page, enum colour colour, int indent, const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	bool coloured = page->colour && colour != COLOUR_NONE;
	fprintf(page->out, "%*s", indent, "");
	colour_set(page->out, coloured, colour);
	sentence_print(page->out, page->width, indent, text_tame(text));
	colour_set(page->out, coloured, COLOUR_NONE);
	fputc('\n', page->out);
}
