/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vipd: the agent. Without -E it is the guardian, which starts this program again with -E as the engine
 * and with -K as the keeper.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "guardian/guardian.h"
#include "vipd/config.h"
#include "vipd/keeper.h"
#include "vipd/log.h"

static const char usage_text[] =
    "Usage: vipd [-c FILE] [-n [-v]] [--release | --arp-socket | --version | --help]\n"
    "Gives a group of servers one virtual address that always has exactly one healthy holder.\n"
    "\n"
    "  -c FILE      configuration (default " CONFIG_PATH_DEFAULT ")\n"
    "  -n           check the configuration and exit: 0 it is right, 2 it is not\n"
    "  -nv          also print it with every default filled in\n"
    "  --release    remove every address that a dead vipd left behind, and exit\n"
    "  --arp-socket open the socket for ARP and leave it with systemd; the unit does so before it starts "
    "vipd\n"
    "  --version    print the version and exit\n"
    "  --help       print this and exit\n"
    "\n"
    "vipd stays in the foreground; systemd starts it (systemctl start vipd). Ask it with vipctl(1).\n";

enum { OPTION_RELEASE = 256, OPTION_ARP_SOCKET, OPTION_VERSION, OPTION_HELP };

static const struct option options[] = {
    {"release", no_argument, NULL, OPTION_RELEASE},
    {"arp-socket", no_argument, NULL, OPTION_ARP_SOCKET},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static struct config config;
static struct config_errors errors;

/*
 * A vipd runs without the lock of the namespace where somebody else has its name (-EPERM), but never without
 * the one beside its socket.
 */
static int lock_alone(const char *socket_path, char owner[LOCK_OWNER_MAX])
{
	int lock = lock_take(owner);
	if (lock >= 0 || lock == -EADDRINUSE)
		return lock;
	int beside = lock_socket_path(socket_path);
	if (beside == -EWOULDBLOCK) {
		snprintf(owner, LOCK_OWNER_MAX, "it uses %s", socket_path);
		return -EADDRINUSE;
	}
	return lock == -EPERM ? beside : lock;
}

/* The configuration only helps to find addresses on old kernels; the mark does without. */
static int release(const char *path)
{
	char owner[LOCK_OWNER_MAX];
	log_open_brief("release");
	bool readable = config_load(path, &config, &errors) == 0;
	int lock = lock_alone(readable ? config.socket : CONFIG_SOCKET_DEFAULT, owner);
	if (lock == -EADDRINUSE) {
		log_notice("vipd is running (%s): its addresses stay", owner);
		return EXIT_SUCCESS;
	}
	int result = lock < 0 ? lock : release_addresses(readable ? &config : NULL);
	if (result < 0)
		log_error("cannot remove what is left: %s", strerrordesc_np(-result));
	return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *path = CONFIG_PATH_DEFAULT;
	bool check_only = false, verbose = false;
	for (int option; (option = getopt_long(argc, argv, "c:nvEK", options, NULL)) != -1;) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'n': check_only = true; break;
		case 'v': verbose = true; break;
		case 'E': return engine_main();
		case 'K': return keeper_main();
		case OPTION_RELEASE: return release(path);
		case OPTION_ARP_SOCKET: return store_arp();
		case OPTION_VERSION: puts("vipd " VIPD_VERSION); return EXIT_SUCCESS;
		case OPTION_HELP: fputs(usage_text, stdout); return EXIT_SUCCESS;
		default: fputs(usage_text, stderr); return 2;
		}
	}
	if (optind < argc) {
		fprintf(
		    stderr, "vipd: what is '%s'? Options begin with '-'; see vipd --help\n", argv[optind]);
		return 2;
	}
	return check_only ? trial_run(path, verbose) : guardian_run(path);
}
