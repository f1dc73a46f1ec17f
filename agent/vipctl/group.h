/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "vipctl/page.h"

/* The group of each virtual router; nothing where none is known. */
void group_print(struct page *page, const json_t *status);

/* Its members, as a table. */
void group_table(struct page *page, const json_t *router);

/* "2 of 3 servers can take over; next: k8s-node02" */
void group_sentence(const json_t *router, char *text, size_t room);
