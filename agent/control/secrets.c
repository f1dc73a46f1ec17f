/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a secret in the memory that came with the configuration.
 */
#include "control/secrets.h"

#include <errno.h>
#include <string.h>

int secrets_find(
    const struct secrets *secrets, const struct config_secret *secret, const uint8_t **bytes, size_t *size)
{
	if (!secret->path[0])
		return -ENOENT;
	if (secret->error)
		return -secret->error;
	if (!secret->size)
		return -ENODATA;
	if (secret->offset > secrets->size || secret->size > secrets->size - secret->offset)
		return -EPROTO;
	*bytes = secrets->bytes + secret->offset;
	*size = secret->size;
	return 0;
}

const char *secrets_error(int r)
{
	return r == -ENODATA ? "the file is empty" : strerrordesc_np(-r);
}

bool secrets_equal(const struct secrets *a_secrets, const struct config_secret *a,
    const struct secrets *b_secrets, const struct config_secret *b)
{
	const uint8_t *a_bytes = NULL, *b_bytes = NULL;
	size_t a_size = 0, b_size = 0;
	int a_result = secrets_find(a_secrets, a, &a_bytes, &a_size);
	int b_result = secrets_find(b_secrets, b, &b_bytes, &b_size);
	if (a_result != b_result || a_size != b_size || strcmp(a->path, b->path))
		return false;
	return !a_size || !memcmp(a_bytes, b_bytes, a_size);
}
