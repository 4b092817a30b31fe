// SPDX-License-Identifier: ISC
// A screen being led from one state to the next by the operations of a frame. The encoder and the
// decoder both apply them here, so they cannot disagree on what an operation does.
#pragma once

#include "vt/screen.h"

struct canvas {
	struct screen *screen; // being made; owned
	struct screen *source; // its rows before any cell changed: what is copied from; owned
	uint32_t row, col;     // where the next operation acts; col == cols: past the last column
	uint32_t edge_row;     // the row that was written last
	uint32_t edge_col;     // where writing began in it, when the position came to it
	bool has_pen;          // else cells that are written keep their style
	struct style pen;
	int32_t copy_rows,
	    copy_cols; // from where the next copy takes cells, relative to (row, col)
};

// Starts from `base` cut or padded to the size; NULL: from blanks.
void canvas_init(struct canvas *canvas, const struct screen *base, uint16_t rows, uint16_t cols);
void canvas_fini(struct canvas *canvas);
// The result: publishes its rows and gives its reference away. Sets the cursor from the position.
struct screen *canvas_finish(struct canvas *canvas);

// Operations. Arguments are within bounds: the decoder checks before it calls.
// Rows [row, row + count) become what rows [row + shift, ...) were before any move.
void canvas_move(struct canvas *canvas, uint32_t row, uint32_t count, int32_t shift);
// After the last move: what copies take is what stands now.
void canvas_settle(struct canvas *canvas);
// Puts a glyph and steps over it; past the last column it goes on in the next row (autowrap).
void canvas_glyph(struct canvas *canvas, uint32_t cp, uint8_t width);
// Adds a combining code point to the glyph left of the position.
void canvas_mark(struct canvas *canvas, uint32_t cp);
// `count` times the glyph left of the position, which is of width 1.
void canvas_repeat(struct canvas *canvas, uint32_t count);
// Gives `count` cells the pen's style.
void canvas_restyle(struct canvas *canvas, uint32_t count);
void canvas_copy(struct canvas *canvas, uint32_t count);
// Blanks the rest of the row with the pen's background (the default one if there is no pen) and
// stays.
void canvas_erase(struct canvas *canvas);
void canvas_flip_wrapped(struct canvas *canvas);
// Makes `count` cells lead to `href` (borrowed; NULL: nowhere) and stays. False as row_set_href().
bool canvas_href(struct canvas *canvas, uint32_t count, struct href *href);

// The cell at the position; col < cols.
const struct cell *canvas_cell(const struct canvas *canvas);
