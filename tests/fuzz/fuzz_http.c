/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that sends anything to control: the real libmicrohttpd, the real routes, one connection an input.
 * Input: listener (1: odd is that of the metrics) | what the client sends.
 *
 * An answer begins as HTTP does, and what says that it is JSON is JSON. What reaches the engine is a drain or
 * a resume of a virtual router that there is. When the client has gone no descriptor is left open.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/control.h"
#include "vipd/mono.h"

#define TURNS_MAX  100
#define ANSWER_MAX (1 << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct control control;
static struct config config;
static struct board *board;
static int engine_end, guardian_end; /* of the sockets that control has at FD_CHANNEL and FD_GUARDIAN */
static char answer[ANSWER_MAX + 1];

static int pair_at(int fd)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	int far = fcntl(pair[1], F_DUPFD_CLOEXEC, 20);
	if (dup2(pair[0], fd) != fd || far < 0)
		abort();
	close(pair[0]);
	close(pair[1]);
	return far;
}

static void listen_at(int at, const char *name, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	/* an abstract name, of this process alone */
	snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "vipd-fuzz-%s-%d", name, (int)getpid());
	if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) < 0 || listen(fd, 16) < 0)
		abort();
	if (fd != at && dup2(fd, at) != at)
		abort();
}

static struct sockaddr_un addresses[2];

static void fill_board(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct board_router *router = board_begin_router(board, i);
		snprintf(router->name, sizeof router->name, "%s", config.routers[i].name);
		router->id = config.routers[i].id;
		router->state = VRRP_ACTIVE;
		router->address_count = 1;
		board_end_router(board, i);
	}
	board->router_count = 2;
	for (unsigned i = 0; i < BOARD_EVENTS_MAX + 10; i++)
		board_add_event(
		    board, &(struct board_event){
			       .router = "api", .id.vrid = 1, .to = VRRP_ACTIVE, .reason_text = "x"});
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	guardian_end = pair_at(FD_GUARDIAN);
	engine_end = pair_at(FD_CHANNEL);
	listen_at(FD_SOCKET, "local", &addresses[0]);
	listen_at(FD_METRICS, "metrics", &addresses[1]);
	config.router_count = 2;
	config.group_interval_us = USEC_PER_SEC;
	config.routers[0] = (struct config_router){.name = "api", .id = {"eth0", AF_INET6, 1}};
	config.routers[1] = (struct config_router){.name = "web \"2\"", .id = {"eth0", AF_INET6, 2}};
	snprintf(config.admin_group, sizeof config.admin_group, "root");
	board = board_map_writer(board_create());
	if (!board || sd_event_new(&control.event) < 0)
		abort();
	fill_board();
	control.board = board;
	control.config = &config;
	control.has_metrics = config.metrics_page = true;
	if (parts_new(&control) < 0)
		abort();
	parts_configure(&control);
	return 0;
}

static bool is_ours(const struct router_id *router)
{
	if (!router->interface[0])
		return true;
	for (unsigned i = 0; i < config.router_count; i++)
		if (router_id_equal(router, &config.routers[i].id))
			return true;
	return false;
}

/* What engine and guardian get, and the guardian's answer. */
static void hear(void)
{
	struct message message;
	int fds[MESSAGE_FDS];
	while (message_receive(engine_end, &message, fds) == 0)
		if ((message.type != MESSAGE_DRAIN && message.type != MESSAGE_RESUME) ||
		    !is_ours(&message.drain.router) || (message.drain.for_ms && message.drain.for_ms < 1000))
			abort();
	while (message_receive(guardian_end, &message, fds) == 0) {
		if (message.type != MESSAGE_RELOAD)
			abort();
		struct message reloaded = {.type = MESSAGE_RELOADED, .reloaded = {.ok = true}};
		control.reloaded = reloaded;
		parts_reloaded(&control);
	}
}

static void run(void)
{
	for (int i = 0; i < TURNS_MAX && sd_event_run(control.event, 0) > 0; i++)
		hear();
}

static void judge(const uint8_t *asked, size_t asked_size, size_t size)
{
	answer[size] = '\0';
	if (!size)
		return;
	if (strncmp(answer, "HTTP/1.", 7) != 0)
		abort();
	const char *body = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\nContent-Length: ");
	/* The answer to HEAD has a length and no body. */
	if (!body || !length || length > body || memmem(asked, asked_size, "HEAD", 4))
		return;
	size_t n = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
	body += 4;
	const char *json = strstr(answer, "application/json");
	if (!json || json > body || n > size - (size_t)(body - answer))
		return;
	json_t *parsed = json_loadb(body, n, 0, NULL);
	if (!parsed)
		abort();
	json_decref(parsed);
}

/* The next descriptor: the same before and after, if none was left open. */
static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 32768)
		return 0;
	int lowest = lowest_free();
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_un *address = &addresses[data[0] & 1];
	if (client < 0 || connect(client, (const struct sockaddr *)address, sizeof *address) < 0)
		abort();
	board_heartbeat(board, mono_now());
	send(client, data + 1, size - 1, MSG_NOSIGNAL);
	run();
	shutdown(client, SHUT_WR);
	size_t got = 0;
	for (ssize_t n = 1; n > 0 && got<ANSWER_MAX; got += n> 0 ? (size_t)n : 0) {
		run();
		n = recv(client, answer + got, ANSWER_MAX - got, 0);
	}
	judge(data + 1, size - 1, got);
	close(client);
	run();
	run();
	if (lowest_free() != lowest)
		abort();
	return 0;
}
