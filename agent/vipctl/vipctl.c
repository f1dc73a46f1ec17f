/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vipctl: asks and commands the agent of this node. The table of commands, and the small commands.
 */
#include "vipctl/vipctl.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vipctl/call.h"
#include "vipctl/cli.h"
#include "vipd/status.h"

const struct command commands[] = {
    {"status", command_status, "", .summary = "who holds what, since when and why, and what needs attention"},
    {"watch", command_watch, "", .help = watch_help,
	.summary = "the group, live: who holds what, who can take over, checks, moves"},
    {"events", command_events, "", .options = events_options,
	.summary = "the last transitions; -f: and those to come"},
    {"explain", command_explain, "[EVENT]",
	.summary = "why an address moved last, or one of `events --group`, in ten lines"},
    {"capture", command_capture, "", .options = capture_options,
	.summary = "the last packets, as a file for Wireshark"},
    {"drain", command_drain, "[ROUTER]", .options = drain_options,
	.summary = "hand over, hold nothing until `resume`; says who holds it now"},
    {"resume", command_resume, "[ROUTER]", .options = resume_options,
	.summary = "take part again after `drain`"},
    {"forget", command_forget, "[NODE ...]", .options = forget_options,
	.summary = "forget, on this server, others that have left the group for good"},
    {"reload", command_reload, "",
	.summary = "read the configuration again; if it is wrong, nothing changes"},
    {"check", command_check, "", .options = check_options,
	.summary = "one line for a monitoring system; exit 0 well, 1 warning, 2 critical"},
    {"doctor", command_doctor, "[FINDING ...]", .options = doctor_options, .help = doctor_help,
	.summary = "look at everything around vipd: segment, firewall, DNS, k3s, BGP"},
    {"publish", command_publish, "", .options = publish_options,
	.summary = "what the holder tells DNS and Kubernetes, and whether it could"},
    {"metrics", command_metrics, "", .summary = "what Prometheus gets"},
    {"manifest", command_manifest, "", .options = manifest_options, .help = manifest_help,
	.summary = "what else the address needs: Calico, k3s, DNS, Prometheus"},
    {"init", command_init, "", .options = init_options, .help = init_help,
	.summary = "the first vipd.conf of this server, after a look at the segment"},
    {"import", command_import, "[FILE]", .options = import_options, .help = import_help,
	.summary = "a vipd.conf from a keepalived.conf"},
    {"help", command_help, "[COMMAND]", .summary = "this text, or that of one command"},
    {0},
};

int command_reload(const struct vipctl *ctl)
{
	json_t *answer;
	char *text;
	int result = call_json(ctl, "POST", "/v1/reload", &answer, &text);
	if (result != EXIT_FINE)
		return result;
	if (ctl->json) {
		raw_print(text);
	} else {
		fputs(member_text(answer, "warnings"), stderr);
		puts("the configuration is reloaded and in force");
	}
	json_decref(answer);
	free(text);
	return EXIT_FINE;
}

int command_metrics(const struct vipctl *ctl)
{
	return call_show(ctl, "/metrics");
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
	if (argc > 2 && strcmp(argv[1], "__complete") == 0) {
		complete_print(argv + 2, argc - 2, &ctl);
		return EXIT_FINE;
	}
	cli_read(argc, argv, &ctl);

	curl_global_init(CURL_GLOBAL_NOTHING);
	int result = ctl.command->function(&ctl);
	curl_global_cleanup();
	free(ctl.given);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("vipctl: the answer cannot be written");
		return EXIT_ATTENTION;
	}
	return result;
}
