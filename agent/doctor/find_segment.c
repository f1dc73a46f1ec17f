/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the segment says: who is in the group, who advertises, who answers for a virtual address. This is the
 * one view that does not depend on what any server believes of itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor.h"

#define NAMED_MAX 8 /* so many addresses are listed, the rest counted */
#define LIST_MAX  512

const struct segment *segment_heard(
    struct doctor *doctor, const struct config_router *router, bool asking, const char *what)
{
	const struct segment *segment = router_segment(doctor, router);
	int error = !segment ? 0 : asking ? segment->asking_error : segment->listening_error;
	if (!segment)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, NULL,
		    "%s: only the first %d interfaces are listened to", what, SEGMENTS_MAX);
	else if (error)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name,
		    error == -EPERM || error == -EACCES ? ADVICE_ROOT : NULL, "%s: %s", what,
		    strerrordesc_np(-error));
	else if (segment->lost)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, NULL,
		    "%s: so many machines are heard on %s that not all can be remembered", what,
		    segment->interface);
	else
		return segment;
	return NULL;
}

/* ---- peers ---- */

static unsigned speakers_heard(
    const struct segment *segment, const struct config_router *router, char list[static LIST_MAX])
{
	unsigned count = 0;
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		const struct segment_speaker *speaker = &segment->speakers[i];
		char text[ADDRESS_TEXT_MAX];
		if (!segment_speaks_for(speaker, &router->id) || speaker->outgoing)
			continue;
		if (count++ < NAMED_MAX)
			list_add(list, LIST_MAX, address_format(&speaker->source, text));
	}
	return count;
}

/* Whoever speaks VRRP may be a member of ff02::12: hellos, or a place in `peers`, say that it is one of ours.
 */
static bool is_known_peer(
    const struct doctor *doctor, const struct config_router *router, const struct address *peer)
{
	const json_t *group = json_object_get(router_status(doctor->status, router), "group");
	struct address address;
	json_t *member;
	size_t i;
	for (unsigned k = 0; k < router->peer_count; k++)
		if (address_equal(&router->peers[k], peer))
			return true;
	json_array_foreach(json_object_get(group, "members"), i, member)
	{
		if (address_parse(member_text(member, "address"), &address) && address_equal(&address, peer))
			return true;
	}
	return false;
}

static bool is_of_another_group(
    const struct segment *segment, const struct config_router *router, const struct address *peer)
{
	bool speaks = false;
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		const struct segment_speaker *speaker = &segment->speakers[i];
		if (!address_equal(&speaker->source, peer))
			continue;
		if (segment_speaks_for(speaker, &router->id))
			return false;
		speaks = true;
	}
	return speaks;
}

/* Fills the lists of those who have answered and are of this group, and of those of whom nobody knows. */
static void peers_list(const struct doctor *doctor, const struct segment *segment,
    const struct config_router *router, char known[static LIST_MAX], char unknown[static LIST_MAX])
{
	char text[ADDRESS_TEXT_MAX];
	for (unsigned i = 0; i < segment->peer_count && router->id.family == AF_INET6; i++) {
		const struct address *peer = &segment->peers[i];
		bool is_known = is_known_peer(doctor, router, peer);
		if (is_known || !is_of_another_group(segment, router, peer))
			list_add(is_known ? known : unknown, LIST_MAX, address_format(peer, text));
	}
}

/* Only the Active advertises, so Backups are found by asking the group: who answers can also hear. */
void find_peers(struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = segment_heard(doctor, router, true, "the group cannot be asked");
	char members[LIST_MAX] = "", unknown[LIST_MAX] = "", speakers[LIST_MAX] = "";
	const char *elsewhere = "vipctl status on the other servers says whether they hear this one";
	bool ipv4 = router->id.family == AF_INET;
	const char *where = router->peer_count ? "of the configured peers"
			    : ipv4	       ? "in 224.0.0.18"
					       : "in ff02::12";
	if (!segment)
		return;
	peers_list(doctor, segment, router, members, unknown);
	bool active = is_active_here(doctor, router), heard = speakers_heard(segment, router, speakers);
	if (*members || (heard && !ipv4))
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "%s: %s; advertising: %s", where,
		    *members ? members : "no known server answers an echo request",
		    heard ? speakers : "nobody else");
	else if (ipv4 && (heard || active))
		finding_add(doctor, heard ? DOCTOR_FINE : DOCTOR_UNKNOWN, router->name,
		    heard ? NULL : elsewhere, "%s: Backups cannot be asked over IPv4; advertising: %s", where,
		    heard ? speakers : "nobody else");
	else if (*unknown)
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, elsewhere,
		    "%s: %s, and whether that is a server of this group is not known; no advertisement comes "
		    "in",
		    where, unknown);
	else
		finding_add(doctor, active ? DOCTOR_WARNING : DOCTOR_FAILURE, router->name,
		    "is vipd running on the other servers, on the same segment and with the same vrid? Does "
		    "the switch forward the group (MLD, IGMP snooping)? Do firewalls let protocol 112 pass?",
		    "no peers: %s %s answers, and no advertisement comes in",
		    router->peer_count ? "none" : "no server of this group", where);
}

