// SPDX-License-Identifier: ISC
// The rows that are being written: copied on write, moved by pointer when whole rows scroll.
#pragma once

#include "vt/history.h"
#include "vt/row.h"

// Cells [top, bottom) x [left, right).
struct rect {
	int top, bottom, left, right;
};

struct grid {
	uint16_t rows, cols;
	struct row **row;  // owned
	struct row *blank; // owned: shared by all blank rows until they are written to
	struct row *spare; // owned, or NULL: one that has gone, for the next that is copied
};

void grid_init(struct grid *grid, uint16_t rows, uint16_t cols);
void grid_fini(struct grid *grid);
// The row, to be written to.
struct row *grid_write(struct grid *grid, size_t index);
void grid_clear(struct grid *grid, uint32_t bg);
// Blanks a rectangle with background `bg`; `selective` spares protected cells (DECSED, DECSEL).
void grid_erase(struct grid *grid, struct rect rect, bool selective, uint32_t bg);
// Moves the content of a rectangle up by `up` rows (down if negative) or left by `left` columns
// (right if negative), and blanks what comes free. Rows that leave at the top go to `history`
// unless it is NULL.
void grid_scroll(
    struct grid *grid, struct rect rect, int up, int left, uint32_t bg, struct history *history);
// Cuts or pads. Rows above the last `rows` up to `*cursor_row` leave at the top, so that the cursor
// stays on a row that is kept; the number of rows that left is returned.
uint16_t grid_resize(
    struct grid *grid, uint16_t rows, uint16_t cols, uint16_t cursor_row, struct history *history);
