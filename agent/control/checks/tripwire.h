/*
 * The tripwire: a connection on which nothing is expected, watched for its end.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

struct tripwire {
	sd_event_source *source; /* NULL: not watching */
	void (*broken)(void *context);
	void *context;
};

/*
 * Watches `socket`, which stays the caller's and must be released from here before it is closed. `broken` is
 * called once when the peer has closed or reset it; then it is not watched any more. What the peer sends is
 * left alone. Without memory nothing is watched.
 */
void tripwire_watch(
    struct tripwire *tripwire, sd_event *event, int socket, void (*broken)(void *context), void *context);

/* Whether what is watched has ended, though `broken` may not have been called yet. */
bool tripwire_ended(const struct tripwire *tripwire);

/* Fine if nothing is watched. */
void tripwire_release(struct tripwire *tripwire);
