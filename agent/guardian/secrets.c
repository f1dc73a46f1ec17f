/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret files: read here, in the reader, and handed on as sealed memfds. Engine and control open no file at
 * all.
 *
 * The engine gets the keys of its adverts, control gets the certificates of its checks, and keys of hellos
 * that are made from those of adverts; neither gets the other's. A key that is not good is an error of the
 * configuration. A certificate that cannot be read is not: k3s may not have written it yet. The check that
 * needs it fails with the reason, and it is read when it changes. For want of memory or descriptors nothing
 * is read, and all of it again.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vipd/auth.h"
#include "vipd/file.h"
#include "vipd/shortage.h"

struct heap {
	char *bytes;
	size_t size;
};

static void heap_wipe(struct heap *heap)
{
	if (heap->bytes)
		explicit_bzero(heap->bytes, heap->size);
	free(heap->bytes);
	*heap = (struct heap){0};
}

/* Not realloc(): that would leave a copy of the secrets behind. */
static int heap_grow(struct heap *heap, size_t size)
{
	struct heap grown = {malloc(size + 1), size}; /* one more: a file may be empty */
	if (!grown.bytes)
		return -ENOMEM;
	memset(grown.bytes, 0, size + 1);
	if (heap->size)
		memcpy(grown.bytes, heap->bytes, heap->size);
	heap_wipe(heap);
	*heap = grown;
	return 0;
}

static int read_whole(int fd, char *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, bytes + done, size - done);
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it is being written, and will change again */
		done += (size_t)n;
	}
	return 0;
}

/* Opens and looks; the file that was looked at is the one that is read. */
static int open_file(const char *path, struct stat *st)
{
	int fd = file_open_regular(path, st);
	if (fd < 0 || st->st_size <= CONFIG_SECRET_MAX)
		return fd;
	close(fd);
	return -EFBIG;
}

/* Appends a whole file; on failure the heap holds what it held before, and is as long. */
static int append_file(struct heap *heap, int fd, size_t size)
{
	size_t before = heap->size;
	int result = heap_grow(heap, before + size);
	if (!result && (result = read_whole(fd, heap->bytes + before, size))) {
		explicit_bzero(heap->bytes + before, size);
		heap->size = before;
	}
	return result;
}

static void note_place(struct config_secret *secret, size_t begin, size_t end)
{
	secret->offset = (uint32_t)begin;
	secret->size = (uint32_t)(end - begin);
	secret->error = 0;
}

/* ---- keys of adverts ---- */

static const char *privacy_trouble(const struct stat *st)
{
	if (st->st_uid != 0)
		return "does not belong to root; run chown root on it";
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return "can be read or written by others than root; run chmod 600 on it";
	return NULL;
}

static const char *opening_trouble(int error)
{
	switch (error) {
	case ENOENT:
		return "does not exist; copy it from another server, or for a new group make it: "
		       "(umask 077; echo hex:$(openssl rand -hex 32) >FILE)";
	case EISDIR:
	case EINVAL: return "is not a regular file";
	default: return strerrordesc_np(error);
	}
}

/* Control signs hellos with it, and never learns the key of adverts. */
static int append_hello_key(
    struct config_key *key, const struct auth_key *advert_key, struct heap *hello_keys)
{
	size_t at = hello_keys->size;
	int result = heap_grow(hello_keys, at + AUTH_DERIVED_SIZE);
	if (result)
		return result;
	auth_key_derive(advert_key, AUTH_LABEL_HELLO, (uint8_t *)hello_keys->bytes + at);
	key->hello_offset = (uint32_t)at;
	return 0;
}

/* Appends the file if it holds a key. What is checked is what is read: it may be replaced at any time. */
static int append_key(struct config_key *key, int fd, size_t size, struct heap *heap, struct heap *hello_keys,
    const char **trouble)
{
	size_t before = heap->size;
	struct auth_key parsed;
	int result = append_file(heap, fd, size);
	*trouble = strerrordesc_np(-result);
	if (result)
		return result;
	enum auth_key_error error =
	    auth_key_parse(key->id, (const uint8_t *)heap->bytes + before, heap->size - before, &parsed);
	note_place(&key->file, before, heap->size);
	*trouble = auth_key_error_text(error);
	if (error != AUTH_KEY_OK)
		return -EINVAL;
	result = append_hello_key(key, &parsed, hello_keys);
	auth_key_wipe(&parsed);
	*trouble = strerrordesc_np(-result);
	return result;
}

