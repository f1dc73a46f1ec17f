/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true of what the nodes remember: of the list itself after each change; and of what is in it
 * when the group has been quiet for so long that everybody has said everything.
 */
#include "account.h"

#define SLACK_US   (1000 * USEC_PER_MS) /* of the timeline */
#define HELLO_US   (1700 * USEC_PER_MS) /* from one hello to the next by the slowest clock */
#define AUDIBLE_US (500 * USEC_PER_MS)	/* after a fault of the network: what was late has come */
#define UNHEARD_US (13000 * USEC_PER_MS)

/* ---- the list ---- */

static bool is_same(const struct holding *a, const struct holding *b)
{
	return a->self == b->self && (a->self || address_equal(&a->address, &b->address));
}

static void check_holding(const struct node *node, unsigned index)
{
	const struct timeline *timeline = &accounts[node->number].timeline;
	const struct holding *holding = &timeline->holdings[index];
	if (holding->over && mono_sub(holding->until, holding->from) < 0)
		violate("node %u remembers one that ended before it began", node->number);
	if (holding->change > timeline->changes)
		violate("node %u remembers a change that was not", node->number);
	for (unsigned i = 0; i < index; i++) {
		const struct holding *before = &timeline->holdings[i];
		if (before->change == holding->change)
			violate("node %u remembers two with the same change", node->number);
		if (mono_sub(before->from, holding->from) > 0)
			violate("node %u remembers them in the wrong order", node->number);
		if (!before->over && !holding->over && is_same(before, holding))
			violate("node %u says twice that one and the same holds it", node->number);
	}
}

static void show(const struct node *node, const struct holding *holding)
{
	char address[ADDRESS_TEXT_MAX];
	int64_t from = node_when(node, holding->from), until = node_when(node, holding->until);
	tell(node, "remembers %s %s from %.3f%s until %.3f (%s)", holding->node,
	    holding->self ? "itself" : address_format(&holding->address, address), (double)from / 1000,
	    holding->over ? "" : ", not", (double)until / 1000,
	    holding->over ? timeline_why_code(&holding->ended) : "");
}

void check_account(const struct node *node)
{
	struct account *account = &accounts[node->number];
	if (account->timeline.changes < account->checked)
		violate("node %u counts its changes backwards", node->number);
	if (account->timeline.changes == account->checked)
		return;
	for (unsigned i = 0; i < account->timeline.count; i++) {
		if (world.verbose && account->timeline.holdings[i].change > account->checked)
			show(node, &account->timeline.holdings[i]);
		check_holding(node, i);
	}
	account->checked = account->timeline.changes;
}

/* ---- in a quiet group ---- */

static bool remembers(const struct node *node)
{
	return !node->old && hints_has_control(node);
}

static bool is_active(const struct node *node)
{
	return node->running && node->vr.state == VRRP_ACTIVE;
}

static bool is_of(const struct holding *holding, const struct node *by, const struct node *of)
{
	if (of == by)
		return holding->self;
	return !holding->self && (holding->node[0] ? holding->node[1] == (char)('0' + of->number)
						   : address_equal(&holding->address, &of->address));
}

/* Exactly those are said to hold it who do. */
static void check_open(const struct node *node)
{
	const struct timeline *timeline = &accounts[node->number].timeline;
	unsigned open = 0, right = 0, expected = 0;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *holder = &world.nodes[i];
		/* Who sends no hello is known from its adverts, which only a Backup follows. */
		if (is_active(holder) && holder->old && node->vr.state != VRRP_BACKUP)
			return;
		expected += is_active(holder);
		for (unsigned k = 0; k < timeline->count && is_active(holder); k++)
			right += !timeline->holdings[k].over && is_of(&timeline->holdings[k], node, holder) &&
				 (holder == node ||
				     address_equal(&timeline->holdings[k].address, &holder->address));
	}
	for (unsigned i = 0; i < timeline->count; i++)
		open += !timeline->holdings[i].over;
	if (open != expected || right != expected)
		violate("node %u says of %u that they hold it, %u of them do; in truth there are %u",
		    node->number, open, right, expected);
}

