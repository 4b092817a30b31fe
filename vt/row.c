// SPDX-License-Identifier: ISC
#include "vt/row.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct style default_style = {COLOUR_DEFAULT, COLOUR_DEFAULT, COLOUR_DEFAULT, 0};

static struct row *
row_alloc(uint16_t cols)
{
	struct row *row = malloc(sizeof(*row) + cols * sizeof(row->cells[0]));

	if (row == NULL)
		abort();
	*row = (struct row){.refs = 1, .cols = cols};
	return row;
}

struct row *
row_new(uint16_t cols, uint32_t bg)
{
	struct row *row = row_alloc(cols);

	row_blank(row, 0, cols, bg);
	return row;
}

struct row *
row_ref(struct row *row)
{
	row->refs++;
	return row;
}

static void
hrefs_free(struct row *row)
{
	for (size_t i = 0; i < row->hrefs_len; i++)
		href_unref(row->hrefs[i]);
	free(row->hrefs);
}

void
row_unref(struct row *row)
{
	assert(row->refs > 0);
	if (--row->refs > 0)
		return;
	free(row->marks);
	hrefs_free(row);
	free(row);
}

// Room for one more entry; the table is per row and never outgrows its columns by more than 2.
static struct marks *
marks_add(struct row *row)
{
	if (row->marks_len == row->marks_cap) {
		uint16_t cap = row->marks_cap == 0 ? 4 : (uint16_t)(row->marks_cap * 2);

		row->marks = realloc(row->marks, cap * sizeof(*row->marks));
		if (row->marks == NULL)
			abort();
		row->marks_cap = cap;
	}
	return &row->marks[row->marks_len++];
}

// Drops entries that no cell uses any more, once there are twice as many as columns: then half of
// them go, so that it costs nothing per mark in the long run.
static void
marks_compact(struct row *row)
{
	struct marks *old = row->marks;
	size_t old_len = row->marks_len;

	if (old_len <= 2u * row->cols)
		return;
	row->marks = NULL;
	row->marks_len = row->marks_cap = 0;
	for (size_t col = 0; col < row->cols; col++) {
		struct cell *cell = &row->cells[col];

		if (cell->marks == 0)
			continue;
		*marks_add(row) = old[cell->marks - 1];
		cell->marks = row->marks_len;
	}
	free(old);
}

static void
marks_copy(struct row *to, const struct row *from)
{
	if (from->marks_len == 0)
		return;
	to->marks = malloc(from->marks_len * sizeof(*to->marks));
	if (to->marks == NULL)
		abort();
	memcpy(to->marks, from->marks, from->marks_len * sizeof(*to->marks));
	to->marks_len = to->marks_cap = from->marks_len;
}

static void
hrefs_copy(struct row *to, const struct row *from)
{
	if (from->hrefs_len == 0)
		return;
	to->hrefs = malloc(ROW_HREFS_MAX * sizeof(struct href *));
	if (to->hrefs == NULL)
		abort();
	for (size_t i = 0; i < from->hrefs_len; i++)
		to->hrefs[i] = href_ref(from->hrefs[i]);
	to->hrefs_len = from->hrefs_len;
}

// Into a row that has nothing yet but cells; returns how many of them it filled.
static uint16_t
fill(struct row *row, const struct row *from)
{
	uint16_t kept = row->cols < from->cols ? row->cols : from->cols;

	memcpy(row->cells, from->cells, kept * sizeof(row->cells[0]));
	marks_copy(row, from);
	hrefs_copy(row, from);
	return kept;
}

struct row *
row_copy(const struct row *from, uint16_t cols)
{
	struct row *row = row_alloc(cols);
	uint16_t kept = fill(row, from);

	row_blank(row, kept, cols, COLOUR_DEFAULT);
	if (kept > 0 && kept < from->cols && row->cells[kept - 1].width == 2)
		row_blank(row, kept - 1, kept, row->cells[kept - 1].style.bg);
	row->wrapped = from->wrapped && cols == from->cols;
	return row;
}

struct row *
row_own(struct row *row)
{
	if (row->refs > 1) {
		struct row *copy = row_copy(row, row->cols);

		row_unref(row);
		return copy;
	}
	row->hash = 0;
	return row;
}

struct row *
row_recycle(struct row *row, const struct row *from)
{
	free(row->marks);
	hrefs_free(row);
	*row = (struct row){.refs = 1, .cols = row->cols, .wrapped = from->wrapped};
	fill(row, from);
	return row;
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ (hash >> 29);
}

