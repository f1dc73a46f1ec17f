/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP, where BIRD runs: of Calico (its socket is on the host) or of Debian. A session that is not established
 * brings nobody to this node.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/bird.h"
#include "doctor/doctor.h"

#define LIST_MAX 256

/* "" if there is none. */
static const char *socket_find(const struct doctor *doctor)
{
	static const char *const usual[] = {"/var/run/calico/bird6.ctl", "/var/run/calico/bird.ctl",
	    "/run/bird/bird6.ctl", "/run/bird/bird.ctl"};
	if (doctor->request->bird)
		return doctor->request->bird;
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
		if (access(usual[i], F_OK) == 0)
			return usual[i];
	}
	return "";
}

bool bird_answers(struct doctor *doctor, const char *command, struct bird_answer *answer, bool tell)
{
	const char *path = socket_find(doctor);
	int fd = *path ? bird_connect(path) : -ENOENT;
	int result = fd < 0 ? fd : bird_ask(fd, command, answer);
	if (fd >= 0)
		close(fd);
	if (result && tell && !*path)
		finding_add(doctor, DOCTOR_UNKNOWN, "", "if it runs with another socket: --bird SOCKET",
		    "no BIRD on this node (neither Calico's nor Debian's socket is there)");
	else if (result && tell)
		finding_add(doctor, DOCTOR_UNKNOWN, "",
		    result == -EACCES ? ADVICE_ROOT
				      : "does BIRD run? kubectl -n calico-system get pods -o wide",
		    "BIRD does not answer on %s: %s", path, strerrordesc_np(-result));
	return result == 0;
}

/* A line of `show protocols`: name, protocol, table, state, since, info. */
struct protocol {
	char name[64], type[32], table[64], state[32], since[64], info[64];
};

static bool session_parse(const char *line, struct protocol *p)
{
	*p = (struct protocol){0};
	int fields = sscanf(
	    line, "%63s %31s %63s %31s %63s %63s", p->name, p->type, p->table, p->state, p->since, p->info);
	return fields >= 4 && strcmp(p->type, "BGP") == 0;
}

/* "Established" is the info; a date may be one word or two, so it is looked for in the line. */
static bool is_established(const char *line)
{
	return strstr(line, "Established") != NULL;
}

void find_bgp(struct doctor *doctor)
{
	struct bird_answer answer;
	unsigned sessions = 0, up = 0;
	char down[LIST_MAX] = "";
	if (!bird_answers(doctor, "show protocols", &answer, true))
		return;
	for (unsigned i = 0; i < answer.count; i++) {
		struct protocol protocol;
		if (!session_parse(answer.lines[i], &protocol))
			continue;
		sessions++;
		char text[sizeof protocol.name + sizeof protocol.info + 4];
		snprintf(text, sizeof text, "%s (%s)", protocol.name, protocol.info);
		if (is_established(answer.lines[i]))
			up++;
		else
			list_add(down, sizeof down, text);
	}
	if (!sessions)
		finding_add(doctor, DOCTOR_WARNING, "", "kubectl get bgppeers, bgpconfigurations -o yaml",
		    "BIRD runs, but has no BGP session");
	else if (up < sessions)
		finding_add(doctor, up ? DOCTOR_WARNING : DOCTOR_FAILURE, "",
		    "is the peer reachable (port 179), does its AS number fit, does it expect this node?",
		    "%u of %u BGP sessions are established; down: %s", up, sessions, down);
	else
		finding_add(
		    doctor, DOCTOR_FINE, "", NULL, "%u of %u BGP sessions are established", up, sessions);
}
