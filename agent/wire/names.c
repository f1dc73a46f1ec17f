/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of verdicts: the `reason` label of the metrics. They are an interface for users; do not change them.
 */
#include "vipd/advert.h"
#include "vipd/hello.h"

const char *advert_verdict_name(enum advert_verdict verdict)
{
	static const char *const names[ADVERT_VERDICTS] = {
	    [ADVERT_OK] = "ok",
	    [ADVERT_BAD_HOP_LIMIT] = "bad_hop_limit",
	    [ADVERT_BAD_DESTINATION] = "bad_destination",
	    [ADVERT_TOO_SHORT] = "too_short",
	    [ADVERT_BAD_VERSION] = "bad_version",
	    [ADVERT_VRRP_VERSION_2] = "vrrp_version_2",
	    [ADVERT_BAD_TYPE] = "bad_type",
	    [ADVERT_NO_ADDRESS] = "no_address",
	    [ADVERT_BAD_LENGTH] = "bad_length",
	    [ADVERT_BAD_INTERVAL] = "bad_interval",
	    [ADVERT_BAD_CHECKSUM] = "bad_checksum",
	    [ADVERT_BAD_SOURCE] = "bad_source",
	    [ADVERT_UNKNOWN_VRID] = "unknown_vrid",
	    [ADVERT_OWN_PACKET] = "own_packet",
	    [ADVERT_UNKNOWN_PEER] = "unknown_peer",
	    [ADVERT_NOT_READY] = "not_ready",
	    [ADVERT_AUTH_UNEXPECTED] = "auth_unexpected",
	    [ADVERT_AUTH_MISSING] = "auth_missing",
	    [ADVERT_AUTH_MALFORMED] = "auth_malformed",
	    [ADVERT_AUTH_UNKNOWN_KEY] = "auth_unknown_key",
	    [ADVERT_AUTH_BAD_MAC] = "auth_bad_mac",
	    [ADVERT_AUTH_STALE] = "auth_stale",
	    [ADVERT_AUTH_REPLAYED] = "auth_replayed",
	};
	return verdict < ADVERT_VERDICTS ? names[verdict] : "unknown";
}

const char *hello_verdict_name(enum hello_verdict verdict)
{
	static const char *const names[HELLO_VERDICTS] = {
	    [HELLO_OK] = "ok",
	    [HELLO_BAD_HOP_LIMIT] = "bad_hop_limit",
	    [HELLO_BAD_DESTINATION] = "bad_destination",
	    [HELLO_BAD_SOURCE] = "bad_source",
	    [HELLO_TOO_LONG] = "too_long",
	    [HELLO_TOO_SHORT] = "too_short",
	    [HELLO_BAD_MAGIC] = "bad_magic",
	    [HELLO_BAD_VERSION] = "bad_version",
	    [HELLO_BAD_FAMILY] = "bad_family",
	    [HELLO_BAD_FIELD] = "bad_field",
	    [HELLO_MISSING_FIELD] = "missing_field",
	    [HELLO_UNKNOWN_ROUTER] = "unknown_router",
	    [HELLO_OWN_PACKET] = "own_packet",
	    [HELLO_UNKNOWN_PEER] = "unknown_peer",
	    [HELLO_AUTH_UNEXPECTED] = "auth_unexpected",
	    [HELLO_AUTH_MISSING] = "auth_missing",
	    [HELLO_AUTH_MALFORMED] = "auth_malformed",
	    [HELLO_AUTH_UNKNOWN_KEY] = "auth_unknown_key",
	    [HELLO_AUTH_BAD_MAC] = "auth_bad_mac",
	    [HELLO_AUTH_STALE] = "auth_stale",
	    [HELLO_AUTH_REPLAYED] = "auth_replayed",
	    [HELLO_UNSIGNED] = "unsigned",
	    [HELLO_OLD] = "old",
	    [HELLO_ROSTER_FULL] = "roster_full",
	    [HELLO_NOT_MEMBER] = "not_member",
	    [HELLO_NOT_ACTIVE] = "not_active",
	};
	return verdict < HELLO_VERDICTS ? names[verdict] : "unknown";
}
