/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that a configuration names on this machine, in one table: who reads, checks or watches files
 * goes through it, so a new key of vipd.conf that names one is a row here.
 */
#include <string.h>

#include "vipd/config.h"

struct row {
	enum config_path_use use;
	const char *key;
	size_t offset; /* of the path in its structure; a struct config_secret begins with it */
};

static const struct row check_files[] = {
    {PATH_CA, "ca", offsetof(struct config_check, ca)},
    {PATH_CERTIFICATE, "cert", offsetof(struct config_check, cert)},
    {PATH_PRIVATE_KEY, "key", offsetof(struct config_check, key)},
    {PATH_PROGRAM, "command", offsetof(struct config_check, command)},
};

static const struct row publish_files[] = {
    {PATH_CA, "ca", offsetof(struct config_publish, ca)},
    {PATH_TOKEN, "token", offsetof(struct config_publish, token)},
    {PATH_CERTIFICATE, "cert", offsetof(struct config_publish, cert)},
    {PATH_PRIVATE_KEY, "key", offsetof(struct config_publish, key)},
};

static const struct row dns_files[] = {
    {PATH_TSIG_KEY, "key", offsetof(struct config_publish, key)},
};

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

static void visit_rows(const struct visit *visit, const struct row *rows, size_t count,
    struct config_path *named, void *structure)
{
	for (size_t i = 0; i < count; i++) {
		named->use = rows[i].use;
		named->key = rows[i].key;
		visit_path(visit, named, (char *)structure + rows[i].offset);
	}
}

static void visit_check(const struct visit *visit, struct config_check *check)
{
	struct config_path named = {.without = "the check fails", .repeated = check->is_second};
	snprintf(named.owner, sizeof named.owner, "check \"%s\": ", check->name);
	visit_rows(visit, check_files, COUNT(check_files), &named, check);
	named.use = PATH_LOOKED_AT;
	named.key = check->type == CHECK_PROCESS ? "pid_file" : "path";
	visit_path(visit, &named, check->file);
}

static void visit_publish(const struct visit *visit, struct config_publish *publish, unsigned index)
{
	struct config_path named = {.without = "nothing is published there"};
	bool dns = publish->type == PUBLISH_DNS;
	snprintf(named.owner, sizeof named.owner, "publish[%u] (%s): ", index,
	    config_publish_type_name(publish->type));
	visit_rows(visit, dns ? dns_files : publish_files, dns ? COUNT(dns_files) : COUNT(publish_files),
	    &named, publish);
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
