/*
 * Names as they stand in the configuration file. On its own, because everybody who shows a configuration
 * links it.
 */
#include "vipd/config.h"

#define NAME_OF(names, value)                                                                                \
	((size_t)(value) < sizeof(names) / sizeof((names)[0]) ? (names)[value] : "unknown")

const char *config_unhealthy_name(enum config_unhealthy value)
{
	static const char *const names[] = {
	    [UNHEALTHY_DEMOTE] = "demote",
	    [UNHEALTHY_RESIGN] = "resign",
	};
	return NAME_OF(names, value);
}

const char *config_conflict_name(enum config_conflict value)
{
	static const char *const names[] = {
	    [CONFLICT_TAKE] = "take",
	    [CONFLICT_WAIT] = "wait",
	};
	return NAME_OF(names, value);
}

const char *config_auth_name(enum config_auth value)
{
	static const char *const names[] = {
	    [AUTH_OFF] = "off",
	    [AUTH_RECEIVE_ONLY] = "receive-only",
	    [AUTH_PERMISSIVE] = "permissive",
	    [AUTH_ENFORCE] = "enforce",
	};
	return NAME_OF(names, value);
}

const char *config_check_type_name(enum config_check_type value)
{
	static const char *const names[] = {
	    [CHECK_HTTPS] = "https",
	    [CHECK_HTTP] = "http",
	    [CHECK_TCP] = "tcp",
	    [CHECK_EXEC] = "exec",
	    [CHECK_FILE] = "file",
	};
	return NAME_OF(names, value);
}
