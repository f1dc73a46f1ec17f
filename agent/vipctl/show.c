/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables, colours, times. Widths count characters, not bytes: names may be UTF-8.
 */
#include "vipctl/show.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vipd/status.h"

#define COLUMN_GAP 2
#define CUT_MIN	   4 /* columns of a cell that are always shown */

void colour_set(FILE *out, bool enabled, enum colour colour)
{
	static const char *const codes[] = {
	    [COLOUR_NONE] = "\033[0m",
	    [COLOUR_GOOD] = "\033[32m",
	    [COLOUR_BAD] = "\033[1;31m",
	    [COLOUR_WARN] = "\033[33m",
	    [COLOUR_DIM] = "\033[2m",
	    [COLOUR_BOLD] = "\033[1m",
	};
	if (enabled)
		fputs(codes[colour], out);
}

struct cell *table_row(struct table *table)
{
	size_t size = (table->rows + 1) * table->columns * sizeof(struct cell);
	struct cell *grown = realloc(table->cells, size);
	if (!grown)
		return NULL;
	table->cells = grown;
	struct cell *row = &grown[table->rows++ * table->columns];
	memset(row, 0, table->columns * sizeof *row);
	return row;
}

void cell_set(struct cell *cell, enum colour colour, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(cell->text, sizeof cell->text, format, args);
	va_end(args);
	text_tame(cell->text);
	cell->colour = colour;
}

static int text_width(const char *text)
{
	int width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Where the character at that column begins. */
static int bytes_of(const char *text, int columns)
{
	int bytes = 0;
	for (; text[bytes] && (columns > 0 || ((unsigned char)text[bytes] & 0xc0) == 0x80); bytes++)
		columns -= ((unsigned char)text[bytes] & 0xc0) != 0x80;
	return bytes;
}

/* What is cut off ends with '~'. Returns how many columns it took. */
static int cell_print(const struct cell *cell, int width, bool colour, FILE *out)
{
	int wanted = text_width(cell->text);
	bool cut = wanted > width;
	colour_set(out, colour && cell->colour, cell->colour);
	fprintf(out, "%.*s%s", cut ? bytes_of(cell->text, width - 1) : (int)strlen(cell->text), cell->text,
	    cut ? "~" : "");
	colour_set(out, colour && cell->colour, COLOUR_NONE);
	return cut ? width : wanted;
}

static void row_print(
    const struct table *table, const struct cell *row, const int *widths, bool colour, FILE *out)
{
	unsigned last = table->columns - 1;
	while (last > 0 && (!row[last].text[0] || table->hidden[last]))
		last--;
	if (last == 0 && !row[0].text[0])
		return;
	for (unsigned i = 0; i <= last; i++) {
		if (table->hidden[i])
			continue;
		int width = cell_print(&row[i], widths[i], colour, out);
		if (i < last)
			fprintf(out, "%*s", widths[i] - width + COLUMN_GAP, "");
	}
	fputc('\n', out);
}

/* Leaves out what can be, until a row fits: rows that wrap cannot be read. Then the widest column is cut. */
static void columns_fit(struct table *table, int *widths)
{
	unsigned widest = 0;
	int total = -COLUMN_GAP;
	for (unsigned i = 0; i < table->columns; i++)
		total += widths[i] + COLUMN_GAP;
	for (const unsigned *c = table->expendable; c && *c < table->columns && total > table->width; c++) {
		table->hidden[*c] = true;
		total -= widths[*c] + COLUMN_GAP;
	}
	for (unsigned i = 1; i < table->columns; i++)
		if (!table->hidden[i] && widths[i] > widths[widest])
			widest = i;
	if (total > table->width && widths[widest] > total - table->width + CUT_MIN)
		widths[widest] -= total - table->width;
}

void table_print(struct table *table, bool colour, FILE *out)
{
	int widths[TABLE_COLUMNS_MAX] = {0};
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		int width = text_width(table->cells[i].text);
		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	if (table->width)
		columns_fit(table, widths);
	for (size_t i = 0; i < table->rows; i++)
		row_print(table, &table->cells[i * table->columns], widths, colour, out);
}

void sentence_print(FILE *out, int width, int hang, const char *text)
{
	int column = hang;
	while (*text) {
		int bytes = (int)strcspn(text, " "), word = 0;
		for (int i = 0; i < bytes; i++)
			word += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (width && column > hang && column + 1 + word > width) {
			fprintf(out, "\n%*s", hang, "");
			column = hang;
		}
		bool first = column == hang;
		fprintf(out, "%s%.*s", first ? "" : " ", bytes, text);
		column += word + !first;
		text += bytes;
		text += *text == ' ';
	}
}

void table_free(struct table *table)
{
	free(table->cells);
	*table = (struct table){.columns = table->columns};
}

char *text_tame(char *text)
{
	for (char *c = text; *c; c++) {
		/* U+0080 to U+009F, too: some terminals take them for the beginning of a command. */
		if ((unsigned char)*c == 0xc2 && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xa0)
			c[0] = c[1] = '?';
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return text;
}

const char *show_time(const char *text, char out[static SHOW_TEXT_MAX])
{
	time_local(text, out);
	return text_tame(out);
}

int terminal_width(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
