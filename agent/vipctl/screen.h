/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal as a screen of lines: what has not changed is not written again.
 */
#pragma once

#include <stdbool.h>

struct screen {
	int width, height;
	char **lines; /* what it shows; NULL: unknown */
};

/* Takes over the terminal. It is as it was after screen_close(), and at the end of the program. */
bool screen_open(struct screen *screen);
void screen_close(struct screen *screen);

/* Its size is another, or somebody else has written on it: it is drawn anew. */
void screen_forget(struct screen *screen);

/* Lines of text, with colours; what does not fit is left out. */
void screen_draw(struct screen *screen, char *text);
