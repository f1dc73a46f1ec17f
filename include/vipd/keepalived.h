/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keepalived.conf(5) has and vipd.conf has not.
 */
#pragma once

#include <stdbool.h>

/* What stands in vipd.conf for a word of keepalived, or why nothing does; NULL: it is not one. */
const char *keepalived_advice(const char *word);

/* Whether it begins a block that stands in no other one. */
bool keepalived_is_block(const char *word);

/* The first line of a text that only a keepalived.conf can have; 0: there is none. */
unsigned keepalived_line(const char *text);
