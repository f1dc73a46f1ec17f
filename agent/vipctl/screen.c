/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escape sequences that every terminal of the last thirty years knows.
 */
#include "vipctl/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define BEGIN "\033[?1049h\033[?25l\033[?7l\033[2J" /* another screen, no cursor, no wrapping */
#define END   "\033[0m\033[?7h\033[?25h\033[?1049l"

static struct termios before;
static bool taken;

static void put(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, text, size);
		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

static void give_back(void)
{
	if (!taken)
		return;
	taken = false;
	put(END, sizeof END - 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

bool screen_open(struct screen *screen)
{
	static bool registered;
	fflush(stdout);
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	struct termios keys = before;
	keys.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	taken = true;
	if (!registered)
		registered = atexit(give_back) == 0;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
	put(BEGIN, sizeof BEGIN - 1);
	screen_forget(screen);
	return true;
}

void screen_close(struct screen *screen)
{
	give_back();
	for (int i = 0; screen->lines && i < screen->height; i++)
		free(screen->lines[i]);
	free(screen->lines);
	screen->lines = NULL;
}

void screen_forget(struct screen *screen)
{
	struct winsize size = {.ws_col = 80, .ws_row = 24};
	for (int i = 0; screen->lines && i < screen->height; i++)
		free(screen->lines[i]);
	free(screen->lines);
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	screen->width = size.ws_col ? size.ws_col : 80;
	screen->height = size.ws_row ? size.ws_row : 24;
	screen->lines = calloc((size_t)screen->height, sizeof *screen->lines);
}

/* How many bytes the next character takes, with colours before it; *width: how many columns. */
static size_t character_length(const char *text, int *width)
{
	size_t length = 0;
	while (text[length] == '\033')
		length += strcspn(text + length, "m") + 1;
	*width = text[length] != '\0';
	length += *width;
	while (((unsigned char)text[length] & 0xc0) == 0x80)
		length++;
	return length;
}

static int columns_of(const char *line)
{
	int columns = 0, width;
	for (size_t length; (length = character_length(line, &width)); line += length)
		columns += width;
	return columns;
}

/* What is cut off ends with '~', as in tables. A colour takes no room, and a character of several bytes one
 * column. */
static void line_print(FILE *out, const char *line, int width)
{
	bool cut = columns_of(line) > width;
	int left = cut ? width - 1 : width, columns;
	for (size_t length; (length = character_length(line, &columns)) && columns <= left; line += length) {
		fprintf(out, "%.*s", (int)length, line);
		left -= columns;
	}
	if (cut)
		fputc('~', out);
}

void screen_draw(struct screen *screen, char *text)
{
	char *out = NULL, *rest = text;
	size_t size = 0;
	FILE *changes = open_memstream(&out, &size);
	for (int row = 0; changes && screen->lines && row < screen->height; row++) {
		char *line = rest ? strsep(&rest, "\n") : NULL, **shown = &screen->lines[row];
		line = line ? line : (char[]){""};
		if (*shown && strcmp(*shown, line) == 0)
			continue;
		fprintf(changes, "\033[%d;1H\033[K", row + 1);
		line_print(changes, line, screen->width);
		fputs("\033[0m", changes);
		free(*shown);
		*shown = strdup(line);
	}
	if (changes)
		fclose(changes);
	if (out)
		put(out, size);
	free(out);
}
