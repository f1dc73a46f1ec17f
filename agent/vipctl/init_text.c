/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the first vipd.conf.
 */
#include <stdio.h>
#include <string.h>

#include "vipctl/init.h"
#include "vipd/config.h"
#include "vipd/duration.h"

static void print_addresses(FILE *out, const struct plan *plan)
{
	char text[ADDRESS_TEXT_MAX];
	const struct survey_group *group = &plan->group;
	const char *separator = "";
	fputs("    addresses = [ ", out);
	for (unsigned i = 0; i < group->address_count; i++)
		if (!address_is_link_local(&group->addresses[i])) {
			fprintf(out, "%s\"%s\"", separator, address_format(&group->addresses[i], text));
			separator = ", ";
		}
	if (!group->vrid)
		fprintf(out, "\"%s\"", address_format(&plan->address, text));
	fputs(" ];\n", out);
}

/* What the adverts of the group have that is not as vipd sends it by itself. */
static void print_group(FILE *out, const struct survey_group *group)
{
	char text[ADDRESS_TEXT_MAX];
	const struct address *first = &group->addresses[0];
	struct address usual = config_link_local_auto(group->vrid);
	if (!group->vrid)
		return;
	if (!address_is_ipv4(first) && !address_equal(first, &usual))
		fprintf(out,
		    "\n"
		    "    # The link-local address that the others have at the beginning of their list.\n"
		    "    link_local = \"%s\";\n",
		    address_is_link_local(first) ? address_format(first, text) : "none");
	if (group->plain_checksum)
		fputs("\n"
		      "    # As the others send it.\n"
		      "    checksum = \"rfc9568\";\n",
		    out);
	if (group->is_signed)
		fprintf(out,
		    "\n"
		    "    # The others sign their adverts. Copy the key from one of them; without it there "
		    "would be two holders.\n"
		    "    # As long as not all of them have \"enforce\", write the mode that they have.\n"
		    "    auth = { mode = \"enforce\"; active_key = %u; keys = ( { id = %u; file = "
		    "\"" INIT_KEY_PATH "\"; } ); };\n",
		    group->key_id, group->key_id, group->key_id);
}

static void print_router(FILE *out, const struct plan *plan)
{
	char interval[DURATION_TEXT_MAX];
	fprintf(out,
	    "    name = \"api\";\n"
	    "    interface = \"%s\";\n"
	    "\n"
	    "    # The same on every server, and of no other group on this segment.\n"
	    "    vrid = %u;\n"
	    "\n"
	    "    # The address that clients know. The same on every server; no host has it as its own.\n",
	    plan->interface, plan->vrid);
	print_addresses(out, plan);
	fprintf(out,
	    "\n"
	    "    # 32 to 254. The healthy server with the highest one holds the address.\n"
	    "    priority = %u;\n"
	    "\n"
	    "    # The same on every server. The others take over after three and a half of them without a "
	    "word.\n"
	    "    advert_interval = \"%s\";\n",
	    plan->priority,
	    duration_format(
		plan->group.vrid ? plan->group.interval_us : CONFIG_INTERVAL_DEFAULT_US, interval));
	print_group(out, &plan->group);
}

static void print_plan(FILE *out, const struct plan *plan)
{
	fputs("# The configuration of vipd on this server, written by `vipctl init`. vipd.conf(5) explains "
	      "every key,\n"
	      "# `vipd -nv` prints those that are not here with their defaults, and `vipd -n` checks it.\n"
	      "\n"
	      "virtual_routers = (\n"
	      "  {\n",
	    out);
	print_router(out, plan);
	if (plan->distribution)
		fprintf(out,
		    "\n"
		    "    # A server whose API server fails gives the address to one whose API server does "
		    "not.\n"
		    "    checks = [ \"apiserver\" ];\n"
		    "  }\n"
		    ");\n"
		    "\n"
		    "# Asks the API server of this server. The certificates are those of %s, which is here.\n"
		    "checks = ( { name = \"apiserver\"; type = \"kubernetes\"; } );\n",
		    plan->distribution);
	else
		fputs("\n"
		      "    # What must be well for this server to hold the address; vipd.conf(5) has the "
		      "types.\n"
		      "    # checks = [ \"web\" ];\n"
		      "  }\n"
		      ");\n"
		      "\n"
		      "# checks = ( { name = \"web\"; type = \"http\"; url = \"http://[::1]:8080/healthz\"; "
		      "} );\n",
		    out);
}

/* Which Kubernetes is here is what a check for it finds. */
static const char *find_distribution(void)
{
	static const char text[] =
	    "virtual_routers = ( { interface = \"eth0\"; vrid = 1; addresses = [ \"2001:db8::1\" ]; "
	    "} ); checks = ( { name = \"a\"; type = \"kubernetes\"; } );";
	static struct config config;
	static struct config_errors errors;
	if (config_read_text("", text, strlen(text), &config, &errors))
		return NULL;
	config_discover(&config, "");
	return config.checks[0].ca.path[0]
		   ? config_distribution_name(config_check_distribution(&config.checks[0]))
		   : NULL;
}

const char *init_write(struct plan *plan, char *text, size_t room)
{
	static struct config config;
	static struct config_errors errors;
	FILE *out = fmemopen(text, room, "w");
	if (!out)
		return "out of memory";
	plan->distribution = find_distribution();
	print_plan(out, plan);
	fclose(out);
	return config_read_text("vipd.conf", text, strlen(text), &config, &errors) ? errors.text : NULL;
}
