/*
 * Only the end of a connection is waited for: a server may send what it likes on an idle one (TLS session
 * tickets, key updates), and reading it is the business of whoever uses the connection next.
 */
#include "control/wire.h"

#include <poll.h>
#include <sys/epoll.h>

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	struct wire *wire = context;
	wire_release(wire);
	wire->broken(wire->context);
	return 0;
}

void wire_watch(struct wire *wire, sd_event *event, int socket, void (*broken)(void *context), void *context)
{
	wire_release(wire);
	wire->broken = broken;
	wire->context = context;
	if (sd_event_add_io(event, &wire->source, socket, EPOLLRDHUP, on_end, wire) < 0)
		wire->source = NULL;
}

bool wire_ended(const struct wire *wire)
{
	if (!wire->source)
		return false;
	struct pollfd look = {.fd = sd_event_source_get_io_fd(wire->source), .events = POLLRDHUP};
	return poll(&look, 1, 0) == 1;
}

void wire_release(struct wire *wire)
{
	wire->source = sd_event_source_disable_unref(wire->source);
}
