/*
 * Only the end of a connection is waited for: a server may send what it likes on an idle one (TLS session
 * tickets, key updates), and reading it is the business of whoever uses the connection next.
 */
#include "control/checks/tripwire.h"

#include <poll.h>
#include <sys/epoll.h>

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context)
{
	(void)source, (void)fd, (void)events;
	struct tripwire *tripwire = context;
	tripwire_release(tripwire);
	tripwire->broken(tripwire->context);
	return 0;
}

void tripwire_watch(
    struct tripwire *tripwire, sd_event *event, int socket, void (*broken)(void *context), void *context)
{
	tripwire_release(tripwire);
	tripwire->broken = broken;
	tripwire->context = context;
	if (sd_event_add_io(event, &tripwire->source, socket, EPOLLRDHUP, on_end, tripwire) < 0)
		tripwire->source = NULL;
}

bool tripwire_ended(const struct tripwire *tripwire)
{
	if (!tripwire->source)
		return false;
	struct pollfd look = {.fd = sd_event_source_get_io_fd(tripwire->source), .events = POLLRDHUP};
	return poll(&look, 1, 0) == 1;
}

void tripwire_release(struct tripwire *tripwire)
{
	tripwire->source = sd_event_source_disable_unref(tripwire->source);
}
