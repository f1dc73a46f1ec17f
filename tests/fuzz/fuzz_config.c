/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_read_text() with any text. What is accepted is printed, and what was printed must be the same
 * configuration; what is refused must say why.
 *
 * Texts with @include are left out: libconfig would open the files that they name.
 */
#include <stdlib.h>
#include <string.h>

#include "config/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *__lsan_default_suppressions(void);

/* libconfig loses the text that it is reading when the syntax is wrong behind it. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static struct config config, again;
static struct config_errors errors;

/* When and where it was read is another matter than what was read. */
static void forget_place(struct config *read)
{
	read->loaded_us = 0;
	read->digest = 0;
	for (unsigned i = 0; i < read->router_count; i++)
		for (unsigned k = 0; k < read->routers[i].key_count; k++)
			read->routers[i].keys[k].line = 0;
}

static void round_trip(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		abort();
	config_print(&config, out);
	fclose(out);
	errors = (struct config_errors){0};
	if (config_read_text("/none/vipd.conf", text, size, &again, &errors) != 0) {
		fprintf(stderr, "%s\n%s\n", text, errors.text);
		abort();
	}
	forget_place(&config);
	forget_place(&again);
	if (memcmp(&config, &again, sizeof config) != 0) {
		fprintf(stderr, "%s\n", text);
		abort();
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* There are no files in that folder; others are left alone. */
	if (memmem(data, size, "@include", strlen("@include")) && memchr(data, '/', size))
		return 0;
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	errors = (struct config_errors){0};
	int result = config_read_text("/none/vipd.conf", text, size, &config, &errors);
	if ((result != 0) != (errors.text[0] != '\0'))
		abort();
	if (!result) {
		config_warn(&config, &errors);
		if ((errors.count != 0) != (errors.text[0] != '\0'))
			abort();
		round_trip();
	}
	free(text);
	return 0;
}
