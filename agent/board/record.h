/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the board: the sequence lock of a record. The number is odd while the engine changes it; there is
 * one writer, and it never waits.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void record_begin(_Atomic uint32_t *sequence);
void record_end(_Atomic uint32_t *sequence);

/* false: the writer died in the middle of changing it (then *to is what stands there). */
bool record_copy(const _Atomic uint32_t *sequence, const void *from, void *to, size_t size);
