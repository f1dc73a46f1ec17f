/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vipctl init`: the first vipd.conf of a server. It looks what is here (interface, distribution of
 * Kubernetes) and on the segment (who has the address, which VRIDs are used), writes the file, and says what
 * comes next. On the second server it finds the group of the first one. It changes nothing that is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vipctl/host.h"
#include "vipctl/vipctl.h"
#include "vipd/config.h"
#include "vipd/duration.h"
#include "vipd/survey.h"

#define VRID_FIRST	 100
#define CANDIDATE_FIRST	 0x100 /* in the prefix of the interface: …::100 */
#define PRIORITY_DEFAULT 100
#define TEXT_MAX	 8192

enum { OPTION_INTERFACE = OPTION_LONG, OPTION_ADDRESS, OPTION_VRID, OPTION_PRIORITY, OPTION_YES };

const struct cli_option init_options[] = {
    {OPTION_INTERFACE, "interface", "NAME",
	"where the servers see each other (default: of the default route)"},
    {OPTION_ADDRESS, "address", "ADDRESS", "the virtual address (default: it asks you)"},
    {OPTION_VRID, "vrid", "NUMBER", "1 to 255 (default: of the group that has the address, else a free one)"},
    {OPTION_PRIORITY, "priority", "NUMBER", "32 to 254 (default 100)"},
    {'o', "output", "FILE", "default " CONFIG_PATH_DEFAULT "; -: standard output"},
    {OPTION_YES, "yes", NULL, "ask no question"},
    {0},
};

const char init_help[] =
    "\n"
    "Writes the first vipd.conf of this server. Asks for the address on the segment and listens which\n"
    "VRIDs are used, for three seconds; if another server has the address already, this one joins its\n"
    "group. It overwrites nothing.\n";

/* What will be written. */
struct plan {
	const char *output;
	bool asks; /* somebody is there to answer */
	char interface[IF_NAMESIZE];
	struct address address;
	bool address_given;
	unsigned vrid, priority;
	int64_t interval_us; /* of the group that it joins; 0: it joins none */
	struct survey survey;
	const char *distribution; /* NULL: no Kubernetes is here */
};

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("vipctl: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return EXIT_ATTENTION;
}

/* ---- what was asked for ---- */

static unsigned option_number(const struct vipctl *ctl, int id, const char *name, unsigned min, unsigned max)
{
	const char *text = option_value(ctl, id);
	char *end = NULL;
	if (!text)
		return 0;
	unsigned long number = strtoul(text, &end, 10);
	if (end == text || *end || *text == '-' || number < min || number > max)
		usage_error("--%s %s: write a number from %u to %u", name, text, min, max);
	return (unsigned)number;
}

static void read_options(const struct vipctl *ctl, struct plan *plan)
{
	const char *address = option_value(ctl, OPTION_ADDRESS),
		   *interface = option_value(ctl, OPTION_INTERFACE);
	const char *output = option_value(ctl, 'o');
	plan->output = output ? output : CONFIG_PATH_DEFAULT;
	plan->asks = !option_value(ctl, OPTION_YES) && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	plan->vrid = option_number(ctl, OPTION_VRID, "vrid", 1, 255);
	plan->priority = option_number(ctl, OPTION_PRIORITY, "priority", 32, 254);
	if (!plan->priority)
		plan->priority = PRIORITY_DEFAULT;
	plan->address_given = address != NULL;
	if (address && !address_parse(address, &plan->address))
		usage_error("--address %s: this is not an address", address);
	if (!address && !plan->asks)
		usage_error("nobody is here to say which address it shall be; add --address ADDRESS");
	if (interface && strlen(interface) >= sizeof plan->interface)
		usage_error("--interface %s: an interface has a shorter name", interface);
	if (interface)
		memcpy(plan->interface, interface, strlen(interface) + 1);
}

/* ---- what is here ---- */

static int find_interface(struct plan *plan)
{
	if (!plan->interface[0] && !host_default_interface(plan->interface))
		return refuse(
		    "this host has no default route; say where the servers see each other: --interface NAME");
	if (!if_nametoindex(plan->interface))
		return refuse("there is no interface %s; `ip -br link` lists them", plan->interface);
	return EXIT_FINE;
}

/* Without an address: some of the interface's prefix, of which one may be free. */
static void choose_candidates(struct plan *plan)
{
	struct survey *survey = &plan->survey;
	struct address prefix;
	unsigned length;
	memcpy(survey->interface, plan->interface, sizeof survey->interface);
	if (plan->address_given) {
		survey->addresses[survey->address_count++].address = plan->address;
		return;
	}
	if (!host_prefix(plan->interface, &prefix, &length) || length > 112)
		return;
	for (unsigned i = 0; i < SURVEY_ADDRESSES_MAX; i++) {
		struct address candidate = prefix;
		unsigned number = CANDIDATE_FIRST + i;
		memset(&candidate.in6.s6_addr[length / 8], 0, sizeof candidate - length / 8);
		candidate.in6.s6_addr[14] = (uint8_t)(number >> 8);
		candidate.in6.s6_addr[15] = (uint8_t)number;
		survey->addresses[survey->address_count++].address = candidate;
	}
}

static int look(struct plan *plan)
{
	choose_candidates(plan);
	fprintf(stderr, "Asking and listening on %s for three seconds …\n", plan->interface);
	int result = survey_segment(&plan->survey);
	if (result == -EPERM || result == -EACCES)
		return refuse("only root can ask the segment: sudo vipctl init");
	if (result)
		return refuse("cannot ask on %s: %s; is it up?", plan->interface, strerrordesc_np(-result));
	return EXIT_FINE;
}

/* ---- the address ---- */

static const struct survey_address *find_free(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->address_count; i++)
		if (!survey->addresses[i].taken && !survey->addresses[i].vrid &&
		    !host_has(&survey->addresses[i].address))
			return &survey->addresses[i];
	return NULL;
}

/* Asks until there is one; an empty answer is the free one that was found. The segment is asked anew for
 * another one. */
static int ask_address(struct plan *plan)
{
	char text[ADDRESS_TEXT_MAX], line[128];
	const struct survey_address *offered = find_free(&plan->survey);
	for (;;) {
		if (offered)
			printf("Virtual address (Enter: %s, for which nobody answers): ",
			    address_format(&offered->address, text));
		else
			printf("Virtual address, of the prefix of %s: ", plan->interface);
		fflush(stdout);
		if (!fgets(line, sizeof line, stdin))
			return refuse("no address was chosen; nothing was written");
		line[strcspn(line, " \t\r\n")] = '\0';
		plan->address_given = *line && address_parse(line, &plan->address);
		if (!*line && offered) {
			plan->address = offered->address;
			return EXIT_FINE;
		}
		if (plan->address_given)
			break;
		printf("%s is not an address.\n", line);
	}
	plan->survey = (struct survey){0};
	return look(plan);
}

static int check_address(struct plan *plan)
{
	char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	const struct survey_address *found = NULL;
	for (unsigned i = 0; i < plan->survey.address_count; i++)
		if (address_equal(&plan->survey.addresses[i].address, &plan->address))
			found = &plan->survey.addresses[i];
	address_format(&plan->address, text);
	if (found && found->vrid && plan->vrid && plan->vrid != found->vrid)
		return refuse("the group with VRID %u has %s; leave --vrid out, or write --vrid %u",
		    found->vrid, text, found->vrid);
	if (found && found->vrid) {
		plan->vrid = found->vrid;
		plan->interval_us = found->interval_us;
		fprintf(stderr, "A group with VRID %u has %s already: this server joins it.\n", found->vrid,
		    text);
	} else if (host_has(&plan->address)) {
		return refuse("%s is an address of this host; choose one that no host has", text);
	} else if (found && found->taken) {
		return refuse("%s answers for %s already; choose an address that no host has",
		    mac_format(found->mac, mac), text);
	}
	if (!host_is_near(plan->interface, &plan->address))
		fprintf(stderr, "Note: %s is in no prefix of %s; neighbours may not look for it there.\n",
		    text, plan->interface);
	return EXIT_FINE;
}

static int choose_vrid(struct plan *plan)
{
	const bool *used = plan->survey.used;
	bool joins = plan->interval_us != 0;
	if (plan->vrid && used[plan->vrid] && !joins)
		return refuse("another group on %s has VRID %u; leave --vrid out, or choose another one",
		    plan->interface, plan->vrid);
	for (unsigned i = 0; !plan->vrid && i < 255; i++) {
		unsigned vrid = (VRID_FIRST - 1 + i) % 255 + 1;
		if (!used[vrid])
			plan->vrid = vrid;
	}
	return plan->vrid ? EXIT_FINE : refuse("all VRIDs are used on %s", plan->interface);
}

/* ---- the file ---- */

static void print_plan(FILE *out, const struct plan *plan)
{
	char text[ADDRESS_TEXT_MAX], interval[DURATION_TEXT_MAX];
	int64_t interval_us = plan->interval_us ? plan->interval_us : 100000;
	fprintf(out,
	    "# The configuration of vipd on this server, written by `vipctl init`. vipd.conf(5) explains "
	    "every key,\n"
	    "# `vipd -nv` prints those that are not here with their defaults, and `vipd -n` checks it.\n"
	    "\n"
	    "virtual_routers = (\n"
	    "  {\n"
	    "    name = \"api\";\n"
	    "    interface = \"%s\";\n"
	    "\n"
	    "    # The same on every server, and of no other group on this segment.\n"
	    "    vrid = %u;\n"
	    "\n"
	    "    # The address that clients know. The same on every server; no host has it as its own.\n"
	    "    addresses = [ \"%s\" ];\n"
	    "\n"
	    "    # 32 to 254. The healthy server with the highest one holds the address.\n"
	    "    priority = %u;\n"
	    "\n"
	    "    # The same on every server. The others take over after three and a half of them without a "
	    "word.\n"
	    "    advert_interval = \"%s\";\n",
	    plan->interface, plan->vrid, address_format(&plan->address, text), plan->priority,
	    duration_format(interval_us, interval));
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
	struct config *config = calloc(1, sizeof *config);
	struct config_errors *errors = calloc(1, sizeof *errors);
	const char *name = NULL;
	if (config && errors && !config_read_text("", text, strlen(text), config, errors)) {
		config_discover(config, "");
		if (config->checks[0].ca.path[0])
			name = config_distribution_name(config_check_distribution(&config->checks[0]));
	}
	free(config);
	free(errors);
	return name;
}

/* Whether vipd takes it; it says why not. */
static int check_text(const char *text)
{
	struct config *config = calloc(1, sizeof *config);
	struct config_errors *errors = calloc(1, sizeof *errors);
	int result = EXIT_ATTENTION;
	if (config && errors && !config_read_text("vipd.conf", text, strlen(text), config, errors))
		result = EXIT_FINE;
	else
		refuse("this cannot be written:\n%s", errors ? errors->text : "");
	free(config);
	free(errors);
	return result;
}

/* Never half a file, and never in the place of another one: link(2) fails if there is one. */
static int write_new(const char *path, const char *text)
{
	char *beside = NULL, *directory = strdup(path);
	int result = 0;
	if (directory && mkdir(dirname(directory), 0755) < 0 && errno != EEXIST)
		result = -errno;
	if (!directory || asprintf(&beside, "%s.XXXXXX", path) < 0)
		result = -ENOMEM;
	int fd = result ? -1 : mkostemp(beside, O_CLOEXEC);
	if (!result && fd < 0)
		result = -errno;
	if (!result && (fchmod(fd, 0644) < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
			   fsync(fd) < 0 || link(beside, path) < 0))
		result = errno ? -errno : -EIO;
	if (fd >= 0) {
		close(fd);
		unlink(beside);
	}
	free(beside);
	free(directory);
	return result;
}

static bool agreed(const struct plan *plan, const char *text)
{
	char line[16];
	if (!plan->asks)
		return true;
	printf("\n%s\nWrite this to %s? [y/N] ", text, plan->output);
	fflush(stdout);
	return fgets(line, sizeof line, stdin) && (*line == 'y' || *line == 'Y');
}

static int write_plan(const struct plan *plan, const char *text)
{
	char address[ADDRESS_TEXT_MAX];
	if (!strcmp(plan->output, "-")) {
		fputs(text, stdout);
		return EXIT_FINE;
	}
	if (!agreed(plan, text))
		return refuse("nothing was written");
	int result = write_new(plan->output, text);
	if (result)
		return refuse("cannot write %s: %s", plan->output, strerrordesc_np(-result));
	address_format(&plan->address, address);
	printf("%s is written: %s with VRID %u on %s, %s.\n\nWhat to do next:\n", plan->output, address,
	    plan->vrid, plan->interface, plan->distribution ? plan->distribution : "without a health check");
	if (!plan->distribution)
		puts("  add a check of what the address is for, or it stays on a server that does not serve");
	else
		puts("  vipctl manifest --k3s, --dns, … : let the cluster know the address");
	printf("  vipd -n, systemctl enable --now vipd, vipctl doctor, vipctl watch\n"
	       "  on every other server: vipctl init --address %s (with another --priority, if one is "
	       "preferred)\n",
	    address);
	return EXIT_FINE;
}

int command_init(const struct vipctl *ctl)
{
	static struct plan plan;
	char text[TEXT_MAX] = "";
	read_options(ctl, &plan);
	if (strcmp(plan.output, "-") != 0 && access(plan.output, F_OK) == 0)
		return refuse(
		    "%s is there already, and stays as it is; remove it, or write elsewhere with -o",
		    plan.output);
	int result = find_interface(&plan);
	if (!result)
		result = look(&plan);
	if (!result && !plan.address_given)
		result = ask_address(&plan);
	if (!result)
		result = check_address(&plan);
	if (!result)
		result = choose_vrid(&plan);
	if (result)
		return result;
	plan.distribution = find_distribution();
	FILE *out = fmemopen(text, sizeof text - 1, "w");
	if (!out)
		return refuse("out of memory");
	print_plan(out, &plan);
	fclose(out);
	result = check_text(text);
	return result ? result : write_plan(&plan, text);
}
