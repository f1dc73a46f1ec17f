/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* The group of each virtual router; nothing where none is known. */
void group_print(FILE *out, bool colour, const json_t *status);

/* "2 of 3 servers can take over; next: k8s-node02" */
void group_sentence(const json_t *router, char *text, size_t room);
