/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: libcurl over the agent's Unix socket. Whatever goes wrong is reported here, once, for a person.
 */
#include "vipctl/call.h"

#include <curl/curl.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vipd/config.h"

#define BODY_MAX   (16 * 1024 * 1024)
#define TIMEOUT_MS 3000L
#define RELOAD_MS  30000L /* the agent takes up to 10 s for one, and one may wait for another */

struct body {
	char *bytes;
	size_t size;
	line_handler *line; /* NULL: collect everything */
	void *context;
	bool stopped; /* by `line` */
	CURL *curl;
};

/* A line is complete; an error answer is collected instead. */
static bool lines_hand_on(struct body *body)
{
	long status = 0;
	curl_easy_getinfo(body->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return true;
	char *start = body->bytes, *end;
	while (!body->stopped && (end = memchr(start, '\n', body->size - (size_t)(start - body->bytes)))) {
		*end = '\0';
		body->stopped = !body->line(body->context, start);
		start = end + 1;
	}
	body->size -= (size_t)(start - body->bytes);
	memmove(body->bytes, start, body->size);
	return !body->stopped;
}

static size_t body_append(char *data, size_t unit, size_t count, void *context)
{
	struct body *body = context;
	size_t size = unit * count;
	char *grown = body->size + size < BODY_MAX ? realloc(body->bytes, body->size + size + 1) : NULL;
	if (!grown)
		return 0;
	memcpy(grown + body->size, data, size);
	body->bytes = grown;
	body->size += size;
	grown[body->size] = '\0';
	if (body->line && !lines_hand_on(body))
		return 0;
	return size;
}

static FILE *complaints(const struct vipctl *ctl)
{
	return ctl->complaints ? ctl->complaints : stderr;
}

/* Why a connection fails: asked anew, because libcurl does not keep the errno. 0: it works now. */
static int connect_error(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
	close(fd);
	return error;
}

static void tell_permission(FILE *out, const char *path)
{
	struct stat st;
	const struct group *group = stat(path, &st) == 0 ? getgrgid(st.st_gid) : NULL;
	fprintf(out, "vipctl: you may not talk to the agent: %s: permission denied\n", path);
	if (group && group->gr_gid != 0)
		fprintf(out, "  its group is %s: use sudo, or `sudo usermod -aG %s $USER` and log in again\n",
		    group->gr_name, group->gr_name);
	else
		fputs("  use sudo\n", out);
}

/* Without its vipd.conf the unit starts, and does nothing. */
static void tell_start(FILE *out, bool is_default)
{
	bool is_configured = !is_default || access(CONFIG_PATH_DEFAULT, F_OK) == 0 || errno != ENOENT;
	if (!is_configured)
		fputs("  " CONFIG_PATH_DEFAULT " is missing; write it: vipctl init\n", out);
	fputs("  start it:     systemctl start vipd\n"
	      "  why it ended: journalctl -u vipd\n",
	    out);
	if (is_default && is_configured)
		fputs(
		    "  if control.socket in " CONFIG_PATH_DEFAULT " is another path: vipctl -s PATH\n", out);
}

static void tell_unreachable(FILE *out, const char *path, const char *curl_says)
{
	int error = connect_error(path);
	switch (error) {
	case EACCES:
	case EPERM: tell_permission(out, path); return;
	case ENOENT:
	case ECONNREFUSED:
		fprintf(out, "vipctl: the agent is not running here: %s: %s\n", path,
		    error == ENOENT ? "no such socket" : "connection refused (a socket left behind)");
		tell_start(out, strcmp(path, VIPCTL_SOCKET_DEFAULT) == 0);
		return;
	default:
		fprintf(out,
		    "vipctl: the agent does not answer on %s: %s\n"
		    "  is it well?   systemctl status vipd; journalctl -u vipd\n",
		    path, error ? strerror(error) : curl_says);
	}
}

/* {"error": "…"}, each line of it indented; else whatever came. */
static void tell_refused(FILE *out, long status, const struct body *body)
{
	json_t *json = json_loadb(body->bytes ? body->bytes : "", body->size, 0, NULL);
	const char *text = json_string_value(json_object_get(json, "error"));
	if (!text)
		text = body->bytes ? body->bytes : "no reason given";
	if (strchr(text, '\n'))
		fprintf(out, "vipctl: the agent refused (HTTP %ld):\n", status);
	else
		fprintf(out, "vipctl: ");
	size_t length = strlen(text);
	fprintf(out, "%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
	json_decref(json);
}

/* An endless answer has no time limit, but it has to begin. Returns whether to give up. */
static int is_not_begun(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	const struct body *body = context;
	long status = 0;
	curl_off_t us = 0;
	curl_easy_getinfo(body->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(body->curl, CURLINFO_TOTAL_TIME_T, &us);
	return !status && us > TIMEOUT_MS * 1000;
}

static CURL *curl_prepare(const struct vipctl *ctl, const char *method, const char *path, struct body *body)
{
	CURL *curl = curl_easy_init();
	char *url = NULL;
	if (!curl || asprintf(&url, "http://vipd%s", path) < 0) {
		curl_easy_cleanup(curl);
		return NULL;
	}
	body->curl = curl;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ctl->socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* never what http_proxy says */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	bool reload = strcmp(path, "/v1/reload") == 0;
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, body->line ? 0L : reload ? RELOAD_MS : TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_append);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	if (body->line) {
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_not_begun);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, body);
	}
	if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
	}
	free(url); /* libcurl has its own copy */
	return curl;
}

