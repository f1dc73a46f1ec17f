/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a configuration names on this machine: who reads, checks or watches files goes through it.
 * A key of a check or of a target says so in its table (.file), one of another group is added here.
 */
#include <string.h>

#include "config/settings.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct visit {
	config_path_visitor *visitor;
	void *context;
};

static void visit_path(const struct visit *visit, struct config_path *named, char *place)
{
	if (!*place)
		return;
	named->path = place;
	named->secret = named->use <= PATH_LAST_SECRET ? (struct config_secret *)place : NULL;
	visit->visitor(named, visit->context);
}

/* What the keys of a check or a target name; private_key: what such a key is to it. */
static void visit_group(const struct visit *visit, const struct group *group, void *structure,
    enum config_path_use private_key, struct config_path *named)
{
	for (const struct key *key = group->keys; key->name; key++) {
		if (!key->file || !key_fits(group, key, structure))
			continue;
		named->use = key->file == PATH_PRIVATE_KEY ? private_key : key->file;
		named->key = key->name;
		visit_path(visit, named, (char *)structure + key->offset);
	}
}

static void visit_check(const struct visit *visit, struct config_check *check)
{
	struct config_path named = {.without = "the check fails", .repeated = check->is_second};
	snprintf(named.owner, sizeof named.owner, "check \"%s\": ", check->name);
	visit_group(visit, &check_group, check, PATH_PRIVATE_KEY, &named);
}

static void visit_publish(const struct visit *visit, struct config_publish *publish, unsigned index)
{
	struct config_path named = {.without = "nothing is published there"};
	snprintf(named.owner, sizeof named.owner, "publish[%u] (%s): ", index,
	    config_publish_type_name(publish->type));
	visit_group(visit, &publish_group, publish,
	    publish->type == PUBLISH_DNS ? PATH_TSIG_KEY : PATH_PRIVATE_KEY, &named);
}

static void visit_keys(const struct visit *visit, struct config_router *router)
{
	struct config_path named = {.use = PATH_ADVERT_KEY, .key = "file", .without = "vipd does not start"};
	for (unsigned i = 0; i < router->key_count; i++) {
		snprintf(named.owner, sizeof named.owner, "virtual router %s, auth key %u: ", router->name,
		    router->keys[i].id);
		visit_path(visit, &named, router->keys[i].file.path);
	}
}

void config_paths(struct config *config, config_path_visitor *visitor, void *context)
{
	const struct visit visit = {visitor, context};
	const struct {
		struct config_path named;
		char *path;
	} others[] = {
	    {{.use = PATH_PROGRAM, .key = "notify", .without = "nobody is told of a transition"},
		config->notify},
	    {{.use = PATH_DIRECTORY, .key = "record_dir", .without = "no capture file is written"},
		config->record_dir},
	    {{.use = PATH_SOCKET, .key = "control.socket", .without = "vipd does not start"}, config->socket},
	};
	for (size_t i = 0; i < COUNT(others); i++) {
		struct config_path named = others[i].named;
		visit_path(&visit, &named, others[i].path);
	}
	for (unsigned i = 0; i < config->router_count; i++)
		visit_keys(&visit, &config->routers[i]);
	for (unsigned i = 0; i < config->check_count; i++)
		visit_check(&visit, &config->checks[i]);
	for (unsigned i = 0; i < config->publish_count; i++)
		visit_publish(&visit, &config->publish[i], i);
}
