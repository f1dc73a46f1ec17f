/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: everything with a deadline. One loop over eight descriptors and one deadline.
 *
 * Order of a turn: the clock first, then everything that waits to be read, then timers, then what they asked
 * for. So a Backup that wakes late hears the Active before it believes it dead; an Active that wakes late has
 * stepped down in vrrp_step() before it looks at anything. All memory is static; nothing is allocated after
 * the start.
 */
#include "engine/engine.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vipd/log.h"
#include "vipd/punctual.h"
#include "vipd/sandbox.h"

#define TURN_MAX_US   500000 /* a heartbeat at least this often */
#define BREATH_US     1000
#define CROWD_US      200
#define RISE_US	      200
#define TELL_AFTER_US 500
#define TELL_AGAIN_US 100000

static struct engine engine;

enum source {
	SOURCE_VRRP,
	SOURCE_VRRP_IPV4,
	SOURCE_ND,
	SOURCE_ARP,
	SOURCE_NETLINK,
	SOURCE_KEEPER,
	SOURCE_GUARDIAN,
	SOURCE_CHANNEL,
	SOURCES
};

#define PACKETS	 (1U << SOURCE_VRRP | 1U << SOURCE_VRRP_IPV4 | 1U << SOURCE_ND | 1U << SOURCE_ARP)
#define KERNEL	 (1U << SOURCE_NETLINK | 1U << SOURCE_KEEPER)
#define MESSAGES (1U << SOURCE_GUARDIAN | 1U << SOURCE_CHANNEL)

static int source_fd(enum source source)
{
	switch (source) {
	case SOURCE_VRRP: return engine.vrrp_sockets[VRRP_IPV6];
	case SOURCE_VRRP_IPV4: return engine.vrrp_sockets[VRRP_IPV4];
	case SOURCE_ND: return engine.nd_socket;
	case SOURCE_ARP: return engine.arp_socket;
	case SOURCE_NETLINK: return engine.kernel.monitor;
	case SOURCE_KEEPER: return engine.ring_of_keeper;
	case SOURCE_GUARDIAN: return engine.guardian;
	case SOURCE_CHANNEL: return engine.channel;
	case SOURCES: break;
	}
	return -1;
}

static int watch_everything(void)
{
	engine.watch = epoll_create1(EPOLL_CLOEXEC);
	if (engine.watch < 0)
		return -errno;
	for (enum source source = 0; source < SOURCES; source++) {
		struct epoll_event event = {
		    .events = source == SOURCE_CHANNEL ? 0 : EPOLLIN, .data.u32 = source};
		bool is_open = source_fd(source) >= 0; /* a kernel may lack a family */
		if (is_open && epoll_ctl(engine.watch, EPOLL_CTL_ADD, source_fd(source), &event) < 0)
			return -errno;
	}
	struct epoll_event none;
	if (epoll_pwait2(engine.watch, &none, 1, &(struct timespec){0}, NULL) < 0)
		return -errno; /* a kernel before 5.11 */
	return 0;
}

/*
 * Not before there are virtual routers: what control says, or has said to the engine before, would be taken
 * for none, and be lost: a drain, the end of one, the results of the checks.
 */
static void hear_control(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = SOURCE_CHANNEL};
	engine.hears_control = epoll_ctl(engine.watch, EPOLL_CTL_MOD, source_fd(SOURCE_CHANNEL), &event) == 0;
}

/*
 * When to act, and when to be awake. A processor takes tens of microseconds to wake up, a virtual one more;
 * who is about to take over is up a moment early and waits awake, and so does its keeper. While all is well
 * adverts keep that moment away.
 */
struct schedule {
	struct mono act;
	struct mono rise;
	struct mono takeover;
};

static struct schedule schedule(void)
{
	struct schedule next = {.act = mono_min(mono_min(engine.tell_at, engine.dump_at), engine.tickle_at),
	    .takeover = MONO_NEVER};
	for (unsigned i = 0; i < engine.router_count; i++) {
		next.act = mono_min(next.act, engine.times[i].due);
		next.takeover = mono_min(next.takeover, engine.times[i].takeover);
	}
	next.rise = mono_min(mono_add(next.takeover, -RISE_US), next.act);
	return next;
}

/*
 * Under a flood there is always something to read and epoll never sleeps; a realtime process that never
 * sleeps is ended by the kernel (RLIMIT_RTTIME), and starves the others before. What does not fit into the
 * buffer meanwhile is lost, as it is at any rate.
 *
 * The adverts of many routers come together, and to be woken for each costs more than to read it, ourselves
 * and whoever sends: when packets follow close on each other the next ones are waited for, and read together.
 */
