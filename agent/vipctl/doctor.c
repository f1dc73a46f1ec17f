/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `doctor` and `check`: the doctor's findings for a person, as JSON, or in the one line that monitoring
 * systems want. Both end with 0, 1 or 2, as the plugins of such systems do, and `check` with 3 if it cannot
 * tell.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/show.h"
#include "vipd/doctor.h"

enum { EXIT_WARNING = 1, EXIT_FAILED = 2, EXIT_UNKNOWN = 3 };

/* The agent's status; what a failed call would print on standard error goes into `why`, on one line. */
static json_t *status_ask(void *context, bool *forbidden, char why[static DOCTOR_WHY_MAX])
{
	struct vipctl ctl = *(const struct vipctl *)context;
	char *text = NULL;
	size_t size;
	json_t *status = NULL;
	*forbidden = access(ctl.socket, W_OK) < 0 && errno == EACCES;
	ctl.complaints = open_memstream(&text, &size);
	if (!ctl.complaints) {
		snprintf(why, DOCTOR_WHY_MAX, "out of memory");
		return NULL;
	}
	if (call_json(&ctl, "GET", "/v1/status", &status, NULL) != EXIT_FINE)
		status = NULL;
	fclose(ctl.complaints);
	const char *begin = strncmp(text, "vipctl: ", 8) == 0 ? text + 8 : text;
	snprintf(why, DOCTOR_WHY_MAX, "%.*s", (int)strcspn(begin, "\n"), begin);
	free(text);
	return status;
}

static int exit_code(const struct doctor_report *report)
{
	enum doctor_sign worst = doctor_worst(report);
	return worst == DOCTOR_FAILURE ? EXIT_FAILED : worst == DOCTOR_WARNING ? EXIT_WARNING : EXIT_FINE;
}

static void json_print(const struct doctor_report *report)
{
	json_t *findings = json_array();
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_finding *f = &report->items[i];
		json_array_append_new(
		    findings, json_pack("{s:s, s:s, s:s?, s:s, s:s?}", "check", f->name, "sign",
				  doctor_sign_name(f->sign), "subject", *f->subject ? f->subject : NULL,
				  "found", f->found, "advice", *f->advice ? f->advice : NULL));
	}
	json_t *all =
	    json_pack("{s:s, s:o}", "worst", doctor_sign_name(doctor_worst(report)), "findings", findings);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

/* ---- doctor ---- */

static const struct {
	const char *mark;
	enum colour colour;
} signs[DOCTOR_SIGNS] = {
    [DOCTOR_FINE] = {"✔", COLOUR_GOOD},
    [DOCTOR_UNKNOWN] = {"–", COLOUR_DIM},
    [DOCTOR_WARNING] = {"⚠", COLOUR_WARN},
    [DOCTOR_FAILURE] = {"✘", COLOUR_BAD},
};

enum { FOUND_COLUMN = 17, ADVICE_COLUMN = 20 };

static void finding_print(const struct doctor_finding *finding, bool colour)
{
	char found[sizeof finding->subject + sizeof finding->found + 2], advice[sizeof finding->advice];
	snprintf(
	    found, sizeof found, "%s%s%s", finding->subject, *finding->subject ? ": " : "", finding->found);
	memcpy(advice, finding->advice, sizeof advice);
	colour_set(stdout, colour, signs[finding->sign].colour);
	fputs(signs[finding->sign].mark, stdout);
	colour_set(stdout, colour, COLOUR_NONE);
	printf(" %-13s  ", finding->name);
	sentence_print(stdout, terminal_width(), FOUND_COLUMN, text_tame(found));
	putchar('\n');
	if (!*advice)
		return;
	printf("%18s→ ", "");
	sentence_print(stdout, terminal_width(), ADVICE_COLUMN, text_tame(advice));
	putchar('\n');
}

static void summary_print(const struct doctor_report *report)
{
	unsigned counts[DOCTOR_SIGNS] = {0};
	for (size_t i = 0; i < report->count; i++)
		counts[report->items[i].sign]++;
	printf("\n%u well, %u warnings, %u failures, %u not looked at\n", counts[DOCTOR_FINE],
	    counts[DOCTOR_WARNING], counts[DOCTOR_FAILURE], counts[DOCTOR_UNKNOWN]);
}

enum { OPTION_NAME = OPTION_LONG, OPTION_RESOLVER, OPTION_K3S_CONFIG, OPTION_BIRD, OPTION_ALIVE };

const char doctor_help[] =
    "Changes nothing. Run it as root, on every server; it takes one to five seconds. "
    "With FINDING only that: vipctl doctor --name k8s-api.example.com name\n"
    "\n"
    "✔ well   – cannot be looked at here   ⚠ warning   ✘ failure\n"
    "\n"
    "Exit status: 0 nothing worse than –; 1 a warning; 2 a failure (or a wrong command line).\n";