/* Returns 0, or -errno with *trouble. */
static int read_key(struct config_key *key, struct heap *heap, struct heap *hello_keys, const char **trouble)
{
	struct stat st = {0};
	int fd = open_file(key->file.path, &st);
	*trouble = fd < 0 ? opening_trouble(-fd) : privacy_trouble(&st);
	if (fd < 0)
		return fd;
	int result = *trouble ? -EPERM : append_key(key, fd, (size_t)st.st_size, heap, hello_keys, trouble);
	close(fd);
	return result;
}

static int read_keys(
    struct config *config, struct heap *heap, struct heap *hello_keys, struct config_errors *errors)
{
	int result = 0;
	for (unsigned r = 0; r < config->router_count; r++)
		for (unsigned k = 0; k < config->routers[r].key_count; k++) {
			struct config_key *key = &config->routers[r].keys[k];
			const char *trouble;
			int error = read_key(key, heap, hello_keys, &trouble);
			if (!error)
				continue;
			char line[16] = "";
			if (key->line)
				snprintf(line, sizeof line, "%u:", key->line);
			config_errors_add(errors, "%s:%s virtual router %s, auth key %u, file = \"%s\": %s\n",
			    config->path, line, config->routers[r].name, key->id, key->file.path, trouble);
			if (!is_shortage(error))
				result = -EINVAL;
			else if (!result)
				result = error;
		}
	return result;
}

int secrets_read_keys(struct config *config, int fd, int control_fd, struct config_errors *errors)
{
	struct heap heap = {0}, hello_keys = {0};
	int result = read_keys(config, &heap, &hello_keys, errors);
	if (!result && fd >= 0)
		result = memfd_fill(fd, heap.bytes, heap.size);
	if (!result && control_fd >= 0)
		result = memfd_fill(control_fd, hello_keys.bytes, hello_keys.size);
	heap_wipe(&heap);
	heap_wipe(&hello_keys);
	return result;
}

/* ---- what control shows to others: certificates, tokens, keys ---- */

static bool is_certificate(const struct config_path *named)
{
	return named->secret && named->use != PATH_ADVERT_KEY;
}

struct certificates {
	struct heap heap;
	int shortage; /* -errno, for want of which one of them could not be read */
};

static void read_certificate(const struct config_path *named, void *context)
{
	struct certificates *certificates = context;
	struct heap *heap = &certificates->heap;
	struct config_secret *secret = named->secret;
	if (!is_certificate(named))
		return;
	size_t before = heap->size;
	struct stat st = {0};
	secret->offset = secret->size = 0;
	secret->error = 0;
	int fd = open_file(secret->path, &st);
	int result = fd < 0 ? fd : append_file(heap, fd, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (is_shortage(result))
		certificates->shortage = result;
	if (result)
		secret->error = -result;
	else
		note_place(secret, before, heap->size);
}

static void expect_certificate(const struct config_path *named, void *context)
{
	(void)context;
	if (is_certificate(named))
		named->secret->error = ETIMEDOUT;
}

void secrets_expect(struct config *config)
{
	config_paths(config, expect_certificate, NULL);
}

int secrets_read_certificates(struct config *config, int fd)
{
	struct certificates certificates = {0};
	struct heap *heap = &certificates.heap;
	struct stat st = {0};
	int result = fd >= 0 && fstat(fd, &st) < 0 ? -errno : heap_grow(heap, (size_t)st.st_size);
	if (!result && fd >= 0)
		result = read_whole(fd, heap->bytes, heap->size); /* the keys of hellos */
	if (!result)
		config_paths(config, read_certificate, &certificates);
	if (!result && fd >= 0)
		result = memfd_fill(fd, heap->bytes, heap->size);
	heap_wipe(heap);
	return result ? result : certificates.shortage;
}

/* ---- change ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static void add_fingerprint(const struct config_path *named, void *context)
{
	uint64_t *hash = context;
	struct stat st = {0};
	if (!named->secret)
		return;
	if (stat(named->path, &st) == 0)
		*hash =
		    mix(mix(mix(mix(*hash, st.st_ino), (uint64_t)st.st_size), (uint64_t)st.st_mtim.tv_sec),
			(uint64_t)st.st_mtim.tv_nsec);
	*hash = mix(*hash, 1);
}

uint64_t secrets_fingerprint(struct config *config)
{
	const uint64_t none = UINT64_C(0xcbf29ce484222325);
	uint64_t hash = none;
	config_paths(config, add_fingerprint, &hash);
	for (unsigned i = 0; i < config->check_count; i++) /* what is not found yet is looked for, too */
		if (config->checks[i].type == CHECK_KUBERNETES)
			hash = mix(hash, config->checks[i].port);
	return hash == none ? 0 : hash;
}
