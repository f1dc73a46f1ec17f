/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink messages with any bytes, as notifications and as the answer to a request or a dump. Input: sequence
 * of that request (1) | datagram.
 *
 * The source is included: the parser has to be given a buffer that ends where the datagram ends, and sockets
 * that say what the input says.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nl_msg;
struct nl_sock;

static ssize_t fuzz_recv(int fd, void *buffer, size_t size, int flags);
static int fuzz_send(struct nl_sock *sock, struct nl_msg *message);

#include <netlink/netlink.h>
#include <sys/socket.h>

#define recv	     fuzz_recv
#define nl_send_auto fuzz_send
#include "../../agent/kernel/messages.c"
#include "../../agent/kernel/netlink.c"
#undef recv

#include <stdlib.h>

static void nothing(void *context)
{
	(void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *bytes;
	size_t size;
	bool taken;
} waiting;

/* The datagram once, then nothing. */
static ssize_t fuzz_recv(int fd, void *buffer, size_t size, int flags)
{
	(void)fd;
	if (waiting.taken) {
		errno = EAGAIN;
		return -1;
	}
	waiting.taken = true;
	memcpy(buffer, waiting.bytes, waiting.size < size ? waiting.size : size);
	return flags & MSG_TRUNC || waiting.size < size ? (ssize_t)waiting.size : (ssize_t)size;
}

static int fuzz_send(struct nl_sock *sock, struct nl_msg *message)
{
	(void)sock;
	if (nlmsg_hdr(message)->nlmsg_len > REQUEST_BYTES)
		abort();
	return 0;
}

static void on_event(void *context, const struct kernel_event *event)
{
	(void)context;
	switch (event->type) {
	case KERNEL_LINK:
	case KERNEL_LINK_GONE:
		if (!memchr(event->link.name, '\0', sizeof event->link.name))
			abort();
		break;
	case KERNEL_ADDRESS:
	case KERNEL_ADDRESS_GONE:
		if (kernel_address_usable(event) && event->address.prefix != 128)
			abort();
		break;
	case KERNEL_FORWARDING: break;
	default: abort();
	}
}

static void answer_with(struct kernel *kernel, const uint8_t *data, size_t size)
{
	waiting.bytes = data + 1;
	waiting.size = size - 1;
	waiting.taken = false;
	kernel->sequence = data[0]; /* the answer must bear the number that the request will have */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kernel kernel;
	if (size < 1 || size > ANSWER_BYTES)
		return 0;
	if (!kernel.message && kernel_open_requests(&kernel))
		abort();
	struct delivery to = {on_event, NULL};
	/* libnl reads the padding behind the last message, which in a socket's buffer is there. */
	uint8_t *bytes = calloc(NLMSG_ALIGN(size), 1);
	memcpy(bytes, data + 1, size - 1);
	deliver_all(bytes, size - 1, &to);
	free(bytes);
	if (size == 1)
		return 0;
	answer_with(&kernel, data, size);
	kernel_read(&kernel, on_event, NULL);
	answer_with(&kernel, data, size);
	kernel_dump(&kernel, on_event, NULL, NULL);
	answer_with(&kernel, data, size);
	kernel_address_remove(&kernel, 1, &(struct address){in6addr_loopback}, 128);
	answer_with(&kernel, data, size);
	kernel_forget_unresolved(&kernel, 1, nothing, NULL);
	return 0;
}
