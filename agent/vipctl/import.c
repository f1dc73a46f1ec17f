/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vipctl import`: a vipd.conf from a keepalived.conf. It asks no agent and changes nothing.
 */
#include "vipd/import.h"

#include <string.h>
#include <unistd.h>

#include "vipctl/vipctl.h"

#define KEEPALIVED_CONF "/etc/keepalived/keepalived.conf"

const struct cli_option import_options[] = {
    {'i', "config-id", "ID", "for which server the lines with @ID are (default: this host's name)"},
    {0},
};

const char import_help[] =
    "\n"
    "Prints the vipd.conf that does what FILE (default " KEEPALIVED_CONF ")\n"
    "does, and names each line on standard error that was dropped or changed, with why.\n"
    "FILE - is standard input.\n"
    "Exit 0: vipd takes what is printed, and nothing is lost; 1: otherwise.\n";

int command_import(const struct vipctl *ctl)
{
	char host[256] = "";
	const char *path = argument_first(ctl), *id = option_value(ctl, 'i');
	if (!id) {
		gethostname(host, sizeof host - 1);
		host[strcspn(host, ".")] = '\0';
		id = host;
	}
	return import_keepalived(path ? path : KEEPALIVED_CONF, id, stdout, stderr) ? EXIT_FINE
										    : EXIT_ATTENTION;
}
