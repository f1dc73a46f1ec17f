/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTML from a template and JSON. In the template
 *
 *	{{name}}		is the value: text, a number, true or false; nothing if there is none
 *	{{#name}}...{{/name}}	is for each element of an array, or once if it is an object or true
 *	{{>name}}		is another text: a part of the template, or one that is taken as it is
 *
 * Names are looked up in the innermost object first, then in those around it. Every value is escaped, there
 *is no way to write one that is not, and templates have values only as text and in quoted attributes.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct fill_text {
	const char *name;
	const char *text;
	bool is_template;
};

/* The template and the texts (the last has no name) are ours and well formed: see tests/unit/test_page.c. */
void fill(FILE *out, const char *template, const struct fill_text *texts, const json_t *values);
