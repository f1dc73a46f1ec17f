/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside vipctl: the commands and their options, what a command line asked for, and the exit codes that
 * scripts rely on (vipctl(1)).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define VIPCTL_SOCKET_DEFAULT "/run/vipd/vipd.sock"

enum {
	EXIT_FINE = 0,
	EXIT_ATTENTION = 1, /* asked and answered, but something is wrong; or the answer cannot be written */
	EXIT_USAGE = 2,	    /* the command line is wrong */
	EXIT_UNREACHABLE = 3, /* the agent is not running, or does not answer */
	EXIT_REFUSED = 4      /* the agent answered with an error */
};

struct vipctl;

/* In all commands, options of one name take a value or none alike: they may stand before the command, too. */
struct cli_option {
	int id;		      /* its letter; without one from OPTION_LONG on */
	const char *name;     /* NULL ends a table */
	const char *argument; /* what its value is, such as FILE; NULL: it has none */
	const char *help;     /* no more than a sentence */
};
#define OPTION_LONG 256

struct command {
	const char *name;
	int (*function)(const struct vipctl *ctl);
	const char *arguments;		  /* "", "FILE", "[FILE]", "[WORD ...]" */
	const char *summary;		  /* one line */
	const struct cli_option *options; /* those that only this one takes; NULL: none */
	const char *help;		  /* what else `--help` says: paragraphs; NULL: nothing */
};

/* The table of commands; a name of NULL ends it. */
extern const struct command commands[];
const struct command *command_find(const char *name);	 /* NULL: there is none */
const struct command *command_require(const char *name); /* or exits, with what was probably meant */

struct given {
	int id;
	const char *value; /* "" if it takes none */
};

struct vipctl {
	const struct command *command;
	const char *socket;
	bool json; /* -o json */
	bool colour;
	int given_count; /* options of the command's own, as they came */
	struct given *given;
	int word_count; /* its arguments */
	char **words;
	FILE *complaints; /* where a call says why it failed; NULL: standard error */
};

/* The last value given to an option of the command's own; NULL if it was not given. */
const char *option_value(const struct vipctl *ctl, int id);

/* The command's first argument, NULL without one. */
const char *argument_first(const struct vipctl *ctl);

/* Says what is wrong with the command line, and exits. */
__attribute__((noreturn, format(printf, 1, 2))) void usage_error(const char *format, ...);

/* The commands; each returns an exit code and has given the reason on standard error. */
int command_status(const struct vipctl *ctl);
int command_watch(const struct vipctl *ctl);
int command_events(const struct vipctl *ctl);
int command_explain(const struct vipctl *ctl);
int command_capture(const struct vipctl *ctl);
int command_drain(const struct vipctl *ctl);
int command_resume(const struct vipctl *ctl);
int command_forget(const struct vipctl *ctl);
int command_reload(const struct vipctl *ctl);
int command_metrics(const struct vipctl *ctl);
int command_publish(const struct vipctl *ctl);
int command_manifest(const struct vipctl *ctl);
int command_doctor(const struct vipctl *ctl);
int command_check(const struct vipctl *ctl);
int command_init(const struct vipctl *ctl);
int command_import(const struct vipctl *ctl);
int command_help(const struct vipctl *ctl);

/* Their options, where the command is. */
extern const struct cli_option events_options[], capture_options[], drain_options[], resume_options[],
    check_options[], doctor_options[], manifest_options[], import_options[], init_options[],
    publish_options[], forget_options[];
extern const char doctor_help[], manifest_help[], watch_help[], import_help[], init_help[];
