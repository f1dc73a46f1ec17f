/*
 * One virtual router as the agent's status has it, judged.
 */
#pragma once

#include "vipctl/show.h"
#include "vipctl/vipctl.h"

/* A member that is text, "" if it is not there (or null). */
const char *member_text(const json_t *object, const char *key);
int64_t member_number(const json_t *object, const char *key);
bool member_true(const json_t *object, const char *key);

enum holder {
	HOLDER_SELF,
	HOLDER_OTHER,  /* heard recently */
	HOLDER_SILENT, /* heard, but not any more */
	HOLDER_NOBODY  /* none heard */
};
enum holder router_holder(const json_t *router);

/* "this node", "fe80::12 (priority 120)", "nobody: fe80::12 silent for 12s", "nobody" */
const char *router_holder_text(const json_t *router, char out[static CELL_MAX]);

bool router_is_active(const json_t *router);

/* What the kernel has of one address (an item of `addresses`), against what the state asks for. */
enum presence {
	PRESENCE_RIGHT,
	PRESENCE_HANDOVER, /* still there, for the moment of a planned handover */
	PRESENCE_MISSING,  /* active, and not there */
	PRESENCE_LEFT,	   /* not active, and there */
	PRESENCE_UNKNOWN   /* the kernel did not answer */
};
enum presence address_presence(const json_t *router, const json_t *address);

/* Neither active nor with any of its addresses on the interface. */
bool router_has_let_go(const json_t *router);
