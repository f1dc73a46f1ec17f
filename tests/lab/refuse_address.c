/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse_address: put in front of libc by LD_PRELOAD it fails every netlink request for a new address, or for
 * a longer lease of one, as a kernel without room or a security module would: with the error whose number is
 * in the file $VIPD_REFUSE at that moment. None while that is 0. With $VIPD_REFUSE_ENDS it fails every
 * request to end a connection instead, as a kernel without CONFIG_INET_DIAG_DESTROY does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const volatile int *refusal;
static int ends;

/* Before the sandbox closes. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("VIPD_REFUSE");
	ends = getenv("VIPD_REFUSE_ENDS") != NULL;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = fd >= 0 ? mmap(NULL, sizeof *refusal, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	refusal = mapped == MAP_FAILED ? NULL : mapped;
	if (fd >= 0)
		close(fd);
}

/* Types of both protocols have the same numbers; the second byte of a request to end is IPPROTO_TCP. */
static int is_meant(const struct nlmsghdr *message)
{
	const unsigned char *body = NLMSG_DATA(message);
	return ends ? message->nlmsg_type == SOCK_DESTROY && body[1] == IPPROTO_TCP
		    : message->nlmsg_type == RTM_NEWADDR;
}

ssize_t sendmsg(int fd, const struct msghdr *header, int flags)
{
	const struct nlmsghdr *message = header->msg_iovlen ? header->msg_iov->iov_base : NULL;
	int error = refusal ? *refusal : 0;
	if (error && message && header->msg_iov->iov_len >= sizeof *message &&
	    message->nlmsg_len == header->msg_iov->iov_len && is_meant(message)) {
		errno = error;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, header, flags);
}
