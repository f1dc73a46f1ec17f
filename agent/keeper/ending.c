/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to an address that has gone to another server are ended: the client gets a reset and connects
 * anew, and the server here does not wait for it when it stops. That needs the address, so its removal waits
 * for it, at most ENDING_WAIT_US.
 *
 * A connection is ended once it was idle for IDLE_MS, and after PATIENCE_US whatever is under way. In IPv6 a
 * server that works has ANSWER_MS for each request; a client that has waited for longer watches.
 *
 * To end one takes its lock, which a process that waits for a dead disk may hold for ever. So a thread does
 * it, that nobody waits for longer than said; it gets tasks through a pipe.
 */
#include "keeper/keeper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "vipd/log.h"

#define STUCK_US    (2 * PATIENCE_US) /* a thread that is at it for longer is not waited for */
#define PATIENCE_US (1 * USEC_PER_SEC)
#define IDLE_MS	    50
#define ANSWER_MS   (PATIENCE_US / USEC_PER_MS)
#define FIRST_US    (10 * USEC_PER_MS) /* between two looks while the address is here */
#define LATER_US    (50 * USEC_PER_MS)
#define STACK_BYTES (256 * 1024)
#define PAUSE_EVERY 1024 /* connections: whoever is realtime must sleep at times (RLIMIT_RTTIME) */

/* The thread's. Slots are those of the virtual routers. */
struct ending {
	struct ending_task task;
	struct mono since; /* MONO_NEVER: nothing to do */
	struct mono next;
};

static struct {
	const struct board *board;
	struct keeper_page *page;
	struct kernel dumps, ends;
	struct ending endings[BOARD_ROUTERS_MAX];
	const struct ending_task *current; /* whose connections are being ended */
	const struct ending_task *asked;   /* of this one, at so many orders, is_given_away */
	uint32_t orders;
	bool is_given_away;
	unsigned looked;
	sem_t started;
	int tasks[2];				  /* pipe */
	_Atomic uint32_t done[BOARD_ROUTERS_MAX]; /* generation of the order that nothing is left of */
	_Atomic unsigned open;			  /* tasks that have not come to their end */
	_Atomic int error;			  /* -errno that was not logged yet */
} ender = {.tasks = {-1, -1}};

/* ---- the thread ---- */

static bool is_given_away(const struct ending_task *task)
{
	struct board_order order;
	bool is_ours = false;
	for (unsigned i = 0; i < task->address_count && !is_ours; i++)
		is_ours = order_wants(ender.board, 0, &task->addresses[i]);
	return !is_ours && board_read_order(ender.board, task->router, &order) && order.reset &&
	       !order.wanted;
}

/* The address may be wanted again meanwhile, by a router in another slot, too. */
static bool may_end(void *context)
{
	uint32_t orders = atomic_load(&ender.board->order_count);
	(void)context;
	if (++ender.looked % PAUSE_EVERY == 0)
		poll(NULL, 0, 1);
	if (orders != ender.orders || ender.current != ender.asked) {
		ender.is_given_away = is_given_away(ender.current);
		ender.orders = orders;
		ender.asked = ender.current;
	}
	return ender.is_given_away;
}

static_assert(CONFIG_ADDRESSES_MAX <= KERNEL_ENDING_MAX, "one walk finds those of all addresses");

static unsigned end_some(const struct ending_task *task, uint32_t idle_ms)
{
	struct kernel_ended ended = {0};
	ender.current = task;
	kernel_end_connections(&ender.dumps, &ender.ends,
	    &(struct kernel_ending){.addresses = task->addresses,
		.address_count = task->address_count,
		.ports = task->ports,
		.port_count = task->port_count,
		.idle_ms = idle_ms,
		.server_works = task->patient,
		.answer_ms = ANSWER_MS,
		.may_end = may_end},
	    &ended);
	if (ended.error)
		atomic_store(&ender.error, ended.error);
	if (ended.count) {
		atomic_fetch_add(&ender.page->ended[task->router], ended.count);
		keeper_ring(); /* it counts them */
	}
	return ended.error ? 0 : ended.left;
}

