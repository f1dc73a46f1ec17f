/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `drain` and `resume`: ask the agent, then watch its status until it has come true. An operator who drains
 * wants to know one thing before the reboot: who holds the address now.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vipctl/call.h"
#include "vipctl/group.h"
#include "vipctl/show.h"
#include "vipd/mono.h"

#define POLL_MS 20
#define WAIT_MS 3000 /* and what the protocol takes */

enum { OPTION_FOR = OPTION_LONG, OPTION_FORCE, OPTION_SHUTDOWN };

const struct cli_option drain_options[] = {
    {OPTION_FOR, "for", "TIME", "resume by itself after that time, such as 10m"},
    {OPTION_FORCE, "force", NULL, "also if no healthy server can take over"},
    {OPTION_SHUTDOWN, "shutdown", NULL,
	"the machine is being stopped: the others are told that, not who drained"},
    {0},
};

const struct cli_option resume_options[] = {
    {OPTION_SHUTDOWN, "shutdown", NULL, "only what `drain --shutdown` has drained, and no person"},
    {0},
};

static bool is_asked_for(const struct vipctl *ctl, const json_t *router)
{
	return !argument_first(ctl) || strcmp(argument_first(ctl), member_text(router, "name")) == 0;
}

static bool is_drained(const json_t *router)
{
	return member_true(router, "drained") && router_has_released(router) &&
	       router_holder(router) == HOLDER_OTHER;
}

/* Nothing better will come of it. */
static bool is_drain_over(const json_t *router)
{
	return is_drained(router) || router_is_kept(router);
}

static bool is_resumed(const json_t *router)
{
	enum holder holder = router_holder(router);
	return !member_true(router, "drained") && (holder == HOLDER_SELF || holder == HOLDER_OTHER);
}

typedef bool condition(const json_t *router);

static bool all_are(const struct vipctl *ctl, const json_t *routers, condition *is_done, int64_t *wait_ms)
{
	size_t i;
	json_t *router;
	bool all = true;
	json_array_foreach(routers, i, router)
	{
		if (!is_asked_for(ctl, router))
			continue;
		int64_t wait =
		    WAIT_MS + member_number(router, "late_ms") + member_number(router, "handover_ms");
		if (wait > *wait_ms)
			*wait_ms = wait;
		all = all && is_done(router);
	}
	return all;
}

/* Fills *status with the last one seen, whether it came true or the time is over; the caller's to release. */
static int wait_until(const struct vipctl *ctl, condition *is_done, json_t **status)
{
	struct mono begin = mono_now();
	int64_t wait_ms = WAIT_MS;
	for (;;) {
		int result = call_json(ctl, "GET", "/v1/status", status, NULL);
		if (result != EXIT_FINE)
			return result;
		if (all_are(ctl, json_object_get(*status, "virtual_routers"), is_done, &wait_ms) ||
		    mono_sub(mono_now(), begin) > wait_ms * USEC_PER_MS)
			return EXIT_FINE;
		json_decref(*status);
		nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
	}
}

/* Everything that can be the end of a drain, from good to bad. */
static int drain_report(const struct vipctl *ctl, const json_t *router)
{
	char holder[CELL_MAX];
	const char *name = member_text(router, "name"), *state = member_text(router, "state");
	router_holder_text(router, holder);
	text_tame(holder);
	if (is_drained(router) && holder_is_unhealthy(router)) {
		fprintf(stderr,
		    "%s: HELD BY AN UNHEALTHY SERVER: drained, now held by %s, whose checks fail or have\n"
		    "  only just passed. Clients may get no answer there. Why: vipctl status, on that "
		    "server\n"
		    "  Take it back: vipctl resume %s\n",
		    name, holder, name);
		return EXIT_ATTENTION;
	}
	if (is_drained(router)) {
		if (!ctl->json)
			printf("%s: drained, now held by %s\n", name, holder);
		return EXIT_FINE;
	}
	if (!member_true(router, "drained"))
		fprintf(stderr,
		    "%s: NOT DRAINED: the engine did not act on it; this node is %s. Why: journalctl -u "
		    "vipd\n",
		    name, state);
	else if (router_is_kept(router))
		fprintf(stderr,
		    "%s: NOBODY TOOK OVER: drained, but no other server can take over, so this node keeps\n"
		    "  the address until one does. Do not shut it down: clients would reach nobody.\n"
		    "  Why no one took over: vipctl status, on the other servers\n",
		    name);
	else if (!router_has_released(router))
		fprintf(stderr,
		    "%s: STILL HERE: drained, but this node is %s and has not let go of the address. Do "
		    "not shut it down blindly; why: journalctl -u vipd\n",
		    name, state);
	else
		fprintf(stderr,
		    "%s: NOBODY HOLDS IT: drained, and no other server has taken over (%s).\n"
		    "  Clients reach nobody. Take it back: vipctl resume %s\n"
		    "  Why no one took over: vipctl status, on the other servers\n",
		    name, holder, name);
	return EXIT_ATTENTION;
}

static int resume_report(const struct vipctl *ctl, const json_t *router)
{
	char holder[CELL_MAX];
	const char *name = member_text(router, "name");
	router_holder_text(router, holder);
	text_tame(holder);
	if (is_resumed(router)) {
		if (!ctl->json)
			printf("%s: takes part again (%s), held by %s\n", name, member_text(router, "state"),
			    holder);
		return EXIT_FINE;
	}
	fprintf(stderr, "%s: %s, but this node is %s (%s) and hears no holder; see vipctl status\n", name,
	    member_true(router, "drained") ? "STILL DRAINED" : "takes part again",
	    member_text(router, "state"), member_text(router, "reason"));
	return EXIT_ATTENTION;
}

