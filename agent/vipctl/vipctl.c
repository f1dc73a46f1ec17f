/*
 * vipctl: asks and commands the agent of this node. The table of commands, the command line, and the small
 * commands.
 */
#include "vipctl/vipctl.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"

enum { ANY_ARGUMENTS = -1, OWN_OPTIONS = -2 };

static int command_help(const struct vipctl *ctl);

static const struct command {
	const char *name;
	int (*function)(const struct vipctl *ctl);
	const char *usage; /* what may follow the name */
	const char *description;
	int arguments;	     /* how many at the most; ANY_ARGUMENTS; OWN_OPTIONS: it reads its words itself */
	const char *options; /* those that not every command takes, as in the table of options */
	const char *const *help; /* what `--help` behind it prints; NULL: usage and description */
} commands[] = {
    {"status", command_status, "", "who holds what, since when and why, and what needs attention",
	.options = ""},
    {"watch", command_watch, "", "the same, again every second; Ctrl-C ends it", .options = ""},
    {"events", command_events, "[-f] [-n N]", "the last (N) transitions; -f: and those to come",
	.options = "fn"},
    {"capture", command_capture, "[-o FILE|-]", "the last packets, as a file for Wireshark", .options = "o"},
    {"drain", command_drain, "[--for TIME] [ROUTER]",
	"hand over, hold nothing until `resume` (or for TIME); says who holds it now", .arguments = 1,
	.options = "F"},
    {"resume", command_resume, "[ROUTER]", "take part again after `drain`", .arguments = 1, .options = ""},
    {"reload", command_reload, "", "read the configuration again; if it is wrong, nothing changes",
	.options = ""},
    {"check", command_check, "",
	"one line for a monitoring system; exit status 0 well, 1 warning, 2 critical", .options = ""},
    {"doctor", command_doctor, "[OPTIONS] [FINDING ...]",
	"look at everything around vipd: segment, firewall, certificates, DNS, k3s, BGP",
	.arguments = ANY_ARGUMENTS, .options = "cNRKB", .help = &doctor_usage},
    {"metrics", command_metrics, "", "what Prometheus gets", .options = ""},
    {"manifest", command_manifest, "KIND ...",
	"what else the address needs: Calico, k3s, DNS, kubeconfig, Prometheus; --help",
	.arguments = OWN_OPTIONS, .options = ""},
    {"help", command_help, "[COMMAND]", "this text, or that of one command", .arguments = 1, .options = ""},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static void usage_print(FILE *out)
{
	fputs("Usage: vipctl [-s SOCKET] [-o json] [--no-color] COMMAND\n"
	      "Asks and commands vipd, the agent of this node.\n\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++) {
		char synopsis[64];
		snprintf(synopsis, sizeof synopsis, "%s %s", commands[i].name, commands[i].usage);
		fprintf(out, "  %-27s  %s\n", synopsis, commands[i].description);
	}
	fputs("\n"
	      "  -s, --socket SOCKET  default $VIPD_SOCKET, else " VIPCTL_SOCKET_DEFAULT "\n"
	      "  -o, --output json    the agent's JSON as it is\n"
	      "      --no-color       no colour (so does NO_COLOR, and whatever is not a terminal)\n"
	      "      --version        print the version and exit\n"
	      "  -h, --help           print this and exit\n"
	      "\n"
	      "Exit status: 0 all is well; 1 something needs attention; 2 wrong usage; 3 the agent is not\n"
	      "running or cannot be reached; 4 the agent refused. See vipctl(1).\n",
	    out);
}

static int command_help(const struct vipctl *ctl)
{
	const struct command *command = ctl->argument ? command_find(ctl->argument) : NULL;
	if (command && command->help) {
		fputs(*command->help, stdout);
		return EXIT_FINE;
	}
	if (command) {
		printf("Usage: vipctl %s%s%s\n%s\n", command->name, *command->usage ? " " : "",
		    command->usage, command->description);
		return EXIT_FINE;
	}
	if (ctl->argument)
		fprintf(stderr, "vipctl: there is no command '%s'; see vipctl --help\n", ctl->argument);
	else
		usage_print(stdout);
	return ctl->argument ? EXIT_USAGE : EXIT_FINE;
}

int command_reload(const struct vipctl *ctl)
{
	struct reply reply;
	int result = call(ctl, "POST", "/v1/reload", &reply);
	if (result != EXIT_FINE)
		return result;
	if (ctl->json)
		raw_print(reply.body);
	else
		puts("the configuration is reloaded and in force");
	free(reply.body);
	return EXIT_FINE;
}

int command_metrics(const struct vipctl *ctl)
{
	struct reply reply;
	int result = call(ctl, "GET", "/metrics", &reply);
	if (result != EXIT_FINE)
		return result;
	fwrite(reply.body, 1, reply.size, stdout);
	free(reply.body);
	return EXIT_FINE;
}

void usage_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("vipctl: ", stderr);
	vfprintf(stderr, format, args);
	fputs("; see vipctl --help\n", stderr);
	va_end(args);
	exit(EXIT_USAGE);
}

