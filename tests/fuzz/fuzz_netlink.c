/*
 * Netlink messages with any bytes, as notifications and as the answer to a dump. Input: sequence of dumps (1)
 * | datagram.
 *
 * The source is included, because the parser has to be given a buffer that ends where the datagram ends.
 */
#include "../../agent/kernel/netlink.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* A datagram that comes from the kernel: the other end of a pair, which nobody waits for. */
static int pair_open(int *far)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	*far = pair[1];
	return pair[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kernel kernel = {.requests = -1, .monitor = -1};
	static int far_requests, far_monitor;
	char drained[1024];
	if (size < 1 || size > ANSWER_BYTES)
		return 0;
	if (kernel.requests < 0) {
		kernel.requests = pair_open(&far_requests);
		kernel.monitor = pair_open(&far_monitor);
	}
	struct delivery to = {on_event, NULL};
	/* libmnl reads the padding behind the last message, which in a socket's buffer is there. */
	char *bytes = calloc(MNL_ALIGN(size), 1);
	memcpy(bytes, data + 1, size - 1);
	deliver_all(bytes, size - 1, &to);
	free(bytes);
	if (size == 1)
		return 0;

	send(far_monitor, data + 1, size - 1, 0);
	kernel_read(&kernel, on_event, NULL);
	/* The answer must bear the number that the dump will have. */
	kernel.sequence = data[0];
	send(far_requests, data + 1, size - 1, 0);
	kernel_dump(&kernel, on_event, NULL);
	kernel.sequence = data[0];
	send(far_requests, data + 1, size - 1, 0);
	kernel_address_remove(&kernel, 1, &in6addr_loopback, 128);
	kernel.sequence = data[0];
	send(far_requests, data + 1, size - 1, 0);
	kernel_forget_unresolved(&kernel, 1);
	while (recv(kernel.requests, drained, sizeof drained, 0) > 0)
		;
	while (recv(far_requests, drained, sizeof drained, 0) > 0)
		;
	return 0;
}
