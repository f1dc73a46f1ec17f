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
#include "vipctl/init.h"
#include "vipctl/vipctl.h"

#define VRID_FIRST	100
#define CANDIDATE_FIRST 0x100 /* in the prefix of the interface: …::100 */
#define TEXT_MAX	8192

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
	plan->vrid = option_number(ctl, OPTION_VRID, "vrid", VRID_MIN, VRID_MAX);
	plan->priority =
	    option_number(ctl, OPTION_PRIORITY, "priority", VRRP_PRIORITY_MIN, VRRP_PRIORITY_MAX);
	if (!plan->priority)
		plan->priority = VRRP_PRIORITY_DEFAULT;
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

/* The end of it, as a number: all that differs within a prefix of IPv4, and enough of one of IPv6. */
static uint32_t end_of(const struct address *address)
{
	uint32_t end;
	memcpy(&end, address->in6.s6_addr + 12, sizeof end);
	return ntohl(end);
}

static void add_candidate(struct survey *survey, const struct address *prefix, uint32_t end)
{
	struct address *candidate = &survey->addresses[survey->address_count++].address;
	*candidate = *prefix;
	end = htonl(end);
	memcpy(candidate->in6.s6_addr + 12, &end, sizeof end);
}

/* Of IPv6 …::100 and what follows. */
static void choose_ipv6(struct survey *survey, struct address prefix, unsigned length)
{
	uint8_t *bytes = prefix.in6.s6_addr;
	bytes[length / 8] &= (uint8_t)(0xff00U >> length % 8);
	memset(bytes + length / 8 + 1, 0, sizeof prefix - length / 8 - 1);
	for (unsigned i = 0; i < SURVEY_ADDRESSES_MAX; i++)
		add_candidate(survey, &prefix, end_of(&prefix) + CANDIDATE_FIRST + i);
}

/* Of IPv4 the last ones of the prefix: those that are handed out mostly begin at the other end. */
static void choose_ipv4(struct survey *survey, struct address prefix, unsigned length)
{
	uint32_t hosts = UINT32_MAX >> length;
	uint32_t network = end_of(&prefix) & ~hosts, broadcast = network | hosts;
	for (unsigned i = 1; i <= SURVEY_ADDRESSES_MAX && broadcast - i > network; i++)
		add_candidate(survey, &prefix, broadcast - i);
}

/* Without an address: some of the interface's prefix, of which one may be free. */
static void choose_candidates(struct plan *plan)
{
	struct survey *survey = &plan->survey;
	struct address prefix;
	unsigned length;
	memcpy(survey->interface, plan->interface, sizeof survey->interface);
	if (plan->address_given)
		survey->addresses[survey->address_count++].address = plan->address;
	else if (host_prefix(plan->interface, AF_INET6, &prefix, &length) && length <= 112)
		choose_ipv6(survey, prefix, length);
	else if (host_prefix(plan->interface, AF_INET, &prefix, &length) && length <= 30)
		choose_ipv4(survey, prefix, length);
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
		if (!survey->addresses[i].taken && !survey->addresses[i].group.vrid &&
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
	if (offered && address_is_ipv4(&offered->address))
		puts("Choose one that DHCP does not give to others: who is switched off does not answer.");
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

static unsigned group_count(const struct survey_group *group)
{
	unsigned count = 0;
	for (unsigned i = 0; i < group->address_count; i++)
		count += !address_is_link_local(&group->addresses[i]);
	return count;
}

/* What is like that of the others is written; what cannot be known is said. */
static int join(struct plan *plan, const struct survey_group *group, const char *address)
{
	unsigned vrid = group->vrid;
	bool ipv4 = address_is_ipv4(&plan->address);
	if (plan->vrid && plan->vrid != vrid)
		return refuse("the group with VRID %u has %s; leave --vrid out, or write --vrid %u", vrid,
		    address, vrid);
	if (group->version_2)
		return refuse(
		    "the group with VRID %u has %s and speaks VRRPv2, which vipd does not: two would "
		    "hold the address; docs/from-keepalived.md has the order of moves (vrrp_version 3 "
		    "first)",
		    vrid, address);
	if (group_count(group) > CONFIG_ADDRESSES_MAX)
		return refuse("the group with VRID %u has more addresses than the %d that vipd takes", vrid,
		    CONFIG_ADDRESSES_MAX);
	plan->group = *group;
	plan->vrid = vrid;
	fprintf(stderr,
	    "A group with VRID %u has %s already: this server joins it. Its addresses of IPv%d (%u) are "
	    "written. If it has some of IPv%d, which are in no advert, add them.\n",
	    vrid, address, ipv4 ? 4 : 6, group_count(group), ipv4 ? 6 : 4);
	if (group->is_signed)
		fprintf(stderr,
		    "It signs its adverts: copy " INIT_KEY_PATH
		    " from another server. Only root may read it, and "
		    "vipd does not start without it.\n",
		    group->key_id);
	return EXIT_FINE;
}

static int check_address(struct plan *plan)
{
	char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	const struct survey_address *found = NULL;
	for (unsigned i = 0; i < plan->survey.address_count; i++)
		if (address_equal(&plan->survey.addresses[i].address, &plan->address))
			found = &plan->survey.addresses[i];
	address_format(&plan->address, text);
	if (found && found->group.vrid) {
		int result = join(plan, &found->group, text);
		if (result)
			return result;
	} else if (host_has(&plan->address)) {
		return refuse("%s is an address of this host; choose one that no host has", text);
	} else if (host_is_end(plan->interface, &plan->address)) {
		return refuse("%s stands for the whole prefix; choose an address inside of it", text);
	} else if (found && found->taken) {
		return refuse(
		    "%s answers for %s already; choose an address that no host has (of a group with "
		    "addresses of both families, that of its adverts: the first in vipd.conf)",
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
	bool joins = plan->group.vrid != 0;
	if (plan->vrid && used[plan->vrid] && !joins)
		return refuse("another group on %s has VRID %u; leave --vrid out, or choose another one",
		    plan->interface, plan->vrid);
	for (unsigned i = 0; !plan->vrid && i < VRID_MAX; i++) {
		unsigned vrid = (VRID_FIRST - VRID_MIN + i) % VRID_MAX + VRID_MIN;
		if (!used[vrid])
			plan->vrid = vrid;
	}
	return plan->vrid ? EXIT_FINE : refuse("all VRIDs are used on %s", plan->interface);
}

/* ---- the file ---- */

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
	if (plan->group.is_signed)
		printf("  copy " INIT_KEY_PATH
		       " from another server: adverts of the group are signed with it\n",
		    plan->group.key_id);
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
	const char *wrong = init_write(&plan, text, sizeof text);
	return wrong ? refuse("this cannot be written:\n%s", wrong) : write_plan(&plan, text);
}
