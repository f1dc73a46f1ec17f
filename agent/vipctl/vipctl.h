/*
 * Inside vipctl: what the command line asked for, and the exit codes that scripts rely on (vipctl(1)).
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

struct vipctl {
	const char *socket;
	const char *argument; /* the command's first, NULL if there is none */
	const char *last;     /* events -n */
	const char *duration; /* drain --for */
	const char *output;   /* -o */
	bool follow;	      /* events -f */
	bool json;	      /* -o json */
	bool colour;
	const char *config, *name, *resolver, *k3s_config, *bird; /* of doctor */
	int word_count;	  /* the arguments; of a command with options of its own: its command line */
	char **words;	  /* which begins with vipctl's name */
	FILE *complaints; /* where a call says why it failed; NULL: standard error */
};

extern const char *const doctor_usage;

/* Says what is wrong with the command line, and exits. */
__attribute__((noreturn, format(printf, 1, 2))) void usage_error(const char *format, ...);

/* The commands; each returns an exit code and has given the reason on standard error. */
int command_status(const struct vipctl *ctl);
int command_watch(const struct vipctl *ctl);
int command_events(const struct vipctl *ctl);
int command_capture(const struct vipctl *ctl);
int command_drain(const struct vipctl *ctl);
int command_resume(const struct vipctl *ctl);
int command_reload(const struct vipctl *ctl);
int command_metrics(const struct vipctl *ctl);
int command_manifest(const struct vipctl *ctl);
int command_doctor(const struct vipctl *ctl);
int command_check(const struct vipctl *ctl);
