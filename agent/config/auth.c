/*
 * The group `auth` of a virtual router: mode and keys of the authentication trailer.
 */
#include <inttypes.h>
#include <string.h>

#include "config/settings.h"

static void read_mode(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	const char *mode = text_of(report, setting, key);
	if (!mode)
		return;
	for (enum config_auth value = AUTH_RECEIVE_ONLY; value <= AUTH_ENFORCE; value++) {
		if (!strcmp(mode, config_auth_name(value))) {
			*(enum config_auth *)field = value;
			return;
		}
	}
	if (!strcmp(mode, config_auth_name(AUTH_OFF)))
		report_setting(report, setting, "is what no auth at all means; leave the group auth out");
	else
		report_setting(report, setting, "is not known; write \"%s\", \"%s\" or \"%s\"",
		    config_auth_name(AUTH_RECEIVE_ONLY), config_auth_name(AUTH_PERMISSIVE),
		    config_auth_name(AUTH_ENFORCE));
}

static void read_keys(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	static const struct key key_keys[] = {
	    {"id", read_number, offsetof(struct config_key, id), "1", "the same on every server",
		.required = true, .size = sizeof(uint8_t), .min = 1, .max = 255},
	    {"file", read_text, offsetof(struct config_key, file.path), "\"/etc/vipd/keys/1\"",
		.required = true, .size = CONFIG_PATH_MAX, .refuse = refuse_path},
	    {0},
	};
	struct config_router *router = key_base(key, field);
	unsigned count = list_of_groups(report, setting, key, CONFIG_KEYS_MAX);
	for (unsigned i = 0; i < count; i++) {
		config_setting_t *element = config_setting_get_elem(setting, i);
		read_group(report, element, key_keys, &router->keys[i]);
		const config_setting_t *file = config_setting_get_member(element, "file");
		router->keys[i].line = config_setting_source_line(file ? file : element);
	}
	router->key_count = count;
}

/* What only holds between the keys of the group. */
static void check_auth(struct report *report, config_setting_t *setting, const struct config_router *router)
{
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

void read_auth(struct report *report, config_setting_t *setting, const struct key *key, void *field)
{
	static const struct key auth_keys[] = {
	    {"mode", read_mode, offsetof(struct config_router, auth), "\"enforce\"",
		"or \"permissive\" or \"receive-only\"", .required = true},
	    {"active_key", read_number, offsetof(struct config_router, auth_active_key), "1",
		"the id of the key to sign with", .size = sizeof(uint8_t), .min = 1, .max = 255},
	    {"keys", read_keys, offsetof(struct config_router, keys),
		"( { id = 1; file = \"/etc/vipd/keys/1\"; } )", .required = true, .min = 1},
	    {0},
	};
	struct config_router *router = key_base(key, field);
	read_group(report, setting, auth_keys, router);
	if (config_setting_is_group(setting))
		check_auth(report, setting, router);
}
