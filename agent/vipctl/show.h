/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing: tables, colours, times and durations for people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vipd/status.h"

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_WARN, COLOUR_DIM, COLOUR_BOLD };

/* Switches colour on or off, from here to the next call. Prints nothing if `enabled` is false. */
void colour_set(FILE *out, bool enabled, enum colour colour);

#define TABLE_COLUMNS_MAX 8
#define CELL_MAX	  264

struct cell {
	char text[CELL_MAX];
	enum colour colour;
};

/* Rows of cells; the first row is the heading. A line of text may stand below each row. */
struct table {
	unsigned columns;
	size_t rows;
	struct cell *cells;	    /* rows * columns */
	int width;		    /* of the terminal; 0: no matter */
	const unsigned *expendable; /* columns to leave out if it is too narrow, `columns` behind the last */
	bool hidden[TABLE_COLUMNS_MAX]; /* those that table_print() left out */
};

/* Adds an empty row and returns its cells, NULL without memory (then the row is left out of the table). */
struct cell *table_row(struct table *table);
__attribute__((format(printf, 3, 4))) void cell_set(
    struct cell *cell, enum colour colour, const char *format, ...);
void table_print(struct table *table, bool colour, FILE *out);
/* Prints words, broken between them where a line would be longer than `width` (0: nowhere): `hang` columns of
 * the first line are taken, the others are indented by as many. The last line is not ended. */
void sentence_print(FILE *out, int width, int hang, const char *text);
/* Columns of the terminal; 0: standard output is something else. */
int terminal_width(void);
void table_free(struct table *table);

/* Replaces control characters, which could speak to the terminal, with '?'. Returns `text`. */
char *text_tame(char *text);

#define SHOW_TEXT_MAX TIME_TEXT_MAX

/* "2026-11-22 16:00:00.123", local time; `text` itself if it is not a time. */
const char *show_time(const char *text, char out[static SHOW_TEXT_MAX]);
