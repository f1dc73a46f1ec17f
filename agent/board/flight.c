/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of the flight recorder on the board.
 */
#include "vipd/flight.h"

#include "board/record.h"
#include "vipd/board.h"

struct flight_packet *flight_begin(struct board *board, enum flight_kind kind)
{
	unsigned slot = board->flight_counts[kind] % FLIGHT_RING;
	record_begin(&board->flight[kind][slot].sequence);
	board->flight[kind][slot].value.number = ++board->flight_count;
	return &board->flight[kind][slot].value;
}

void flight_end(struct board *board, enum flight_kind kind)
{
	record_end(&board->flight[kind][board->flight_counts[kind]++ % FLIGHT_RING].sequence);
}

bool flight_read(const struct board *board, enum flight_kind kind, unsigned slot, struct flight_packet *copy)
{
	return record_copy(&board->flight[kind][slot].sequence, &board->flight[kind][slot].value, copy,
		   sizeof *copy) &&
	       copy->number != 0;
}
