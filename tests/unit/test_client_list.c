/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's list of clients: control may be an attacker, so what it hands over may be anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"

static struct router router = {.config = {.name = "api", .reset_connections = true}};
static unsigned complaints;

struct router *router_find(struct engine *engine, const struct router_id *id)
{
	(void)engine, (void)id;
	return &router;
}

void record_clients(struct engine *engine, const struct router *changed)
{
	(void)engine, (void)changed;
}

bool complaint_due(
    struct complaint *complaint, unsigned burst, struct mono now, struct suppressed *suppressed)
{
	(void)complaint, (void)burst, (void)now;
	suppressed->text[0] = '\0';
	complaints++;
	return true;
}

/* A list that says it has so many, with room for `size` clients, in a message that says `told`. */
static void take(uint32_t count, uint32_t size, uint32_t told)
{
	struct clients *clients = calloc(1, clients_size(size));
	assert_non_null(clients);
	clients->count = count;
	int fd = sealed_memfd("clients", clients, clients_size(size));
	assert_true(fd >= 0);
	free(clients);
	clients_take(NULL,
	    &(struct message){
		.type = MESSAGE_CLIENTS, .clients = {.router = router.config.id, .count = told}},
	    fd);
	close(fd);
}

static void test_what_is_no_list_is_refused_and_told(void **state)
{
	(void)state;
	take(3, 3, 3);
	assert_int_equal(router.clients->count, 3);
	assert_int_equal(complaints, 0);
	take(4, 3, 3);
	take(3, 2, 3);
	take(3, 3, 4);
	take(CLIENTS_MAX + 1, CLIENTS_MAX + 1, CLIENTS_MAX + 1);
	clients_take(NULL, &(struct message){.clients.count = 3}, STDIN_FILENO);
	assert_int_equal(complaints, 5);
	assert_int_equal(router.clients->count, 3);
	take(0, 0, 0);
	assert_int_equal(router.clients->count, 0);
	assert_int_equal(complaints, 5);
	router.config.reset_connections = false; /* the configuration of control may be an older one */
	take(4, 3, 3);
	assert_int_equal(complaints, 5);
	clients_forget(NULL, &router);
	assert_null(router.clients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_no_list_is_refused_and_told)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
