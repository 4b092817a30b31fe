// SPDX-License-Identifier: ISC
// A terminal that shares no code with vt/: libvterm's own screen layer, fed what a guest's terminal
// receives. It says what such a terminal shows, in the words of vt/screen.h.
#pragma once

#include "vt/screen.h"

struct witness;

struct witness *witness_new(uint16_t rows, uint16_t cols);
void witness_free(struct witness *witness);
void witness_feed(struct witness *witness, const void *data, size_t len);

// Takes what the terminal answers to queries it was fed. Returns how many bytes; 0: nothing more.
size_t witness_replies(struct witness *witness, void *data, size_t cap);

struct witness_cell {
	uint32_t
	    cp[1 + CELL_MARKS_MAX]; // 0-terminated unless full; none: the right half of a wide one
	uint8_t width;
	struct style style; // what libvterm can express: see WITNESS_ATTRS; ul is default
};
#define WITNESS_ATTRS                                                                              \
	(ATTR_BOLD | ATTR_ITALIC | ATTR_BLINK | ATTR_REVERSE | ATTR_STRIKE | ATTR_UNDERLINE_MASK)
void witness_cell(
    const struct witness *witness, uint16_t row, uint16_t col, struct witness_cell *cell);
void witness_cursor(const struct witness *witness, struct cursor *cursor);

// Whether the witness shows `screen`, painted without loss: every glyph, colour and attribute that
// it can express, and the cursor if it is visible. What does not show does not count: the
// foreground of a blank. Nor do cells whose width old tables dispute. False: *why says where.
bool witness_shows(
    const struct witness *witness, const struct screen *screen, char *why, size_t why_len);
