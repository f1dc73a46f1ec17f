/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names as they stand in the configuration file, in the order of their enums. On its own, because everybody
 * who shows a configuration links it.
 */
#include "vipd/config.h"

const char *const config_unhealthy_names[] = {"demote", "resign", NULL};
const char *const config_conflict_names[] = {"take", "wait", NULL};
const char *const config_auth_names[] = {"off", "receive-only", "permissive", "enforce", NULL};
const char *const config_check_type_names[] = {"https", "http", "tcp", "exec", "file", "process", NULL};

#define NAME_OF(names, value)                                                                                \
	((size_t)(value) < sizeof(names) / sizeof *(names)-1 ? (names)[value] : "unknown")

const char *config_unhealthy_name(enum config_unhealthy value)
{
	return NAME_OF(config_unhealthy_names, value);
}

const char *config_conflict_name(enum config_conflict value)
{
	return NAME_OF(config_conflict_names, value);
}

const char *config_auth_name(enum config_auth value)
{
	return NAME_OF(config_auth_names, value);
}

const char *config_check_type_name(enum config_check_type value)
{
	return NAME_OF(config_check_type_names, value);
}

_Static_assert(
    sizeof config_check_type_names / sizeof *config_check_type_names == CHECK_TYPES + 1, "a name each");
