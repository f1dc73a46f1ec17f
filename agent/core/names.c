/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of states and reasons, for everybody who shows them.
 */
#include "vipd/vrrp.h"

const char *vrrp_state_name(enum vrrp_state state)
{
	static const char *const names[VRRP_STATES] = {
	    [VRRP_INITIALIZE] = "initialize",
	    [VRRP_BACKUP] = "backup",
	    [VRRP_ACTIVE] = "active",
	    [VRRP_FAULT] = "fault",
	};
	return state < VRRP_STATES ? names[state] : "unknown";
}

const char *vrrp_health_name(enum vrrp_health health)
{
	static const char *const names[VRRP_HEALTHS] = {
	    [VRRP_FAILING] = "failing",
	    [VRRP_RECOVERING] = "recovering",
	    [VRRP_HEALTHY] = "healthy",
	};
	return health < VRRP_HEALTHS ? names[health] : "unknown";
}

const char *vrrp_conflict_name(enum vrrp_conflict conflict)
{
	static const char *const names[VRRP_CONFLICTS] = {
	    [VRRP_CONFLICT_NONE] = "none",
	    [VRRP_CONFLICT_ADDRESS] = "address",
	    [VRRP_CONFLICT_SOURCE] = "source",
	    [VRRP_CONFLICT_VRID] = "vrid",
	};
	return conflict < VRRP_CONFLICTS ? names[conflict] : "unknown";
}

const char *vrrp_reason_name(enum vrrp_reason reason)
{
	static const char *const names[VRRP_REASONS] = {
	    [VRRP_REASON_NONE] = "none",
	    [VRRP_REASON_STARTED] = "started",
	    [VRRP_REASON_ADOPTED] = "adopted",
	    [VRRP_REASON_NO_ADVERT] = "no_advert",
	    [VRRP_REASON_RESIGNED] = "resigned",
	    [VRRP_REASON_PEER_UNHEALTHY] = "peer_unhealthy",
	    [VRRP_REASON_PREEMPTED_LOWER] = "preempted_lower",
	    [VRRP_REASON_RESUMED] = "resumed",
	    [VRRP_REASON_HIGHER_PRIORITY] = "higher_priority",
	    [VRRP_REASON_HIGHER_ADDRESS] = "higher_address",
	    [VRRP_REASON_LINK_DOWN] = "link_down",
	    [VRRP_REASON_LINK_UP] = "link_up",
	    [VRRP_REASON_ADDRESS_FAILED] = "address_failed",
	    [VRRP_REASON_ADDRESS_RETRY] = "address_retry",
	    [VRRP_REASON_STOPPED] = "stopped",
	    [VRRP_REASON_DRAINED] = "drained",
	    [VRRP_REASON_NO_SUCCESSOR] = "no_successor",
	    [VRRP_REASON_UNHEALTHY] = "unhealthy",
	    [VRRP_REASON_LATE] = "late",
	    [VRRP_REASON_SHUTDOWN] = "shutdown",
	    [VRRP_REASON_REMOVED] = "removed",
	};
	return reason < VRRP_REASONS ? names[reason] : "unknown";
}