static void proceed(struct ending *e, struct mono now)
{
	bool is_last = mono_sub(now, e->since) >= PATIENCE_US;
	unsigned left = may_end(&e->task) ? end_some(&e->task, is_last ? 0 : IDLE_MS) : 0;
	bool here = mono_sub(now, e->since) < ENDING_WAIT_US;
	/* From the end of the walk, which may be long: see PAUSE_EVERY. */
	e->next = mono_add(mono_now(), here ? FIRST_US : LATER_US);
	if (left && !is_last)
		return;
	e->since = MONO_NEVER;
	atomic_store(&ender.done[e->task.router], e->task.generation);
	atomic_fetch_sub(&ender.open, 1);
	keeper_wake();
}

static void take_task(void)
{
	struct ending_task task;
	if (read(ender.tasks[0], &task, sizeof task) != sizeof task)
		return;
	struct ending *e = &ender.endings[task.router];
	if (!mono_is_never(e->since)) /* the one before is replaced */
		atomic_fetch_sub(&ender.open, 1);
	*e = (struct ending){.task = task, .since = mono_now(), .next = mono_now()};
	ender.asked = NULL;
}

static int pause_ms(struct mono now)
{
	struct mono at = MONO_NEVER;
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++)
		if (!mono_is_never(ender.endings[i].since))
			at = mono_min(at, ender.endings[i].next);
	int64_t us = mono_sub(at, now);
	return mono_is_never(at) ? -1 : us <= 0 ? 0 : (int)((us + USEC_PER_MS - 1) / USEC_PER_MS);
}

/* It is as realtime as the keeper, which must go first: addresses come before the connections of others. */
static void give_way(void)
{
	struct sched_param param;
	int policy;
	if (pthread_getschedparam(pthread_self(), &policy, &param) == 0 && param.sched_priority > 1) {
		param.sched_priority--;
		pthread_setschedparam(pthread_self(), policy, &param);
	}
}

static void *run(void *context)
{
	(void)context;
	give_way();
	sem_post(&ender.started);
	for (;;) {
		struct pollfd tasks = {.fd = ender.tasks[0], .events = POLLIN};
		if (poll(&tasks, 1, pause_ms(mono_now())) > 0)
			take_task();
		struct mono now = mono_now();
		for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++) {
			struct ending *e = &ender.endings[i];
			ender.current = &e->task;
			if (!mono_is_never(e->since) && mono_reached(now, e->next))
				proceed(e, now);
		}
	}
	return NULL;
}

/* ---- the keeper ---- */

static struct mono stuck_at = {INT64_MIN}; /* the last task should be done by then */

static int start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sem_init(&ender.started, 0, 0);
	int result = pthread_create(&thread, &attributes, run, NULL);
	pthread_attr_destroy(&attributes);
	while (!result && sem_wait(&ender.started) < 0)
		; /* its start needs system calls that the sandbox does not allow */
	return -result;
}

void ending_open(const struct board *board, struct keeper_page *page)
{
	ender.board = board;
	ender.page = page;
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++)
		ender.endings[i].since = MONO_NEVER;
	int result = kernel_open_diag(&ender.dumps);
	if (!result)
		result = kernel_open_diag(&ender.ends);
	if (!result && pipe2(ender.tasks, O_CLOEXEC | O_NONBLOCK) < 0)
		result = -errno;
	if (!result)
		result = start_thread();
	if (!result)
		return;
	ender.tasks[1] = -1;
	log_warning("cannot end connections: %s; when the address moves, clients learn it a second later",
	    strerrordesc_np(-result));
}

bool ending_begin(const struct ending_task *task)
{
	if (ender.tasks[1] < 0)
		return false;
	atomic_fetch_add(&ender.open, 1);
	stuck_at = mono_add(mono_now(), STUCK_US);
	if (write(ender.tasks[1], task, sizeof *task) == sizeof *task)
		return true;
	atomic_fetch_sub(&ender.open, 1);
	return false;
}

bool ending_is_done(unsigned router, uint32_t generation)
{
	return atomic_load(&ender.done[router]) == generation;
}

bool ending_is_busy(void)
{
	return atomic_load(&ender.open) > 0 && !mono_reached(mono_now(), stuck_at);
}

void ending_complain(void)
{
	static bool said;
	int error = atomic_exchange(&ender.error, 0);
	if (!error || said)
		return;
	said = true;
	log_warning("the kernel does not end connections: %s%s; when the address moves, clients learn it a "
		    "second later",
	    strerrordesc_np(-error),
	    error == -EOPNOTSUPP ? " (it was built without CONFIG_INET_DIAG_DESTROY)" : "");
}
