/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `explain`: one move of an address in ten lines, for somebody who was woken by it. From the timeline (who
 * held it, and what each says why), the status (how long this node took for it, how things are now) and the
 * flight recorder (what was heard and sent).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "vipctl/call.h"
#include "vipctl/group.h"
#include "vipctl/moves.h"

#define TEXT_MAX    768
#define TITLE_WIDTH 11
#define TAKEOVER_MS 3000 /* from the decision to the first announcement */

struct story {
	const struct vipctl *ctl;
	const struct move *move;
	enum cause cause;
	const json_t *timeline;
	const json_t *router; /* of the status; NULL: it is not configured any more */
	const json_t *status;
	const json_t *moment;  /* NULL: the agent did not say */
	const char *from, *to; /* names */
};

__attribute__((format(printf, 3, 4))) static void line(
    const struct story *story, const char *title, const char *format, ...)
{
	char text[TEXT_MAX], named[TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	name_addresses(story->timeline, text, named, sizeof named);
	size_t length = strlen(named);
	if (length > 1 && named[length - 1] == '.' && strchr(".?!", named[length - 2]))
		named[length - 1] = '\0'; /* what is quoted has ended the sentence */
	colour_set(stdout, story->ctl->colour, COLOUR_BOLD);
	printf("%-*s", TITLE_WIDTH, title);
	colour_set(stdout, story->ctl->colour, COLOUR_NONE);
	sentence_print(stdout, terminal_width(), TITLE_WIDTH, text_tame(named));
	putchar('\n');
}

/* "16:00:00.310", local time */
static const char *clock_text(const char *at, char out[static SHOW_TEXT_MAX])
{
	show_time(at, out);
	const char *blank = strchr(out, ' ');
	return blank ? blank + 1 : out;
}

/* ---- why ---- */

/* One whose link was down could not say so before it was up again. */
static bool saw_link_down(const json_t *from)
{
	return strcmp(member_text(from, "end_code"), "link_down") == 0;
}

/* Of what the one who left says the health is the cause, not that a better one was heard. */
static const char *said(const struct story *story)
{
	const json_t *from = story->move->from, *to = story->move->to;
	const char *trouble = member_text(from, "end_health_reason"), *end = member_text(from, "end_reason"),
		   *lowered = member_text(from, "end_lowered_reason");
	switch (story->cause) {
	case CAUSE_UNHEALTHY: return *trouble ? trouble : member_text(to, "reason");
	case CAUSE_LOWERED: return *lowered ? lowered : member_text(to, "reason");
	case CAUSE_LINK: return saw_link_down(from) ? end : "it is up again";
	case CAUSE_REFUSED:
	case CAUSE_LATE: return end;
	default: end = to ? member_text(to, "reason") : end; return *end ? end : "nothing";
	}
}

static void tell(const struct story *story, const char *title, const char *template)
{
	char text[TEXT_MAX], gap[SHOW_TEXT_MAX];
	size_t length = 0;
	show_duration(story->move->gap_ms, gap);
	for (const char *c = template; *c && length < sizeof text - 1;) {
		const char *put = *c != '@'	? NULL
				  : c[1] == 'A' ? story->from
				  : c[1] == 'B' ? story->to
				  : c[1] == 'G' ? gap
						: said(story);
		if (put)
			length += (size_t)snprintf(text + length, sizeof text - length, "%.200s", put);
		else
			text[length++] = *c;
		c += put ? 2 : 1;
	}
	text[length < sizeof text ? length : sizeof text - 1] = '\0';
	line(story, title, "%s.", text);
}

/* ---- what happened when ---- */

static void tell_before(const struct story *story)
{
	char held[SHOW_TEXT_MAX], since[SHOW_TEXT_MAX];
	const json_t *from = story->move->from;
	bool vacant = story->cause == CAUSE_VACANT;
	if (!from)
		return;
	int64_t begin = time_parse(member_text(from, "from")), end = story->move->at_ms;
	if (holding_end_ms(from) < end)
		end = holding_end_ms(from);
	line(story, "Before", "%s had held it for %s, %s %s.", story->from, show_duration(end - begin, held),
	    vacant ? "until" : "since", show_time(member_text(from, vacant ? "until" : "from"), since));
}

static void tell_heard(const struct story *story)
{
	const json_t *heard = json_object_get(story->moment, "heard"),
		     *refused = json_object_get(story->moment, "refused"), *count;
	const char *oldest = member_text(story->moment, "recorded_from"), *reason;
	char at[SHOW_TEXT_MAX], other[256] = "";
	json_object_foreach((json_t *)refused, reason, count)
	    snprintf(other, sizeof other, " Refused in the ten seconds before: %lld adverts (%s).",
		(long long)json_integer_value(count), reason);
	if (json_is_object(heard))
		line(story, "Heard", "last from %s at %s, %lld ms before, with priority %d%s.%s",
		    member_text(heard, "address"), clock_text(member_text(heard, "at"), at),
		    (long long)(story->move->at_ms - time_parse(member_text(heard, "at"))),
		    (int)member_number(heard, "priority"),
		    member_number(heard, "priority") ? "" : ": it resigned", other);
	else if (*oldest && time_parse(oldest) < story->move->at_ms)
		line(story, "Heard", "no advertisement of another router before it.%s", other);
	else
		line(story, "Heard",
		    "not recorded any more: the packets of the last minute are; record_dir in vipd.conf "
		    "keeps those of each move.");
}

static void tell_decided(const struct story *story)
{
	char at[SHOW_TEXT_MAX];
	const json_t *to = story->move->to, *from = story->move->from;
	if (to)
		line(story, "Decided", "at %s by %s%s: %s.", clock_text(story->move->at, at), story->to,
		    member_true(to, "self") ? ", this node" : "",
		    *member_text(to, "reason") ? member_text(to, "reason") : "it has not said why");
	else
		line(story, "Decided", "at %s by %s: %s; nobody took over.", clock_text(story->move->at, at),
		    story->from,
		    *member_text(from, "end_reason") ? member_text(from, "end_reason")
						     : "it has not said why");
}

/* The steps of that takeover, if it was this node's and is still known; else NULL. */
static const json_t *steps_of(const struct story *story)
{
	const json_t *last = json_object_get(story->router, "last_takeover");
	int64_t after = time_parse(member_text(last, "at")) - story->move->at_ms;
	bool is_it = member_true(story->move->to, "self") && after > -100 && after < TAKEOVER_MS;
	return is_it ? json_object_get(last, "steps_us") : NULL;
}

static double step_ms(const json_t *steps, const char *name)
{
	return (double)member_number(steps, name) / 1000;
}

static int64_t announced_ms(const struct story *story)
{
	return time_parse(member_text(json_object_get(story->moment, "announced"), "at"));
}

static void tell_usable(const struct story *story)
{
	char at[SHOW_TEXT_MAX];
	const json_t *steps = steps_of(story), *announced = json_object_get(story->moment, "announced");
	if (!story->move->to)
		return;
	if (steps)
		line(story, "Usable", "on %s %.1f ms after the decision, announced %.1f ms after it%s.",
		    member_text(story->move->to, "interface"), step_ms(steps, "address_notified"),
		    step_ms(steps, "announced"),
		    member_number(story->moment, "announcements") > 1 ? ", and again up to a second later"
								      : "");
	else if (json_is_object(announced))
		line(story, "Usable", "announced at %s, as heard here, %lld ms after the decision.",
		    clock_text(member_text(announced, "at"), at),
		    (long long)(announced_ms(story) - story->move->at_ms));
	else
		line(story, "Usable",
		    "not recorded here (any more); soon after it, %s knows: vipctl explain there.",
		    story->to);
}

/* ---- what came of it ---- */

/* Without an answer: from the last sign of the old holder to the announcement of the new one. -1: not known.
 */
static int64_t outage_ms(const struct story *story)
{
	const json_t *steps = steps_of(story), *heard = json_object_get(story->moment, "heard");
	int64_t last = time_parse(member_text(heard, "at")), end = announced_ms(story);
	if (story->cause == CAUSE_LINK && saw_link_down(story->move->from))
		last = time_parse(member_text(story->move->from, "until"));
	if (steps)
		end = story->move->at_ms + (int64_t)step_ms(steps, "announced") + 1;
	return last < 0 || end < 0 || last > end ? -1 : end - last;
}

static void tell_clients(const struct story *story)
{
	char both[SHOW_TEXT_MAX], until[SHOW_TEXT_MAX], gap[SHOW_TEXT_MAX];
	int64_t overlap = move_overlap_ms(story->move), outage = outage_ms(story);
	if (!story->move->to) {
		line(story, "Clients", "nobody answered from then on.");
		return;
	}
	switch (story->cause) {
	case CAUSE_VACANT:
		line(story, "Clients", "had no answer for %s: nobody held the address.",
		    show_duration(story->move->gap_ms, gap));
		return;
	case CAUSE_KEPT: line(story, "Clients", "saw nothing: %s kept the address.", story->from); return;
	case CAUSE_DRAINED:
	case CAUSE_SHUTDOWN:
	case CAUSE_STOPPED:
	case CAUSE_REMOVED:
	case CAUSE_ENGINE_DIED:
	case CAUSE_LOWERED:
	case CAUSE_PREFERRED:
		line(story, "Clients",
		    "saw nothing: %s kept the address until %s had announced it. Open connections had to be "
		    "made anew.",
		    story->from, story->to);
		return;
	case CAUSE_UNHEALTHY:
		line(story, "Clients", "reached %s, which was unhealthy, until %s had announced the address.",
		    story->from, story->to);
		return;
	case CAUSE_FIRST:
	case CAUSE_UNKNOWN: line(story, "Clients", "nobody knows what they saw before."); return;
	case CAUSE_PARTITION:
		line(story, "Clients",
		    "both servers held the address for %s: each client reached the one on its side%s.",
		    overlap == INT64_MAX ? "some time, and still do" : show_duration(overlap, both),
		    overlap == INT64_MAX ? "" : ", and clients of neither had no answer until then");
		return;
	default: break;
	}
	bool may_answer = story->cause != CAUSE_LINK && story->cause != CAUSE_REFUSED;
	const char *unless =
	    may_answer ? ", unless only vipd was dead there: then the kernel went on to answer" : "";
	if (outage >= 0)
		line(story, "Clients",
		    "had no answer for about %lld ms: from the last sign of %s to the announcement of %s%s.",
		    (long long)outage, story->from, story->to, unless);
	else
		line(story, "Clients", "had no answer from the last sign of %s until %s (%s)%s.", story->from,
		    clock_text(story->move->at, until),
		    *story->move->reason ? story->move->reason : "no reason is known", unless);
}

static void tell_checks(const struct story *story)
{
	char text[TEXT_MAX] = "", age[SHOW_TEXT_MAX];
	size_t i, length = 0;
	json_t *check;
	json_array_foreach(json_object_get(story->status, "checks"), i, check)
	{
		if (length < sizeof text - CELL_MAX)
			length += (size_t)snprintf(text + length, sizeof text - length, "%s%.64s %s for %s",
			    i ? ", " : "", member_text(check, "name"), member_text(check, "state"),
			    show_duration(state_age_ms(check), age));
	}
	line(story, "Checks", "here and now: %s.", *text ? text : "there are none");
}

static void tell_now(const struct story *story)
{
	char sentence[TEXT_MAX / 2] = "", holder[HOLDER_TEXT_MAX];
	if (!story->router)
		return;
	if (json_is_object(json_object_get(story->router, "group")))
		group_sentence(story->router, sentence, sizeof sentence);
	line(story, "Now", "held by %s; %s.", router_holder_text(story->router, holder),
	    *sentence ? sentence : "no other server is known");
}

static void tell_story(const struct story *story)
{
	char at[SHOW_TEXT_MAX], text[CELL_MAX], ago[SHOW_TEXT_MAX];
	line(story, story->move->router, "%s, %s, %s ago", move_text(story->move, text),
	    show_time(story->move->at, at), show_duration(time_now_ms() - story->move->at_ms, ago));
	tell(story, "Why", cause_words[story->cause].why);
	tell_before(story);
	tell_heard(story);
	tell_decided(story);
	tell_usable(story);
	tell_clients(story);
	tell_checks(story);
	tell_now(story);
	tell(story, "To do", cause_words[story->cause].advice);
}

/* ---- what it is made of ---- */

static const json_t *router_named(const json_t *status, const char *name)
{
	size_t i;
	json_t *router;
	json_array_foreach(json_object_get(status, "virtual_routers"), i, router)
	{
		if (strcmp(member_text(router, "name"), name) == 0)
			return router;
	}
	return NULL;
}

static json_t *moment_get(const struct vipctl *ctl, const struct move *move)
{
	const char *const arguments[][2] = {{"router", move->router}, {"at", move->at},
	    {"from", move->from ? member_text(move->from, "address") : NULL},
	    {"to", move->to ? member_text(move->to, "address") : NULL}, {0}};
	char *path = call_path("/v1/moment", arguments);
	json_t *moment = NULL;
	struct vipctl quiet = *ctl;
	quiet.complaints = fopen("/dev/null", "we");
	if (path && quiet.complaints)
		call_json(&quiet, "GET", path, &moment, NULL);
	if (quiet.complaints)
		fclose(quiet.complaints);
	free(path);
	return moment;
}

/* When the one before said something last, if it sends hellos; see move_cause(). now_ms: before the status.
 * If the timeline, which is newer, has it as Active, then it was that. */
static int64_t heard_ms(const json_t *router, const struct move *move, int64_t now_ms)
{
	size_t i;
	json_t *member;
	if (member_true(move->from, "self"))
		return INT64_MAX;
	json_array_foreach(json_object_get(json_object_get(router, "group"), "members"), i, member)
	{
		if (strcmp(member_text(member, "address"), member_text(move->from, "address")) == 0)
			return now_ms - member_number(member, "last_seen_ms");
	}
	return -1;
}

static void explain(const struct vipctl *ctl, const json_t *status, int64_t now_ms, const json_t *timeline,
    const struct move *move)
{
	const json_t *router = router_named(status, move->router);
	json_t *moment = moment_get(ctl, move);
	struct story story = {.ctl = ctl,
	    .move = move,
	    .cause = move_cause(move, heard_ms(router, move, now_ms)),
	    .timeline = timeline,
	    .router = router,
	    .status = status,
	    .moment = moment,
	    .from = move->from ? holding_name(move->from) : "nobody",
	    .to = move->to ? holding_name(move->to) : "nobody"};
	if (ctl->json) {
		json_t *json = json_pack("{s:s, s:s, s:O?, s:O?, s:O?}", "at", move->at, "cause",
		    cause_name(story.cause), "from", move->from, "to", move->to, "moment", moment);
		char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
		raw_print(text ? text : "{}");
		free(text);
		json_decref(json);
	} else {
		tell_story(&story);
	}
	json_decref(moment);
}

/* 1: the last move, 2: the one before it */
static size_t number_given(const struct vipctl *ctl)
{
	const char *text = argument_first(ctl);
	if (text && (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 6 || !atoi(text)))
		usage_error("%s: that is not a number of `vipctl events --group`", text);
	return text ? (size_t)atoi(text) : 1;
}

int command_explain(const struct vipctl *ctl)
{
	size_t number = number_given(ctl);
	json_t *timeline = NULL, *status = NULL;
	int64_t now_ms = time_now_ms();
	int result = call_json(ctl, "GET", "/v1/status", &status, NULL);
	if (result == EXIT_FINE) /* after it: see heard_ms() */
		result = call_json(ctl, "GET", "/v1/timeline", &timeline, NULL);
	struct moves moves = moves_of(timeline);
	if (result == EXIT_FINE && number > moves.count) {
		fprintf(stderr, "vipctl: %s\n",
		    moves.count ? "there were not so many moves in the last day: vipctl events --group"
				: "nobody has held an address in the last day, as far as this node knows");
		result = EXIT_ATTENTION;
	} else if (result == EXIT_FINE) {
		explain(ctl, status, now_ms, timeline, &moves.items[moves.count - number]);
	}
	free(moves.items);
	json_decref(status);
	json_decref(timeline);
	return result;
}