static bool shares_addresses(const struct segment_speaker *speaker, const struct config_router *router)
{
	for (unsigned i = 0; i < speaker->address_count; i++) {
		for (unsigned k = 0; k < router->address_count; k++) {
			if (address_equal(&speaker->addresses[i], &router->addresses[k]))
				return true;
		}
	}
	return false;
}

/* Fills the lists of those who advertise its VRID, and of those who do that for other addresses. Returns how
 * many it are. */
static unsigned speakers_list(const struct segment *segment, const struct config_router *router,
    char list[static LIST_MAX], char strangers[static LIST_MAX])
{
	unsigned count = 0;
	for (unsigned i = 0; i < segment->speaker_count; i++) {
		const struct segment_speaker *speaker = &segment->speakers[i];
		char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX], item[ADDRESS_TEXT_MAX + 64];
		if (!segment_speaks_for(speaker, &router->id) || speaker->priority == 0)
			continue;
		snprintf(item, sizeof item, "%s (priority %u, %s)", address_format(&speaker->source, text),
		    speaker->priority, speaker->outgoing ? "this node" : mac_format(speaker->mac, mac));
		if (count++ < NAMED_MAX)
			list_add(list, LIST_MAX, item);
		if (!shares_addresses(speaker, router))
			list_add(strangers, LIST_MAX, item);
	}
	return count;
}

/* One Active, or two that do not hear each other. */
void find_speakers(struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = segment_heard(doctor, router, false, "advertisements cannot be seen");
	char list[LIST_MAX] = "", strangers[LIST_MAX] = "";
	if (!segment)
		return;
	unsigned count = speakers_list(segment, router, list, strangers);
	if (*strangers)
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "take another vrid for one of the two groups; if they are one, give them the same "
		    "addresses",
		    "vrid %u is also used for other addresses, by %s", router->id.vrid, strangers);
	else if (has_moved(doctor, router))
		finding_add(doctor, DOCTOR_WARNING, router->name,
		    "does it go on? Then see vipctl events on every server: why the holder changes",
		    "the address moved while it was watched%s%s", *list ? ": " : "", list);
	else if (segment_speaking(segment, &router->id) >= SPEAKING_BESIDE)
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "they do not hear each other, or their keys differ: run vipctl doctor on each, look at "
		    "firewalls and at the switch (MLD snooping)",
		    "SPLIT BRAIN: %u routers advertise vrid %u: %s", count, router->id.vrid, list);
	else if (segment->reflected)
		finding_add(doctor, DOCTOR_WARNING, router->name,
		    "look for a loop, a bond or bridge in the wrong mode, or a machine with the same MAC",
		    "%u advertisements of this node come back to it on %s", segment->reflected,
		    router->id.interface);
	else if (count)
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "one router advertises vrid %u: %s",
		    router->id.vrid, list);
	else
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, NULL,
		    "no advertisement passed %s while it was watched (%lld ms)", router->id.interface,
		    (long long)segment->listen_us / 1000);
}

/* ---- who answers ---- */

static bool is_virtual_mac(const uint8_t mac[static 6])
{
	static const uint8_t prefix[] = {0x00, 0x00, 0x5e, 0x00}; /* RFC 9568 section 7.3: 01 for IPv4, 02 */
	return memcmp(mac, prefix, sizeof prefix) == 0 && (mac[4] == 1 || mac[4] == 2);
}

/* Whose link-layer address it is: a member of the group or an advertising router; NULL: nobody known. */
static const struct address *owner_find(const struct segment *segment, const uint8_t mac[static 6])
{
	for (unsigned i = 0; i < segment->answer_count; i++) {
		const struct segment_answer *answer = &segment->answers[i];
		if (memcmp(answer->mac, mac, 6) != 0)
			continue;
		for (unsigned k = 0; k < segment->peer_count; k++) {
			if (address_equal(&answer->target, &segment->peers[k]))
				return &segment->peers[k];
		}
		for (unsigned k = 0; k < segment->speaker_count; k++) {
			if (address_equal(&answer->target, &segment->speakers[k].source))
				return &segment->speakers[k].source;
		}
	}
	return NULL;
}

