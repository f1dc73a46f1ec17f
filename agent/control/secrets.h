/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that the guardian has read for us: certificates and keys, as bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vipd/config.h"

struct secrets {
	const uint8_t *bytes;
	size_t size;
};

/*
 * The bytes of `secret`. Returns 0 with *bytes and *size, -ENOENT if it is not configured, or why it cannot
 * be used: the guardian's -errno, -ENODATA (an empty file), -EPROTO (it lies outside of the secrets).
 */
int secrets_find(
    const struct secrets *secrets, const struct config_secret *secret, const uint8_t **bytes, size_t *size);

/* What the -errno of secrets_find() means, for people. */
const char *secrets_error(int r);

/* Whether two secrets, each in its own bytes, are equal, errors included. */
bool secrets_equal(const struct secrets *a_secrets, const struct config_secret *a,
    const struct secrets *b_secrets, const struct config_secret *b);
