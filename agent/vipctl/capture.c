/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vipctl capture`: the last packets as a file for Wireshark.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"

/* "-": standard output. Never half a file under the name: it is written beside it and renamed. */
static int write_whole(const char *path, const struct reply *reply)
{
	char *beside = NULL;
	bool to_stdout = strcmp(path, "-") == 0;
	if (!to_stdout && asprintf(&beside, "%s.new", path) < 0)
		return -ENOMEM;
	FILE *out = to_stdout ? stdout : fopen(beside, "we");
	int error = out ? 0 : errno;
	if (out && fwrite(reply->body, 1, reply->size, out) != reply->size)
		error = errno;
	if (out && !to_stdout && fclose(out) != 0 && !error)
		error = errno;
	if (!to_stdout && !error && rename(beside, path) < 0)
		error = errno;
	if (!to_stdout && error && out)
		unlink(beside);
	free(beside);
	return -error;
}

const struct cli_option capture_options[] = {
    {'o', "output", "FILE", "where to; -: standard output, the default unless that is a terminal"},
    {0},
};

int command_capture(const struct vipctl *ctl)
{
	const char *output = option_value(ctl, 'o'), *path = output ? output : "-";
	struct reply reply;
	if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO))
		usage_error("capture writes a file for Wireshark, nothing to read here: add -o FILE");
	int result = call(ctl, "GET", "/v1/capture", &reply);
	if (result != EXIT_FINE)
		return result;
	int written = write_whole(path, &reply);
	if (written)
		fprintf(stderr, "vipctl: cannot write %s: %s\n", path, strerror(-written));
	free(reply.body);
	return written ? EXIT_ATTENTION : EXIT_FINE;
}
