/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vipd asks of the kernel, and what the kernel says: addresses, links, forwarding, neighbours, over
 * netlink.
 *
 * Requests are answered at once (the acknowledgement is waiting when the request has been sent). That an
 * address is usable is told by its notification alone. Nothing here allocates after kernel_open().
 */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "vipd/address.h"

/* IFA_PROTO of our addresses (kernel 5.18 and later): the mark by which a leftover is known as ours. */
#define KERNEL_ADDRESS_PROTO 112

#define KERNEL_ALTNAMES_MAX 4

struct nl_msg;
struct nl_sock;

struct kernel {
	int monitor;		  /* notifications: poll it, then kernel_read() */
	struct nl_sock *requests; /* requests and dumps */
	struct nl_sock *monitor_socket;
	struct nl_msg *message; /* every request is built in it */
	uint32_t sequence;	/* of the last one */
	bool lost;		/* notifications were lost, and older ones are still waiting */
};

enum kernel_event_type {
	KERNEL_LINK,	  /* a link, new or changed */
	KERNEL_LINK_GONE, /* ifindex, name */
	KERNEL_ADDRESS,	  /* an address, new, changed or renewed */
	KERNEL_ADDRESS_GONE,
	KERNEL_FORWARDING /* IPv6 forwarding of a link, for Neighbor Advertisements */
};

struct kernel_event {
	enum kernel_event_type type;
	unsigned ifindex;
	union {
		struct {
			char name[IF_NAMESIZE];
			unsigned altname_count;
			char altnames[KERNEL_ALTNAMES_MAX][IF_NAMESIZE]; /* those that are short enough */
			unsigned port_of; /* index of its bridge, bond or team; 0: it is not a port */
			bool admin_up;	  /* IFF_UP */
			bool running;	  /* carrier, and operationally up */
			bool has_mac;
			uint8_t mac[6];
		} link;
		struct {
			struct address address;
			uint8_t prefix; /* in bits of a struct address: all of it is ADDRESS_BITS */
			uint8_t proto;	/* IFA_PROTO, 0 if the kernel does not know it */
			uint32_t flags; /* IFA_F_* */
		} address;
		bool forwarding;
	};
};

typedef void kernel_handler(void *context, const struct kernel_event *event);

/* For requests and dumps, which need NET_ADMIN; or for notifications. Return 0 or -errno. */
int kernel_open_requests(struct kernel *kernel);
int kernel_open_monitor(struct kernel *kernel);
void kernel_close(struct kernel *kernel);

/*
 * Puts `address` (/128, in IPv4 /32 and of scope host) on the link with NODAD, NOPREFIXROUTE, preferred_lft 0
 * and our mark, or renews it. IPv4 knows no preferred_lft when it chooses a source address, but the scope.
 * lease_s: valid_lft in whole seconds, 0: for ever. Returns 0 (accepted: wait for KERNEL_ADDRESS) or the
 * kernel's -errno.
 */
int kernel_address_add(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint32_t lease_s);

/* Returns 0, -EADDRNOTAVAIL (it was not there) or another -errno. */
int kernel_address_remove(
    struct kernel *kernel, unsigned ifindex, const struct address *address, uint8_t prefix);

/*
 * Hands every waiting notification to `handler`. Returns 0, or -ENOBUFS: notifications were lost, so dump
 * links and addresses and take what is not in them as gone; or another -errno.
 */
int kernel_read(struct kernel *kernel, kernel_handler *handler, void *context);

/*
 * Hands every link, every forwarding setting, then every address to `handler`. Returns 0, -EINTR (they
 * change faster than they can be read: ask again later) or another -errno; then what it said is not complete.
 * count: what the handler counts; set back when a part is read again because it was interrupted. NULL: twice
 * is as good.
 */
int kernel_dump(struct kernel *kernel, kernel_handler *handler, void *context, uint32_t *count);

/*
 * Forgets the neighbours on a link whose answer the kernel waits for. It asks a second time only after
 * RETRANS_TIMER, 1 s (RFC 4861 section 10), and what it has asked without carrier nobody has heard;
 * forgotten, they are asked for again with the next packet. Each request may wait for RTNL: `between` is
 * called between them. Returns 0 or -errno.
 */
int kernel_forget_unresolved(
    struct kernel *kernel, unsigned ifindex, void (*between)(void *context), void *context);

#define KERNEL_ENDING_MAX 16

/*
 * Ends the TCP connections to addresses of this host: the server gets an error, the client a reset, as long
 * as the address is here. It waits for the lock of each connection, which a process may hold for long.
 */
struct kernel_ending {
	const struct address *addresses;
	unsigned address_count; /* 1 .. KERNEL_ENDING_MAX */
	const uint16_t *ports;	/* of this host */
	unsigned port_count;	/* 0: of every port */
	uint32_t idle_ms;	/* only those without traffic for so long; 0: any, whatever is under way */
	bool server_works;	/* else it will not read what it has not read, and answers nobody */
	uint32_t answer_ms;	/* IPv6, a client that waits for an answer: instead of idle_ms */
	bool (*may_end)(void *context); /* asked before each */
	void *context;
};
struct kernel_ended {
	unsigned count;
	unsigned left; /* that are not idle, or may not be ended */
	int error;     /* -errno of the last one that was refused; -EOPNOTSUPP: this kernel ends none */
};
int kernel_open_diag(struct kernel *kernel); /* needs NET_ADMIN to end any; 0 or -errno */
/* Adds to *ended. Both are of kernel_open_diag(): one is read while the other ends. */
void kernel_end_connections(struct kernel *dumps, struct kernel *requests, const struct kernel_ending *of,
    struct kernel_ended *ended);

/*
 * A socket for connections whose destination was translated, and the request for all of them, which needs
 * NET_ADMIN. The answers wait in the socket. Return the descriptor or 0, or -errno.
 */
int kernel_translated_open(void);
int kernel_translated_ask(int socket);

/* Whether an address event shows a usable address as kernel_address_add() asks for. */
bool kernel_address_usable(const struct kernel_event *event);
