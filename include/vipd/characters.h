/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters that look like others or like nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* which Windows puts before a text */

/* Of UTF-8: its size in bytes, 0 if the bytes are none. */
size_t character_decode(const char *text, uint32_t *code);
/* Whether it shows nothing, or something that looks like an ordinary blank. */
bool character_unseen(uint32_t code);
/* What it is, for somebody who has it outside of quotes, and what to do about it. */
void character_describe(uint32_t code, const char **what, const char **advice);
