/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vipd-control that has been taken over: stands where the real one does, with its descriptors and as its
 * user, and does for HOSTILE_S seconds what harms most. Then it is still, and still there.
 *
 * Several processes write at once, so that the engine's queue is never empty: bytes that are no message, with
 * and without descriptors; frames of messages with any type and content; healthy and unhealthy, drain and
 * resume, in turn and without a pause; reload upon reload to the guardian. One tries to write to the board.
 *
 * With HOSTILE_ENGINE it tries instead what one process can do to another of its user, the harmless first,
 * and says of each whether it was refused. It stands in the same confinement as the real one.
 *
 * With HOSTILE_CLIENTS it hands over a list of clients that names one, and much that is no client.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/confine.h"
#include "vipd/board.h"
#include "vipd/clients.h"
#include "vipd/message.h"
#include "vipd/mono.h"

#define FDS_MAX	    253 /* SCM_MAX_FD */
#define BYTES_MAX   8192
#define MIXED_IN    16 /* one message in so many is nonsense, in the hands of everybody */
#define GUARDIAN_MS 15000

static uint64_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

/* Blocks while the queue is full, so that it never is anything else. */
static void push(int socket, const void *bytes, size_t size, unsigned fds)
{
	static int list[FDS_MAX];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof list)];
	} passed = {0};
	struct iovec part = {(void *)bytes, size};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	if (fds) {
		for (unsigned i = 0; i < fds; i++)
			list[i] = FD_BOARD;
		header.msg_control = passed.room;
		header.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		memcpy(CMSG_DATA(c), list, fds * sizeof(int));
	}
	sendmsg(socket, &header, MSG_NOSIGNAL);
}

static void push_nonsense(int socket)
{
	char bytes[BYTES_MAX];
	struct message message = {.layout = vipd_layout, .type = any(MESSAGE_TYPES + 2)};
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)any(256);
	if (any(2)) { /* of the right size and version */
		memcpy((char *)&message + 8, bytes, sizeof message - 8);
		push(socket, &message, sizeof message, any(4) ? 0 : MESSAGE_FDS);
	} else {
		push(socket, bytes, any(2) ? any(BYTES_MAX) : 0, any(4) ? 0 : any(FDS_MAX + 1));
	}
}

static void push_command(enum message_type type)
{
	static const uint32_t times[] = {0, 1, 10, 1000, UINT32_MAX};
	struct message message = {.layout = vipd_layout, .type = type};
	if (type == MESSAGE_HEALTH) {
		message.health.router = (struct router_id){"eth0", AF_INET6, 100};
		message.health.lowered = (uint8_t)any(256);
		message.health.grade = (uint8_t)(any(2) ? any(VRRP_HEALTHS) : any(256));
		message.health.valid_ms = times[any(5)];
		memset(message.health.text, '\n', sizeof message.health.text);
	} else if (type == MESSAGE_NEXT) {
		message.next.router = (struct router_id){"eth0", AF_INET6, 100};
		message.next.until.us = any(2) ? INT64_MAX : (int64_t)times[any(5)];
	} else {
		message.drain.router = (struct router_id){"", AF_INET6, 100};
		if (any(2))
			strcpy(message.drain.router.interface, any(8) ? "eth0" : "eth9");
		message.drain.uid = any(UINT32_MAX);
		message.drain.for_ms = times[any(5)];
	}
	push(FD_CHANNEL, &message, sizeof message, 0);
}

enum role { NONSENSE, HEALTH, DRAINS, RELOADS, ROLES };

static void attack(enum role role, struct mono end)
{
	while (!mono_reached(mono_now(), end)) {
		struct message reload = {.layout = vipd_layout, .type = MESSAGE_RELOAD};
		if (!any(MIXED_IN))
			push_nonsense(FD_CHANNEL);
		switch (role) {
		case NONSENSE: push_nonsense(any(64) ? FD_CHANNEL : FD_GUARDIAN); break;
		case HEALTH: push_command(any(4) ? MESSAGE_HEALTH : MESSAGE_NEXT); break;
		case DRAINS: push_command(any(2) ? MESSAGE_DRAIN : MESSAGE_RESUME); break;
		case RELOADS: push(FD_GUARDIAN, &reload, sizeof reload, 0); break;
		case ROLES: break;
		}
	}
	_exit(0);
}

/* The board is for reading, however one tries. */
static const char *try_board(void)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", FD_BOARD);
	int fd = open(path, O_RDWR);
	if (mmap(NULL, sizeof(struct board), PROT_WRITE, MAP_SHARED, FD_BOARD, 0) != MAP_FAILED)
		return "MAPPED FOR WRITING";
	if (fd >= 0)
		return "OPENED FOR WRITING";
	return "for reading only";
}

/* The other child of our parent; 0: not found. */
static pid_t find_engine(void)
{
	DIR *processes = opendir("/proc");
	pid_t found = 0;
	for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
		char path[300];
		int parent = 0;
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		FILE *file = isdigit(entry->d_name[0]) ? fopen(path, "r") : NULL;
		if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1 && parent == getppid() &&
		    atoi(entry->d_name) != getpid())
			found = atoi(entry->d_name);
		if (file)
			fclose(file);
	}
	if (processes)
		closedir(processes);
	return found;
}

static void try(const char *what, long result)
{
	fprintf(stderr, "hostile: %s: %s\n", what, result < 0 ? strerrordesc_np(errno) : "DONE");
}

