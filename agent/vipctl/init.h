/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside `vipctl init`: what will be written.
 */
#pragma once

#include <stddef.h>

#include "vipd/survey.h"

#define INIT_KEY_PATH "/etc/vipd/keys/%u"

struct plan {
	const char *output;
	bool asks; /* somebody is there to answer */
	char interface[IF_NAMESIZE];
	struct address address;
	bool address_given;
	unsigned vrid, priority;
	struct survey_group group; /* that it joins; vrid 0: none */
	struct survey survey;
	const char *distribution; /* NULL: no Kubernetes is here */
};

/* Fills in the distribution, and makes the text of the file in `text`. Returns NULL, or what vipd would say
 * to it. */
const char *init_write(struct plan *plan, char *text, size_t room);