const struct cli_option doctor_options[] = {
    {'c', "config", "FILE", "vipd.conf; default: the one that vipd has read"},
    {OPTION_NAME, "name", "NAME", "DNS name of the virtual address, such as k8s-api.example.com"},
    {OPTION_RESOLVER, "resolver", "ADDRESS",
	"ask this resolver for it: [2001:db8::53]:5353; default: those of /etc/resolv.conf"},
    {OPTION_K3S_CONFIG, "k3s-config", "FILE", "default /etc/rancher/k3s/config.yaml"},
    {OPTION_BIRD, "bird", "SOCKET", "control socket of BIRD; default Calico's, then Debian's"},
    {0},
};

static void name_unknown(const char *name)
{
	char names[512] = "";
	for (size_t i = 0, length = 0; doctor_finding_name(i); i++)
		length +=
		    (size_t)snprintf(names + length, sizeof names - length, " %s", doctor_finding_name(i));
	usage_error("doctor has no finding '%s'; there are:%s", name, names);
}

static void request_check(const struct vipctl *ctl)
{
	const char *resolver = option_value(ctl, OPTION_RESOLVER);
	if (resolver && !doctor_resolver_valid(resolver))
		usage_error("--resolver %s: write an address, as [2001:db8::53]:5353", resolver);
	if (resolver && !option_value(ctl, OPTION_NAME))
		usage_error("--resolver needs --name: what is it to be asked for?");
	for (int i = 0; i < ctl->word_count; i++) {
		if (!doctor_finding_exists(ctl->words[i]))
			name_unknown(ctl->words[i]);
	}
}

int command_doctor(const struct vipctl *ctl)
{
	struct doctor_request request = {.status = status_ask,
	    .context = (void *)ctl,
	    .config = option_value(ctl, 'c'),
	    .name = option_value(ctl, OPTION_NAME),
	    .resolver = option_value(ctl, OPTION_RESOLVER),
	    .k3s_config = option_value(ctl, OPTION_K3S_CONFIG),
	    .bird = option_value(ctl, OPTION_BIRD),
	    .only = ctl->word_count ? ctl->words : NULL};
	struct doctor_report report;
	request_check(ctl);
	doctor_run(&request, &report);
	if (ctl->json) {
		json_print(&report);
	} else {
		for (size_t i = 0; i < report.count; i++)
			finding_print(&report.items[i], ctl->colour);
		summary_print(&report);
	}
	int code = exit_code(&report);
	doctor_release(&report);
	return code;
}

/* ---- check ---- */

/* Everything that is as bad as the worst; if nothing is bad, who holds what. */
static void line_print(const struct doctor_report *report)
{
	static const char *const words[DOCTOR_SIGNS] = {[DOCTOR_FINE] = "OK",
	    [DOCTOR_UNKNOWN] = "UNKNOWN",
	    [DOCTOR_WARNING] = "WARNING",
	    [DOCTOR_FAILURE] = "CRITICAL"};
	enum doctor_sign worst = doctor_worst(report);
	const char *separator = ": ";
	fputs(words[worst], stdout);
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_finding *f = &report->items[i];
		char found[sizeof f->found];
		bool shown = worst > DOCTOR_FINE ? f->sign == worst : strcmp(f->name, "holder") == 0;
		memcpy(found, f->found, sizeof found);
		if (shown)
			printf("%s%s%s%s", separator, f->subject, *f->subject ? ": " : "", text_tame(found));
		separator = shown ? "; " : separator;
	}
	putchar('\n');
}

const struct cli_option check_options[] = {
    {OPTION_ALIVE, "alive", NULL, "only whether vipd itself works; for the probes of a pod"},
    {0},
};

/* Never about health checks: restarting vipd would mend none of them. */
static int alive_check(const struct vipctl *ctl)
{
	struct reply reply;
	if (ctl->json)
		usage_error("--alive has no JSON");
	if (call(ctl, "GET", "/healthz", &reply) != EXIT_FINE)
		return EXIT_FAILED;
	free(reply.body);
	puts("OK: the engine gives signs of life");
	return EXIT_FINE;
}

int command_check(const struct vipctl *ctl)
{
	if (option_value(ctl, OPTION_ALIVE))
		return alive_check(ctl);
	struct doctor_request request = {.agent_only = true, .status = status_ask, .context = (void *)ctl};
	struct doctor_report report;
	doctor_run(&request, &report);
	if (ctl->json)
		json_print(&report);
	else
		line_print(&report);
	int code = doctor_worst(&report) == DOCTOR_UNKNOWN ? EXIT_UNKNOWN : exit_code(&report);
	doctor_release(&report);
	return code;
}