/* Fills *status; the body stays the caller's, also after an error. */
static int perform(
    const struct vipctl *ctl, const char *method, const char *path, struct body *body, long *status)
{
	if (!curl_prepare(ctl, method, path, body)) {
		fputs("vipctl: out of memory\n", complaints(ctl));
		return EXIT_UNREACHABLE;
	}
	CURLcode code = curl_easy_perform(body->curl);
	curl_easy_getinfo(body->curl, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(body->curl);
	bool broken_off = body->line && *status == 200;
	if (code != CURLE_OK && !body->stopped && !broken_off) {
		tell_unreachable(complaints(ctl), ctl->socket,
		    curl_easy_strerror(code == CURLE_ABORTED_BY_CALLBACK ? CURLE_OPERATION_TIMEDOUT : code));
		return EXIT_UNREACHABLE;
	}
	if (*status < 200 || *status > 299) {
		tell_refused(complaints(ctl), *status, body);
		return EXIT_REFUSED;
	}
	return EXIT_FINE;
}

int call(const struct vipctl *ctl, const char *method, const char *path, struct reply *reply)
{
	struct body body = {0};
	long status = 0;
	int result = perform(ctl, method, path, &body, &status);
	if (result == EXIT_FINE && !body.bytes)
		body.bytes = calloc(1, 1);
	if (result != EXIT_FINE || !body.bytes) {
		free(body.bytes);
		*reply = (struct reply){0};
		return result != EXIT_FINE ? result : EXIT_UNREACHABLE;
	}
	*reply = (struct reply){.status = status, .body = body.bytes, .size = body.size};
	return EXIT_FINE;
}

int call_json(const struct vipctl *ctl, const char *method, const char *path, json_t **json, char **text)
{
	struct reply reply;
	int result = call(ctl, method, path, &reply);
	if (result != EXIT_FINE)
		return result;
	json_error_t error;
	json_t *parsed = json_loadb(reply.body, reply.size, 0, &error);
	if (!json_is_object(parsed)) {
		fprintf(complaints(ctl),
		    "vipctl: the answer of %s is not understood: %s; are vipctl and vipd of the same "
		    "version? (vipctl --version, vipd --version)\n",
		    ctl->socket, parsed ? "not a JSON object" : error.text);
		json_decref(parsed);
		free(reply.body);
		return EXIT_UNREACHABLE;
	}
	*json = parsed;
	if (text)
		*text = reply.body;
	else
		free(reply.body);
	return EXIT_FINE;
}

int call_follow(const struct vipctl *ctl, const char *path, line_handler *line, void *context)
{
	struct body body = {.line = line, .context = context};
	long status = 0;
	int result = perform(ctl, "GET", path, &body, &status);
	free(body.bytes);
	if (status == 200 && !body.stopped) /* it was reached, and its answer has ended or broken off */
		return EXIT_ATTENTION;
	return result;
}

int call_show(const struct vipctl *ctl, const char *path)
{
	struct reply reply;
	int result = call(ctl, "GET", path, &reply);
	if (result != EXIT_FINE)
		return result;
	fwrite(reply.body, 1, reply.size, stdout);
	free(reply.body);
	return EXIT_FINE;
}

void raw_print(const char *body)
{
	size_t length = strlen(body);
	printf("%s%s", body, length && body[length - 1] == '\n' ? "" : "\n");
}

char *call_path(const char *prefix, const char *const arguments[][2])
{
	char *path = strdup(prefix), separator = '?';
	for (; path && (*arguments)[0]; arguments++) {
		if (!(*arguments)[1])
			continue;
		char *before = path, *escaped = curl_easy_escape(NULL, (*arguments)[1], 0);
		if (!escaped || asprintf(&path, "%s%c%s=%s", before, separator, (*arguments)[0], escaped) < 0)
			path = NULL;
		separator = '&';
		curl_free(escaped);
		free(before);
	}
	return path;
}