static int64_t breath_us(void)
{
	int64_t us = engine.flooded ? BREATH_US : engine.crowded ? CROWD_US : 0;
	engine.flooded = engine.crowded = false;
	return us;
}

static void draw_breath(struct mono deadline)
{
	int64_t us = breath_us(), left = us ? mono_sub(deadline, mono_now()) : 0;
	struct timespec wait = {.tv_nsec = (us < left ? us : left) * 1000};
	if (wait.tv_nsec > 0)
		nanosleep(&wait, NULL);
}

/* Bit i: there is something to read from source i. After at most `us` microseconds. */
static uint32_t sleep_us(int64_t us)
{
	struct epoll_event events[SOURCES];
	us = us < 0 ? 0 : us > TURN_MAX_US ? TURN_MAX_US : us;
	struct timespec wait = {.tv_sec = us / USEC_PER_SEC, .tv_nsec = us % USEC_PER_SEC * 1000};
	int count = epoll_pwait2(engine.watch, events, SOURCES, &wait, NULL);
	uint32_t ready = 0;
	for (int i = 0; i < count; i++) {
		enum source source = events[i].data.u32;
		ready |= UINT32_C(1) << source;
		if (events[i].events & (EPOLLHUP | EPOLLERR) && source >= SOURCE_GUARDIAN)
			epoll_ctl(engine.watch, EPOLL_CTL_DEL, source_fd(source),
			    NULL); /* or we never sleep again */
	}
	return ready;
}

/* Until something is to be read or done, or at most TURN_MAX_US. */
static uint32_t await(const struct schedule *next)
{
	uint32_t ready = sleep_us(mono_sub(next->rise, mono_now()));
	for (bool told = false; !ready; told = true) {
		struct mono now = mono_now();
		if (!mono_reached(now, next->rise) || mono_reached(now, next->act))
			return 0;
		if (!told)
			orders_expect(&engine, next->takeover);
		ready = sleep_us(0);
	}
	return ready;
}

static void fire_timers(struct mono now)
{
	for (unsigned i = 0; i < engine.router_count; i++)
		if (mono_reached(now, engine.times[i].due))
			router_timers(&engine, &engine.routers[i], now);
}

/* false: control has not been reached, its queue may be full for a moment. */
static bool tell(void)
{
	transitions_tell(&engine);
	if (engine.drain_changed) /* it looks at its own time, too */
		message_send(engine.guardian, &(struct message){.type = MESSAGE_CHANGED}, NULL);
	engine.drain_changed = false;
	if (engine.changed)
		engine.changed =
		    message_send(engine.channel, &(struct message){.type = MESSAGE_CHANGED}, NULL) != 0;
	return !engine.changed;
}

/*
 * What is pending for the log and for control waits until a takeover has had time to end: the line and the
 * message cost as much as a part of it.
 */
static void tell_later(struct mono now)
{
	bool news = engine.changed || engine.transitions_pending;
	if (news && mono_is_never(engine.tell_at))
		engine.tell_at = mono_add(now, TELL_AFTER_US);
	else if (mono_reached(now, engine.tell_at)) {
		engine.tell_at = tell() ? MONO_NEVER : mono_add(now, TELL_AGAIN_US);
		late_did(&engine, BOARD_LATE_LOG);
	}
}

static void read_packets(uint32_t ready, struct mono now)
{
	engine.crowded = mono_sub(now, engine.last_packet) < 2 * CROWD_US;
	engine.last_packet = now;
	if (ready & 1 << SOURCE_VRRP)
		packets_read(&engine, VRRP_IPV6, now);
	if (ready & 1 << SOURCE_VRRP_IPV4)
		packets_read(&engine, VRRP_IPV4, now);
	if (ready & 1 << SOURCE_ND)
		announcements_read(&engine, now);
	if (ready & 1 << SOURCE_ARP)
		arp_read(&engine, now);
	late_did(&engine, BOARD_LATE_RECEIVE);
}

static void read_kernel(uint32_t ready, struct mono now)
{
	if (ready & 1 << SOURCE_NETLINK)
		link_read(&engine, now);
	if (ready & 1 << SOURCE_KEEPER) {
		answers_read(&engine, now);
		links_hear(&engine, now);
	}
	link_dumped(&engine, now);
	if (engine.resync || mono_reached(now, engine.dump_at))
		order_dump(&engine);
	late_did(&engine, BOARD_LATE_NETLINK);
}

