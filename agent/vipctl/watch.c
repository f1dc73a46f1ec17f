/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `watch`: the group, live. A child follows the events of the agent and rings when there is one; the status
 * is asked for then, and once a second. Goes on while the agent is away, because that is when one watches.
 * Without a terminal it writes a line for what has changed.
 */
#include "vipctl/watch.h"

#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/moves.h"
#include "vipctl/screen.h"
#include "vipd/mono.h"

#define TICK_MS	    1000
#define PAUSE_MS    50	  /* between two looks, however much happens */
#define TIMELINE_MS 10000 /* when it is asked for without an event */

const char watch_help[] =
    "Keys: d drain, r resume (both ask first), e the last moves, q quit. What is not a terminal gets a\n"
    "line for each change; with -o json the status, once a second and with each event.\n";

static int64_t clock_ms(void)
{
	return mono_now().us / USEC_PER_MS;
}

/* ---- the child that follows ---- */

static bool ring(void *context, char *line)
{
	return !*line || write(*(int *)context, "", 1) == 1;
}

/* Whether it has rung. If the child has ended, it never does again: looks once a second have to do. */
static bool bell_take(int *bell)
{
	char bytes[64];
	if (read(*bell, bytes, sizeof bytes) > 0)
		return true;
	close(*bell);
	*bell = -1;
	return false;
}

/* Returns the descriptor that becomes readable with each event; -1: looks once a second have to do. */
static int bell_start(const struct vipctl *ctl, pid_t *child)
{
	int ends[2];
	if (pipe(ends) < 0)
		return -1;
	*child = fork();
	if (*child == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		struct vipctl quiet = *ctl;
		quiet.complaints = fopen("/dev/null", "we");
		while (quiet.complaints) {
			call_follow(&quiet, "/v1/events?follow=1&last=0&group=1", ring, &ends[1]);
			sleep(1);
		}
		_exit(EXIT_FAILURE);
	}
	close(ends[1]);
	if (*child > 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

/* ---- looking ---- */

/* What the call would have said on standard error: its first line, without who says so. */
static void trouble_take(struct watch *watch, const char *complaint)
{
	const char *begin = strncmp(complaint, "vipctl: ", 8) == 0 ? complaint + 8 : complaint;
	snprintf(watch->trouble, sizeof watch->trouble, "%.*s", (int)strcspn(begin, "\n"), begin);
	if (!*watch->trouble)
		snprintf(watch->trouble, sizeof watch->trouble, "no answer");
}

static bool fetch(struct watch *watch, const char *path, json_t **json, char **raw)
{
	char *complaint = NULL;
	size_t size;
	json_t *answer = NULL;
	struct vipctl asking = *watch->ctl;
	asking.complaints = open_memstream(&complaint, &size);
	bool is_well = asking.complaints && call_json(&asking, "GET", path, &answer, raw) == EXIT_FINE;
	if (asking.complaints)
		fclose(asking.complaints);
	if (is_well) {
		json_decref(*json);
		*json = answer;
		watch->trouble[0] = '\0';
	} else {
		trouble_take(watch, complaint ? complaint : "");
	}
	free(complaint);
	return is_well;
}

static void look(struct watch *watch, bool with_timeline)
{
	json_t *status = NULL;
	if (!fetch(watch, "/v1/status", &status, NULL))
		return;
	/* An agent that is about to end knows of no router any more. */
	if (watch->status && !json_array_size(json_object_get(status, "virtual_routers"))) {
		json_decref(status);
		return;
	}
	json_decref(watch->status);
	watch->status = status;
	watch->answered_ms = time_now_ms();
	if (with_timeline || !watch->timeline)
		fetch(watch, "/v1/timeline", &watch->timeline, NULL);
}

/* ---- a terminal ---- */

static void draw(const struct watch *watch, struct screen *screen)
{
	char *text = watch_text(watch, screen->width, screen->height);
	if (text)
		screen_draw(screen, text);
	free(text);
}

static sigset_t signals_taken(void)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < 6; i++)
		sigaddset(&set, (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}[i]);
	return set;
}

/* As on the command line, with all that it says, where that can be read again afterwards; signals end it,
 * too. */
static void command_run(const struct watch *watch, struct screen *screen, const char *name)
{
	struct vipctl ctl = *watch->ctl;
	const sigset_t signals = signals_taken();
	char key;
	ctl.command = command_find(name);
	ctl.given_count = ctl.word_count = 0;
	screen_close(screen);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	printf("vipctl %s\n", name);
	ctl.command->function(&ctl);
	printf("press Return to go on watching ");
	fflush(stdout);
	while (read(STDIN_FILENO, &key, 1) == 1 && key != '\n')
		;
	sigprocmask(SIG_BLOCK, &signals, NULL);
	screen_open(screen);
}

/* false: the end. */
static bool key_take(struct watch *watch, struct screen *screen, char key)
{
	char asked = watch->asked;
	watch->asked = 0;
	if (asked && key == 'y')
		command_run(watch, screen, asked == 'd' ? "drain" : "resume");
	else if (asked)
		return true;
	else if (key == 'd' || key == 'r')
		watch->asked = key;
	else if (key == 'e')
		watch->view = watch->view == WATCH_EVENTS ? WATCH_GROUP : WATCH_EVENTS;
	return key != 'q';
}

