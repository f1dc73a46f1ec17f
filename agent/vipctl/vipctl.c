/*
 * vipctl: asks and commands the agent of this node. The table of commands, the command line, and the small
 * commands.
 */
#include "vipctl/vipctl.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"

static int command_help(const struct vipctl *ctl);

static const struct command {
	const char *name;
	int (*function)(const struct vipctl *ctl);
	const char *usage; /* what may follow the name */
	enum takes { TAKES_NOTHING, TAKES_ARGUMENT, TAKES_FOLLOW /* -f and -n */, TAKES_OWN_OPTIONS } takes;
	const char *description;
} commands[] = {
    {"status", command_status, "", TAKES_NOTHING,
	"who holds what, since when and why, and what needs attention"},
    {"watch", command_watch, "", TAKES_NOTHING, "the same, again every second; Ctrl-C ends it"},
    {"events", command_events, "[-f] [-n N]", TAKES_FOLLOW,
	"the last (N) transitions; -f: and those to come"},
    {"capture", command_capture, "[-o FILE|-]", TAKES_OWN_OPTIONS,
	"the last packets, as a file for Wireshark"},
    {"drain", command_drain, "[--for TIME] [ROUTER]", TAKES_ARGUMENT,
	"hand over, hold nothing until `resume` (or for TIME); says who holds it now"},
    {"resume", command_resume, "[ROUTER]", TAKES_ARGUMENT, "take part again after `drain`"},
    {"reload", command_reload, "", TAKES_NOTHING,
	"read the configuration again; if it is wrong, nothing changes"},
    {"check", command_check, "", TAKES_NOTHING,
	"one line for a monitoring system; exit status 0 well, 1 warning, 2 critical"},
    {"doctor", command_doctor, "[OPTIONS] [CHECK ...]", TAKES_OWN_OPTIONS,
	"look at everything around vipd: segment, firewall, certificates, DNS, k3s, BGP"},
    {"metrics", command_metrics, "", TAKES_NOTHING, "what Prometheus gets"},
    {"manifest", command_manifest, "KIND ...", TAKES_OWN_OPTIONS,
	"what else the address needs: Calico, k3s, DNS, kubeconfig, Prometheus; --help"},
    {"help", command_help, "[COMMAND]", TAKES_ARGUMENT, "this text, or that of one command"},
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
	      "      --no-color       no colour (so does NO_COLOR, and whatever is no terminal)\n"
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

enum { OPTION_VERSION = 256, OPTION_NO_COLOR, OPTION_FOR };

/* Reads options from argv[1] on into *ctl; the words that are none follow argv[optind]. */
static void options_read(int argc, char **argv, const char *letters, struct vipctl *ctl)
{
	static const struct option options[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"output", required_argument, NULL, 'o'},
	    {"follow", no_argument, NULL, 'f'},
	    {"last", required_argument, NULL, 'n'},
	    {"no-color", no_argument, NULL, OPTION_NO_COLOR},
	    {"for", required_argument, NULL, OPTION_FOR},
	    {"version", no_argument, NULL, OPTION_VERSION},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	optind = 0; /* from the start again, whatever was read before */
	for (int option; (option = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
		switch (option) {
		case 's': ctl->socket = optarg; break;
		case 'o':
			if (strcmp(optarg, "json") != 0)
				usage_error("-o %s: only json is known", optarg);
			ctl->json = true;
			break;
		case 'f': ctl->follow = true; break;
		case 'n':
			if (!*optarg || strspn(optarg, "0123456789") != strlen(optarg) || strlen(optarg) > 9)
				usage_error("-n %s: that is not a number of events", optarg);
			ctl->last = optarg;
			break;
		case OPTION_FOR: ctl->duration = optarg; break;
		case OPTION_NO_COLOR: ctl->colour = false; break;
		case OPTION_VERSION: puts("vipctl " VIPD_VERSION); exit(EXIT_FINE);
		case 'h': usage_print(stdout); exit(EXIT_FINE);
		default: exit(EXIT_USAGE); /* getopt has told */
		}
	}
}

/* The words behind a command that leaves its options to us. */
static void arguments_check(const struct command *command, int count, char **words, struct vipctl *ctl)
{
	bool takes_argument = command->takes == TAKES_ARGUMENT;
	if (count > (takes_argument ? 1 : 0))
		usage_error("%s takes %s: what is '%s'?", command->name,
		    takes_argument ? "one argument" : "no argument", words[count - 1]);
	if ((ctl->follow || ctl->last) && command->takes != TAKES_FOLLOW)
		usage_error("%s takes no -f and no -n", command->name);
	if (ctl->duration && command->function != command_drain)
		usage_error("%s takes no --for", command->name);
	ctl->argument = count > 0 ? words[0] : NULL;
}

/* Options may stand before the command and behind it. */
static const struct command *command_read(int argc, char **argv, struct vipctl *ctl)
{
	options_read(argc, argv, "+s:o:fn:h", ctl);
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
	if (command->takes != TAKES_OWN_OPTIONS) {
		options_read(ctl->word_count, ctl->words, "s:o:fn:h", ctl);
		arguments_check(command, ctl->word_count - optind, ctl->words + optind, ctl);
	}
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
