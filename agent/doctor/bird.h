/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BIRD's control socket: ask, and read lines of answer. The same protocol in BIRD 1.6 (Calico) and 2.
 */
#pragma once

#include <stdbool.h>

#define BIRD_LINES_MAX 640 /* a route of each of 64 servers */
#define BIRD_LINE_MAX  200

struct bird_answer {
	int code; /* of the last line; 8000 and more are errors */
	unsigned count;
	char lines[BIRD_LINES_MAX][BIRD_LINE_MAX]; /* without their codes */
};

/* Connects to BIRD. Returns a descriptor, the caller's to close, or -errno. */
int bird_connect(const char *path);

struct doctor;

/* find_bgp.c: asks the BIRD of this node. tell: where it cannot it adds a finding, for one check of all that
 * ask. Returns whether there is an answer. */
bool bird_answers(struct doctor *doctor, const char *command, struct bird_answer *answer, bool tell);

/* Sends a command and reads its whole answer, within two seconds. Returns 0 or -errno. */
int bird_ask(int fd, const char *command, struct bird_answer *answer);
