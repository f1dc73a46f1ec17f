/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rings of the flight recorder on the board.
 */
#include "vipd/flight.h"

#include "board/record.h"
#include "vipd/board.h"

struct flight_packet *flight_begin(struct board *board, enum flight_kind kind)
{
	struct board_flight *ring = &board->flight[kind];
	unsigned slot = ring->count % FLIGHT_RING;
	record_begin(&ring->slots[slot].sequence);
	ring->slots[slot].value.number = ++board->flight_count;
	return &ring->slots[slot].value;
}

void flight_end(struct board *board, enum flight_kind kind)
{
	struct board_flight *ring = &board->flight[kind];
	record_end(&ring->slots[ring->count % FLIGHT_RING].sequence);
	ring->count++;
}

bool flight_read(const struct board *board, enum flight_kind kind, unsigned slot, struct flight_packet *copy)
{
	return record_copy(&board->flight[kind].slots[slot].sequence, &board->flight[kind].slots[slot].value,
		   copy, sizeof *copy) &&
	       copy->number != 0;
}
