/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monotonic time as a type of its own, so that nobody mixes it with an int or with the wall clock.
 *
 * The clock is CLOCK_BOOTTIME: unlike CLOCK_MONOTONIC it goes on while the machine is suspended, so that an
 * engine that slept through its deadline notices it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mono {
	int64_t us; /* microseconds since boot */
};

#define MONO_NEVER ((struct mono){INT64_MAX})
#define MONO_PAST  ((struct mono){INT64_MIN})

#define USEC_PER_MS  INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)

/* Now, by CLOCK_BOOTTIME. */
struct mono mono_now(void);

/* The wall clock in microseconds since 1970, for people and for log lines only. */
int64_t realtime_us(void);

static inline struct mono mono_add(struct mono t, int64_t us)
{
	return (struct mono){t.us + us};
}

/* a - b in microseconds. */
static inline int64_t mono_sub(struct mono a, struct mono b)
{
	return a.us - b.us;
}

static inline bool mono_reached(struct mono now, struct mono deadline)
{
	return now.us >= deadline.us;
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

static inline struct mono mono_max(struct mono a, struct mono b)
{
	return a.us > b.us ? a : b;
}

static inline bool mono_is_never(struct mono t)
{
	return t.us == INT64_MAX;
}
