/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: what a reader gets while nobody writes, when the writer died in between, and from another
 * program.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vipd/board.h"

static struct board *board;

static int open_board(void **state)
{
	(void)state;
	int fd = board_create();
	assert_true(fd >= 0);
	board = board_map_writer(fd);
	assert_non_null(board);
	board->router_count = 1;
	struct board_router *router = board_begin_router(board, 0);
	router->id.vrid = 100;
	router->drained = true;
	router->auth_sequence = 4711;
	board_end_router(board, 0);
	close(fd);
	return 0;
}

static void whole(void **state)
{
	(void)state;
	struct board_router copy;
	assert_true(board_read_router(board, 0, &copy));
	assert_int_equal(copy.auth_sequence, 4711);
	assert_false(board_read_router(board, 1, &copy));
}

/* The engine died between begin and end: its successor needs what it knew. */
static void torn(void **state)
{
	(void)state;
	struct board_router copy = {0};
	board_begin_router(board, 0)->priority = 7;
	assert_true(board_read_router(board, 0, &copy));
	assert_true(copy.drained);
	assert_int_equal(copy.auth_sequence, 4711);
	/* The successor's first change makes it whole again. */
	board_begin_router(board, 0)->priority = 8;
	board_end_router(board, 0);
	assert_int_equal(board->routers[0].sequence % 2, 0);
}

static void of_another_layout(void **state)
{
	(void)state;
	int fd = board_create();
	struct board *other = board_map_writer(fd);
	assert_non_null(other);
	other->layout++;
	errno = 0;
	assert_null(board_map(fd));
	assert_int_equal(errno, EPROTO);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole), cmocka_unit_test(torn), cmocka_unit_test(of_another_layout)};
	return cmocka_run_group_tests(tests, open_board, NULL);
}