static void answer_describe(
    const struct segment *segment, const struct segment_answer *answer, char list[static LIST_MAX])
{
	char text[ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX], item[96];
	const struct address *owner = owner_find(segment, answer->mac);
	snprintf(item, sizeof item, "%s (%s)", mac_format(answer->mac, mac),
	    owner			  ? address_format(owner, text)
	    : is_virtual_mac(answer->mac) ? "the virtual MAC of a VRRP router"
					  : "nobody of the group");
	list_add(list, LIST_MAX, item);
}

static void answers_judge(struct doctor *doctor, const struct config_router *router, const char *address,
    const struct segment_answer *answers[], unsigned count, const char *list)
{
	char owner[ADDRESS_TEXT_MAX] = "";
	const char *holder =
	    holder_address(router_status(doctor->later ? doctor->later : doctor->status, router));
	bool here = is_active_here(doctor, router);
	const struct address *found =
	    count ? owner_find(router_segment(doctor, router), answers[0]->mac) : NULL;
	if (found)
		address_format(found, owner);
	if (has_moved(doctor, router))
		finding_add(doctor, DOCTOR_UNKNOWN, router->name, "ask again when it stays where it is",
		    "%s: it moved while the neighbours were asked", address);
	else if (here && count == 0)
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "%s: held here, and nobody else answers for it", address);
	else if (here || count > 1)
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "find it by its MAC (ip neigh, or the switch's table) and take the address from it",
		    "SPLIT BRAIN: %s is %sanswered for by %s", address, here ? "held here, and also " : "",
		    list);
	else if (count == 0)
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    *holder ? "run vipctl doctor on the holder" : "see vipctl status on every server",
		    "%s: nobody answers for it%s%s%s", address, *holder ? ", but by VRRP " : "", holder,
		    *holder ? " is the holder" : "");
	else if (*holder && *owner && strcmp(owner, holder) != 0)
		finding_add(doctor, DOCTOR_FAILURE, router->name, "run vipctl doctor on both",
		    "%s is answered for by %s, but by VRRP %s is the holder", address, list, holder);
	else if (!*owner && !is_virtual_mac(answers[0]->mac))
		finding_add(doctor, DOCTOR_FAILURE, router->name, "see foreign", "%s is answered for by %s",
		    address, list);
	else
		finding_add(doctor, DOCTOR_FINE, router->name, NULL, "%s: one answer, of %s", address, list);
}

void find_wire(struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = segment_heard(doctor, router, true, "the neighbours cannot be asked");
	if (!segment)
		return;
	for (unsigned i = 0; i < router->address_count; i++) {
		const struct segment_answer *answers[NAMED_MAX] = {0};
		char list[LIST_MAX] = "", text[ADDRESS_TEXT_MAX];
		unsigned count = segment_answers(segment, &router->addresses[i], answers, NAMED_MAX);
		for (unsigned k = 0; k < count && k < NAMED_MAX; k++)
			answer_describe(segment, answers[k], list);
		answers_judge(
		    doctor, router, address_format(&router->addresses[i], text), answers, count, list);
	}
}

/* MetalLB, kube-vip, a proxy: they answer for the address and know nothing of VRRP. */
void find_foreign(struct doctor *doctor, const struct config_router *router)
{
	const struct segment *segment = segment_heard(doctor, router, true, "the neighbours cannot be asked");
	char list[LIST_MAX] = "";
	if (!segment)
		return;
	for (unsigned i = 0; i < router->address_count; i++) {
		const struct segment_answer *answers[NAMED_MAX];
		unsigned count = segment_answers(segment, &router->addresses[i], answers, NAMED_MAX);
		for (unsigned k = 0; k < count && k < NAMED_MAX; k++) {
			if (!owner_find(segment, answers[k]->mac) && !is_virtual_mac(answers[k]->mac))
				answer_describe(segment, answers[k], list);
		}
	}
	if (*list)
		finding_add(doctor, DOCTOR_FAILURE, router->name,
		    "MetalLB or kube-vip? Take the address out of its pools (kubectl get ipaddresspools -A; "
		    "kubectl get l2advertisements -A) and remove Services of type LoadBalancer with it; else "
		    "find the machine by its MAC",
		    "somebody outside the group answers for the address: %s", list);
	else
		finding_add(doctor, DOCTOR_FINE, router->name, NULL,
		    "nobody outside the group answers for the address");
}
