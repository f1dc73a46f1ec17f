/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_once CONFIG INDEX SERVER…: tells target INDEX of a configuration that these servers are the group,
 * as the holder would, and prints what comes of it. SERVER is NAME=ADDRESS, with a '-' before it if it is not
 * ready. With "show" as the last word it only prints what would be sent.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "control/publish/target.h"

/* A job ends with its process and frees nothing; and one test sets the clock by a preloaded library. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:verify_asan_link_order=0";
}

static uint8_t bytes[64 * 1024];
static size_t used;

/* As the guardian does it. */
static void read_secret(struct config_secret *secret)
{
	FILE *file = secret->path[0] ? fopen(secret->path, "re") : NULL;
	if (!secret->path[0])
		return;
	secret->error = file ? 0 : 2;
	if (!file)
		return;
	secret->offset = (uint32_t)used;
	secret->size = (uint32_t)fread(bytes + used, 1, sizeof bytes - used, file);
	used += secret->size;
	fclose(file);
}

static bool take_server(struct publish_set *set, const char *text)
{
	struct publish_server *server = &set->servers[set->count];
	server->ready = *text != '-';
	text += *text == '-';
	const char *address = strchr(text, '=');
	if (!address || !address_parse(address + 1, &server->address))
		return false;
	snprintf(server->node, sizeof server->node, "%.*s", (int)(address - text), text);
	set->count++;
	set->ready += server->ready;
	return true;
}

int main(int argc, char **argv)
{
	static struct config config;
	static struct config_errors errors;
	struct secrets secrets = {bytes, sizeof bytes};
	struct publish_job job = {.secrets = &secrets};
	bool show = argc > 3 && !strcmp(argv[argc - 1], "show");
	if (argc < 4 || config_load(argv[1], &config, &errors)) {
		fprintf(stderr, "usage: publish_once CONFIG INDEX SERVER… [show]\n%s", errors.text);
		return 2;
	}
	struct config_publish *target = &config.publish[atoi(argv[2]) % CONFIG_PUBLISH_MAX];
	read_secret(&target->ca);
	read_secret(&target->token);
	read_secret(&target->cert);
	read_secret(&target->key);
	job.config = target;
	for (int i = 3; i < argc - show; i++)
		if (!take_server(&job.set, argv[i]))
			return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (show) {
		(target->type == PUBLISH_DNS ? publish_dns_show : publish_objects_show)(&job, stdout);
		return 0;
	}
	int result = target->type == PUBLISH_DNS ? publish_dns(&job) : publish_objects(&job);
	putchar('\n');
	return result;
}
