/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one program at a time, or a function that may hang, in a process group of its own, for a limited time
 * and with a limited output. What is left of the group in the end is killed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#define COMMAND_KEPT   1024	     /* of its output, to quote from */
#define COMMAND_OUTPUT (1024 * 1024) /* it may print */

enum command_end {
	COMMAND_EXITED,	  /* number: its exit status */
	COMMAND_KILLED,	  /* number: the signal */
	COMMAND_TIMEOUT,  /* killed by us */
	COMMAND_TALKATIVE /* it printed more than COMMAND_OUTPUT: killed by us */
};

struct command_result {
	enum command_end end;
	int number;
	size_t size;
	char output[COMMAND_KEPT]; /* the beginning, standard output and standard error */
};

/* May start the next one. */
typedef void command_done(void *context, const struct command_result *result);

struct command;

/* Returns NULL without memory. */
struct command *command_new(sd_event *event, command_done *done, void *context);

/*
 * Starts words[0] (a path) with these words and this environment, NULL at the end of each. `done` is called
 * within timeout_us. Returns 0 or -errno; -EBUSY: one is running, or was killed and hangs in the kernel.
 */
int command_start(
    struct command *command, char *const words[], char *const environment[], int64_t timeout_us);

/* Runs in the child, prints to descriptor 1, and returns the exit status. */
typedef int command_main(const void *context);

/* The same for a function instead of a program. */
int command_call(struct command *command, command_main *function, const void *context, int64_t timeout_us);

/* Whether this process leads a command that has not been reaped. */
bool command_running(pid_t pid);

/* Kills what is running; `done` is told COMMAND_TIMEOUT. */
void command_kill(struct command *command);

/* Kills what is running, without a result. NULL is fine. */
void command_free(struct command *command);

/* "exit status 2: disk full" */
void command_describe(const struct command_result *result, int64_t timeout_us, char *text, size_t room);
