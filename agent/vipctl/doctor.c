/*
 * `doctor` and `check`: the doctor's findings for a person, as JSON, or in the one line that monitoring
 * systems want. Both end with 0, 1 or 2, as the plugins of such systems do, and `check` with 3 if it cannot
 * tell.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/show.h"
#include "vipd/doctor.h"

enum { EXIT_WARNING = 1, EXIT_FAILED = 2, EXIT_UNKNOWN = 3 };

/* The agent's status; what a failed call would tell on standard error goes into `why`, on one line. */
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
		    findings, json_pack("{s:s, s:s, s:s?, s:s, s:s?}", "check", f->check, "sign",
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

static void finding_print(const struct doctor_finding *finding, bool colour)
{
	char found[sizeof finding->found], advice[sizeof finding->advice];
	memcpy(found, finding->found, sizeof found);
	memcpy(advice, finding->advice, sizeof advice);
	colour_set(stdout, colour, signs[finding->sign].colour);
	fputs(signs[finding->sign].mark, stdout);
	colour_set(stdout, colour, COLOUR_NONE);
	printf(" %-13s  %s%s%s\n", finding->check, finding->subject, *finding->subject ? ": " : "",
	    text_tame(found));
	if (*advice)
		printf("%18s→ %s\n", "", text_tame(advice));
}

static void summary_print(const struct doctor_report *report)
{
	unsigned counts[DOCTOR_SIGNS] = {0};
	for (size_t i = 0; i < report->count; i++)
		counts[report->items[i].sign]++;
	printf("\n%u well, %u warnings, %u failures, %u not looked at\n", counts[DOCTOR_FINE],
	    counts[DOCTOR_WARNING], counts[DOCTOR_FAILURE], counts[DOCTOR_UNKNOWN]);
}

static const char doctor_usage[] =
    "Usage: vipctl doctor [OPTIONS] [CHECK ...]\n"
    "Looks at everything that has to be right for the virtual address to move when it must, and says what "
    "to\n"
    "do. Changes nothing. Run it as root, on every server; it takes one to five seconds. With CHECK: only "
    "that,\n"
    "such as: vipctl doctor --name k8s-api.example.com name\n"
    "\n"
    "  -c, --config FILE         vipd.conf; default: the one that vipd has read\n"
    "      --name NAME           DNS name of the virtual address, such as k8s-api.example.com\n"
    "      --resolver ADDRESS    ask this resolver for it: [2001:db8::53]:5353; default /etc/resolv.conf\n"
    "      --k3s-config FILE     default /etc/rancher/k3s/config.yaml\n"
    "      --bird SOCKET         control socket of BIRD; default Calico's, then Debian's\n"
    "  -s, --socket SOCKET       the agent's socket\n"
    "  -o, --output json         findings as JSON\n"
    "      --no-color            no colour\n"
    "\n"
    "✔ well   – cannot be looked at here   ⚠ warning   ✘ failure\n"
    "Exit status: 0 nothing worse than –; 1 a warning; 2 a failure (or a wrong command line).\n";

enum { OPTION_NAME = 256, OPTION_RESOLVER, OPTION_K3S, OPTION_BIRD, OPTION_NO_COLOR };

static void check_unknown(const char *name)
{
	char names[512] = "";
	for (size_t i = 0; doctor_check_name(i); i++) {
		size_t length = strlen(names);
		snprintf(names + length, sizeof names - length, " %s", doctor_check_name(i));
	}
	usage_error("doctor has no check '%s'; there are:%s", name, names);
}

static void doctor_options(struct vipctl *ctl, struct doctor_request *request)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"socket", required_argument, NULL, 's'},
	    {"output", required_argument, NULL, 'o'},
	    {"help", no_argument, NULL, 'h'},
	    {"name", required_argument, NULL, OPTION_NAME},
	    {"resolver", required_argument, NULL, OPTION_RESOLVER},
	    {"k3s-config", required_argument, NULL, OPTION_K3S},
	    {"bird", required_argument, NULL, OPTION_BIRD},
	    {"no-color", no_argument, NULL, OPTION_NO_COLOR},
	    {0},
	};
	optind = 0;
	for (int option;
	     (option = getopt_long(ctl->word_count, ctl->words, "c:s:o:h", options, NULL)) != -1;) {
		switch (option) {
		case 'c': request->config = optarg; break;
		case 's': ctl->socket = optarg; break;
		case 'o':
			if (strcmp(optarg, "json") != 0)
				usage_error("-o %s: only json is known", optarg);
			ctl->json = true;
			break;
		case 'h': fputs(doctor_usage, stdout); exit(EXIT_FINE);
		case OPTION_NAME: request->name = optarg; break;
		case OPTION_RESOLVER:
			if (!doctor_resolver_valid(optarg))
				usage_error(
				    "--resolver %s: write an address, as [2001:db8::53]:5353", optarg);
			request->resolver = optarg;
			break;
		case OPTION_K3S: request->k3s_config = optarg; break;
		case OPTION_BIRD: request->bird = optarg; break;
		case OPTION_NO_COLOR: ctl->colour = false; break;
		default: exit(EXIT_USAGE); /* getopt has told */
		}
	}
	for (int i = optind; i < ctl->word_count; i++) {
		if (!doctor_check_exists(ctl->words[i]))
			check_unknown(ctl->words[i]);
	}
	request->only = optind < ctl->word_count ? ctl->words + optind : NULL;
	if (request->resolver && !request->name)
		usage_error("--resolver needs --name: what is it to be asked for?");
}

int command_doctor(const struct vipctl *given)
{
	struct vipctl ctl = *given;
	struct doctor_request request = {.status = status_ask, .context = &ctl};
	struct doctor_report report;
	doctor_options(&ctl, &request);
	doctor_run(&request, &report);
	if (ctl.json) {
		json_print(&report);
	} else {
		for (size_t i = 0; i < report.count; i++)
			finding_print(&report.items[i], ctl.colour);
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
		bool told = worst > DOCTOR_FINE ? f->sign == worst : strcmp(f->check, "holder") == 0;
		memcpy(found, f->found, sizeof found);
		if (told)
			printf("%s%s%s%s", separator, f->subject, *f->subject ? ": " : "", text_tame(found));
		separator = told ? "; " : separator;
	}
	putchar('\n');
}

int command_check(const struct vipctl *ctl)
{
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
