/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's loop: carry out what is new, then sleep until the engine rings, or until something that is
 * held may be stale.
 *
 * It outlives an engine, and goes on from the page after its own crash. When the guardian is gone the engine
 * hands over, and this process ends once nothing is held any more.
 */
#include "keeper/keeper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "vipd/log.h"
#include "vipd/message.h"
#include "vipd/punctual.h"
#include "vipd/sandbox.h"
#include "vipd/shortage.h"

/* How often an engine that has not moved its time is looked at: who adverts every 10 ms has moved it. */
#define STALE_TICK_US (100 * USEC_PER_MS)
#define IDLE_US	      (1 * USEC_PER_SEC) /* for the heartbeat; the guardian waits for 5 s */

/* Waiting awake: at most so long, and not again for so long. */
#define AWAKE_MAX_US (1 * USEC_PER_MS)
#define REST_US	     (2 * USEC_PER_MS)

static struct keeper keeper;

void keeper_ring(void)
{
	static const uint64_t one = 1;
	if (write(FD_ENGINE_RING, &one, sizeof one) != sizeof one && errno != EAGAIN)
		log_error("cannot wake the engine: %s", strerrordesc_np(errno));
}

void keeper_wake(void)
{
	static const uint64_t one = 1;
	if (write(FD_KEEPER_RING, &one, sizeof one) != sizeof one && errno != EAGAIN)
		log_error("cannot wake the keeper: %s", strerrordesc_np(errno));
}

static bool holds_anything(void)
{
	for (unsigned i = 0; i < BOARD_ROUTERS_MAX; i++)
		if (keeper.page->held[i].count)
			return true;
	return false;
}

static int pause_ms(struct mono now)
{
	struct mono at = mono_min(keeper.join_again, mono_add(now, IDLE_US));
	struct mono tick = mono_add(now, STALE_TICK_US);
	if (keeper.stopping || mono_reached(tick, keeper.look_at))
		at = mono_min(at, tick);
	else
		at = mono_min(at, keeper.look_at);
	int64_t us = mono_sub(mono_min(at, keeper.wait_until), now);
	return us <= 0 ? 0 : (int)((us + USEC_PER_MS - 1) / USEC_PER_MS);
}

static void hear_guardian(void)
{
	struct message message;
	int fds[MESSAGE_FDS];
	int result = message_receive(FD_GUARDIAN, &message, fds);
	if (result == -EPIPE || (!result && message.type == MESSAGE_STOP))
		keeper.stopping = true;
	for (int i = 0; i < MESSAGE_FDS && !result; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/*
 * As the engine does before a takeover, see schedule() there. Then it rests, whatever is expected: the kernel
 * puts an address to work in a thread of no priority, and on few processors the engine and this process would
 * keep that from running. With one processor the engine waits there, and this process cannot.
 */
static void wait_awake(void)
{
	int64_t until_us = atomic_load(&keeper.board->awake_until_us);
	struct mono now = mono_now();
	if (until_us == keeper.awake_until_us)
		return;
	keeper.awake_until_us = until_us;
	if (keeper.is_alone || !mono_reached(now, keeper.rest_until))
		return;
	struct mono end = mono_min((struct mono){until_us}, mono_add(now, AWAKE_MAX_US));
	while (atomic_load(&keeper.board->order_count) == keeper.seen && !mono_reached(mono_now(), end))
		;
	keeper.rest_until = mono_add(mono_now(), REST_US);
}

static void turn(void)
{
	keeper.look_at = mono_now(); /* the engine may have moved its time to an earlier one */
	keeper_carry_out(&keeper);
	keeper_join(&keeper);
	if (keeper_dump(&keeper))
		keeper_ring();
	ending_complain();
	struct pollfd polls[] = {{.fd = FD_KEEPER_RING, .events = POLLIN},
	    {.fd = keeper.stopping ? -1 : FD_GUARDIAN, .events = POLLIN}};
	uint64_t rings;
	poll(polls, 2, pause_ms(mono_now()));
	if (polls[0].revents && read(FD_KEEPER_RING, &rings, sizeof rings) < 0 && errno != EAGAIN)
		log_error("cannot hear the engine: %s", strerrordesc_np(errno));
	if (polls[1].revents)
		hear_guardian();
	wait_awake();
}

static int open_lists(void)
{
	static const char *const paths[VRRP_FAMILIES] = {
	    [VRRP_IPV6] = NET_GROUPS_LIST, [VRRP_IPV4] = NET_GROUPS_LIST_IPV4};
	for (unsigned i = 0; i < VRRP_FAMILIES; i++) {
		keeper.groups_lists[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (keeper.groups_lists[i] < 0 && is_shortage(-errno))
			return -errno;				   /* the guardian starts another keeper */
		if (keeper.groups_lists[i] < 0 && errno != ENOENT) /* or a kernel without that family */
			log_warning("cannot read %s: %s; %s", paths[i], strerrordesc_np(errno),
			    i == VRRP_IPV4 ? "groups that the kernel has dropped are not joined again"
					   : "groups are joined anew after each change of a link");
	}
	return 0;
}

static int open_everything(void)
{
	keeper.board = board_map(FD_BOARD);
	keeper.page = keeper.board ? keeper_page_map_writer(FD_KEEPER_PAGE) : NULL;
	if (!keeper.page)
		return -errno;
	static_assert(FD_GROUPS_COUNT == NET_GROUP_SOCKETS, "who has room for a socket inherits it");
	for (int i = 0; i < FD_GROUPS_COUNT; i++)
		keeper.page->groups.sockets[i] = FD_GROUPS + i;
	tzset(); /* reads a file: the log cannot later */
	keeper.seen = atomic_load(&keeper.board->order_count) - 1;
	keeper.join_again = keeper.wait_until = MONO_NEVER;
	keeper.is_alone = sysconf(_SC_NPROCESSORS_ONLN) < 2;
	keeper.awake_until_us = atomic_load(&keeper.board->awake_until_us);
	int result = open_lists();
	if (!result)
		result = kernel_open_requests(&keeper.requests);
	return result ? result : kernel_open_requests(&keeper.dumps);
}

int keeper_main(void)
{
	struct punctuality punctuality;
	log_open("keeper");
	prctl(PR_SET_NAME, "vipd-keeper");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	int result = open_everything();
	if (result) {
		log_error(
		    "cannot open the board or netlink: %s; NET_ADMIN is needed", strerrordesc_np(-result));
		return EXIT_FAILURE;
	}
	claim_punctuality(&punctuality);
	ending_open(keeper.board, keeper.page);
	sandbox_enter(SANDBOX_KEEPER);
	do
		turn();
	while (!keeper.stopping || holds_anything() || ending_is_busy());
	return EXIT_SUCCESS;
}
