/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture files on disk: one for each move, in the directory `record_dir`, which the guardian has opened.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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

struct recorder; /* PART_RECORDER */

const struct recorder_state *recorder_state(const struct recorder *recorder);
