/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drains outlive this process: beside the socket, in a directory that is gone after a reboot. What the board
 * says of them is written there when it changes; at a start it goes onto the board, as if the engine before
 * had left it. A file of another boot is of no interest: its times mean nothing now, and nobody who reboots a
 * drained server wants to find it drained.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardian/guardian.h"
#include "vipd/log.h"
#include "vipd/shortage.h"

#define NAME	      "drains"
#define LINE_MAX_SIZE 128
#define BOOT_ID_MAX   64

/* The file, as it is now, or should be. */
static char saved[BOOT_ID_MAX + BOARD_ROUTERS_MAX * LINE_MAX_SIZE];

/* "unknown", if the kernel does not say. Returns 0, or the error of a shortage. */
static int boot_id(char out[static BOOT_ID_MAX])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	int result = file || !is_shortage(-errno) ? 0 : -errno;
	if (!file || !fgets(out, BOOT_ID_MAX, file))
		snprintf(out, BOOT_ID_MAX, "unknown\n");
	if (file)
		fclose(file);
	return result;
}

/* ---- to the file ---- */

static void drains_print(const struct board *board, char *out, size_t size)
{
	struct board_router router;
	size_t length = 0;
	out[0] = '\0';
	for (unsigned i = 0; board_read_router(board, i, &router); i++) {
		if (!router.drained || !router.id.vrid || size - length < BOOT_ID_MAX + LINE_MAX_SIZE)
			continue;
		if (!length) {
			boot_id(out);
			length = strlen(out);
		}
		length += (size_t)snprintf(out + length, LINE_MAX_SIZE,
		    "%.15s %u %u %" PRIu32 " %" PRId64 " %" PRId64 " %" PRId64 " %u\n", router.id.interface,
		    router.id.family, router.id.vrid, router.drained_by, router.drained_since_us,
		    router.drained_until.us, router.drained_until_us, router.drained_for_shutdown);
	}
}

void drains_save(const struct guardian *guardian)
{
	static char now[sizeof saved];
	static bool is_failing;
	char path[SAVED_PATH_MAX];
	drains_print(guardian->board, now, sizeof now);
	if (strcmp(now, saved) == 0)
		return;
	int r = saved_write(guardian, NAME, now, strlen(now));
	if (!r)
		memcpy(saved, now, sizeof saved);
	else if (!is_failing)
		log_error(
		    "cannot write %s: %s; trying again; a drain would not be known any more when vipd is "
		    "restarted",
		    saved_path(guardian, NAME, path), strerrordesc_np(-r));
	is_failing = r != 0;
}

/* ---- from the file ---- */

static void tell_kept(const char *name, const struct board_router *drain)
{
	if (drain->drained_for_shutdown)
		log_router(LOG_LEVEL_NOTICE, name,
		    "still drained, because vipd-drain.service was stopped: it holds nothing until that is "
		    "started (or vipctl resume %s)",
		    name);
	else
		log_router(LOG_LEVEL_NOTICE, name,
		    "still drained, by user %u: it holds nothing until %s (vipctl resume %s)",
		    drain->drained_by,
		    mono_is_never(drain->drained_until) ? "it is resumed" : "its time is over", name);
}

static void drain_restore(
    const struct guardian *guardian, struct board *board, const struct board_router *drain)
{
	const struct config *config = &guardian->config;
	for (unsigned i = 0; i < config->router_count; i++) {
		const char *name = config->routers[i].name;
		if (!router_id_equal(&config->routers[i].id, &drain->id))
			continue;
		if (mono_reached(mono_now(), drain->drained_until)) {
			log_router(LOG_LEVEL_NOTICE, name, "the time of its drain is over");
			continue;
		}
		struct board_router *router = board_begin_router(board, i);
		router->drained = true;
		router->drained_by = drain->drained_by;
		router->drained_for_shutdown = drain->drained_for_shutdown;
		router->drained_since_us = drain->drained_since_us;
		router->drained_until = drain->drained_until;
		router->drained_until_us = drain->drained_until_us;
		board_end_router(board, i);
		tell_kept(name, drain);
	}
}

/* Every router of the configuration as one that has not started yet. */
static void board_prepare(const struct config *config, struct board *board)
{
	for (unsigned i = 0; i < config->router_count; i++) {
		struct board_router *router = board_begin_router(board, i);
		memcpy(router->name, config->routers[i].name, sizeof router->name);
		router->id = config->routers[i].id;
		router->priority = config->routers[i].priority;
		router->since = mono_now();
		router->since_realtime_us = realtime_us();
		board_end_router(board, i);
	}
	atomic_store(&board->router_count, config->router_count);
}

static bool line_parse(const char *line, struct board_router *drain)
{
	unsigned family, vrid, shutdown = 0; /* which a vipd before 0.2.0 did not write */
	*drain = (struct board_router){0};
	if (sscanf(line, "%15s %u %u %" SCNu32 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %u", drain->id.interface,
		&family, &vrid, &drain->drained_by, &drain->drained_since_us, &drain->drained_until.us,
		&drain->drained_until_us, &shutdown) < 7 ||
	    vrid > UINT8_MAX || family > UINT8_MAX)
		return false;
	drain->id.family = (uint8_t)family;
	drain->id.vrid = (uint8_t)vrid;
	drain->drained_for_shutdown = shutdown;
	return true;
}

int drains_load(const struct guardian *guardian)
{
	char boot[BOOT_ID_MAX], line[LINE_MAX_SIZE];
	struct board_router drain;
	errno = 0;
	int fd = saved_open(guardian, NAME);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		return is_shortage(-errno) ? -errno : 0;
	int result = boot_id(boot);
	struct board *board =
	    result ? NULL : board_map_writer(guardian->inheritance[CHILD_ENGINE].fds[FD_BOARD]);
	if (!result && !board)
		result = -errno;
	if (board && fgets(line, sizeof line, file) && strcmp(line, boot) == 0) {
		board_prepare(&guardian->config, board);
		while (fgets(line, sizeof line, file)) {
			if (line_parse(line, &drain))
				drain_restore(guardian, board, &drain);
		}
	}
	if (board)
		munmap(board, sizeof *board); /* from here on the engine writes it */
	fclose(file);
	snprintf(saved, sizeof saved, "of before"); /* so that it is written again, or removed */
	return result;
}
