/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks with a line of how long each took in the last three minutes. The agent keeps the last time only.
 */
#include "vipctl/watch.h"

#define PER_COLUMN  3 /* seconds; of which the longest is shown */
#define COLUMNS_MAX (SAMPLES_MAX / PER_COLUMN)
#define LABEL_WIDTH 44
#define LEVELS	    8

static struct latency *latency_of(struct watch *watch, const char *name)
{
	for (unsigned i = 0; i < watch->latency_count; i++)
		if (strcmp(watch->latencies[i].name, name) == 0)
			return &watch->latencies[i];
	if (watch->latency_count == LATENCIES_MAX)
		return NULL;
	struct latency *latency = &watch->latencies[watch->latency_count++];
	snprintf(latency->name, sizeof latency->name, "%s", name);
	return latency;
}

void latencies_take(struct watch *watch, const json_t *checks)
{
	size_t i;
	json_t *check;
	json_array_foreach(checks, i, check)
	{
		struct latency *latency = latency_of(watch, member_text(check, "name"));
		bool failed = strcmp(member_text(check, "state"), "failing") == 0;
		if (latency)
			latency->ms[latency->count++ % SAMPLES_MAX] =
			    failed ? LATENCY_FAILED : json_number_value(json_object_get(check, "last_ms"));
	}
}

/* The worst of the samples from `back` seconds ago on; a failure is the worst there is. */
static double column_ms(const struct latency *latency, unsigned back)
{
	double worst = 0;
	for (unsigned i = 0; i < PER_COLUMN && i < back; i++) {
		double ms = latency->ms[(latency->count - back + i) % SAMPLES_MAX];
		if (ms == LATENCY_FAILED)
			return LATENCY_FAILED;
		worst = ms > worst ? ms : worst;
	}
	return worst;
}

static void line_print(const struct watch *watch, struct page *page, const struct latency *latency)
{
	static const char *const plain[LEVELS] = {"_", ".", "-", "=", "+", "*", "%", "#"};
	static const char *const blocks[LEVELS] = {
	    "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
	unsigned have = latency->count < SAMPLES_MAX ? latency->count : SAMPLES_MAX,
		 columns = (have + PER_COLUMN - 1) / PER_COLUMN,
		 room = page->width > LABEL_WIDTH + 10 ? (unsigned)(page->width - LABEL_WIDTH) : 10;
	double most = 1;
	columns = columns < room ? columns : room;
	for (unsigned i = columns; i > 0; i--) {
		double ms = column_ms(latency, i * PER_COLUMN < have ? i * PER_COLUMN : have);
		most = ms > most ? ms : most;
	}
	for (unsigned i = columns; i > 0; i--) {
		double ms = column_ms(latency, i * PER_COLUMN < have ? i * PER_COLUMN : have);
		bool failed = ms == LATENCY_FAILED;
		int level = failed ? 0 : (int)(ms / most * (LEVELS - 1));
		colour_set(page->out, page->colour && failed, COLOUR_BAD);
		fputs(failed ? "!" : (watch->is_utf8 ? blocks : plain)[level], page->out);
		colour_set(page->out, page->colour && failed, COLOUR_NONE);
	}
}

void latencies_print(const struct watch *watch, struct page *page, const json_t *checks)
{
	size_t i;
	json_t *check;
	json_array_foreach(checks, i, check)
	{
		char name[CELL_MAX], took[32];
		const char *state = is_recovering(check) ? "recovering" : member_text(check, "state");
		const json_t *last = json_object_get(check, "last_ms");
		bool good = strcmp(state, "passing") == 0;
		snprintf(name, sizeof name, "%s", member_text(check, "name"));
		snprintf(took, sizeof took, "%.1fms", json_number_value(last));
		fprintf(page->out, "%-20.20s  ", text_tame(name));
		colour_set(page->out, page->colour, good ? COLOUR_GOOD : COLOUR_BAD);
		fprintf(page->out, "%-10.10s", state);
		colour_set(page->out, page->colour, COLOUR_NONE);
		fprintf(page->out, "  %7s  ", json_is_number(last) ? took : "-");
		for (unsigned k = 0; k < watch->latency_count; k++)
			if (strcmp(watch->latencies[k].name, member_text(check, "name")) == 0)
				line_print(watch, page, &watch->latencies[k]);
		fputc('\n', page->out);
	}
}