static void attack_engine(void)
{
	char path[64], byte = 0;
	struct iovec own = {&byte, 1}, its = {(void *)&seed, 1};
	struct rlimit nothing = {0, 0};
	struct sched_param param = {0};
	pid_t engine = find_engine();
	snprintf(path, sizeof path, "/proc/%d/mem", engine);
	try("find", engine ? 0 : -1);
	try("memory", open(path, O_RDWR));
	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", engine);
	try("OOM score", open(path, O_WRONLY));
	try("write", process_vm_writev(engine, &own, 1, &its, 1, 0));
	try("descriptor", pidfd_getfd(pidfd_open(engine, 0), FD_BOARD, 0));
	try("trace", ptrace(PTRACE_SEIZE, engine, NULL, NULL));
	try("nice", setpriority(PRIO_PROCESS, (id_t)engine, 19));
	try("idle", sched_setscheduler(engine, SCHED_IDLE, &param));
	try("limit", prlimit(engine, RLIMIT_CPU, &nothing, NULL));
	try("SIGURG", kill(engine, SIGURG));
	try("SIGSTOP", kill(engine, SIGSTOP));
	try("SIGKILL", kill(engine, SIGKILL));
	try("SIGKILL by descriptor", pidfd_send_signal(pidfd_open(engine, 0), SIGKILL, NULL, 0));
	/* Its own children are in its hand. */
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	try("child", kill(child, SIGKILL));
	waitpid(child, NULL, 0);
}

static struct client client_of(const char *address, uint16_t port, const char *local, uint16_t local_port)
{
	struct client client = {.port = port, .local_port = local_port};
	address_parse(address, &client.address);
	address_parse(local, &client.local);
	return client;
}

/* HOSTILE_CLIENTS: the virtual address, an address of this server, and one of a client. */
static void push_clients(char *addresses)
{
	const char *vip = strtok(addresses, " "), *own = strtok(NULL, " "), *other = strtok(NULL, " ");
	struct {
		uint32_t count;
		struct client items[10];
	} list = {10, {client_of("ff0e::1", 40000, vip, 6443), client_of("::1", 40000, vip, 6443),
			  client_of("::", 40000, vip, 6443), client_of(vip, 40000, vip, 6443),
			  client_of(own, 40000, vip, 6443), client_of("192.0.2.50", 40000, vip, 6443),
			  client_of(other, 40000, own, 6443), client_of(other, 0, vip, 6443),
			  client_of(other, 40000, vip, 6444), client_of(other, 40001, vip, 6443)}};
	struct message message = {.layout = vipd_layout,
	    .type = MESSAGE_CLIENTS,
	    .clients = {.router = {"eth0", AF_INET6, 100}, .count = list.count}};
	int sealed[] = {sealed_memfd("clients", &list, sizeof list), -1};
	int open = memfd_create("clients", MFD_ALLOW_SEALING);
	if (write(open, &list, sizeof list) != sizeof list)
		fprintf(stderr, "hostile: cannot write\n");
	message_send(FD_CHANNEL, &message, sealed);
	message_send(FD_CHANNEL, &message, (int[]){open, -1});	   /* it might be changed */
	message_send(FD_CHANNEL, &message, (int[]){FD_BOARD, -1}); /* it is something else */
	message.clients.count++;
	message_send(FD_CHANNEL, &message, sealed);
}

/* Says what an honest one says, so that the guardian takes it for one. */
static void wait_for_configuration(void)
{
	struct message message;
	int fds[MESSAGE_FDS];
	while (message_receive(FD_GUARDIAN, &message, fds) != 0 || message.type != MESSAGE_CONFIG)
		if (poll(&(struct pollfd){FD_GUARDIAN, POLLIN, 0}, 1, GUARDIAN_MS) <= 0)
			exit(EXIT_FAILURE);
	struct message ready = {.type = MESSAGE_READY, .generation = message.generation};
	message_send(FD_GUARDIAN, &ready, NULL);
}

int main(void)
{
	const char *seconds = getenv("HOSTILE_S"), *number = getenv("HOSTILE_SEED");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	confine();
	wait_for_configuration();
	if (getenv("HOSTILE_CLIENTS"))
		push_clients(getenv("HOSTILE_CLIENTS"));
	/* One healthy moment, or it would never be a holder. */
	struct message healthy = {.layout = vipd_layout, .type = MESSAGE_HEALTH};
	healthy.health.router = (struct router_id){"eth0", AF_INET6, 100};
	healthy.health.grade = VRRP_HEALTHY;
	push(FD_CHANNEL, &healthy, sizeof healthy, 0);
	for (; getenv("HOSTILE_CLIENTS");)
		pause();
	fprintf(stderr, "hostile: the board is %s\n", try_board());
	nanosleep(&(struct timespec){.tv_sec = 1}, NULL); /* sleep-ok: the healthy moment */
	fprintf(stderr, "hostile: begins\n");
	if (getenv("HOSTILE_ENGINE")) {
		attack_engine();
		fprintf(stderr, "hostile: is done\n");
		for (;;)
			pause();
	}
	struct mono end = mono_add(mono_now(), (seconds ? atoi(seconds) : 5) * USEC_PER_SEC);
	for (int i = 0; i < 2 * ROLES; i++) {
		seed = (number ? strtoull(number, NULL, 10) : 1) * 1000 + (uint64_t)i;
		if (fork() == 0)
			attack(i % ROLES, end);
	}
	while (wait(NULL) > 0)
		;
	push(FD_CHANNEL, &(struct message){.layout = vipd_layout, .type = MESSAGE_RESUME},
	    sizeof(struct message), 0);
	push(FD_CHANNEL, &healthy, sizeof healthy, 0);
	fprintf(stderr, "hostile: is done\n");
	for (;;)
		pause();
}