/* An option without a letter of its own has a capital here. */
static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},
    {"output", required_argument, NULL, 'o'},
    {"no-color", no_argument, NULL, 'C'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"follow", no_argument, NULL, 'f'},
    {"last", required_argument, NULL, 'n'},
    {"for", required_argument, NULL, 'F'},
    {"config", required_argument, NULL, 'c'},
    {"name", required_argument, NULL, 'N'},
    {"resolver", required_argument, NULL, 'R'},
    {"k3s-config", required_argument, NULL, 'K'},
    {"bird", required_argument, NULL, 'B'},
    {0},
};
#define COMMON_OPTIONS	   "soCVh"
#define OPTION_BIT(letter) (UINT64_C(1) << ((letter) - 'A'))

static void option_take(int option, struct vipctl *ctl)
{
	switch (option) {
	case 's': ctl->socket = optarg; break;
	case 'o': ctl->output = optarg; break;
	case 'C': ctl->colour = false; break;
	case 'V': puts("vipctl " VIPD_VERSION); exit(EXIT_FINE);
	case 'f': ctl->follow = true; break;
	case 'n':
		if (!*optarg || strspn(optarg, "0123456789") != strlen(optarg) || strlen(optarg) > 9)
			usage_error("-n %s: that is not a number of events", optarg);
		ctl->last = optarg;
		break;
	case 'F': ctl->duration = optarg; break;
	case 'c': ctl->config = optarg; break;
	case 'N': ctl->name = optarg; break;
	case 'R': ctl->resolver = optarg; break;
	case 'K': ctl->k3s_config = optarg; break;
	case 'B': ctl->bird = optarg; break;
	default: exit(EXIT_USAGE); /* getopt has said why */
	}
}

/* Reads options from argv[1] on into *ctl; the other words follow argv[optind]. Returns the letters
 * of what was given. */
static uint64_t options_read(
    int argc, char **argv, const char *letters, const char *const *help, struct vipctl *ctl)
{
	uint64_t given = 0;
	optind = 0; /* from the start again, whatever was read before */
	for (int option; (option = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
		if (option == 'h') {
			help ? (void)fputs(*help, stdout) : usage_print(stdout);
			exit(EXIT_FINE);
		}
		option_take(option, ctl);
		given |= OPTION_BIT(option);
	}
	return given;
}

static void options_check(const struct command *command, uint64_t given, struct vipctl *ctl)
{
	for (const struct option *o = options; o->name; o++)
		if (given & OPTION_BIT(o->val) && !strchr(COMMON_OPTIONS, o->val) &&
		    !strchr(command->options, o->val))
			usage_error("%s takes no --%s", command->name, o->name);
	if (!ctl->output || strchr(command->options, 'o'))
		return;
	if (strcmp(ctl->output, "json") != 0)
		usage_error("-o %s: only json is known", ctl->output);
	ctl->json = true;
}

static void arguments_check(const struct command *command, struct vipctl *ctl)
{
	if (command->arguments >= 0 && ctl->word_count > command->arguments)
		usage_error("%s takes %s: what is '%s'?", command->name,
		    command->arguments ? "one argument" : "no argument", ctl->words[ctl->word_count - 1]);
	ctl->argument = ctl->word_count ? ctl->words[0] : NULL;
}

/* Options may stand before the command and behind it. */
static const struct command *command_read(int argc, char **argv, struct vipctl *ctl)
{
	uint64_t given = options_read(argc, argv, "+s:o:fn:h", NULL, ctl);
	if (optind == argc) {
		usage_print(stderr);
		exit(EXIT_USAGE);
	}
	const struct command *command = command_find(argv[optind]);
	if (!command)
		usage_error("there is no command '%s'", argv[optind]);
	ctl->word_count = argc - optind;
	ctl->words = argv + optind;
	ctl->words[0] = argv[0]; /* getopt names it in its errors */
	if (command->arguments != OWN_OPTIONS) {
		given |= options_read(ctl->word_count, ctl->words, "s:o:fn:hc:", command->help, ctl);
		ctl->word_count -= optind;
		ctl->words += optind;
		arguments_check(command, ctl);
	}
	options_check(command, given, ctl);
	return command;
}

static bool colour_wanted(void)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && terminal && strcmp(terminal, "dumb") != 0;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("VIPD_SOCKET");
	struct vipctl ctl = {
	    .socket = socket && *socket ? socket : VIPCTL_SOCKET_DEFAULT, .colour = colour_wanted()};
	const struct command *command = command_read(argc, argv, &ctl);

	curl_global_init(CURL_GLOBAL_NOTHING);
	int result = command->function(&ctl);
	curl_global_cleanup();
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("vipctl: the answer cannot be written");
		return EXIT_ATTENTION;
	}
	return result;
}
