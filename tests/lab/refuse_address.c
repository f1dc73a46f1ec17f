/*
 * refuse_address: put in front of libc by LD_PRELOAD it fails every netlink request for a new address with
 * the error that $VIPD_REFUSE names by its number, as a kernel without room or a security module would.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

static int refusal;

/* Before the sandbox closes. */
__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("VIPD_REFUSE");
	refusal = number ? atoi(number) : 0;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	const struct nlmsghdr *message = bytes;
	if (refusal && size >= sizeof *message && message->nlmsg_len == size &&
	    message->nlmsg_type == RTM_NEWADDR) {
		errno = refusal;
		return -1;
	}
	return sendto(fd, bytes, size, flags, NULL, 0);
}
