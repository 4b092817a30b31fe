// SPDX-License-Identifier: ISC
// Paints one row: the cells that differ from what the terminal shows, and no others but where that
// is cheaper or a terminal may have covered them.
#pragma once

#include "vt/ansi_term.h"

struct row_paint {
	struct term *term; // borrowed, as all of these
	struct buf *out;
	uint16_t row, cols;
	const struct look *was, *now; // of this row
	bool *dirty;                  // room for a row: the columns to paint
};

void ansi_row_paint(struct row_paint *paint);
