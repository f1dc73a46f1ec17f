/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcripts of one virtual router: what happened, and what it did about it. "[ 361.000]
 * timer" is an event at 361 ms; lines that begin with ">" are effects.
 *
 * Priority 150 at 100 ms: Skew_Time = 106 * 100 / 256 = 41.406 ms, Active_Down_Interval = 341.406 ms.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vipd/vrrp.h"

#define MS USEC_PER_MS

/* The router, its time, what it has done, and a configuration: priority 150, preempt, 100 ms, one address. */
extern struct vrrp vr;
extern struct mono now;
extern char told[16384];
extern bool kernel_answers; /* each request that a timer makes is carried out at once */
extern bool tell_questions; /* otherwise those steps are left out that only ask for foreign holders */
extern const struct vrrp_params plain;

struct address node(uint8_t number);
void begin(const struct vrrp_params *params);
/* Becomes Active with its address, announcements and all; the transcript begins after that. */
void begin_active(const struct vrrp_params *params);
/* The time passes; timers fire when they are due. */
/* The last request was carried out: what it removes is gone, and that alone makes no address. */
void answer(void);
void until(int64_t us);
/* When it acts next, questions for foreign holders aside. */
int64_t due(void);
void step(const char *what, const struct vrrp_event *event);
void event(const char *what, enum vrrp_event_type type);
void health(enum vrrp_health health);
/* By checks with a weight; of the grade that it has. */
void lowered(uint8_t by);
/* The kernel has carried out the last request and notifies an address; it tells of one in any state; it
 * refuses the last request. */
void present(unsigned index);
void lost(unsigned index);
void found(const char *what, unsigned index, enum vrrp_found_state state, uint8_t prefix);
void refuse(int error);
void claim(enum vrrp_claim claim);
/* To all nodes. */
void hear_final(uint8_t from, uint8_t priority);
void hear(uint8_t from, uint8_t priority);
void hear_at_interval(uint8_t from, uint8_t priority, int64_t interval_us);

#define expect(text) assert_string_equal(told, text)
