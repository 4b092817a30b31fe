// SPDX-License-Identifier: ISC
// What a guest's terminal is believed to be in (cursor, pen, margins), and the cheapest bytes to
// change it. Where the terminal may disagree, e.g. on the width of a glyph, nothing is believed.
#pragma once

#include "vt/ansi_look.h"

struct term {
	struct ansi_caps caps;
	uint16_t rows, cols;
	bool known; // position and margins are; else only an absolute move helps
	uint16_t row;
	uint16_t col;
	bool sure;            // the terminal has the same idea of `col`
	bool run;             // not sure, but another non-ASCII glyph may follow on the last one
	bool pending;         // a glyph was put in the last column, and autowrap may be on
	uint16_t top, bottom; // margins: first and last row of the scrolling region
	bool pen_known;
	struct style pen;
};

// Nothing is known about a terminal of this size.
void term_init(struct term *term, const struct ansi_caps *caps, uint16_t rows, uint16_t cols);
void term_move(struct term *term, uint16_t row, uint16_t col, struct buf *out);
// How many bytes the move takes.
size_t term_move_cost(const struct term *term, uint16_t row, uint16_t col);
void term_pen(struct term *term, const struct style *style, struct buf *out);
// A pen with which erasing and scrolling leave plain cells of background `bg`.
void term_pen_erase(struct term *term, uint32_t bg, struct buf *out);
// Prints one glyph at the cursor; the caller has moved there and set the pen.
void term_put(struct term *term, const struct look *look, struct buf *out);
// Puts the glyph just printed, which is one column wide, `count` times more.
void term_repeat(struct term *term, size_t count, struct buf *out);
// Scrolls the rows [top, bottom] by `count` up (> 0) or down; default blanks come in.
void term_scroll(struct term *term, uint16_t top, uint16_t bottom, int count, struct buf *out);
