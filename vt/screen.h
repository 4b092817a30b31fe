// SPDX-License-Identifier: ISC
// A screen at one moment: immutable, shared by reference count. Rows that did not change between
// two screens of one session are the same pointer.
#pragma once

#include "vt/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Limits of a screen, in cells, and of its title, in bytes of UTF-8.
#define SCREEN_ROWS_MAX 1000
#define SCREEN_COLS_MAX 1000
#define SCREEN_TITLE_MAX 255
#define SCREEN_BELLS 4

enum cursor_shape { CURSOR_BLOCK, CURSOR_UNDERLINE, CURSOR_BAR, CURSOR_SHAPE_COUNT };

struct cursor {
	uint16_t row, col;
	uint8_t shape; // enum cursor_shape
	bool blink;
	bool visible;
	bool pending_wrap; // in the last column, and the next glyph goes to the next line
};

struct screen {
	uint32_t refs;
	uint16_t rows, cols;
	struct cursor cursor;
	bool reverse; // DECSCNM
	bool alt;     // the alternate screen is shown
	uint8_t bell; // how often the bell rang, modulo SCREEN_BELLS: another number is a ring
	char title[SCREEN_TITLE_MAX + 1]; // UTF-8 without controls, NUL-terminated
	struct row *row[];                // `rows` published rows of `cols` cells, a reference each
};

// A screen whose rows are all NULL: fill every one before sharing it.
struct screen *screen_alloc(uint16_t rows, uint16_t cols);
// A blank one, cursor visible at the top left: what a session starts with, and the base of a key
// frame.
struct screen *screen_blank(uint16_t rows, uint16_t cols);
struct screen *screen_ref(struct screen *screen);
void screen_unref(struct screen *screen); // NULL is allowed
// Copies the meta data (all but refs, size and rows).
void screen_copy_meta(struct screen *to, const struct screen *from);

// THE definition of "the same screen": size, every cell's code points, width, look and link,
// whether rows are wrapped, cursor (position, shape, blink, visibility, pending wrap), reverse screen, which
// buffer, the bell's count, and title.
bool screen_equal(const struct screen *a, const struct screen *b);
// As screen_equal, and says where the first difference is, e.g. "row 3 col 7: U+0041 / U+0042".
bool screen_explain(const struct screen *a, const struct screen *b, char *why, size_t why_len);
