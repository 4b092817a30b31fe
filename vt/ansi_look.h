// SPDX-License-Identifier: ISC
// What a terminal of given abilities can show of a cell: a safe glyph, and a style it knows.
#pragma once

#include "vt/ansi.h"

struct look {
	uint32_t cp;   // printable; 0 in the right half of a wide one
	uint8_t width; // as in struct cell
	uint8_t marks_len;
	struct style style; // what the terminal is told; ATTR_PROTECTED never set
	uint32_t marks[CELL_MARKS_MAX];
};

// The looks of the columns [from, to) of a row; `reverse`: of a reversed screen (DECSCNM). A wide
// glyph must not be cut by the range.
void ansi_look_row(const struct ansi_caps *caps, bool reverse, const struct row *row, size_t from,
    size_t to, struct look *looks);
bool ansi_look_equal(const struct look *a, const struct look *b);
// A space of which nothing but the background shows: what erasing leaves, too.
bool ansi_look_blank(const struct look *look);
// Not all terminals give this glyph as many columns as we do.
bool ansi_look_disputed(const struct look *look);
// How many columns past its first one a terminal may give it; 0 unless it is disputed.
size_t ansi_look_excess(const struct look *look);
// Some terminals would join this glyph to the one before, e.g. two letters to a flag.
bool ansi_look_joins(const struct look *look);
