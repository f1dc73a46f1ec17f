/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * Whether the value of a Host header (NULL: there is none) is an IP address or localhost, with a port or
 * without. Any other name may be one that somebody's page in a browser has had resolved to our address (DNS
 * rebinding): then what we answer would belong to that page.
 */
bool host_is_literal(const char *host);
