// SPDX-License-Identifier: ISC
// Finds rows that moved between what a terminal shows and what it is to show.
#pragma once

#include "vt/row.h"

// A row as a terminal shows it.
struct line {
	struct row *row; // borrowed
	bool reverse;    // of a reversed screen
};

struct scroll {
	uint16_t top, bottom; // the region's first and last row
	int count;            // rows up (> 0) or down
};

bool line_equal(const struct line *a, const struct line *b);
// Roughly the bytes that it takes to turn one line into another.
uint32_t line_cost(const struct line *from, const struct line *to);
// The scroll that saves most, with `blank` for the rows that come in; false if none pays.
bool scroll_find(const struct line *was, const struct line *now, uint16_t rows,
    const struct line *blank, struct scroll *scroll);
void scroll_apply(struct line *lines, const struct line *blank, const struct scroll *scroll);
