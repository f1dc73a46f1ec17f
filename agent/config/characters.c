/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters that look like others or like nothing: what editors, mail programs and web pages put in the
 * place of blanks, quotes and hyphens. Outside of quotes the syntax knows none of them.
 */
#include <stdio.h>
#include <string.h>

#include "config/report.h"

struct odd {
	uint32_t first, last;
	const char *what, *advice;
	bool unseen; /* wrong between quotes, too */
};

static const struct odd odds[] = {
    {0x00, 0x1f, "a control character", "take it out", true},
    {0x7f, 0x9f, "a control character", "take it out", true},
    {0xa0, 0xa0, "a no-break space", "write an ordinary blank", true},
    {0xab, 0xab, "a typographic quote", "write \"", false},
    {0xad, 0xad, "a soft hyphen", "take it out", true},
    {0xbb, 0xbb, "a typographic quote", "write \"", false},
    {0x061c, 0x061c, "a mark for the direction of writing", "take it out", true},
    {0x2000, 0x200a, "a typographic space", "write an ordinary blank", true},
    {0x200b, 0x200d, "a character without width", "take it out", true},
    {0x200e, 0x200f, "a mark for the direction of writing", "take it out", true},
    {0x2010, 0x2015, "a typographic hyphen or dash", "write -", false},
    {0x2018, 0x201f, "a typographic quote", "write \"", false},
    {0x2026, 0x2026, "an ellipsis", "write what it stands for", false},
    {0x2028, 0x2029, "a separator of lines", "write an ordinary end of the line", true},
    {0x202a, 0x202e, "a mark for the direction of writing", "take it out", true},
    {0x202f, 0x202f, "a no-break space", "write an ordinary blank", true},
    {0x2039, 0x203a, "a typographic quote", "write \"", false},
    {0x205f, 0x205f, "a typographic space", "write an ordinary blank", true},
    {0x2060, 0x2064, "a character without width", "take it out", true},
    {0x2066, 0x2069, "a mark for the direction of writing", "take it out", true},
    {0x2212, 0x2212, "a minus sign that is not -", "write -", false},
    {0x3000, 0x3000, "a wide space", "write an ordinary blank", true},
    {0xfeff, 0xfeff, "a byte order mark", "take it out", true},
    {0xff01, 0xff5e, "a wide letter", "write the ordinary one", false},
};

size_t character_decode(const char *text, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	size_t size = bytes[0] < 0x80	? 1
		      : bytes[0] < 0xc0 ? 0
		      : bytes[0] < 0xe0 ? 2
		      : bytes[0] < 0xf0 ? 3
					: 4;
	uint32_t value = size < 2 ? bytes[0] : bytes[0] & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3fU);
	}
	if (!size || value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return size;
}

static const struct odd *find_odd(uint32_t code)
{
	for (size_t i = 0; i < sizeof(odds) / sizeof(odds[0]); i++)
		if (code >= odds[i].first && code <= odds[i].last)
			return &odds[i];
	return NULL;
}

bool character_unseen(uint32_t code)
{
	const struct odd *odd = find_odd(code);
	return odd && odd->unseen;
}

void character_describe(uint32_t code, const char **what, const char **advice)
{
	const struct odd *odd = find_odd(code);
	*what = odd ? odd->what : "a character that must stand in quotes";
	*advice = odd ? odd->advice : "keys and numbers have letters and digits of ASCII only";
}

int text_cut(const char *text, size_t size, size_t most)
{
	if (size <= most)
		return (int)size;
	while (most && (text[most] & 0xc0) == 0x80)
		most--;
	return (int)most;
}

size_t text_show(char *out, size_t room, const char *text)
{
	size_t used = 0;
	while (*text) {
		char shown[sizeof "\\u10ffff"];
		uint32_t code;
		size_t size = character_decode(text, &code);
		int length = !size || code < 0x80
				 ? snprintf(shown, sizeof shown, "\\x%02x", (unsigned char)*text)
				 : snprintf(shown, sizeof shown, "\\u%04x", (unsigned)code);
		bool raw = size && !character_unseen(code);
		size_t need = raw ? size : (size_t)length;
		if (used + need >= room)
			break;
		memcpy(out + used, raw ? text : shown, need);
		used += need;
		text += size ? size : 1;
	}
	out[used] = '\0';
	return used;
}
