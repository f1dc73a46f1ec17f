/* SPDX-License-Identifier: Apache-2.0 */
#include "control/report/timeline.h"

#include "control/text.h"
#include "vipd/address.h"

/* Null if nobody has said why. */
static json_t *words_json(const struct timeline_why *why)
{
	switch (why->word) {
	case TIMELINE_SAID: return text_json(why->text, sizeof why->text);
	case TIMELINE_LOST: return json_string("nothing was heard of it any more");
	default: return json_null();
	}
}

/* How it stood when it ended. */
static void put_standing(json_t *json, const struct holding *holding)
{
	bool was_lowered = holding->over && holding->lowered, was_ill = holding->over && !holding->lowered;
	json_object_set_new(json, "end_health_reason",
	    was_ill ? text_json_or_null(holding->trouble, sizeof holding->trouble) : json_null());
	json_object_set_new(
	    json, "end_lowered", holding->over ? json_integer(holding->lowered) : json_null());
	json_object_set_new(json, "end_lowered_reason",
	    was_lowered ? text_json_or_null(holding->trouble, sizeof holding->trouble) : json_null());
}

json_t *holding_json(const struct holding *holding, int64_t wall_us)
{
	char address[ADDRESS_TEXT_MAX];
	json_t *json = json_pack("{s:o, s:i, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:s, s:o}", "router",
	    text_json(holding->router, sizeof holding->router), "vrid", holding->id.vrid, "interface",
	    text_json(holding->id.interface, sizeof holding->id.interface), "node",
	    text_json_or_null(holding->node, sizeof holding->node), "address",
	    address_format(&holding->address, address), "self", holding->self, "priority",
	    holding->priority ? json_integer(holding->priority) : json_null(), "from",
	    text_json_time(wall_us + holding->from.us), "until",
	    holding->over ? text_json_time(wall_us + holding->until.us) : json_null(), "code",
	    timeline_why_code(&holding->began), "reason", words_json(&holding->began));
	json_object_set_new(
	    json, "end_code", holding->over ? json_string(timeline_why_code(&holding->ended)) : json_null());
	json_object_set_new(json, "end_reason", holding->over ? words_json(&holding->ended) : json_null());
	put_standing(json, holding);
	return json;
}

json_t *timeline_json(const struct timeline *timeline, int64_t wall_us)
{
	json_t *items = json_array();
	for (unsigned i = 0; i < timeline->count; i++)
		json_array_append_new(items, holding_json(&timeline->holdings[i], wall_us));
	return json_pack(
	    "{s:o, s:o}", "since", text_json_time(wall_us + timeline->since.us), "holdings", items);
}