static void read_messages(uint32_t ready, struct mono now)
{
	if (ready & 1 << SOURCE_GUARDIAN)
		messages_from_guardian(&engine, now);
	if (!engine.hears_control && engine.router_count)
		hear_control();
	if (ready & 1 << SOURCE_CHANNEL)
		messages_from_control(&engine, now);
	late_did(&engine, BOARD_LATE_MESSAGES);
}

static void read_sources(uint32_t ready, struct mono now)
{
	if (ready & PACKETS)
		read_packets(ready, now);
	if (ready & KERNEL || engine.dumping || engine.resync || mono_reached(now, engine.dump_at))
		read_kernel(ready, now);
	if (ready & MESSAGES)
		read_messages(ready, now);
}

/*
 * From systemd's watchdog, when the guardian hangs: everybody gets it, and nobody may be left in ten seconds.
 * abort() of our own still ends the process.
 */
static volatile sig_atomic_t aborted;

static void on_abort(int number)
{
	(void)number;
	aborted = 1;
}

static void turn(void)
{
	struct schedule next = schedule();
	draw_breath(next.rise);
	uint32_t ready = await(&next);
	struct mono now = mono_now();
	/* It may have been stopped, which ends a sleep early, or got no processor since: what came before
	 * `now` is heard. */
	if (!ready && mono_reached(now, next.takeover))
		ready = sleep_us(0);
	board_heartbeat(engine.board, now);
	if (mono_reached(now, next.act))
		late_woke(&engine, next.act, now);
	late_turn_begins(&engine, now);
	if (aborted)
		engine_stop(&engine, now, "the watchdog of the service manager ends us");
	read_sources(ready, now);
	fire_timers(now);
	engine_flush(&engine, now);
	telling_turn(&engine, now);
	late_did(&engine, BOARD_LATE_SEND);
	tell_later(now);
}

static bool anything_left(void)
{
	for (unsigned i = 0; i < engine.router_count; i++)
		if (engine.routers[i].used)
			return true;
	return false;
}

/* What opening the sockets needed, for their buffers; requests to the kernel are the keeper's. */
static void drop_net_admin(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct rights[2] = {
	    {.effective = 1U << CAP_NET_RAW, .permitted = 1U << CAP_NET_RAW}};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, rights) < 0)
		log_warning("cannot give up NET_ADMIN: %s; going on", strerrordesc_np(errno));
}

static void record_start(const struct punctuality *punctuality)
{
	struct board_engine *b = board_begin_engine(engine.board);
	b->pid = getpid();
	b->started_realtime_us = realtime_us();
	b->realtime = punctuality->realtime;
	b->memory_locked = punctuality->locked;
	board_end_engine(engine.board);
}

static int open_everything(void)
{
	for (unsigned i = 0; i < ROUTERS_MAX; i++)
		engine.times[i].due = engine.times[i].takeover = MONO_NEVER;
	engine.tell_at = engine.dump_at = engine.tickle_at = MONO_NEVER;
	engine.guardian = FD_GUARDIAN;
	engine.channel = FD_CHANNEL;
	engine.keeper_ring = FD_KEEPER_RING;
	engine.ring_of_keeper = FD_ENGINE_RING;
	engine.board = board_map_writer(FD_BOARD);
	if (!engine.board)
		return -errno;
	engine.page = keeper_page_map(FD_KEEPER_PAGE);
	if (!engine.page)
		return -errno;
	int result = kernel_open_monitor(&engine.kernel);
	if (!result)
		result = packets_open(&engine);
	return result ? result : watch_everything();
}

int engine_main(void)
{
	struct punctuality punctuality;
	log_open("engine");
	prctl(PR_SET_NAME, "vipd-engine");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* it gets keys */
	tzset();
	int result = open_everything();
	if (result) {
		log_error(
		    "cannot open the board or its sockets: %s; NET_ADMIN, NET_RAW and Linux 5.11 are needed",
		    strerrordesc_np(-result));
		return EXIT_FAILURE;
	}
	claim_punctuality(&punctuality);
	packets_prepare();
	late_open(&engine);
	record_start(&punctuality);
	drop_net_admin();
	signal(SIGABRT, on_abort);
	sandbox_enter(SANDBOX_ENGINE);
	message_send(engine.channel, &(struct message){.type = MESSAGE_HELLO}, NULL);
	while (!engine.stopping || anything_left())
		turn();
	tell();
	return EXIT_SUCCESS;
}
