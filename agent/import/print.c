/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vipd.conf that has been made.
 */
#include <ctype.h>
#include <string.h>

#include "import/import.h"
#include "vipd/duration.h"

/* As many as there is room for of those below 400. */
#define EXPECT "200, 201, 202, 204, 301, 302, 307, 308"

static void print_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	fputc('"', out);
}

static void print_key(FILE *out, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(out, "    %s = ", key);
	print_text(out, text);
	fputs(";\n", out);
}

static void print_list(FILE *out, const char *key, const char *const *texts, unsigned count)
{
	if (!count)
		return;
	fprintf(out, "    %s = [ ", key);
	for (unsigned i = 0; i < count; i++) {
		fputs(i ? ", " : "", out);
		print_text(out, texts[i]);
	}
	fputs(" ];\n", out);
}

static void print_time(FILE *out, const char *key, int64_t us)
{
	char text[DURATION_TEXT_MAX];
	if (us)
		fprintf(out, "    %s = \"%s\";\n", key, duration_format(us, text));
}

static void print_number(FILE *out, const char *key, int number)
{
	if (number)
		fprintf(out, "    %s = %d;\n", key, number);
}

static void print_uses(FILE *out, const struct router *router)
{
	if (!router->use_count)
		return;
	bool weighted = false;
	for (unsigned i = 0; i < router->use_count; i++)
		weighted |= router->uses[i].weight != 0;
	fprintf(out, "    checks = %c ", weighted ? '(' : '[');
	for (unsigned i = 0; i < router->use_count; i++) {
		const struct use *use = &router->uses[i];
		fputs(i ? ", " : "", out);
		fputs(use->weight ? "{ name = " : "", out);
		print_text(out, use->check->printed_name);
		if (use->weight)
			fprintf(out, "; weight = %d; }", use->weight);
	}
	fprintf(out, " %c;\n", weighted ? ')' : ']');
}

static void print_begin(FILE *out, const struct node *origin, const char *name, bool first)
{
	const char *slash = strrchr(origin->file, '/');
	fprintf(out, "%s  { # ", first ? "" : ",\n");
	for (const char *at = slash ? slash + 1 : origin->file; *at; at++)
		fputc(isprint((unsigned char)*at) ? *at : '?', out);
	fprintf(out, ":%u\n    name = ", origin->line);
	print_text(out, name);
	fputs(";\n", out);
}

static void print_router(FILE *out, const struct router *router, bool first)
{
	print_begin(out, router->origin, router->printed_name, first);
	print_key(out, "interface", router->interface);
	print_number(out, "vrid", router->vrid);
	print_list(out, "addresses", router->addresses, router->address_count);
	print_number(out, "priority", router->priority);
	print_time(out, "advert_interval", router->interval_us);
	if (router->nopreempt)
		fputs("    preempt = false;\n", out);
	print_time(out, "preempt_delay", router->preempt_delay_us);
	print_key(out, "link_local", router->link_local);
	print_list(out, "peers", router->peers, router->peer_count);
	print_key(out, "source", router->source);
	print_uses(out, router);
	print_list(out, "track_interfaces", router->tracks, router->track_count);
	fputs("  }", out);
}

static void print_check(FILE *out, const struct check *check, bool first)
{
	static const char *const keys[CHECK_TYPES] = {[CHECK_HTTPS] = "url",
	    [CHECK_HTTP] = "url",
	    [CHECK_TCP] = "address",
	    [CHECK_FILE] = "path",
	    [CHECK_PROCESS] = "process"};
	print_begin(out, check->origin, check->printed_name, first);
	print_key(out, "type", config_check_type_name(check->type));
	if (keys[check->type])
		print_key(out, keys[check->type], check->target);
	if (check->absent)
		fputs("    exists = false;\n", out);
	if (check->expects)
		fputs("    expect = [ " EXPECT " ];\n", out);
	print_key(out, "pid_file", check->pid_file);
	print_list(out, "command", check->words, check->count);
	print_key(out, "ca", check->ca);
	print_key(out, "cert", check->cert);
	print_key(out, "key", check->key);
	print_time(out, "interval", check->interval_us);
	print_time(out, "timeout", check->timeout_us);
	print_number(out, "fall", check->fall);
	print_number(out, "rise", check->rise);
	fputs("  }", out);
}

void import_print(const struct import *import, FILE *out)
{
	fputs("# Made from a keepalived.conf by `vipctl import`. vipd.conf(5) explains every key; "
	      "docs/from-keepalived.md says "
	      "in\n# which order servers move.\n\nvirtual_routers = (\n",
	    out);
	for (unsigned i = 0; i < import->router_count; i++)
		print_router(out, &import->routers[i], i == 0);
	fputs("\n);\n", out);
	if (!import->check_count)
		return;
	fputs("\nchecks = (\n", out);
	for (unsigned i = 0; i < import->check_count; i++)
		print_check(out, &import->checks[i], i == 0);
	fputs("\n);\n", out);
}
