/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations with a unit, from text and to text, in whole microseconds: no floating point, so what is read is
 * exact.
 */
#include "vipd/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX_US INT64_C(86400000000) /* 24 h */

/* From the largest down, as duration_format() tries them. */
static const struct {
	const char *name;
	int64_t us;
} units[] = {
    {"h", INT64_C(3600000000)},
    {"m", INT64_C(60000000)},
    {"s", 1000000},
    {"ms", 1000},
    {"us", 1},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

static size_t count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* The number in `digits`, or more than a day has microseconds if it is larger than that. */
static int64_t parse_whole(const char *digits, size_t count)
{
	int64_t value = 0;
	for (size_t i = 0; i < count && value <= DURATION_MAX_US; i++)
		value = value * 10 + (digits[i] - '0');
	return value;
}

/*
 * The fraction 0.`digits` of a unit. Working from the last digit to the first, every intermediate result is
 * whole if the end result is, and none is larger than the unit. Returns false if it does not come out whole.
 */
static bool parse_fraction(const char *digits, size_t count, int64_t unit_us, int64_t *us)
{
	int64_t value = 0;
	while (count-- > 0) {
		value += (digits[count] - '0') * unit_us;
		if (value % 10)
			return false;
		value /= 10;
	}
	*us = value;
	return true;
}

int duration_parse(const char *text, int64_t *us)
{
	const char *whole = text, *fraction = "";
	size_t whole_digits = count_digits(whole), fraction_digits = 0;
	const char *unit = whole + whole_digits;

	if (*unit == '.') {
		fraction = unit + 1;
		fraction_digits = count_digits(fraction);
		if (!fraction_digits)
			return -EINVAL;
		unit = fraction + fraction_digits;
	}
	if (!whole_digits)
		return -EINVAL;

	for (size_t i = 0; i < UNITS; i++) {
		if (strcmp(unit, units[i].name))
			continue;
		int64_t part;
		if (!parse_fraction(fraction, fraction_digits, units[i].us, &part))
			return -EINVAL;
		int64_t number = parse_whole(whole, whole_digits);
		if (number > DURATION_MAX_US / units[i].us)
			return -ERANGE;
		int64_t total = number * units[i].us + part;
		if (total > DURATION_MAX_US)
			return -ERANGE;
		*us = total;
		return 0;
	}
	return -EINVAL;
}

const char *duration_format(int64_t us, char out[static DURATION_TEXT_MAX])
{
	if (!us)
		return strcpy(out, "0s");
	size_t i = 0;
	while (us % units[i].us)
		i++;
	snprintf(out, DURATION_TEXT_MAX, "%" PRId64 "%s", us / units[i].us, units[i].name);
	return out;
}