/* Takes over `path`, which is NULL without memory. With -o json the answer is printed. */
static int post(const struct vipctl *ctl, char *path)
{
	struct reply reply;
	if (!path) {
		fputs("vipctl: out of memory\n", stderr);
		return EXIT_ATTENTION;
	}
	int result = call(ctl, "POST", path, &reply);
	free(path);
	if (result != EXIT_FINE)
		return result;
	if (ctl->json)
		raw_print(reply.body);
	free(reply.body);
	return EXIT_FINE;
}

/* NULL without memory; the caller frees it. */
static char *change_path(const struct vipctl *ctl, const char *prefix, bool shutdown)
{
	const char *const arguments[][2] = {{"router", argument_first(ctl)},
	    {"for", option_value(ctl, OPTION_FOR)}, {"shutdown", shutdown ? "1" : NULL}, {0}};
	return call_path(prefix, arguments);
}

static int change(const struct vipctl *ctl, const char *prefix, condition *is_done,
    int (*report)(const struct vipctl *ctl, const json_t *router))
{
	json_t *status, *router;
	size_t i;
	bool shutdown = option_value(ctl, OPTION_SHUTDOWN) != NULL;
	int result = post(ctl, change_path(ctl, prefix, shutdown));
	/* An older agent, such as one in a pod: moved it must be. */
	if (result == EXIT_REFUSED && shutdown && is_done == is_drain_over)
		result = post(ctl, change_path(ctl, prefix, false));
	if (result != EXIT_FINE)
		return result;
	result = wait_until(ctl, is_done, &status);
	if (result != EXIT_FINE)
		return result;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	{
		if (is_asked_for(ctl, router) && report(ctl, router) != EXIT_FINE)
			result = EXIT_ATTENTION;
	}
	json_decref(status);
	return result;
}

/* This node holds the address, and of the others that it knows of no healthy one could take it. */
static bool nobody_could(const json_t *router)
{
	const json_t *group = json_object_get(router, "group");
	return router_is_active(router) && !router_is_kept(router) &&
	       json_array_size(json_object_get(group, "members")) > 1 &&
	       member_number(group, "can_take_over") == 0;
}

/* One of another make: it is silent as a Backup, and may take over. Not a member that is lost and was heard
 * as Active: that it is lost is what counts. */
static const char *stranger_of(const json_t *router)
{
	const json_t *group = json_object_get(router, "group");
	size_t i, k;
	json_t *stranger, *member;
	json_array_foreach(json_object_get(group, "without_hello"), i, stranger)
	{
		const char *address = json_string_value(stranger);
		bool is_member = false;
		json_array_foreach(json_object_get(group, "members"), k, member)
		{
			is_member |= strcmp(member_text(member, "address"), address) == 0;
		}
		if (!is_member)
			return address;
	}
	return NULL;
}

/* EXIT_ATTENTION, and who is what, if the drain would leave a virtual router to nobody or to somebody
 * unhealthy. */
static int look_before(const struct vipctl *ctl)
{
	json_t *status, *router;
	size_t i;
	int result = call_json(ctl, "GET", "/v1/status", &status, NULL);
	if (result != EXIT_FINE)
		return result;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	{
		if (!is_asked_for(ctl, router) || !nobody_could(router))
			continue;
		const char *stranger = stranger_of(router);
		if (stranger) {
			fprintf(stderr,
			    "%s: of the servers that send hellos none can take over; %s, which sends none, "
			    "may\n",
			    member_text(router, "name"), stranger);
			continue;
		}
		fprintf(stderr,
		    "%s: NOT DRAINED: this node holds the address, and no healthy server can take over.\n"
		    "  Do it all the same: vipctl drain --force %s\n",
		    member_text(router, "name"), member_text(router, "name"));
		result = EXIT_ATTENTION;
	}
	if (result != EXIT_FINE)
		group_print(
		    &(struct page){.out = stderr, .colour = ctl->colour, .width = terminal_width()}, status);
	json_decref(status);
	return result;
}

int command_drain(const struct vipctl *ctl)
{
	int result = option_value(ctl, OPTION_FORCE) ? EXIT_FINE : look_before(ctl);
	if (result != EXIT_FINE)
		return result;
	return change(ctl, "/v1/drain", is_drain_over, drain_report);
}

static bool is_shutdown_over(const json_t *router)
{
	return !member_true(router, "drained_for_shutdown");
}

/* When the machine has started: it need not have a holder yet. */
static int shutdown_over_report(const struct vipctl *ctl, const json_t *router)
{
	const char *name = member_text(router, "name");
	if (!is_shutdown_over(router))
		return resume_report(ctl, router);
	if (ctl->json)
		return EXIT_FINE;
	if (member_true(router, "drained"))
		printf("%s: stays drained, by uid %d; take part again: vipctl resume %s\n", name,
		    (int)member_number(router, "drained_by"), name);
	else
		printf("%s: takes part\n", name);
	return EXIT_FINE;
}

int command_resume(const struct vipctl *ctl)
{
	if (option_value(ctl, OPTION_SHUTDOWN))
		return change(ctl, "/v1/resume", is_shutdown_over, shutdown_over_report);
	return change(ctl, "/v1/resume", is_resumed, resume_report);
}
