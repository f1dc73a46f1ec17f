/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a control process that has been taken over cannot do to its neighbours.
 */
#pragma once

/* Keeps this process, and every program that it starts, from sending signals to others, from tracing them and
 * from setting their limits; its own children stay in its hand. Needs no_new_privs, and to be called before
 * there are threads. Where the kernel lacks a part that is logged once, and the rest holds. */
void confine(void);