/* A node's own, from the last to the first that it can know: exactly, but for what it did not live to see. */
static void check_own(const struct node *node)
{
	const struct account *account = &accounts[node->number];
	const struct timeline *timeline = &account->timeline;
	unsigned at = timeline->count;
	for (unsigned i = account->truth_count; i > 0; i--) {
		const struct truth *truth = &account->truths[i - 1];
		if (truth->from <= account->known_from)
			return;
		while (at > 0 && !timeline->holdings[at - 1].self)
			at--;
		if (!at--) {
			violate("node %u has forgotten when it was Active", node->number);
			return;
		}
		const struct holding *holding = &timeline->holdings[at];
		bool ended = holding->over == truth->over &&
			     (!truth->over || holding->until.us == truth->own_until.us);
		if (holding->from.us != truth->own_from.us || !ended)
			violate("node %u was Active from %lld to %lld us, and says from %lld to %lld",
			    node->number, (long long)truth->own_from.us, (long long)truth->own_until.us,
			    (long long)holding->from.us, (long long)holding->until.us);
	}
}

/* Of one that died silently nobody knows more than that somebody else took over, and said so. */
static int64_t latest_end(const struct truth *truth)
{
	int64_t next = NEVER;
	if (truth->silent && world.has_old)
		return world.now;
	for (unsigned i = 0; i < world.node_count && truth->silent; i++)
		for (unsigned k = 0; k < accounts[i].truth_count; k++) {
			int64_t from = accounts[i].truths[k].from;
			if (from > truth->until && from < next)
				next = from;
		}
	return next == NEVER ? truth->until : next;
}

/* That `node` has told this one is told once, and when it began and ended. */
static void check_told(const struct node *node, const struct node *by, const struct truth *truth)
{
	const struct timeline *timeline = &accounts[node->number].timeline;
	const struct holding *found = NULL;
	unsigned count = 0;
	for (unsigned i = 0; i < timeline->count; i++) {
		const struct holding *holding = &timeline->holdings[i];
		if (is_of(holding, node, by) && node_when(node, holding->from) < truth->seen - SAID_US &&
		    (!holding->over || node_when(node, holding->until) > truth->from + SLACK_US)) {
			found = holding;
			count++;
		}
	}
	if (count != 1) {
		violate("node %u tells %u times that node %u was Active from %lld to %lld us", node->number,
		    count, by->number, (long long)truth->from, (long long)truth->until);
		return;
	}
	int64_t from = node_when(node, found->from) - truth->from;
	int64_t until = found->over ? node_when(node, found->until) : NEVER;
	if (from < -SLACK_US - SAID_US || from > SAID_US)
		violate("node %u tells that node %u became Active %lld us later than it did", node->number,
		    by->number, (long long)from);
	if (until < truth->seen - HELLO_US || until > latest_end(truth) + SAID_US)
		violate("node %u tells that node %u was Active until %lld us, it was until %lld",
		    node->number, by->number, (long long)until, (long long)truth->until);
}

static void check_heard(const struct node *node)
{
	const struct account *own = &accounts[node->number];
	int64_t since = own->mute_until > own->listens_at ? own->mute_until : own->listens_at;
	since = world.broken_at > since ? world.broken_at : since;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct account *account = &accounts[i];
		for (unsigned k = 0; k < account->truth_count && i != node->number; k++) {
			const struct truth *truth = &account->truths[k];
			if (truth->over && truth->told && truth->from > since + AUDIBLE_US &&
			    !world.nodes[i].old)
				check_told(node, &world.nodes[i], truth);
		}
	}
}

bool accounts_wait(void)
{
	for (unsigned i = 0; i < world.node_count; i++)
		if (world.hints == HINTS_ROSTER && accounts[i].timeline.count &&
		    world.now - accounts[i].listens_at < UNHEARD_US && hints_has_control(&world.nodes[i]))
			return true;
	return false;
}

void check_accounts(void)
{
	if (world.hints != HINTS_ROSTER || !check_is_known())
		return;
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		if (!remembers(node))
			continue;
		check_own(node);
		if (accounts[i].mute)
			continue;
		check_heard(node);
		if (node->running && world.now - accounts[i].listens_at > UNHEARD_US)
			check_open(node);
	}
}
