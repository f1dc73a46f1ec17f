/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings: where a setting stands, what it is called and what it says, in one line for the person who has to
 * fix it.
 */
#include "config/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"
#include "vipd/shortage.h"

#define FINDING_MAX 1024 /* bytes of one line */
#define VALUE_MAX   96	 /* bytes of a value as it is quoted in one */
#define MORE_FORMAT "… and %u more\n"
#define MORE_MAX    48 /* bytes of that */

/* A finding as it is put together: what does not fit is cut off. */
struct line {
	size_t size;
	char text[FINDING_MAX];
};

static void line_addv(struct line *line, const char *format, va_list arguments)
{
	size_t room = sizeof(line->text) - line->size;
	int size = vsnprintf(line->text + line->size, room, format, arguments);
	if (size > 0)
		line->size += (size_t)size < room ? (size_t)size : room - 1;
}

__attribute__((format(printf, 2, 3))) static void line_add(struct line *line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	line_addv(line, format, arguments);
	va_end(arguments);
}

unsigned report_place(const struct report *report, unsigned line, const char **file)
{
	const struct segment *found = NULL;
	for (unsigned i = 0; i < report->segment_count && report->segments[i].first <= line; i++)
		found = &report->segments[i];
	*file = found && strcmp(found->file, report->path) ? found->file : NULL;
	return found ? found->line + line - found->first : line;
}

static void line_add_place(struct line *line, const struct report *report, unsigned number)
{
	const char *file;
	unsigned place = report_place(report, number, &file);
	line_add(line, "%s:", file ? file : report->path);
	if (number)
		line_add(line, "%u:", place);
	line_add(line, " ");
}

/* "virtual_routers[0].priority" */
static void line_add_key(struct line *line, const config_setting_t *setting)
{
	const config_setting_t *parent = config_setting_parent(setting);
	if (!parent)
		return;
	line_add_key(line, parent);
	if (config_setting_name(setting))
		line_add(
		    line, "%s%s", config_setting_is_root(parent) ? "" : ".", config_setting_name(setting));
	else
		line_add(line, "[%d]", config_setting_index(setting));
}

static void line_add_quoted(struct line *line, const char *text)
{
	line_add(line, "\"");
	for (size_t i = 0; text[i]; i++) {
		if (i >= VALUE_MAX && ((unsigned char)text[i] & 0xc0) != 0x80) {
			line_add(line, "…");
			break;
		}
		line_add(line, "%s%c", text[i] == '"' || text[i] == '\\' ? "\\" : "", text[i]);
	}
	line_add(line, "\"");
}

/* "100.0", not "100": that it has a point is what is wrong. */
static void line_add_float(struct line *line, double value)
{
	char text[32];
	snprintf(text, sizeof(text), "%.15g", value);
	line_add(line, "%s%s", text, text[strspn(text, "-0123456789")] ? "" : ".0");
}

static void line_add_value(struct line *line, const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP: line_add(line, "{ … }"); break;
	case CONFIG_TYPE_LIST: line_add(line, config_setting_length(setting) ? "( … )" : "( )"); break;
	case CONFIG_TYPE_ARRAY: line_add(line, config_setting_length(setting) ? "[ … ]" : "[ ]"); break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64: line_add(line, "%lld", config_setting_get_int64(setting)); break;
	case CONFIG_TYPE_FLOAT: line_add_float(line, config_setting_get_float(setting)); break;
	case CONFIG_TYPE_BOOL:
		line_add(line, "%s", config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_STRING: line_add_quoted(line, config_setting_get_string(setting)); break;
	}
}

static bool line_of_source_has(const char *source, unsigned number, const char *text)
{
	for (; number > 1 && source; number--) {
		source = strchr(source, '\n');
		source = source ? source + 1 : NULL;
	}
	return source && memmem(source, strcspn(source, "\n"), text, strlen(text));
}

/*
 * libconfig gives a text in an array the line of the token behind it, which for the last one of an array with
 * one element a line is the line of the bracket: look for the text itself in the lines before.
 */
static unsigned setting_line(const struct report *report, const config_setting_t *setting)
{
	unsigned line = config_setting_source_line(setting);
	if (config_setting_name(setting) || config_setting_type(setting) != CONFIG_TYPE_STRING)
		return line;
	unsigned first = config_setting_source_line(config_setting_parent(setting));
	for (unsigned at = line; at >= first && at > 0; at--)
		if (line_of_source_has(report->source, at, config_setting_get_string(setting)))
			return at;
	return line;
}

/* It shows nothing that could end the line or move a terminal's cursor, or that nobody sees. */
static void report_add(struct report *report, unsigned number, const struct line *line)
{
	char shown[FINDING_MAX];
	unsigned order = report->count++;
	if (report->kept != order)
		return; /* one before did not fit in memory: the order would be wrong */
	struct finding *findings = reallocarray(report->findings, order + 1, sizeof(*findings));
	if (!findings)
		return;
	report->findings = findings;
	text_show(shown, sizeof(shown), line->text);
	char *text = strdup(shown);
	if (!text)
		return;
	findings[order] = (struct finding){.line = number, .order = order, .text = text};
	report->kept++;
}

