/*
 * A look at the text before libconfig parses it, at tokens only. It finds what libconfig is silent about (a
 * number that does not fit is cut to 32 bits by version 1.5, a comment without end swallows the rest of the
 * file) or reports where it no longer is (a text without its closing quote ends at the next quote, however
 * many lines below).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/report.h"

struct scan {
	struct report *report;
	const char *at;
	unsigned line;
	bool parseable;
};

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-' || c == '*' || c == '.';
}

static void scan_to(struct scan *scan, const char *end)
{
	for (; scan->at < end; scan->at++)
		scan->line += *scan->at == '\n';
}

static void scan_text(struct scan *scan)
{
	const char *end = scan->at + 1;
	while (*end && *end != '"' && *end != '\n')
		end += end[0] == '\\' && end[1] && end[1] != '\n' ? 2 : 1;
	if (*end != '"') {
		report_line(scan->report, NULL, scan->line,
		    "%.*s: is a text without end; put the closing quote (\") in the same line",
		    (int)(end - scan->at < 80 ? end - scan->at : 80), scan->at);
		scan->parseable = false;
	}
	scan_to(scan, *end == '"' ? end + 1 : end);
}

static void scan_comment(struct scan *scan)
{
	const char *end = strstr(scan->at + 2, "*/");
	if (!end) {
		report_line(scan->report, NULL, scan->line,
		    "/*: is a comment without end; close it with a star and a slash");
		scan->parseable = false;
	}
	scan_to(scan, end ? end + 2 : scan->at + strlen(scan->at));
}

static void scan_word(struct scan *scan)
{
	const char *end = scan->at;
	while (is_word(*end))
		end++;
	char *rest;
	const char *digits = scan->at + (*scan->at == '-');
	if (*digits >= '0' && *digits <= '9') {
		unsigned long long value = strtoull(digits, &rest, 0);
		if (value > INT32_MAX && (rest == end || *rest == 'L')) {
			report_line(scan->report, NULL, scan->line,
			    "%.*s: is too large a number for any key; see vipd.conf(5) for their ranges",
			    (int)(end - scan->at < 80 ? end - scan->at : 80), scan->at);
			scan->parseable = false;
		}
	}
	scan_to(scan, end);
}

bool source_scan(struct report *report)
{
	struct scan scan = {.report = report, .at = report->source, .line = 1, .parseable = true};
	while (*scan.at) {
		if (*scan.at == '"')
			scan_text(&scan);
		else if (!strncmp(scan.at, "/*", 2))
			scan_comment(&scan);
		else if (*scan.at == '#' || !strncmp(scan.at, "//", 2))
			scan_to(&scan, scan.at + strcspn(scan.at, "\n"));
		else if (is_word(*scan.at))
			scan_word(&scan);
		else
			scan_to(&scan, scan.at + 1);
	}
	return scan.parseable;
}
