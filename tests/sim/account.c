/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each node's control remembers of who was Active, in the real timeline, and how it really was.
 *
 * Control reads its own engine's transitions from a list, as it does from the board; all else comes from
 * hellos and from the adverts of whoever sends none (hints.c). Its memory outlives it, and a stop; every
 * second kill.
 */
#include <string.h>

#include "account.h"

/* Not in the world: that is wiped for every seed. */
struct account accounts[NODES_MAX];

static const struct router_id router = {.interface = "eth0", .family = AF_INET6, .vrid = VRID};
static const char name[CONFIG_NAME_MAX] = "api";

struct witness account_witness(const struct node *node)
{
	struct account *account = &accounts[node->number];
	return (struct witness){.timeline = &account->timeline,
	    .roster = &node->roster,
	    .id = &router,
	    .router = name,
	    .started = node_at(node, account->listens_at),
	    .away = account->away};
}

static void forget(struct account *account)
{
	account->timeline.since = (struct mono){0};
	account->timeline.changes = account->checked = 0;
	account->timeline.count = 0;
	account->known_from = world.now;
}

void accounts_begin(void)
{
	for (unsigned i = 0; i < NODES_MAX; i++) {
		struct account *account = &accounts[i];
		forget(account);
		account->truth_count = account->move_count = account->moves_read = 0;
		account->mute = true;
		account->remembers = false;
		account->mute_from = account->mute_until = account->listens_at = 0;
	}
}

/* ---- how it was ---- */

static struct truth *open_truth(struct account *account)
{
	struct truth *last = account->truth_count ? &account->truths[account->truth_count - 1] : NULL;
	return last && !last->over ? last : NULL;
}

static void begin_truth(struct account *account, const struct node *node)
{
	if (account->truth_count == TRUTHS_MAX)
		memmove(
		    account->truths, account->truths + 1, --account->truth_count * sizeof *account->truths);
	account->truths[account->truth_count++] =
	    (struct truth){.from = world.now, .own_from = node_now(node)};
}

/* Others may have heard it only until it, or its control, was silent. */
static void end_truth(struct account *account, const struct node *node, int64_t alive_at)
{
	struct truth *truth = open_truth(account);
	bool was_mute = account->mute || world.now - account->mute_until < TOLD_US;
	if (!truth)
		return;
	int64_t heard_from = account->mute_until > truth->from ? account->mute_until : truth->from;
	truth->over = true;
	truth->silent = account->mute;
	truth->until = world.now;
	truth->own_until = node_now(node);
	truth->seen = was_mute && account->mute_from < alive_at ? account->mute_from : alive_at;
	truth->told = truth->seen - heard_from > TOLD_US;
}

void account_moved(const struct node *node)
{
	struct account *account = &accounts[node->number];
	const struct vrrp *vr = &node->vr;
	bool adopted = vr->reason == VRRP_REASON_ADOPTED;
	if (!adopted || !open_truth(account))
		end_truth(account, node, node->turned_at);
	if (vr->state == VRRP_ACTIVE && !open_truth(account))
		begin_truth(account, node);
	if (!adopted)
		account->state_since = node_now(node);
	account->moves[account->move_count++ % MOVES_MAX] =
	    (struct move){node_now(node), vr->state == VRRP_ACTIVE, (uint8_t)vr->reason};
}

/* ---- control ---- */

/* What it has just done it has told nobody. */
static void fall_silent(struct account *account)
{
	struct truth *last = account->truth_count ? &account->truths[account->truth_count - 1] : NULL;
	account->mute_from = world.now;
	if (last && last->over && world.now - last->until < SAID_US)
		last->silent = true;
}

static void set_mute(struct account *account, bool mute)
{
	if (mute == account->mute)
		return;
	account->mute = mute;
	if (mute)
		fall_silent(account);
	else
		account->mute_until = world.now;
}

void account_link_or_control(const struct node *node)
{
	set_mute(&accounts[node->number], !hints_has_control(node) || !kernel_carries(node, FAMILY_ELECTED));
}

void account_dies(const struct node *node, bool remembers)
{
	struct truth *truth = open_truth(&accounts[node->number]);
	end_truth(&accounts[node->number], node, world.now);
	if (truth)
		truth->own_until = mono_max(accounts[node->number].looked, truth->own_from);
	set_mute(&accounts[node->number], true);
	accounts[node->number].remembers = remembers;
}

static void recall(struct node *node)
{
	static struct roster before;
	before = node->roster;
	memset(&node->roster, 0, sizeof node->roster);
	memset(&node->ours, 0, sizeof node->ours);
	for (unsigned i = 0; i < before.count; i++) {
		const struct roster_member *member = &before.members[i];
		if (member->presence == ROSTER_LOST)
			roster_recall(
			    &node->roster, &member->source, &member->hello, member->heard, member->since_us);
	}
	node->roster.stranger_count = before.stranger_count;
	memcpy(node->roster.strangers, before.strangers, sizeof before.strangers);
}

void account_restarts(struct node *node)
{
	recall(node);
	accounts[node->number].listens_at = world.now;
	accounts[node->number].away = accounts[node->number].looked;
	account_link_or_control(node);
}

/* With a new board: the engine of before has left nothing. */
void account_starts(struct node *node)
{
	struct account *account = &accounts[node->number];
	struct mono now = node_now(node);
	account_restarts(node);
	account->state_since = now;
	if (account->moves_read < account->move_count) /* nobody had read them */
		account->known_from = world.now;
	account->moves_read = account->move_count;
	if (account->remembers && !timeline_check(&account->timeline, now))
		violate("node %u does not believe its own memory", node->number);
	if (!account->remembers) {
		memset(&node->roster, 0, sizeof node->roster);
		forget(account);
		account->timeline.since = account->looked = account->away = now;
	}
	timeline_interrupt(&account->timeline, account->away, now);
}

static void take_move(const struct node *node, const struct move *move, struct mono now)
{
	const char self[HELLO_NODE_MAX] = {'n', (char)('0' + node->number)};
	struct timeline_state state = {.id = &router,
	    .router = name,
	    .address = &node->address,
	    .node = self,
	    .self = true,
	    .active = move->active,
	    .since = move->at,
	    .why = {.word = move->reason ? TIMELINE_SAID : TIMELINE_NOT_SAID, .cause = move->reason}};
	witness_standing(&state, &node->ours);
	timeline_take(&accounts[node->number].timeline, &state, now);
}

void account_look(const struct node *node)
{
	struct account *account = &accounts[node->number];
	struct witness witness = account_witness(node);
	struct mono now = node_now(node);
	while (account->moves_read < account->move_count)
		take_move(node, &account->moves[account->moves_read++ % MOVES_MAX], now);
	witness_look(&witness, hints_active(node), now);
	timeline_expire(&account->timeline, now);
	account->looked = now;
	check_account(node);
}

void account_hear(const struct node *node, const struct address *source, const struct hello *hello)
{
	struct witness witness = account_witness(node);
	const struct timeline_why why = {
	    .word = hello->cause ? TIMELINE_SAID : TIMELINE_NOT_SAID, .cause = hello->cause};
	witness_hear(&witness, source, hello, &why, node_now(node));
	check_account(node);
}

void account_lose(const struct node *node, const struct address *source)
{
	struct witness witness = account_witness(node);
	witness_lose(&witness, source, node_now(node));
	check_account(node);
}