void report_line(struct report *report, unsigned number, const char *format, ...)
{
	struct line line = {0};
	va_list arguments;
	line_add_place(&line, report, number);
	va_start(arguments, format);
	line_addv(&line, format, arguments);
	va_end(arguments);
	report_add(report, number, &line);
}

static void report_settingv(
    struct report *report, const config_setting_t *setting, const char *format, va_list arguments)
{
	struct line line = {0};
	unsigned number = setting_line(report, setting);
	line_add_place(&line, report, number);
	line_add_key(&line, setting);
	line_add(&line, " = ");
	line_add_value(&line, setting);
	line_add(&line, ": ");
	line_addv(&line, format, arguments);
	report_add(report, number, &line);
}

void report_setting(struct report *report, const config_setting_t *setting, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report_settingv(report, setting, format, arguments);
	va_end(arguments);
}

static void report_absentv(struct report *report, const config_setting_t *group, const char *key,
    const char *format, va_list arguments)
{
	struct line line = {0};
	/* The file as a whole begins in line 1. */
	unsigned number = config_setting_is_root(group) ? 1 : config_setting_source_line(group);
	line_add_place(&line, report, number);
	line_add_key(&line, group);
	line_add(&line, "%s%s: ", config_setting_is_root(group) ? "" : ".", key);
	line_addv(&line, format, arguments);
	report_add(report, number, &line);
}

void report_absent(
    struct report *report, const config_setting_t *group, const char *key, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report_absentv(report, group, key, format, arguments);
	va_end(arguments);
}

/* The innermost setting with this hook: the first field of a group has the same address as the group. */
static const config_setting_t *setting_of(const config_setting_t *setting, const void *field)
{
	if (config_setting_is_aggregate(setting)) {
		for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
			const config_setting_t *found =
			    setting_of(config_setting_get_elem(setting, i), field);
			if (found)
				return found;
		}
	}
	return config_setting_get_hook(setting) == field ? setting : NULL;
}

void report_field(
    struct report *report, const void *field, const void *group, const char *key, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const config_setting_t *found = setting_of(report->root, field);
	if (found && found != report->root && !config_setting_is_group(found)) {
		report_settingv(report, found, format, arguments);
	} else {
		/* The group itself, or the setting of its first field. */
		found = setting_of(report->root, group);
		while (found && !config_setting_is_group(found))
			found = config_setting_parent(found);
		report_absentv(report, found ? found : report->root, key, format, arguments);
	}
	va_end(arguments);
}

static int finding_compare(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void report_errno(struct report *report, int error)
{
	if (is_shortage(-error))
		report->shortage = -error;
}

void report_clear(struct report *report)
{
	for (unsigned i = 0; i < report->kept; i++)
		free(report->findings[i].text);
	free(report->findings);
	report->findings = NULL;
	report->count = report->kept = 0;
}

void report_free(struct report *report)
{
	for (unsigned i = 0; i < report->segment_count; i++)
		free(report->segments[i].file);
	free(report->segments);
	free(report->source);
	report_clear(report);
}

int report_finish(struct report *report, struct config_errors *errors)
{
	if (report->kept)
		qsort(report->findings, report->kept, sizeof(*report->findings), finding_compare);
	memset(errors, 0, sizeof(*errors));
	errors->count = report->count;

	size_t used = 0;
	unsigned written = 0;
	for (; written < report->kept; written++) {
		const char *text = report->findings[written].text;
		size_t size = strlen(text) + 1;
		bool last = written + 1 == report->count;
		if (used + size + (last ? 0 : MORE_MAX) >= sizeof(errors->text))
			break;
		used += (size_t)snprintf(errors->text + used, sizeof(errors->text) - used, "%s\n", text);
	}
	if (written < report->count)
		snprintf(
		    errors->text + used, sizeof(errors->text) - used, MORE_FORMAT, report->count - written);

	report_free(report);
	return !errors->count ? 0 : report->shortage ? report->shortage : -EINVAL;
}

static unsigned count_lines(const char *text)
{
	unsigned count = 0;
	for (; *text; text++)
		count += *text == '\n';
	return count;
}

void config_errors_shorten(const char *text, char *out, size_t room)
{
	size_t used = 0, size;
	*out = '\0';
	for (; *text; text += size, used += size) {
		size = strcspn(text, "\n");
		size += text[size] == '\n';
		if (used + size + (text[size] ? MORE_MAX : 1) > room)
			break;
		memcpy(out + used, text, size);
		out[used + size] = '\0';
	}
	if (*text)
		snprintf(out + used, room - used, MORE_FORMAT, count_lines(text));
}

/* What does not fit is counted in the last line, which is always left room for. */
void config_errors_add(struct config_errors *errors, const char *format, ...)
{
	size_t used = strlen(errors->text), room = sizeof errors->text - MORE_MAX;
	va_list arguments;
	va_start(arguments, format);
	int size = errors->left_out || used >= room
		       ? -1
		       : vsnprintf(errors->text + used, room - used, format, arguments);
	va_end(arguments);
	errors->count++;
	if (size >= 0 && used + (size_t)size < room)
		return;
	errors->text[used] = '\0';
	if (errors->left_out++) /* it stands there already, and counts one less */
		used -= (size_t)snprintf(NULL, 0, MORE_FORMAT, errors->left_out - 1);
	snprintf(errors->text + used, sizeof errors->text - used, MORE_FORMAT, errors->left_out);
}