static uint64_t
mix_hrefs(uint64_t hash, const struct row *row)
{
	for (size_t col = 0; col < row->used; col++) {
		const struct href *href = row_href(row, &row->cells[col]);

		if (href == NULL)
			continue;
		hash = mix(hash, col);
		for (size_t i = 0; i < href->len; i++)
			hash = mix(hash, (uint8_t)href->uri[i]);
	}
	return hash;
}

void
row_publish(struct row *row)
{
	uint64_t hash = mix(row->cols, row->wrapped);

	if (row->hash != 0)
		return;
	row->used = (uint16_t)row_used(row);
	for (size_t col = 0; col < row->used; col++) {
		const struct cell *cell = &row->cells[col];
		const struct style *style = &cell->style;
		size_t count;
		const uint32_t *marks = row_marks(row, cell, &count);

		hash = mix(hash, (uint64_t)cell->cp << 32 | style->fg);
		hash = mix(hash,
		    ((uint64_t)style->bg << 32 | style->ul) ^
			((uint64_t)(style->attrs & ATTR_LOOK) << 40 | (uint64_t)cell->width << 56));
		for (size_t i = 0; i < count; i++)
			hash = mix(hash, marks[i]);
	}
	if (row->hrefs_len > 0)
		hash = mix_hrefs(hash, row);
	row->hash = hash == 0 ? 1 : hash;
}

void
row_blank(struct row *row, size_t from, size_t to, uint32_t bg)
{
	struct cell blank = {.cp = ' ', .style = default_style, .width = 1};

	blank.style.bg = bg;
	if (from >= to)
		return;
	// a wide glyph that is cut in two goes altogether
	if (from > 0 && row->cells[from].width == 0 && row->cells[from - 1].width == 2) {
		blank.style.bg = row->cells[from - 1].style.bg;
		row->cells[from - 1] = blank;
		blank.style.bg = bg;
	}
	if (to < row->cols && row->cells[to - 1].width == 2 && row->cells[to].width == 0) {
		blank.style.bg = row->cells[to].style.bg;
		row->cells[to] = blank;
		blank.style.bg = bg;
	}
	for (size_t col = from; col < to; col++)
		row->cells[col] = blank;
}

void
row_put(struct row *row, size_t col, uint32_t cp, uint8_t width, const struct style *style)
{
	struct cell *cell = &row->cells[col];

	assert(width >= 1 && width <= 2 && col + width <= row->cols);
	if (cell->width != 1 || (width == 2 && cell[1].width != 1))
		row_blank(row, col, col + width, style->bg);
	*cell = (struct cell){.cp = cp, .style = *style, .width = width};
	if (width == 2)
		cell[1] = (struct cell){.cp = 0, .style = *style, .width = 0};
}

void
row_add_mark(struct row *row, size_t col, uint32_t cp)
{
	struct cell *cell = &row->cells[col];
	struct marks *marks;
	size_t used = 0;

	if (cell->marks == 0) {
		marks = marks_add(row);
		*marks = (struct marks){0};
		cell->marks = row->marks_len;
		marks->cp[0] = cp;
		marks_compact(row);
		return;
	}
	marks = &row->marks[cell->marks - 1];
	while (used < CELL_MARKS_MAX && marks->cp[used] != 0)
		used++;
	if (used < CELL_MARKS_MAX)
		marks->cp[used] = cp;
}

const uint32_t *
row_marks(const struct row *row, const struct cell *cell, size_t *count)
{
	const struct marks *marks;

	*count = 0;
	if (cell->marks == 0)
		return NULL;
	marks = &row->marks[cell->marks - 1];
	while (*count < CELL_MARKS_MAX && marks->cp[*count] != 0)
		(*count)++;
	return marks->cp;
}

void
row_set_marks(struct row *row, size_t col, const uint32_t *cp, size_t count)
{
	row->cells[col].marks = 0;
	for (size_t i = 0; i < count; i++)
		row_add_mark(row, col, cp[i]);
}

