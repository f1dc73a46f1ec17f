/*
 * A capture file is written a moment after a transition, so that what followed is in it; transitions that
 * come meanwhile are in the same file.
 *
 * A child process writes: a disk that is slow or hangs (and at such times it often is) must not keep the loop
 * from its health checks. The file gets its name when it is complete. Whatever fails is counted, told once,
 * and tried again at the next transition.
 */
#include "control/records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/capture.h"
#include "control/command.h"
#include "control/text.h"
#include "vipd/log.h"

#define SETTLE_US (2 * USEC_PER_SEC)  /* the last Neighbor Advertisement comes after one */
#define PAUSE_US  (10 * USEC_PER_SEC) /* between two files; one reaches back further than that */

/* A disk that takes longer is as good as none. */
#define TIME_LIMIT_US (60 * USEC_PER_SEC)

#define PREFIX "vipd-"
#define SUFFIX ".pcapng"

struct records {
	sd_event *event;
	const struct board *board;
	const struct config *config;
	struct command *command;
	bool running;
	uint64_t seen;		     /* transition */
	struct mono next;	     /* no file before that */
	sd_event_source *timer;	     /* NULL: nothing to write */
	char name[RECORDS_NAME_MAX]; /* of the file that is being written */
	struct records_state state;
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
	const struct records *records = context;
	uint8_t *bytes = NULL;
	size_t size = 0;
	int result = capture_make(records->board, records->config->node, &bytes, &size);
	if (!result)
		result = write_file(records->name, bytes, size);
	free(bytes);
	remove_oldest();
	return -result;
}

/* ---- in control ---- */

static void failed(struct records *records, const char *why)
{
	bool again = records->state.last_error[0] != '\0';
	records->state.failures++;
	snprintf(records->state.last_error, sizeof records->state.last_error, "%s", why);
	if (!again)
		log_error("cannot write a capture file to record_dir = \"%s\": %s; it is tried at every "
			  "transition, "
			  "and not told again until it works",
		    records->config->record_dir, records->state.last_error);
}

static void succeeded(struct records *records)
{
	if (records->state.last_error[0])
		log_notice("capture files can be written again");
	records->state.last_error[0] = '\0';
	records->state.written++;
	memcpy(records->state.last_file, records->name, sizeof records->state.last_file);
	log_info("wrote %s", records->name);
}

static void schedule(struct records *records);

static void on_done(void *context, const struct command_result *result)
{
	struct records *records = context;
	char text[128];
	records->running = false;
	command_tell(result, TIME_LIMIT_US, text, sizeof text);
	if (result->end == COMMAND_EXITED && result->number == 0)
		succeeded(records);
	else
		failed(records, result->end == COMMAND_EXITED ? strerrordesc_np(result->number) : text);
	schedule(records);
}

/* vipd-20261122T160000.310Z-api-active.pcapng: of the last transition so far. */
static void make_name(struct records *records)
{
	struct board_event event = {0};
	char time[TEXT_TIME_MAX], router[CONFIG_NAME_MAX], stamp[TEXT_TIME_MAX];
	size_t length = 0;
	board_read_event(records->board, records->seen, &event);
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
	snprintf(records->name, sizeof records->name, PREFIX "%s-%s-%s" SUFFIX, stamp, router,
	    vrrp_state_name(event.to));
}

static void begin_file(struct records *records)
{
	records->timer = sd_event_source_disable_unref(records->timer);
	records->seen = atomic_load(&records->board->event_count);
	records->next = mono_add(mono_now(), PAUSE_US);
	make_name(records);
}

static void start(struct records *records)
{
	begin_file(records);
	int result = command_call(records->command, write_record, records, TIME_LIMIT_US);
	records->running = !result;
	if (result)
		failed(records, result == -EBUSY ? "the disk hangs" : strerrordesc_np(-result));
}

static int on_timer(sd_event_source *source, uint64_t us, void *context)
{
	(void)source, (void)us;
	start(context);
	return 0;
}

static bool anything_new(const struct records *records)
{
	return records->state.on && records->config &&
	       atomic_load(&records->board->event_count) > records->seen;
}

static void schedule(struct records *records)
{
	if (records->timer || records->running || !anything_new(records))
		return;
	int64_t wait_us = mono_sub(records->next, mono_now());
	uint64_t us = (uint64_t)(wait_us > SETTLE_US ? wait_us : SETTLE_US);
	sd_event_add_time_relative(
	    records->event, &records->timer, CLOCK_MONOTONIC, us, 0, on_timer, records);
}

struct records *records_new(sd_event *event, const struct board *board, int directory)
{
	struct records *records = calloc(1, sizeof *records);
	if (!records)
		return NULL;
	records->event = event;
	records->board = board;
	records->seen = atomic_load(&board->event_count);
	records->state.on = directory >= 0 && fchdir(directory) == 0;
	records->command = command_new(event, on_done, records);
	if (records->command)
		return records;
	free(records);
	return NULL;
}

void records_free(struct records *records)
{
	if (!records)
		return;
	if (!records->running && anything_new(records)) { /* nobody is kept waiting any more */
		begin_file(records);
		write_record(records);
	}
	sd_event_source_disable_unref(records->timer);
	command_free(records->command);
	free(records);
}

void records_configure(struct records *records, const struct config *config)
{
	records->config = config;
}

void records_changed(struct records *records)
{
	schedule(records);
}

const struct records_state *records_state(const struct records *records)
{
	return &records->state;
}
