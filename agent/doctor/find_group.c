/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the servers of a group know each other, somebody could take over, and all are set up alike: by what
 * the agent has heard of the others.
 */
#include <string.h>

#include "doctor/doctor.h"

/* Names of the members for whom it holds. */
typedef bool member_test(const json_t *member, const char *version);

static unsigned members_where(
    const json_t *group, member_test *test, const char *version, char *list, size_t room)
{
	size_t i;
	json_t *member;
	unsigned count = 0;
	list[0] = '\0';
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		if (!test(member, version))
			continue;
		list_add(list, room, member_text(member, "node"));
		count++;
	}
	return count;
}

static bool is_lost(const json_t *member, const char *version)
{
	(void)version;
	return strcmp(member_text(member, "presence"), "lost") == 0;
}

static bool is_of_other_version(const json_t *member, const char *version)
{
	return member_is_here(member) && strcmp(member_text(member, "version"), version) != 0;
}

static void judge_settings(struct doctor *doctor, const char *name, const json_t *group)
{
	size_t i, k;
	json_t *member, *setting;
	char theirs[SETTING_TEXT_MAX], ours[SETTING_TEXT_MAX];
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		if (!member_is_here(member))
			continue;
		json_array_foreach(json_object_get(member, "differs"), k, setting)
		{
			const char *key = json_string_value(setting);
			finding_add(doctor, DOCTOR_WARNING, name,
			    "write the same into vipd.conf on every server", "%s has %s = %s, this node %s",
			    member_text(member, "node"), key, setting_text(member, key, theirs),
			    setting_text(group_self(group), key, ours));
		}
	}
}

static void judge_rivals(struct doctor *doctor, const json_t *router, const json_t *group)
{
	size_t i;
	json_t *rival;
	char text[RIVAL_TEXT_MAX];
	json_array_foreach(json_object_get(group, "rivals"), i, rival) finding_add(doctor, DOCTOR_FAILURE,
	    member_text(router, "name"), ADVICE_RIVAL, "SPLIT GROUP: %s", rival_text(router, rival, text));
}

static void judge_spare(struct doctor *doctor, const char *name, const json_t *group)
{
	unsigned candidates = (unsigned)member_number(group, "can_take_over");
	size_t count = json_array_size(json_object_get(group, "members"));
	const char *next = member_text(json_object_get(group, "next"), "node");
	if (!candidates)
		finding_add(doctor, DOCTOR_WARNING, name, "vipctl status says what each of the others lacks",
		    "nobody else can take over: none of %zu servers is healthy, takes part and is not the "
		    "holder",
		    count);
	else
		finding_add(doctor, DOCTOR_FINE, name, NULL, "%u of %zu servers can take over; next: %s",
		    candidates, count, next);
}

static void group_judge(struct doctor *doctor, const json_t *router)
{
	const json_t *group = json_object_get(router, "group");
	const char *name = member_text(router, "name"), *version = member_text(doctor->status, "version");
	char list[DOCTOR_WHY_MAX];
	if (!json_is_object(group))
		return;
	judge_rivals(doctor, router, group);
	if (json_array_size(json_object_get(group, "members")) == 1) {
		finding_add(doctor, DOCTOR_WARNING, name,
		    "start vipd on the others; if it runs there, open the UDP port of `group` between the "
		    "servers",
		    "no other server has sent a hello, so nobody is known who could take over");
		return;
	}
	judge_spare(doctor, name, group);
	if (members_where(group, is_lost, version, list, sizeof list))
		finding_add(doctor, DOCTOR_WARNING, name,
		    "see whether it runs and whether a firewall drops its hellos; if it is gone for good: "
		    "vipctl forget NODE (or --lost)",
		    "lost: %s", list);
	if (members_where(group, is_of_other_version, version, list, sizeof list))
		finding_add(doctor, DOCTOR_WARNING, name, "end the upgrade",
		    "another version of vipd than %s: %s", version, list);
	judge_settings(doctor, name, group);
}

void find_group(struct doctor *doctor)
{
	size_t i;
	json_t *router;
	json_array_foreach(json_object_get(doctor->status, "virtual_routers"), i, router)
	    group_judge(doctor, router);
}
