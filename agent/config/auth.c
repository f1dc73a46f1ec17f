/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group `auth` of a virtual router: mode and keys of the authentication trailer.
 */
#include <string.h>

#include "config/settings.h"

static const char *refuse_off(const char *text)
{
	return strcmp(text, config_auth_names[AUTH_OFF])
		   ? NULL
		   : "is what no auth at all means; leave the group auth out";
}

static void finish_key(struct report *report, config_setting_t *setting, void *base)
{
	const char *other;
	const config_setting_t *file = config_setting_get_member(setting, "file");
	unsigned line = report_place(report, config_setting_source_line(file ? file : setting), &other);
	((struct config_key *)base)->line = other ? 0 : line;
}

static const struct group key_group = {"keys = ( { … } )",
    (const struct key[]){
	{"id", &type_number, FIELD(config_key, id), .example = "1", .required = true, .min = 1, .max = 255,
	    .note = "the same on every server"},
	{"file", &type_text, FIELD(config_key, file.path), .example = "\"/etc/vipd/keys/1\"",
	    .required = true, .refuse = refuse_path},
	{0},
    },
    sizeof(struct config_key), .finish = finish_key};

static void finish_auth(struct report *report, config_setting_t *setting, void *base)
{
	const struct config_router *router = base;
	bool active_found = false;
	for (unsigned i = 0; i < router->key_count; i++) {
		const struct config_key *key = &router->keys[i];
		active_found |= key->id == router->auth_active_key;
		for (unsigned j = 0; j < i && key->id; j++) {
			if (router->keys[j].id == key->id) {
				report_field(report, &key->id, key, "id",
				    "is the id of another key too; give every key its own");
				break;
			}
		}
	}
	const config_setting_t *active = config_setting_get_member(setting, "active_key");
	if (router->auth == AUTH_OFF || router->auth == AUTH_RECEIVE_ONLY || !router->key_count)
		return; /* no mode that signs, or an error already */
	if (!active)
		report_absent(report, setting, "active_key",
		    "is missing; write active_key = %d (the id of the key to sign with)", router->keys[0].id);
	else if (router->auth_active_key && !active_found)
		report_setting(report, active,
		    "no key has this id; write the id of one of keys, as in active_key = %d",
		    router->keys[0].id);
}

const struct group auth_group = {"auth = { … }",
    (const struct key[]){
	{"mode", &type_choice, FIELD(config_router, auth), .example = "\"enforce\"", .required = true,
	    .choices = config_auth_names + AUTH_RECEIVE_ONLY, .min = AUTH_RECEIVE_ONLY, .refuse = refuse_off,
	    .note = "or \"permissive\" or \"receive-only\""},
	{"active_key", &type_number, FIELD(config_router, auth_active_key), .example = "1", .min = 1,
	    .max = 255, .note = "the id of the key to sign with"},
	{"keys", &type_groups, FIELD_WITH(config_router, keys, key_count),
	    .example = "( { id = 1; file = \"/etc/vipd/keys/1\"; } )", .required = true, .min = 1,
	    .max = CONFIG_KEYS_MAX, .group = &key_group},
	{0},
    },
    .finish = finish_auth};
