/*
 * Capture files on disk: one for each move, in the directory `record_dir`, which the guardian has opened.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "vipd/board.h"
#include "vipd/config.h"

#define RECORDS_FILES_MAX 100		     /* the oldest go */
#define RECORDS_BYTES_MAX (64 * 1024 * 1024) /* of all of them */
#define RECORDS_NAME_MAX  160

struct recorder_state {
	bool on; /* there is a directory */
	uint64_t written;
	uint64_t failures;
	char last_file[RECORDS_NAME_MAX]; /* "": none */
	char last_error[128];		  /* "": the last one was written */
};

struct recorder;

/* directory: descriptor, becomes the working directory; -1: nothing is written. Returns NULL without memory.
 */
struct recorder *recorder_new(sd_event *event, const struct board *board, int directory);
/* Writes what has not been written yet. NULL is fine. */
void recorder_free(struct recorder *recorder);

/* Takes over a configuration, which must stay until the next one has been taken over. */
void recorder_configure(struct recorder *recorder, const struct config *config);

/* There may be new transitions on the board. */
void recorder_changed(struct recorder *recorder);

const struct recorder_state *recorder_state(const struct recorder *recorder);