static int signals_open(void)
{
	const sigset_t set = signals_taken();
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The terminal is given back first; then the signal has its usual effect. */
static void signal_take(struct screen *screen, int signals)
{
	struct signalfd_siginfo info;
	sigset_t set;
	if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo == SIGWINCH) {
		screen_forget(screen);
		return;
	}
	screen_close(screen);
	sigemptyset(&set);
	sigaddset(&set, (int)info.ssi_signo);
	raise((int)info.ssi_signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	screen_open(screen); /* it was stopped, and goes on */
}

static int watch_screen(struct watch *watch, int bell)
{
	struct screen screen = {0};
	int signals = signals_open();
	if (signals < 0 || !screen_open(&screen))
		return EXIT_ATTENTION;
	int64_t tick = clock_ms(), timeline = tick;
	bool rung = true, goes_on = true;
	while (goes_on) {
		int64_t now = clock_ms();
		bool is_tick = now >= tick;
		if (is_tick || rung)
			look(watch, rung || now >= timeline);
		if (rung || now >= timeline)
			timeline = now + TIMELINE_MS;
		if (is_tick)
			tick = now + TICK_MS;
		draw(watch, &screen);
		struct pollfd polls[] = {
		    {STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}, {rung ? -1 : bell, POLLIN, 0}};
		int64_t left = tick - clock_ms(), pause = rung ? PAUSE_MS : left;
		poll(polls, 3, (int)(left < 0 ? 0 : left < pause ? left : pause));
		char key;
		if (polls[1].revents)
			signal_take(&screen, signals);
		if (polls[0].revents)
			goes_on = read(STDIN_FILENO, &key, 1) == 1 && key_take(watch, &screen, key);
		rung = polls[2].revents && bell_take(&bell);
	}
	screen_close(&screen);
	return EXIT_FINE;
}

/* ---- no terminal ---- */

/* How long a word is that show_duration() has made, at the beginning of the text; 0: it is another word. */
static size_t duration_length(const char *text)
{
	size_t length = 0, digits;
	while ((digits = strspn(text + length, "0123456789.")) && strchr("smhd", text[length + digits]) &&
	       text[length + digits])
		length += digits + 1;
	return isalnum((unsigned char)text[length]) ? 0 : length;
}

/* The same but for durations, which go on. */
static bool says_the_same(const char *a, const char *b)
{
	bool begins = true;
	for (;; a++, b++) {
		size_t length = begins ? duration_length(a) : 0, other = begins ? duration_length(b) : 0;
		if (length && other) {
			a += length;
			b += other;
		}
		if (*a != *b || !*a)
			return *a == *b;
		begins = !isalnum((unsigned char)*a);
	}
}

/* Texts are lines that end with NUL, the last of which is empty. */
static bool has_line(const char *text, const char *line)
{
	for (; *text; text += strlen(text) + 1)
		if (says_the_same(text, line))
			return true;
	return false;
}

/* What is new, and what needed attention and does so no more, unless nobody knows. */
static void news_print(const char *before, const char *text, bool is_known)
{
	char at[32];
	time_t seconds = time(NULL);
	strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", localtime(&seconds));
	for (const char *line = before; is_known && *line; line += strlen(line) + 1)
		if (*line == '!' && !has_line(text, line))
			printf("%s  over: %s\n", at, line + strspn(line, "! "));
	for (const char *line = text; *line; line += strlen(line) + 1)
		if (!has_line(before, line))
			printf("%s  %s\n", at, line);
}

/* *said: the text before, NULL: there was none. */
static void lines_show(const struct watch *watch, char **said)
{
	char *text = NULL;
	size_t size;
	struct page page = {.out = open_memstream(&text, &size)};
	if (!page.out)
		return;
	if (*watch->trouble) {
		page_sentence(
		    &page, COLOUR_NONE, 0, "! the agent of this node does not answer: %s", watch->trouble);
	} else {
		page.stale = engine_is_silent(watch->status);
		watch_headlines(&page, watch->status);
		attention_print_groups(&page, watch->status);
		attention_print(&page, watch->status);
	}
	fputc('\0', page.out);
	if (fclose(page.out) != 0 || !text)
		return;
	for (char *end = text; (end = strchr(end, '\n'));)
		*end++ = '\0';
	news_print(*said ? *said : "", text, !*watch->trouble);
	free(*said);
	*said = text;
}

static int watch_lines(struct watch *watch, int bell)
{
	char *said = NULL;
	for (;;) {
		char *raw = NULL;
		if (fetch(watch, "/v1/status", &watch->status, &raw) && watch->ctl->json)
			raw_print(raw);
		else if (!watch->ctl->json)
			lines_show(watch, &said);
		else
			fprintf(stderr, "vipctl: %s\n", watch->trouble);
		free(raw);
		if (fflush(stdout) != 0)
			break;
		struct pollfd polled = {bell, POLLIN, 0};
		if (poll(&polled, 1, TICK_MS) > 0)
			bell_take(&bell);
	}
	free(said);
	return EXIT_ATTENTION;
}

int command_watch(const struct vipctl *ctl)
{
	static struct watch watch;
	pid_t child = -1;
	const char *terminal = getenv("TERM");
	bool is_terminal = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !ctl->json &&
			   !(terminal && strcmp(terminal, "dumb") == 0);
	setlocale(LC_CTYPE, "");
	watch.ctl = ctl;
	watch.is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int bell = bell_start(ctl, &child);
	int result = is_terminal ? watch_screen(&watch, bell) : watch_lines(&watch, bell);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	json_decref(watch.status);
	json_decref(watch.timeline);
	return result;
}
