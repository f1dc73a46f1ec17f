/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file is written a moment after a transition, so that what followed is in it; transitions that
 * come meanwhile are in the same file.
 *
 * A child process writes: a disk that is slow or hangs (and at such times it often is) must not keep the loop
 * from its health checks. The file gets its name when it is complete. Whatever fails is counted, logged once,
 * and tried again at the next transition.
 */
#include "control/records/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/command.h"
#include "control/control.h"
#include "control/records/capture.h"
#include "control/text.h"
#include "vipd/log.h"

#define SETTLE_US (2 * USEC_PER_SEC)  /* the last Neighbor Advertisement comes after one */
#define PAUSE_US  (10 * USEC_PER_SEC) /* between two files; one reaches back further than that */

/* A disk that takes longer is as good as none. */
#define TIME_LIMIT_US (60 * USEC_PER_SEC)

#define PREFIX "vipd-"
#define SUFFIX ".pcapng"

struct recorder {
	struct control *control;
	struct command *command;
	bool running;
	uint64_t seen;		     /* transition */
	struct mono next;	     /* no file before that */
	sd_event_source *timer;	     /* NULL: nothing to write */
	char name[RECORDS_NAME_MAX]; /* of the file that is being written */
	struct recorder_state state;
};

/* ---- in the child ---- */

static int is_record(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > strlen(PREFIX SUFFIX) && strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

/* The names begin with the time: the newest last. */
static void remove_oldest(void)
{
	struct dirent **entries = NULL;
	int count = scandir(".", &entries, is_record, alphasort);
	int64_t bytes = 0;
	for (int i = count - 1; i >= 0; i--) {
		struct stat st = {0};
		if (lstat(entries[i]->d_name, &st) == 0)
			bytes += st.st_size;
		if (count - i > RECORDS_FILES_MAX || bytes > RECORDS_BYTES_MAX)
			unlink(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static int write_whole(int fd, const uint8_t *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, bytes + done, size - done);
		if (n < 0 && errno != EINTR)
			return -errno;
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

static int write_file(const char *name, const uint8_t *bytes, size_t size)
{
	static const char unfinished[] = "unfinished";
	unlink(unfinished);
	int fd = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	int result = write_whole(fd, bytes, size);
	if (close(fd) < 0 && !result)
		result = -errno;
	if (!result && rename(unfinished, name) < 0)
		result = -errno;
	if (result)
		unlink(unfinished);
	return result;
}

/* command_main: its exit status is an errno. */
static int write_record(const void *context)
{
	const struct recorder *recorder = context;
	uint8_t *bytes = NULL;
	size_t size = 0;
	int result = capture_make(recorder->control->board, recorder->control->config->node, &bytes, &size);
	if (!result)
		result = write_file(recorder->name, bytes, size);
	free(bytes);
	remove_oldest();
	return -result;
}

/* ---- in control ---- */

static void failed(struct recorder *recorder, const char *why)
{
	bool again = recorder->state.last_error[0] != '\0';
	recorder->state.failures++;
	snprintf(recorder->state.last_error, sizeof recorder->state.last_error, "%s", why);
	if (!again)
		log_error("cannot write a capture file to record_dir = \"%s\": %s; tried again at every "
			  "transition, and not logged again until it works",
		    recorder->control->config->record_dir, recorder->state.last_error);
}

static void succeeded(struct recorder *recorder)
{
	if (recorder->state.last_error[0])
		log_notice("capture files can be written again");
	recorder->state.last_error[0] = '\0';
	recorder->state.written++;
	memcpy(recorder->state.last_file, recorder->name, sizeof recorder->state.last_file);
	log_info("wrote %s", recorder->name);
}

static void schedule(struct recorder *recorder);

static void on_done(void *context, const struct command_result *result)
{
	struct recorder *recorder = context;
	char text[128];
	recorder->running = false;
	command_describe(result, TIME_LIMIT_US, text, sizeof text);
	if (result->end == COMMAND_EXITED && result->number == 0)
		succeeded(recorder);
	else
		failed(recorder, result->end == COMMAND_EXITED ? strerrordesc_np(result->number) : text);
	schedule(recorder);
}

/* vipd-20261122T160000.310Z-api-active.pcapng: of the last transition so far. */
static void make_name(struct recorder *recorder)
{
	struct board_event event = {0};
	char time[TEXT_TIME_MAX], router[CONFIG_NAME_MAX], stamp[TEXT_TIME_MAX];
	size_t length = 0;
	board_read_event(recorder->control->board, recorder->seen, &event);
	text_time(event.at_realtime_us, time);
	for (const char *c = time; *c; c++)
		if (*c != '-' && *c != ':')
			stamp[length++] = *c;
	stamp[length] = '\0';
	memcpy(router, event.router, sizeof router);
	router[sizeof router - 1] = '\0';
	for (char *c = router; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *c))
			*c = '_';
	snprintf(recorder->name, sizeof recorder->name, PREFIX "%s-%s-%s" SUFFIX, stamp, router,
	    vrrp_state_name(event.to));
}

static void begin_file(struct recorder *recorder)
{
	recorder->timer = sd_event_source_disable_unref(recorder->timer);
	recorder->seen = atomic_load(&recorder->control->board->event_count);
	recorder->next = mono_add(mono_now(), PAUSE_US);
	make_name(recorder);
}

static void start(struct recorder *recorder)
{
	begin_file(recorder);
	int result = command_call(recorder->command, write_record, recorder, TIME_LIMIT_US);
	recorder->running = !result;
	if (result)
		failed(recorder, result == -EBUSY ? "the disk hangs" : strerrordesc_np(-result));
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	start(context);
	return 0;
}

static bool anything_new(const struct recorder *recorder)
{
	return recorder->state.on && recorder->control->config &&
	       atomic_load(&recorder->control->board->event_count) > recorder->seen;
}

static void schedule(struct recorder *recorder)
{
	if (recorder->timer || recorder->running || !anything_new(recorder))
		return;
	int64_t wait_us = mono_sub(recorder->next, mono_now());
	uint64_t us = (uint64_t)(wait_us > SETTLE_US ? wait_us : SETTLE_US);
	sd_event_add_time_relative(
	    recorder->control->event, &recorder->timer, CLOCK_MONOTONIC, us, 0, on_timer, recorder);
}

static int recorder_open(void *part, struct control *control)
{
	struct recorder *recorder = part;
	recorder->control = control;
	recorder->seen = atomic_load(&control->board->event_count);
	recorder->state.on = control->has_records && fchdir(FD_RECORDS) == 0;
	recorder->command = command_new(control->event, on_done, recorder);
	return recorder->command ? 0 : -ENOMEM;
}

static void recorder_changed(void *part)
{
	schedule(part);
}

static void recorder_close(void *part)
{
	struct recorder *recorder = part;
	if (!recorder->running && anything_new(recorder)) { /* nothing waits for us any more */
		begin_file(recorder);
		write_record(recorder);
	}
	sd_event_source_disable_unref(recorder->timer);
	command_free(recorder->command);
}

const struct recorder_state *recorder_state(const struct recorder *recorder)
{
	return &recorder->state;
}

const struct part part_recorder = {.size = sizeof(struct recorder),
    .open = recorder_open,
    .changed = recorder_changed,
    .close = recorder_close};
