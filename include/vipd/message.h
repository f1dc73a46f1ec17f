/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between guardian, engine and control: one fixed structure a datagram, over SOCK_SEQPACKET pairs.
 *
 * Who may say what:
 *	guardian -> engine, control	CONFIG, STOP
 *	engine -> guardian		READY, CHANGED (a drain)
 *	control -> guardian		READY, RELOAD, ALIVE, TRANSLATED
 *	guardian -> control		RELOADED
 *	control -> engine		HEALTH, DRAIN, RESUME, NEXT, CLIENTS
 *	engine -> control		HELLO, CHANGED
 * A receiver ignores everything else: control speaks to the network and may be an attacker. Nobody waits for
 *an answer, and sending never blocks. The guardian keeps both ends of the pair between engine and control, so
 * either can be restarted without the other noticing; a new engine says HELLO, and a new control sends
 *HEALTH.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"
#include "vipd/board.h"
#include "vipd/config.h"

#define MESSAGE_TEXT_MAX 3500
#define MESSAGE_FDS	 2 /* CONFIG: the image and the secrets; CLIENTS has one, all others none */

/* The descriptors that a child is started with, by their number in it; who gets which: guardian/inherit.c. */
enum child_fd {
	FD_GUARDIAN = 3,      /* SEQPACKET to the guardian; end-of-file: the guardian is gone */
	FD_CHANNEL,	      /* SEQPACKET between engine and control */
	FD_BOARD,	      /* memfd */
	FD_SOCKET,	      /* listening Unix socket */
	FD_METRICS,	      /* listening TCP socket; closed if metrics are off */
	FD_RECORDS,	      /* the directory of capture files; closed if there is none */
	FD_HELLOS,	      /* UDP socket; closed if it could not be opened */
	FD_HELLOS_IPV4,	      /* the same */
	FD_TIMELINE,	      /* memfd of TIMELINE_SIZE, of control alone; closed if there is none */
	FD_ARP,		      /* packet socket; closed if the engine opens it itself */
	FD_TRANSLATED,	      /* netlink: the guardian asks, control reads; see kernel/translated.c */
	FD_LOCK,	      /* see guardian/lock.c; only to be held */
	FD_PROGRAM,	      /* what it executes; closed by that */
	FD_KEEPER_PAGE,	      /* memfd: the keeper's answers */
	FD_KEEPER_RING,	      /* eventfd: the engine has written an order */
	FD_ENGINE_RING,	      /* eventfd: the keeper has written an answer */
	FD_GROUPS,	      /* sockets of multicast memberships, which a crash of the keeper must not end */
	FD_GROUPS_COUNT = 16, /* 364 memberships each, where net.core.optmem_max is 20480 */
	FD_END = FD_GROUPS + FD_GROUPS_COUNT
};

#define TIMELINE_SIZE (512 * 1024)

enum message_type {
	MESSAGE_CONFIG,	  /* two descriptors */
	MESSAGE_STOP,	  /* hand over or finish, then exit 0 */
	MESSAGE_READY,	  /* configuration in force */
	MESSAGE_RELOAD,	  /* read the configuration again */
	MESSAGE_RELOADED, /* what came of a reload, whoever asked for it */
	MESSAGE_HEALTH,
	MESSAGE_DRAIN,
	MESSAGE_RESUME,
	MESSAGE_HELLO,	    /* the engine is new: send every HEALTH again */
	MESSAGE_CHANGED,    /* a transition is on the board */
	MESSAGE_ALIVE,	    /* control's heartbeat, once a second */
	MESSAGE_TRANSLATED, /* ask the kernel for translated connections, see FD_TRANSLATED */
	MESSAGE_NEXT,	    /* who would take over, see VRRP_EVENT_NEXT */
	MESSAGE_CLIENTS,    /* a descriptor: who is connected, see clients.h */
	MESSAGE_TYPES
};

struct message {
	uint32_t layout; /* set by message_send() */
	uint32_t type;
	union {
		struct {
			uint64_t generation; /* CONFIG: its number; READY: the one in force */
			bool may_adopt;	     /* CONFIG: false: what the last engine held was released */
		};
		struct {
			struct router_id router;
			uint8_t grade;	 /* enum vrrp_health; any byte may come */
			uint8_t lowered; /* by so much is the priority */
			uint32_t
			    valid_ms; /* without a new HEALTH by then it counts as unhealthy; 0: for ever */
			char text[BOARD_REASON_MAX];
		} health;
		struct {
			struct router_id router; /* interface "": every router */
			uint32_t uid;		 /* who asked */
			uint32_t for_ms;	 /* DRAIN: ends by itself after that; 0: does not */
			uint8_t shutdown; /* not 0: the machine is being stopped, or was; not a person */
		} drain;		  /* DRAIN and RESUME */
		struct {
			struct router_id router;
			struct mono until; /* this node is next; in the past: it is not */
		} next;
		struct {
			struct router_id router;
			uint32_t count; /* as in the list */
		} clients;
		struct {
			bool ok;
			bool answer;   /* to RELOAD */
			int64_t at_us; /* wall clock */
			char text[MESSAGE_TEXT_MAX];
		} reloaded;
	};
};

/*
 * Sends without blocking. fds: the descriptors of CONFIG and CLIENTS, else NULL.
 * Returns 0, -EAGAIN (the other side does not read), -EPIPE (it is gone) or another -errno.
 */
int message_send(int socket, const struct message *message, const int *fds);

/*
 * Receives one message without blocking; what it brings no descriptor for is -1 in fds[].
 * Returns 0, -EAGAIN (none), -EPIPE (end-of-file), -EPROTO (not a message: wrong size, layout, type or
 * descriptors; it is consumed and its descriptors are closed) or another -errno.
 */
int message_receive(int socket, struct message *message, int fds[static MESSAGE_FDS]);

/* Writes all of it but pages of zeros: what is not written reads as zero and takes no memory. 0 or -errno. */
int memfd_fill(int fd, const void *from, size_t size);
/* From here on nobody can change it any more. 0 or -errno. */
int memfd_seal(int fd);
/* A copy of `bytes` in a sealed memfd that nobody can change any more. Returns the descriptor or -errno. */
int sealed_memfd(const char *name, const void *bytes, size_t size);

/*
 * Maps a sealed memfd of at most `max` bytes read-only. Returns the bytes and *size, or NULL with errno set
 * (EPERM: not sealed, EFBIG: too large). An empty one maps to a valid pointer with *size 0.
 */
const void *sealed_map(int fd, size_t max, size_t *size);
