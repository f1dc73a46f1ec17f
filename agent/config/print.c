/*
 * The configuration as text, with every default filled in. config_load() makes the same structure of it
 * again.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "vipd/config.h"
#include "vipd/duration.h"
#include "vipd/mono.h"

static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	fputc('"', out);
}

static void print_text(FILE *out, const char *indent, const char *key, const char *text)
{
	fprintf(out, "%s%s = ", indent, key);
	print_quoted(out, text);
	fprintf(out, ";\n");
}

static void print_number(FILE *out, const char *indent, const char *key, uint32_t number)
{
	fprintf(out, "%s%s = %" PRIu32 ";\n", indent, key, number);
}

static void print_duration(FILE *out, const char *indent, const char *key, int64_t us)
{
	char text[DURATION_TEXT_MAX];
	fprintf(out, "%s%s = \"%s\";\n", indent, key, duration_format(us, text));
}

static const char *address_text(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	return address_format(address, text);
}

static void print_addresses(FILE *out, const char *indent, const struct config_router *router)
{
	char text[ADDRESS_TEXT_MAX];
	fprintf(out, "%saddresses = [", indent);
	for (unsigned i = 0; i < router->address_count; i++)
		fprintf(out, "%s \"%s\"", i ? "," : "", address_text(&router->addresses[i], text));
	fprintf(out, " ];\n");
}

static void print_peers(FILE *out, const char *indent, const struct config_router *router)
{
	char text[ADDRESS_TEXT_MAX];
	if (!router->peer_count)
		return;
	fprintf(out, "%speers = [", indent);
	for (unsigned i = 0; i < router->peer_count; i++)
		fprintf(out, "%s \"%s\"", i ? "," : "", address_text(&router->peers[i], text));
	fprintf(out, " ];\n");
}

static void print_link_local(FILE *out, const char *indent, const struct config_router *router)
{
	char text[ADDRESS_TEXT_MAX];
	print_text(out, indent, "link_local",
	    router->link_local_mode == LINK_LOCAL_AUTO	 ? "auto"
	    : router->link_local_mode == LINK_LOCAL_NONE ? "none"
							 : address_text(&router->link_local, text));
}

static void print_check_names(
    FILE *out, const char *indent, const struct config *config, const struct config_router *router)
{
	const char *separator = "";
	fprintf(out, "%schecks = [", indent);
	for (unsigned i = 0; i < config->check_count; i++) {
		if (router->checks & UINT64_C(1) << i) {
			fprintf(out, "%s \"%s\"", separator, config->checks[i].name);
			separator = ",";
		}
	}
	fprintf(out, " ];\n");
}

static void print_interfaces(FILE *out, const char *indent, const struct config_router *router)
{
	if (!router->track_count)
		return;
	fprintf(out, "%strack_interfaces = [", indent);
	for (unsigned i = 0; i < router->track_count; i++)
		fprintf(out, "%s \"%s\"", i ? "," : "", router->track[i]);
	fprintf(out, " ];\n");
}

static void print_auth(FILE *out, const char *indent, const struct config_router *router)
{
	if (router->auth == AUTH_OFF)
		return;
	fprintf(out, "%sauth = {\n", indent);
	print_text(out, "      ", "mode", config_auth_name(router->auth));
	if (router->auth_active_key)
		print_number(out, "      ", "active_key", router->auth_active_key);
	fprintf(out, "      keys = (");
	for (unsigned i = 0; i < router->key_count; i++) {
		fprintf(out, "%s\n        {\n", i ? "," : "");
		print_number(out, "          ", "id", router->keys[i].id);
		print_text(out, "          ", "file", router->keys[i].file.path);
		fprintf(out, "        }");
	}
	fprintf(out, "\n      );\n%s};\n", indent);
}

static void print_router(FILE *out, const struct config *config, const struct config_router *router)
{
	static const char indent[] = "    ";
	print_text(out, indent, "name", router->name);
	print_text(out, indent, "interface", router->id.interface);
	print_number(out, indent, "vrid", router->id.vrid);
	print_addresses(out, indent, router);
	print_number(out, indent, "priority", router->priority);
	print_duration(out, indent, "advert_interval", router->advert_interval_us);
	fprintf(out, "%spreempt = %s;\n", indent, router->preempt ? "true" : "false");
	print_duration(out, indent, "preempt_delay", router->preempt_delay_us);
	print_link_local(out, indent, router);
	print_peers(out, indent, router);
	if (!address_is_unspecified(&router->source)) {
		char text[ADDRESS_TEXT_MAX];
		print_text(out, indent, "source", address_format(&router->source, text));
	}
	print_check_names(out, indent, config, router);
	print_interfaces(out, indent, router);
	print_text(out, indent, "when_unhealthy", config_unhealthy_name(router->when_unhealthy));
	print_text(out, indent, "on_conflict", config_conflict_name(router->on_conflict));
	print_duration(out, indent, "kernel_lease", router->kernel_lease_s * USEC_PER_SEC);
	print_auth(out, indent, router);
}

static void print_file(FILE *out, const char *indent, const char *key, const struct config_secret *file)
{
	if (file->path[0])
		print_text(out, indent, key, file->path);
}

static void print_if(FILE *out, const char *indent, const char *key, const char *text)
{
	if (text[0])
		print_text(out, indent, key, text);
}

static void print_command(FILE *out, const char *indent, const struct config_check *check)
{
	const char *word = check->command;
	fprintf(out, "%scommand = [", indent);
	for (unsigned i = 0; i < check->word_count; i++, word += strlen(word) + 1) {
		fprintf(out, "%s ", i ? "," : "");
		print_quoted(out, word);
	}
	fprintf(out, " ];\n");
}

static void print_http(FILE *out, const char *indent, const struct config_check *check)
{
	print_text(out, indent, "url", check->url);
	print_file(out, indent, "ca", &check->ca);
	print_file(out, indent, "cert", &check->cert);
	print_file(out, indent, "key", &check->key);
	print_if(out, indent, "server_name", check->server_name);
	print_if(out, indent, "body", check->body);
	fprintf(out, "%sexpect = [", indent);
	for (unsigned i = 0; i < check->expect_count; i++)
		fprintf(out, "%s %u", i ? "," : "", check->expect[i]);
	fprintf(out, " ];\n");
}

static void print_check(FILE *out, const struct config_check *check)
{
	static const char indent[] = "    ";
	print_text(out, indent, "name", check->name);
	print_text(out, indent, "type", config_check_type_name(check->type));
	print_duration(out, indent, "interval", check->interval_us);
	print_duration(out, indent, "fast_interval", check->fast_interval_us);
	print_duration(out, indent, "timeout", check->timeout_us);
	print_number(out, indent, "fall", check->fall);
	print_number(out, indent, "rise", check->rise);
	print_number(out, indent, "flap_count", check->flap_count);
	print_duration(out, indent, "flap_period", check->flap_period_us);
	print_duration(out, indent, "flap_delay", check->flap_delay_us);
	switch (check->type) {
	case CHECK_HTTPS:
	case CHECK_HTTP: print_http(out, indent, check); break;
	case CHECK_TCP: print_text(out, indent, "address", check->address); break;
	case CHECK_EXEC: print_command(out, indent, check); break;
	case CHECK_FILE:
		print_text(out, indent, "path", check->file);
		fprintf(out, "%sexists = %s;\n", indent, check->file_exists ? "true" : "false");
		print_if(out, indent, "content", check->content);
		break;
	case CHECK_TYPES: break;
	}
}

void config_print(const struct config *config, FILE *out)
{
	print_text(out, "", "node", config->node);
	fprintf(out, "virtual_routers = (");
	for (unsigned i = 0; i < config->router_count; i++) {
		fprintf(out, "%s\n  {\n", i ? "," : "");
		print_router(out, config, &config->routers[i]);
		fprintf(out, "  }");
	}
	fprintf(out, "\n);\nchecks = (");
	for (unsigned i = 0; i < config->check_count; i++) {
		fprintf(out, "%s\n  {\n", i ? "," : "");
		print_check(out, &config->checks[i]);
		fprintf(out, "  }");
	}
	fprintf(out, "\n);\ncontrol = {\n");
	print_text(out, "  ", "socket", config->socket);
	print_text(out, "  ", "group", config->group);
	print_text(out, "  ", "admin_group", config->admin_group);
	fprintf(out, "};\nmetrics = {\n");
	print_text(out, "  ", "listen", config->metrics_listen);
	fprintf(out, "};\n");
	print_if(out, "", "notify", config->notify);
	print_if(out, "", "record_dir", config->record_dir);
	print_text(out, "", "run_as", config->run_as);
}
