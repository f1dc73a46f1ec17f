/*
 * The `file` check, for flags that people and scripts set: a file that is there, or is not, or says
 * something.
 *
 * It is looked at right here: local files answer in microseconds, and vipd.conf(5) says that it must be one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/probe.h"
#include "control/text.h"
#include "vipd/mono.h"

struct probe {
	struct config_check config;
	probe_done *done;
	void *context;
};

static void read_content(const struct config_check *config, struct check_result *result)
{
	char text[CONFIG_TEXT_MAX + 2], quote[64];
	struct stat st;
	int fd = open(config->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t size = -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		size = read(fd, text, sizeof text - 1);
	int error = fd >= 0 && size < 0 && !S_ISREG(st.st_mode) ? EINVAL : errno;
	if (fd >= 0)
		close(fd);
	if (size < 0) {
		probe_say(result, "cannot read %s: %s", config->file,
		    error == EINVAL ? "it is no regular file" : strerror(error));
		return;
	}
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	text_clean(text, (size_t)size, quote, sizeof quote);
	if (!strcmp(text, config->content))
		result->outcome = CHECK_SUCCESS;
	else
		probe_say(result, "%s says \"%s\", expected \"%s\"", config->file, quote, config->content);
}

static void look(const struct config_check *config, struct check_result *result)
{
	struct stat st;
	bool there = stat(config->file, &st) == 0;
	if (!there && errno != ENOENT && errno != ENOTDIR)
		probe_say(result, "cannot look for %s: %s", config->file, strerror(errno));
	else if (there != config->file_exists)
		probe_say(result, "%s %s", config->file, there ? "exists" : "does not exist");
	else if (config->content[0])
		read_content(config, result);
	else
		result->outcome = CHECK_SUCCESS;
}

static void file_start(struct probe *probe)
{
	struct mono started = mono_now();
	struct check_result result = {.outcome = CHECK_FAILURE};
	look(&probe->config, &result);
	result.duration_us = mono_sub(mono_now(), started);
	probe->done(probe->context, &result);
}

static void file_close(struct probe *probe)
{
	free(probe);
}

static struct probe *file_open(const struct probe_setup *setup)
{
	struct probe *probe = calloc(1, sizeof *probe);
	if (!probe)
		return NULL;
	probe->config = *setup->config;
	probe->done = setup->done;
	probe->context = setup->context;
	return probe;
}

const struct probe_type probe_file = {.open = file_open, .start = file_start, .close = file_close};