bool
row_cell_equal(const struct row *a, size_t a_col, const struct row *b, size_t b_col)
{
	const struct cell *x = &a->cells[a_col], *y = &b->cells[b_col];
	size_t x_count, y_count;
	const uint32_t *x_marks, *y_marks;

	if (x->cp != y->cp || x->width != y->width || x->style.fg != y->style.fg ||
	    x->style.bg != y->style.bg || x->style.ul != y->style.ul ||
	    ((x->style.attrs ^ y->style.attrs) & ATTR_LOOK) != 0)
		return false;
	if (x->marks == 0 && y->marks == 0)
		return true;
	x_marks = row_marks(a, x, &x_count);
	y_marks = row_marks(b, y, &y_count);
	return x_count == y_count &&
	       (x_count == 0 || memcmp(x_marks, y_marks, x_count * sizeof(*x_marks)) == 0);
}

// Drops links that no cell has any more.
static void
hrefs_compact(struct row *row)
{
	uint8_t to[ROW_HREFS_MAX + 1] = {0}; // 1 + index before, to 1 + index after
	uint8_t kept = 0;

	for (size_t col = 0; col < row->cols; col++)
		to[row->cells[col].href] = 1;
	for (size_t i = 0; i < row->hrefs_len; i++) {
		if (to[i + 1] == 0) {
			href_unref(row->hrefs[i]);
			continue;
		}
		row->hrefs[kept++] = row->hrefs[i];
		to[i + 1] = kept;
	}
	to[0] = 0;
	row->hrefs_len = kept;
	for (size_t col = 0; col < row->cols; col++)
		row->cells[col].href = to[row->cells[col].href];
}

static bool
hrefs_have_room(const struct row *row, size_t len)
{
	for (size_t i = 0; i < row->hrefs_len; i++)
		len += row->hrefs[i]->len;
	return row->hrefs_len < ROW_HREFS_MAX && len <= ROW_HREF_BYTES;
}

// 1 + the index of a link, new or not; 0: there is no place for it.
static uint8_t
hrefs_index(struct row *row, struct href *href)
{
	for (size_t i = row->hrefs_len; i-- > 0;)
		if (href_equal(row->hrefs[i], href))
			return (uint8_t)(i + 1);
	if (row->hrefs == NULL)
		row->hrefs = malloc(ROW_HREFS_MAX * sizeof(struct href *));
	if (row->hrefs == NULL)
		abort();
	if (!hrefs_have_room(row, href->len))
		hrefs_compact(row);
	if (!hrefs_have_room(row, href->len))
		return 0;
	row->hrefs[row->hrefs_len++] = href_ref(href);
	return row->hrefs_len;
}

bool
row_set_href(struct row *row, size_t from, size_t to, struct href *href)
{
	uint8_t index;

	for (size_t col = from; col < to; col++)
		row->cells[col].href = 0;
	if (href == NULL || from >= to)
		return true;
	index = hrefs_index(row, href);
	for (size_t col = from; col < to; col++)
		row->cells[col].href = index;
	return index != 0;
}

struct href *
row_href(const struct row *row, const struct cell *cell)
{
	return cell->href == 0 ? NULL : row->hrefs[cell->href - 1];
}

bool
row_hrefs_equal(const struct row *a, const struct row *b)
{
	if (a->hrefs_len == 0 && b->hrefs_len == 0)
		return true;
	for (size_t col = 0; col < a->cols; col++)
		if (!href_equal(row_href(a, &a->cells[col]), row_href(b, &b->cells[col])))
			return false;
	return true;
}

bool
row_equal(const struct row *a, const struct row *b)
{
	size_t end;

	if (a == b)
		return true;
	if (a->cols != b->cols || a->wrapped != b->wrapped)
		return false;
	if (a->hash != 0 && b->hash != 0 && (a->hash != b->hash || a->used != b->used))
		return false;
	end = row_end(a) > row_end(b) ? row_end(a) : row_end(b);
	for (size_t col = 0; col < end; col++)
		if (!row_cell_equal(a, col, b, col))
			return false;
	return row_hrefs_equal(a, b);
}

bool
cell_is_blank(const struct cell *cell)
{
	return cell->cp == ' ' && cell->marks == 0 && cell->href == 0 &&
	       cell->style.fg == COLOUR_DEFAULT && cell->style.bg == COLOUR_DEFAULT &&
	       cell->style.ul == COLOUR_DEFAULT && (cell->style.attrs & ATTR_LOOK) == 0;
}

size_t
row_used(const struct row *row)
{
	size_t used = row_end(row);

	while (used > 0 && cell_is_blank(&row->cells[used - 1]))
		used--;
	return used;
}
