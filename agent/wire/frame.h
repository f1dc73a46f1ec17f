/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all datagrams on the group's port have around their fields; see vipd/hello.h.
 */
#pragma once

#include "vipd/cursor.h"
#include "vipd/hello.h"

/* Their first four bytes. A vipd that does not know a kind refuses it as it refuses a stranger's. */
#define FRAME_HELLO	  "vipd"
#define FRAME_CONNECTIONS "vipc"

struct frame {
	uint8_t family; /* AF_INET or AF_INET6: of the election */
	uint8_t vrid;
	bool is_signed;
	struct reader fields; /* without the trailer; not used in writing */
};

/* Checks everything but the fields. Returns HELLO_OK and fills *frame, or the reason. */
enum hello_verdict frame_parse(const uint8_t *bytes, size_t size, const struct hello_envelope *envelope,
    const char magic[static 4], struct frame *frame);

/*
 * Gives each field to `read`, its type (1 to types - 1) and its value; read() says whether it is right. Types
 * of a later version are passed over. `required` has the bit 1 << type of each that must be there. Returns
 * HELLO_OK, HELLO_BAD_FIELD (also for one that is there twice) or HELLO_MISSING_FIELD.
 */
enum hello_verdict frame_read_fields(struct reader *fields, unsigned types, unsigned required,
    bool (*read)(void *context, unsigned type, struct reader *value), void *context);

/* The fields are written in between. frame_end() leaves room for the trailer and returns the size, 0 if it
 * did not fit. */
struct writer frame_begin(const struct frame *frame, const char magic[static 4], uint8_t *bytes, size_t room);
size_t frame_end(const struct frame *frame, struct writer *w, const uint8_t *bytes);
