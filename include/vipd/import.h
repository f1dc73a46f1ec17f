/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a keepalived.conf to a vipd.conf.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Reads the file `path`, and what it includes, and prints the vipd.conf that does the same to `out`. Each
 * line that was dropped or changed is named in `notes` as "FILE:LINE: TEXT: …", with why. `id`: which of the
 * lines that begin with @ are for this server (keepalived's --config-id).
 *
 * Returns whether what it has printed is right for vipd; if not, `notes` has the errors.
 */
bool import_keepalived(const char *path, const char *id, FILE *out, FILE *notes);
