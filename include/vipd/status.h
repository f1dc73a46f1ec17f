/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's status (GET /v1/status), read and judged.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A member that is text, "" if it is not there (or null). */
const char *member_text(const json_t *object, const char *key);
int64_t member_number(const json_t *object, const char *key);
bool member_true(const json_t *object, const char *key);

/* Milliseconds since 1970 of "2026-11-22T16:00:00.123Z", -1 if it is something else. */
int64_t time_parse(const char *text);
int64_t time_now_ms(void);

/* For how many milliseconds it has been in its state: by the clock that nobody sets, if the agent says it. */
int64_t state_age_ms(const json_t *object);

#define TIME_TEXT_MAX 48
/* "2026-11-22 16:00:00.123", local time; `text` itself if it is not a time. */
const char *time_local(const char *text, char out[static TIME_TEXT_MAX]);

/* "0.3s", "12s", "3m12s", "4h05m", "2d03h" */
const char *show_duration(int64_t ms, char out[static TIME_TEXT_MAX]);

/* The file of the configuration, against what the agent has read; `why` is the first error of a wrong one. */
enum config_file {
	CONFIG_FILE_SAME,
	CONFIG_FILE_CHANGED,
	CONFIG_FILE_WRONG,
	CONFIG_FILE_UNKNOWN /* it cannot be read here, or the agent does not say what it has read */
};
#define CONFIG_WHY_MAX 256
enum config_file config_file_look(const json_t *status, char why[static CONFIG_WHY_MAX]);

/* Who the holder is by VRRP. */
enum holder {
	HOLDER_SELF,
	HOLDER_OTHER,	/* heard recently */
	HOLDER_SILENT,	/* heard, but not any more */
	HOLDER_FOREIGN, /* who is heard has our VRID and other addresses: nobody holds ours */
	HOLDER_NOBODY	/* none heard */
};
enum holder router_holder(const json_t *router);

#define HOLDER_TEXT_MAX 264
/* "this node", "k8s-node02 (priority 120)", "nobody: fe80::12 silent for 12s", "nobody" */
const char *router_holder_text(const json_t *router, char out[static HOLDER_TEXT_MAX]);

/* Its name alone, its address if it has none; NULL: nobody. */
const char *router_holder_name(const json_t *status, const json_t *router);

bool router_is_active(const json_t *router);

/* Drained, but nobody took over: it keeps the address. */
bool router_is_kept(const json_t *router);

/* Another server keeps it, healthy and drained as it says, because nobody took over from it. */
bool holder_is_drained(const json_t *router);

/* This node holds it and is not healthy, or the holder that was heard advertises a priority of those who are
 * not, and not because it is drained; whether it recovers. */
bool holder_is_unhealthy(const json_t *router);
bool holder_is_recovering(const json_t *router);

/*
 * Why several may answer for the address, or none hear each other, by what was refused most since the
 * conflict began: advice, "" if nothing was. What was refused before is another story.
 */
#define CAUSE_MAX 256
const char *refusal_cause(const json_t *router, char out[static CAUSE_MAX]);

/*
 * What a member of a group has for a setting that must be equal, by the name that `differs` gives it:
 * "100ms", "true", "enforce, keys 1, 7", "192.0.2.100, 2001:db8::100"; "?" if it does not say.
 */
#define SETTING_TEXT_MAX 320
const char *setting_text(const json_t *member, const char *setting, char out[static SETTING_TEXT_MAX]);
/* This node among the members of a group; NULL: it is not there. */
const json_t *group_self(const json_t *group);
/* Neither lost nor stopped. */
bool member_is_here(const json_t *member);

/* A member of the group of a virtual router, by its last hello: why what that says may not be so any more. */
enum doubt {
	DOUBT_NONE,
	DOUBT_AWAY,    /* lost, or stopped */
	DOUBT_ENGINE,  /* it is Active, and its engine does not respond */
	DOUBT_SILENT,  /* its next hello is overdue, or another one became Active after the last */
	DOUBT_ADVERTS, /* it says that it is Active, and this node hears no adverts */
	DOUBTS
};
enum doubt member_doubt(const json_t *router, const json_t *member);
/* It is here, and two of its hellos have not come. */
bool member_is_overdue(const json_t *member);

#define MEMBER_STATE_MAX (TIME_TEXT_MAX + 64)
/* "backup", "drained", "lost", "not heard for 1.2s" */
const char *member_state(const json_t *router, const json_t *member, char out[static MEMBER_STATE_MAX]);

/*
 * Writes the names of those that are Active now ("k8s-node01, k8s-node02"), and returns how many they are.
 * Whoever said so before another one became Active, and nothing since, is not: it may be dead.
 */
unsigned group_actives(const json_t *router, char *names, size_t room);
/* They are more than one. */
bool group_is_split(const json_t *router);

/*
 * Of a server in `group.rivals`: "k8s-node02 (fe80::12) has 192.0.2.100 in VRID 100 of IPv4, here it is in
 * VRID 100 of IPv6: they do not hear each other, so both will hold the address".
 */
#define RIVAL_TEXT_MAX 320
const char *rival_text(const json_t *router, const json_t *rival, char out[static RIVAL_TEXT_MAX]);
#define ADVICE_RIVAL "Write the same vrid, and the addresses in the same order, on every server"

/* What the kernel has of one address (an item of `addresses`), against what the state asks for. */
enum presence {
	PRESENCE_RIGHT,
	PRESENCE_HANDOVER, /* still there, for the moment of a planned handover */
	PRESENCE_MISSING,  /* active, and not there */
	PRESENCE_LEFT,	   /* not active, and there */
	PRESENCE_UNKNOWN   /* the kernel did not answer */
};
enum presence address_presence(const json_t *router, const json_t *address);

/* Neither active nor with any of its addresses on the interface. */
bool router_has_released(const json_t *router);

/* The engine does not respond: what it says is old, what the kernel says is not. */
static inline bool engine_is_silent(const json_t *status)
{
	const json_t *engine = json_object_get(status, "engine");
	return json_is_object(engine) && !member_true(engine, "responding");
}

/* Of a virtual router or a check: it answers, but is not trusted yet. */
static inline bool is_recovering(const json_t *object)
{
	return strcmp(member_text(object, "health"), "recovering") == 0;
}

/* Whether clients get no answer, or the wrong server's; or may, if it stays so or something else happens. */
enum attention { ATTENTION_BAD, ATTENTION_WARNING };

#define SENTENCE_MAX 1024 /* bytes of what is said */
/* Called with each thing that needs attention, and what to do about it: one line, any characters. */
typedef void attention_say(void *context, enum attention grade, const char *text);
void attention_find(const json_t *status, attention_say *say, void *context);
/* The same of each group as a whole: nobody holds the address, a server is silent, or nobody else could. */
void attention_find_groups(const json_t *status, attention_say *say, void *context);
