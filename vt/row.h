// SPDX-License-Identifier: ISC
// A row of cells: mutable while one owner holds it, then published: hashed, shared, immutable.
#pragma once

#include "vt/cell.h"
#include "vt/href.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Links of a row: as many, and as many bytes of them; what is more is text without a link.
#define ROW_HREFS_MAX 255
#define ROW_HREF_BYTES 4096

struct row {
	uint64_t hash; // of the look of the row; 0 until row_publish()
	uint32_t refs;
	uint16_t cols;
	uint16_t marks_len; // entries used in `marks`
	uint16_t marks_cap;
	uint16_t used;       // columns up to the last that is not a default blank, once published
	bool wrapped;        // the text runs on into the next row (autowrap, not a line feed)
	uint8_t hrefs_len;   // entries of `hrefs`
	struct marks *marks; // owned, or NULL
	struct href **hrefs; // owned, a reference each, or NULL
	struct cell cells[];
};

// A row of blanks with background `bg`; one reference, unpublished.
struct row *row_new(uint16_t cols, uint32_t bg);
struct row *row_ref(struct row *row);
void row_unref(struct row *row);
// A private unpublished copy, cut or padded with default blanks to `cols`. A wide glyph cut in two
// becomes a blank.
struct row *row_copy(const struct row *row, uint16_t cols);
// The same into `row`, which nobody else holds and which is as wide: what it was is lost.
struct row *row_recycle(struct row *row, const struct row *from);
// A row that may be written: `row` itself if nobody else holds it (then its hash is dropped), else
// a copy, and the reference to `row` is given up.
struct row *row_own(struct row *row);
// Computes the hash and `used`. After this the row must not be written unless through row_own().
void row_publish(struct row *row);

void row_blank(struct row *row, size_t from, size_t to, uint32_t bg);
// Puts a glyph of `width` 1 or 2 at `col`, blanking what it cuts in two. The caller has checked
// that it fits.
void row_put(struct row *row, size_t col, uint32_t cp, uint8_t width, const struct style *style);
// Adds a combining code point to the cell at `col`; past CELL_MARKS_MAX it is dropped.
void row_add_mark(struct row *row, size_t col, uint32_t cp);
// The marks of a cell and their count (0..CELL_MARKS_MAX).
const uint32_t *row_marks(const struct row *row, const struct cell *cell, size_t *count);
void row_set_marks(struct row *row, size_t col, const uint32_t *cp, size_t count);
// Makes cells [from, to) lead to `href`, which is borrowed, or nowhere (NULL). Writing to a cell takes
// its link away. False if the row has no room for one more: then they lead nowhere.
bool row_set_href(struct row *row, size_t from, size_t to, struct href *href);
// Where a cell leads, or NULL; borrowed.
struct href *row_href(const struct row *row, const struct cell *cell);
// Whether the links of all cells are the same, in rows of the same width.
bool row_hrefs_equal(const struct row *a, const struct row *b);
// Same code points, width and look, in one cell (of rows `a` and `b`); same in the whole row, links
// included.
bool row_cell_equal(const struct row *a, size_t a_col, const struct row *b, size_t b_col);
bool row_equal(const struct row *a, const struct row *b);
// Columns up to the last one that is not a default blank.
size_t row_used(const struct row *row);
// A bound for the same that costs nothing: what is right of it is blank.
static inline size_t
row_end(const struct row *row)
{
	return row->hash != 0 ? row->used : row->cols;
}
// A default blank: a space with no style.
bool cell_is_blank(const struct cell *cell);
