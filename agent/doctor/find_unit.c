/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service: whether it starts with the machine, and whether the fences of its unit are up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "doctor/tool.h"

/* The value of NAME=VALUE in the lines of `text`. */
static void property(const char *text, const char *name, char *value, size_t room)
{
	size_t length = strlen(name);
	*value = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) != 0 || line[length] != '=')
			continue;
		const char *begin = line + length + 1;
		snprintf(value, room, "%.*s", (int)strcspn(begin, "\n"), begin);
		return;
	}
}

static bool is_hardened(const char *text)
{
	char privileges[16], protect[16], calls[16];
	property(text, "NoNewPrivileges", privileges, sizeof privileges);
	property(text, "ProtectSystem", protect, sizeof protect);
	property(text, "SystemCallFilter", calls, sizeof calls);
	return strcmp(privileges, "yes") == 0 && strcmp(protect, "strict") == 0 && *calls;
}

static void unit_judge(struct doctor *doctor, const char *text)
{
	char load[32], enabled[32];
	property(text, "LoadState", load, sizeof load);
	property(text, "UnitFileState", enabled, sizeof enabled);
	if (strcmp(load, "loaded") != 0)
		finding_add(doctor, DOCTOR_WARNING, "", "make install, then systemctl enable --now vipd",
		    "systemd knows no vipd.service (%s)", load);
	else if (strcmp(enabled, "enabled") != 0)
		finding_add(doctor, DOCTOR_WARNING, "", "systemctl enable vipd",
		    "vipd.service is %s: it does not start with the machine",
		    *enabled ? enabled : "not enabled");
	else if (!is_hardened(text))
		finding_add(doctor, DOCTOR_WARNING, "",
		    "compare with the unit that comes with vipd: systemctl cat vipd",
		    "vipd.service is enabled, but not hardened (NoNewPrivileges, ProtectSystem, "
		    "SystemCallFilter)");
	else
		finding_add(doctor, DOCTOR_FINE, "", NULL, "vipd.service is enabled and hardened");
}

void find_unit(struct doctor *doctor)
{
	if (access("/run/systemd/system", F_OK) < 0) {
		finding_add(doctor, DOCTOR_UNKNOWN, "", NULL, "systemd does not run here");
		return;
	}
	char *text = tool_run("systemctl show vipd.service --property "
			      "LoadState,UnitFileState,NoNewPrivileges,ProtectSystem,SystemCallFilter");
	if (text)
		unit_judge(doctor, text);
	else
		finding_add(doctor, DOCTOR_UNKNOWN, "", NULL, "systemctl does not answer");
	free(text);
}
