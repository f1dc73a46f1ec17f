/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs seeds: `sim SEED RUNS`. A seed that fails is run again with fewer of its faults until it fails no
 * more; what is printed is the shortest that still does. With VERBOSE=1 its transcript, too. After
 * FAILURES (10) of them it ends.
 */
#include "account.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLING_MAX_US (200 * USEC_PER_SEC)

struct world world;

/* splitmix64 */
uint64_t random_u64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int64_t random_in(int64_t low, int64_t high)
{
	return low + (int64_t)(random_u64(&world.random) % (uint64_t)(high - low + 1));
}

bool random_chance(unsigned percent)
{
	return percent && random_in(0, 99) < percent;
}

void tell(const struct node *node, const char *format, ...)
{
	va_list args;
	if (!world.verbose)
		return;
	printf("[%10.3f] ", (double)world.now / 1000);
	if (node)
		printf("%u ", node->number);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* ---- the queue: a binary heap ---- */

static bool is_before(const struct happening *a, const struct happening *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

/* The returned one may be filled in until the next call. */
struct happening *happen(int64_t at, enum happening_type type, unsigned station)
{
	if (world.queue_count == world.queue_room) {
		world.queue_room = world.queue_room ? 2 * world.queue_room : 256;
		world.queue = realloc(world.queue, world.queue_room * sizeof *world.queue);
		if (!world.queue)
			abort();
	}
	struct happening h = {.at = at, .order = world.order++, .type = type, .station = station};
	unsigned i = world.queue_count++;
	for (; i && is_before(&h, &world.queue[(i - 1) / 2]); i = (i - 1) / 2)
		world.queue[i] = world.queue[(i - 1) / 2];
	world.queue[i] = h;
	return &world.queue[i];
}

static struct happening next_happening(void)
{
	struct happening *q = world.queue;
	struct happening first = q[0], last = q[--world.queue_count];
	unsigned i = 0;
	for (unsigned child; (child = 2 * i + 1) < world.queue_count; i = child) {
		if (child + 1 < world.queue_count && is_before(&q[child + 1], &q[child]))
			child++;
		if (is_before(&last, &q[child]))
			break;
		q[i] = q[child];
	}
	q[i] = last;
	return first;
}

/* ---- one world ---- */

static void let_happen(const struct happening *h)
{
	struct node *node = h->station < NODES_MAX ? &world.nodes[h->station] : NULL;
	switch (h->type) {
	case HAPPENS_WAKE: node_turn(node); break;
	case HAPPENS_ARRIVAL: net_arrive(h); break;
	case HAPPENS_REQUEST:
		if (h->incarnation == node->incarnation)
			kernel_requested(node);
		break;
	case HAPPENS_RIVAL: foreign_announces(); break;
	case HAPPENS_PROBE: checks_probe(node); break;
	case HAPPENS_LOOK: hints_look(node, !h->index); break;
	case HAPPENS_HEARD: hints_heard(node, h->index); break;
	case HAPPENS_CONFIRM: kernel_confirmed(node, h->index); break;
	case HAPPENS_REMOVE_EARLY: kernel_removed(node, h->index); break;
	case HAPPENS_EXPIRY: kernel_expired(node, h->index); break;
	case HAPPENS_START: node_start(node); break;
	case HAPPENS_MESSAGE: node_message(node, &h->message); break;
	case HAPPENS_FAULT: fault_begin(&world.faults[h->station]); break;
	case HAPPENS_FAULT_END: fault_end(&world.faults[h->station]); break;
	}
}

static void world_begin(uint64_t seed, bool verbose)
{
	struct happening *queue = world.queue;
	unsigned room = world.queue_room;
	uint64_t steps = world.steps;
	memset(&world, 0, sizeof world);
	world.queue = queue;
	world.queue_room = room;
	world.steps = steps;
	world.verbose = verbose;
	accounts_begin();
	plan_group(seed);
	plan_faults();
	world.two_since = NEVER;
	for (unsigned i = 0; i < FAMILIES * HOSTS; i++)
		world.cache[i / HOSTS][i % HOSTS] = STATIONS; /* nobody yet */
}

static void describe_group(void)
{
	static const char *const hints[] = {"no", "the roster's", "wrong"};
	tell(NULL,
	    "seed %" PRIu64 ": %u nodes, %u addresses (%d of the other family), lease %lld s, network up to "
	    "%lld us, %s hints",
	    world.seed, world.node_count, world.address_count, __builtin_popcount(world.other_addresses),
	    (long long)(world.lease_us / USEC_PER_SEC), (long long)world.net.delay_us, hints[world.hints]);
	for (unsigned i = 0; i < world.node_count; i++) {
		const struct node *node = &world.nodes[i];
		const struct vrrp_params *p = &node->params;
		tell(node,
		    "priority %u, %lld ms, %s, delay %lld ms, start delay %lld ms, %s, %s, clock %+.1f %%, "
		    "address ...%02x%02x%s",
		    p->priority, (long long)(p->advert_interval_us / USEC_PER_MS),
		    p->preempt ? "preempt" : "no preempt", (long long)(p->preempt_delay_us / USEC_PER_MS),
		    (long long)(p->start_delay_us / USEC_PER_MS), p->resign_unhealthy ? "resign" : "demote",
		    !node->has_checks ? "no checks"
		    : node->old	      ? "checks of an old version"
				      : "checks",
		    (double)(node->rate - RATE_ONE) / (RATE_ONE / 100), node->address.in6.s6_addr[14],
		    node->address.in6.s6_addr[15], node->kernel.slow ? ", slow kernel" : "");
	}
}

/* Runs a seed with the faults of `mask`. True if nothing was violated. */
static bool run(uint64_t seed, uint32_t mask, bool verbose)
{
	world_begin(seed, verbose);
	describe_group();
	int64_t spread = random_chance(50) ? 2 * world.interval_us : 1000;
	for (unsigned i = 0; i < world.node_count; i++)
		happen(random_in(0, spread), HAPPENS_START, i);
	for (unsigned i = 0; i < world.node_count && world.hints != HINTS_NONE; i++)
		happen(random_in(0, USEC_PER_SEC), HAPPENS_LOOK, i);
	int64_t end = 0;
	for (unsigned i = 0; i < world.fault_count; i++) {
		const struct fault *fault = &world.faults[i];
		if (!(mask >> i & 1))
			continue;
		happen(fault->at, HAPPENS_FAULT, i);
		end = fault->at > end ? fault->at : end;
		if (fault->duration_us == NEVER)
			continue;
		happen(fault->at + fault->duration_us, HAPPENS_FAULT_END, i);
		end = fault->at + fault->duration_us > end ? fault->at + fault->duration_us : end;
	}
	while (!world.violation[0] && world.queue_count) {
		struct happening h = next_happening();
		world.now = h.at;
		let_happen(&h);
		if (!world.violation[0])
			check_world();
		if (world.now > end && check_settled())
			break;
		if (world.now > end + SETTLING_MAX_US)
			violate("it does not come to rest");
	}
	return !world.violation[0];
}

/* ---- many worlds ---- */

/* The shortest prefix of the faults that fails, and of that no fault that can be left out. */
static uint32_t shrink(uint64_t seed, unsigned count)
{
	uint32_t mask = 0;
	for (unsigned n = 0; n <= count; n++) {
		mask = (UINT32_C(1) << n) - 1;
		if (!run(seed, mask, false))
			break;
	}
	for (unsigned i = 0; i < count; i++)
		if (mask >> i & 1 && !run(seed, mask & ~(UINT32_C(1) << i), false))
			mask &= ~(UINT32_C(1) << i);
	return mask;
}

static void report(uint64_t seed, bool verbose)
{
	char whole[sizeof world.violation];
	memcpy(whole, world.violation, sizeof whole);
	uint32_t mask = shrink(seed, world.fault_count);
	run(seed, mask, verbose);
	printf("seed %" PRIu64 ": %s\n  shrunk to:", seed, whole);
	for (unsigned i = 0; i < world.fault_count; i++)
		if (mask >> i & 1)
			printf(" %s (node %u) at %.3f ms;", fault_name(world.faults[i].type),
			    world.faults[i].node, (double)world.faults[i].at / 1000);
	printf(" then at %.3f ms: %s\n  make sim SEED=%" PRIu64 " RUNS=1 VERBOSE=1\n",
	    (double)world.now / 1000, world.violation, seed);
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 500;
	const char *wish = getenv("VERBOSE"), *limit = getenv("FAILURES");
	unsigned most = limit && *limit ? (unsigned)atoi(limit) : 10;
	bool verbose = wish && *wish && strcmp(wish, "0") != 0;
	unsigned failed = 0;
	int64_t simulated = 0;
	for (uint64_t seed = first; seed < first + runs && failed < most; seed++) {
		bool good = run(seed, UINT32_MAX, false);
		simulated += world.now;
		if (good && verbose)
			run(seed, UINT32_MAX, true);
		if (!good) {
			failed++;
			report(seed, verbose);
		}
	}
	printf("sim: seeds %" PRIu64 " to %" PRIu64 ", %.0f hours of virtual time, %" PRIu64
	       " million steps, %u seeds failed\n",
	    first, first + runs - 1, (double)simulated / 3.6e9, world.steps / 1000000, failed);
	free(world.queue);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
