/*
 * Secret files: opened here, as root, and handed on as sealed memfds. The children open no file at all.
 *
 * The engine gets the keys of its adverts, control gets the certificates of its checks; neither gets the
 * other's. A file that cannot be read is no reason to stop: k3s may not have written its certificates yet.
 * The check that needs it fails with the reason, and the guardian tries again when the file changes.
 */
#include "guardian/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vipd/auth.h"

#define SECRET_MAX (256 * 1024)

typedef int secret_visitor(struct config_secret *secret, void *context);

static int visit_secrets(struct config *config, bool of_engine, secret_visitor *visit, void *context)
{
	int result = 0;
	if (of_engine) {
		for (unsigned r = 0; r < config->router_count; r++)
			for (unsigned k = 0; k < config->routers[r].key_count && !result; k++)
				result = visit(&config->routers[r].keys[k].file, context);
		return result;
	}
	for (unsigned i = 0; i < config->check_count && !result; i++) {
		struct config_secret *of_check[] = {
		    &config->checks[i].ca, &config->checks[i].cert, &config->checks[i].key};
		for (unsigned s = 0; s < 3 && !result; s++)
			result = visit(of_check[s], context);
	}
	return result;
}

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
	struct heap grown = {malloc(size + 1), size}; /* one more: an empty file is no failure */
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
			return -EIO; /* it is being written: there will be another change */
		done += (size_t)n;
	}
	return 0;
}

/* Opens and looks; the file that was looked at is the one that is read. */
static int open_file(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int result = fstat(fd, st) < 0		? -errno
		     : !S_ISREG(st->st_mode)	? -EINVAL
		     : st->st_size > SECRET_MAX ? -EFBIG
						: 0;
	if (!result)
		return fd;
	close(fd);
	return result;
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

static int read_secret(struct config_secret *secret, void *context)
{
	struct heap *heap = context;
	size_t before = heap->size;
	secret->offset = secret->size = 0;
	secret->error = 0;
	if (!secret->path[0])
		return 0;
	struct stat st;
	int fd = open_file(secret->path, &st);
	int result = fd < 0 ? fd : append_file(heap, fd, (size_t)st.st_size);
	if (fd >= 0)
		close(fd);
	if (result) {
		secret->error = -result;
		return result == -ENOMEM ? result : 0;
	}
	secret->offset = (uint32_t)before;
	secret->size = (uint32_t)(heap->size - before);
	return 0;
}

int secrets_read(enum child_kind kind, struct config *config)
{
	struct heap heap = {0};
	int result = visit_secrets(config, kind == CHILD_ENGINE, read_secret, &heap);
	if (!result)
		result = sealed_memfd("vipd-secrets", heap.bytes, heap.size);
	heap_wipe(&heap);
	return result;
}

/* ---- keys of adverts ---- */

__attribute__((format(printf, 2, 3))) static void complain(
    struct config_errors *errors, const char *format, ...)
{
	size_t length = strlen(errors->text);
	va_list args;
	va_start(args, format);
	vsnprintf(errors->text + length, sizeof errors->text - length, format, args);
	va_end(args);
	errors->count++;
}

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
	case EINVAL: return "is not a regular file";
	default: return strerrordesc_np(error);
	}
}

static const char *content_trouble(uint8_t id, int fd, size_t size)
{
	struct heap heap = {0};
	struct auth_key parsed;
	int result = append_file(&heap, fd, size);
	if (result)
		return strerrordesc_np(-result);
	enum auth_key_error error = auth_key_parse(id, (const uint8_t *)heap.bytes, heap.size, &parsed);
	heap_wipe(&heap);
	auth_key_wipe(&parsed);
	return error == AUTH_KEY_OK ? NULL : auth_key_error_text(error);
}

static const char *key_trouble(const struct config_key *key)
{
	struct stat st = {0};
	int fd = open_file(key->file.path, &st);
	if (fd < 0)
		return opening_trouble(-fd);
	const char *trouble = privacy_trouble(&st);
	if (!trouble)
		trouble = content_trouble(key->id, fd, (size_t)st.st_size);
	close(fd);
	return trouble;
}

int secrets_check_keys(const struct config *config, struct config_errors *errors)
{
	int result = 0;
	for (unsigned r = 0; r < config->router_count; r++)
		for (unsigned k = 0; k < config->routers[r].key_count; k++) {
			const struct config_key *key = &config->routers[r].keys[k];
			const char *trouble = key_trouble(key);
			if (!trouble)
				continue;
			complain(errors, "%s:%u: virtual router %s, auth key %u, file = \"%s\": %s\n",
			    config->path, key->line, config->routers[r].name, key->id, key->file.path,
			    trouble);
			result = -EINVAL;
		}
	return result;
}

/* ---- change ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x100000001b3); /* FNV-1a */
}

static int add_fingerprint(struct config_secret *secret, void *context)
{
	uint64_t *hash = context;
	struct stat st = {0};
	if (secret->path[0] && stat(secret->path, &st) == 0)
		*hash =
		    mix(mix(mix(mix(*hash, st.st_ino), (uint64_t)st.st_size), (uint64_t)st.st_mtim.tv_sec),
			(uint64_t)st.st_mtim.tv_nsec);
	*hash = mix(*hash, 1);
	return 0;
}

uint64_t secrets_fingerprint(const struct config *config)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	visit_secrets((struct config *)config, true, add_fingerprint, &hash);
	visit_secrets((struct config *)config, false, add_fingerprint, &hash);
	return hash;
}
