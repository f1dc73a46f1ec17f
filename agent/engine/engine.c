/*
 * The engine: everything with a deadline. One loop over five descriptors and one deadline.
 *
 * Order of a turn: the clock first, then everything that waits to be read, then timers, then what they asked
 * for. So a Backup that wakes late hears the Active before it believes it dead; an Active that wakes late has
 * stepped down in vrrp_step() before it looks at anything. All memory is static; nothing is allocated after
 * the start.
 */
#include "engine/engine.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "vipd/log.h"

#define TURN_MAX_US 500000 /* a heartbeat at least this often */
#define BREATH_US   1000

static struct engine engine;

enum { POLL_VRRP, POLL_ND, POLL_NETLINK, POLL_GUARDIAN, POLL_CHANNEL, POLLS };

static struct mono next_deadline(void)
{
	struct mono at = MONO_NEVER;
	for (unsigned i = 0; i < engine.router_count; i++)
		if (engine.routers[i].used)
			at = mono_min(at, router_deadline(&engine.routers[i]));
	return at;
}

/*
 * Under a flood there is always something to read and poll() never sleeps; a realtime process that never
 * sleeps is ended by the kernel (RLIMIT_RTTIME), and starves the others before. What does not fit into the
 * buffer meanwhile is lost, as it is at any rate.
 */
static void draw_breath(struct mono deadline)
{
	int64_t us = mono_sub(deadline, mono_now());
	struct timespec wait = {.tv_nsec = (us < BREATH_US ? us : BREATH_US) * 1000};
	if (engine.flooded && us > 0)
		ppoll(NULL, 0, &wait, NULL);
	engine.flooded = false;
}

static void sleep_until(struct mono deadline, struct pollfd polls[static POLLS])
{
	int64_t us = mono_sub(deadline, mono_now());
	us = us < 0 ? 0 : us > TURN_MAX_US ? TURN_MAX_US : us;
	struct timespec wait = {.tv_sec = us / USEC_PER_SEC, .tv_nsec = us % USEC_PER_SEC * 1000};
	if (ppoll(polls, POLLS, &wait, NULL) < 0)
		for (int i = 0; i < POLLS; i++)
			polls[i].revents = 0;
}

static void fire_timers(struct mono now)
{
	for (unsigned i = 0; i < engine.router_count; i++)
		if (engine.routers[i].used && mono_reached(now, router_deadline(&engine.routers[i])))
			router_timers(&engine, &engine.routers[i], now);
}

static void tell_control(void)
{
	if (engine.changed &&
	    message_send(engine.channel, &(struct message){.type = MESSAGE_CHANGED}, NULL) == 0)
		engine.changed = false; /* else again at the next turn: it may be full for a moment */
}

static void turn(struct pollfd polls[static POLLS])
{
	struct mono deadline = next_deadline();
	draw_breath(deadline);
	sleep_until(deadline, polls);
	struct mono now = mono_now();
	board_heartbeat(engine.board, now);
	if (mono_reached(now, deadline))
		record_lateness(&engine, mono_sub(now, deadline));

	if (polls[POLL_VRRP].revents)
		packets_read(&engine, now);
	if (polls[POLL_ND].revents)
		announcements_read(&engine, now);
	if (polls[POLL_NETLINK].revents)
		link_read(&engine, now);
	if (engine.resync)
		link_resync(&engine, now);
	if (polls[POLL_GUARDIAN].revents)
		messages_from_guardian(&engine, now);
	if (polls[POLL_CHANNEL].revents)
		messages_from_control(&engine, now);
	for (int i = POLL_GUARDIAN; i <= POLL_CHANNEL; i++)
		if (polls[i].revents &
		    (POLLHUP | POLLERR)) /* heard once is enough: poll() would never sleep again */
			polls[i].fd = -1;
	fire_timers(now);
	engine_flush(&engine, now);
	record_tell();
	tell_control();
}

static bool anything_left(void)
{
	for (unsigned i = 0; i < engine.router_count; i++)
		if (engine.routers[i].used)
			return true;
	return false;
}

/* Locked on fault: only what is used becomes resident, and stays. */
static void claim_punctuality(void)
{
	bool locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
	bool realtime = (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO;
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (!locked)
		log_warning("memory is not locked (%s): under memory pressure takeovers may be late",
		    strerrordesc_np(errno));
	if (!realtime)
		log_warning("no realtime scheduling: on a busy machine adverts may be late");
	struct board_engine *b = board_begin_engine(engine.board);
	b->pid = getpid();
	b->started_realtime_us = realtime_us();
	b->realtime = realtime;
	b->memory_locked = locked;
	board_end_engine(engine.board);
}

static int open_everything(void)
{
	engine.guardian = FD_GUARDIAN;
	engine.channel = FD_CHANNEL;
	engine.board = board_map_writer(FD_BOARD);
	if (!engine.board)
		return -errno;
	int result = kernel_open(&engine.kernel);
	if (!result)
		result = packets_open(&engine);
	return result;
}

int engine_main(void)
{
	log_open("engine");
	prctl(PR_SET_NAME, "vipd-engine");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* it gets keys */
	tzset();
	int result = open_everything();
	if (result) {
		log_error("cannot open the board or its sockets: %s; NET_ADMIN and NET_RAW are needed",
		    strerrordesc_np(-result));
		return EXIT_FAILURE;
	}
	claim_punctuality();
	sandbox_enter();
	message_send(engine.channel, &(struct message){.type = MESSAGE_HELLO}, NULL);

	struct pollfd polls[POLLS] = {
	    [POLL_VRRP] = {.fd = engine.vrrp_socket, .events = POLLIN},
	    [POLL_ND] = {.fd = engine.nd_socket, .events = POLLIN},
	    [POLL_NETLINK] = {.fd = engine.kernel.monitor, .events = POLLIN},
	    [POLL_GUARDIAN] = {.fd = engine.guardian, .events = POLLIN},
	    [POLL_CHANNEL] = {.fd = engine.channel, .events = POLLIN},
	};
	while (!engine.stopping || anything_left())
		turn(polls);
	return EXIT_SUCCESS;
}
