// SPDX-License-Identifier: ISC
#include "vt/grid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct row **
rows_alloc(size_t rows)
{
	struct row **row = calloc(rows, sizeof(struct row *));

	if (row == NULL)
		abort();
	return row;
}

// A reference to the one blank row: a row that nobody writes to costs no memory, and one that is
// written to is copied, which is faster than filling it.
static struct row *
blank_row(struct grid *grid, uint32_t bg)
{
	const struct row *now = grid->blank;

	if (now == NULL || now->cols != grid->cols || now->cells[0].style.bg != bg) {
		if (now != NULL)
			row_unref(grid->blank);
		grid->blank = row_new(grid->cols, bg);
	}
	return row_ref(grid->blank);
}

static void
fill_blank(struct grid *grid, size_t from, size_t to, uint32_t bg)
{
	for (size_t i = from; i < to; i++)
		grid->row[i] = blank_row(grid, bg);
}

void
grid_init(struct grid *grid, uint16_t rows, uint16_t cols)
{
	*grid = (struct grid){.rows = rows, .cols = cols, .row = rows_alloc(rows)};
	fill_blank(grid, 0, rows, COLOUR_DEFAULT);
}

void
grid_fini(struct grid *grid)
{
	for (size_t i = 0; i < grid->rows; i++)
		row_unref(grid->row[i]);
	free(grid->row);
	if (grid->blank != NULL)
		row_unref(grid->blank);
	if (grid->spare != NULL)
		row_unref(grid->spare);
	*grid = (struct grid){0};
}

// A row that leaves at the top is nearly always the next to be written: text that scrolls by needs
// no memory but what it has.
static void
let_go(struct grid *grid, struct row *row)
{
	if (grid->spare == NULL && row->refs == 1 && row->cols == grid->cols)
		grid->spare = row;
	else
		row_unref(row);
}

struct row *
grid_write(struct grid *grid, size_t index)
{
	struct row **row = &grid->row[index];
	struct row *spare = grid->spare;

	assert(index < grid->rows);
	if ((*row)->refs == 1 || spare == NULL || spare->cols != (*row)->cols)
		return *row = row_own(*row);
	grid->spare = NULL;
	row_recycle(spare, *row);
	row_unref(*row);
	return *row = spare;
}

static void
replace_blank(struct grid *grid, size_t index, uint32_t bg)
{
	row_unref(grid->row[index]);
	grid->row[index] = blank_row(grid, bg);
}

void
grid_clear(struct grid *grid, uint32_t bg)
{
	for (size_t i = 0; i < grid->rows; i++)
		row_unref(grid->row[i]);
	fill_blank(grid, 0, grid->rows, bg);
}

static void
erase_selective(struct row *row, int from, int to, uint32_t bg)
{
	for (int col = from; col < to; col++)
		if (!(row->cells[col].style.attrs & ATTR_PROTECTED))
			row_blank(row, (size_t)col, (size_t)col + 1, bg);
}

void
grid_erase(struct grid *grid, struct rect rect, bool selective, uint32_t bg)
{
	for (int i = rect.top; i < rect.bottom; i++) {
		struct row *row;

		if (!selective && rect.left == 0 && rect.right == grid->cols) {
			replace_blank(grid, (size_t)i, bg);
			continue;
		}
		row = grid_write(grid, (size_t)i);
		if (selective)
			erase_selective(row, rect.left, rect.right, bg);
		else
			row_blank(row, (size_t)rect.left, (size_t)rect.right, bg);
		if (rect.right == grid->cols)
			row->wrapped = false;
	}
}

// ---- scrolling ---------------------------------------------------------------------------------

static void
scroll_rows_up(struct grid *grid, struct rect rect, int up, uint32_t bg, struct history *history)
{
	struct row **row = grid->row;
	int kept = rect.bottom - rect.top - up;

	for (int i = rect.top; i < rect.top + up; i++) {
		struct row *gone = history != NULL ? history_push(history, row[i]) : row[i];

		if (gone != NULL)
			let_go(grid, gone);
	}
	memmove(&row[rect.top], &row[rect.top + up], (size_t)kept * sizeof(row[0]));
	for (int i = rect.top + kept; i < rect.bottom; i++)
		row[i] = blank_row(grid, bg);
}

static void
scroll_rows_down(struct grid *grid, struct rect rect, int down, uint32_t bg)
{
	struct row **row = grid->row;
	int kept = rect.bottom - rect.top - down;

	for (int i = rect.bottom - down; i < rect.bottom; i++)
		row_unref(row[i]);
	memmove(&row[rect.top + down], &row[rect.top], (size_t)kept * sizeof(row[0]));
	for (int i = rect.top; i < rect.top + down; i++)
		row[i] = blank_row(grid, bg);
}

// Copies [left, right) of row `from` to row `to`.
static void
copy_part(struct grid *grid, int to_index, int from_index, int left, int right)
{
	struct row *to = grid_write(grid, (size_t)to_index);
	const struct row *from = grid->row[from_index];

	row_blank(to, (size_t)left, (size_t)right, COLOUR_DEFAULT);
	for (int col = left; col < right; col++) {
		const struct cell *cell = &from->cells[col];
		size_t count;
		const uint32_t *marks = row_marks(from, cell, &count);

		to->cells[col] = *cell;
		to->cells[col].marks = 0;
		row_set_marks(to, (size_t)col, marks, count);
		row_set_href(to, (size_t)col, (size_t)col + 1, row_href(from, cell));
	}
}

// A rectangle's edge may cut a wide glyph: neither half stays.
static void
mend_edge(struct row *row, int col)
{
	if (col > 0 && col < row->cols && row->cells[col].width == 0)
		row_blank(row, (size_t)col - 1, (size_t)col + 1, row->cells[col].style.bg);
}

static void
mend_edges(struct grid *grid, struct rect rect)
{
	for (int i = rect.top; i < rect.bottom; i++) {
		struct row *row = grid_write(grid, (size_t)i);

		mend_edge(row, rect.left);
		mend_edge(row, rect.right);
	}
}

static void
scroll_part_vertical(struct grid *grid, struct rect rect, int up, uint32_t bg)
{
	int height = rect.bottom - rect.top;
	int kept = height - abs(up);

	mend_edges(grid, rect);
	for (int n = 0; n < kept; n++) {
		int to = up > 0 ? rect.top + n : rect.bottom - 1 - n;

		copy_part(grid, to, to + up, rect.left, rect.right);
	}
	for (int n = kept; n < height; n++) {
		int index = up > 0 ? rect.top + n : rect.bottom - 1 - n;

		row_blank(
		    grid_write(grid, (size_t)index), (size_t)rect.left, (size_t)rect.right, bg);
	}
}

// A wide glyph whose right half the move pushed out of the rectangle.
static void
mend_halves(struct row *row, int left, int right, uint32_t bg)
{
	if (row->cells[left].width == 0)
		row_blank(row, (size_t)left, (size_t)left + 1, bg);
	if (row->cells[right - 1].width == 2)
		row_blank(row, (size_t)right - 1, (size_t)right, bg);
}

static void
scroll_horizontal(struct grid *grid, struct rect rect, int left, uint32_t bg)
{
	size_t kept = (size_t)(rect.right - rect.left - abs(left));

	mend_edges(grid, rect);
	for (int i = rect.top; i < rect.bottom; i++) {
		struct row *row = grid_write(grid, (size_t)i);
		struct cell *cells = row->cells;
		struct cell blank = {.cp = ' ', .style = {.bg = bg}, .width = 1};

		if (left > 0) {
			memmove(
			    &cells[rect.left], &cells[rect.left + left], kept * sizeof(cells[0]));
			for (int col = rect.right - left; col < rect.right; col++)
				cells[col] = blank;
		} else {
			memmove(
			    &cells[rect.left - left], &cells[rect.left], kept * sizeof(cells[0]));
			for (int col = rect.left; col < rect.left - left; col++)
				cells[col] = blank;
		}
		mend_halves(row, rect.left, rect.right, bg);
		if (kept > 0 && left > 0) // the first cell that moved may be a right half
			mend_halves(row, rect.left, rect.right - left, bg);
		else if (kept > 0)
			mend_halves(row, rect.left - left, rect.right, bg);
		if (rect.right == grid->cols)
			row->wrapped = false;
	}
}

void
grid_scroll(
    struct grid *grid, struct rect rect, int up, int left, uint32_t bg, struct history *history)
{
	int height = rect.bottom - rect.top, width = rect.right - rect.left;

	if (height <= 0 || width <= 0)
		return;
	up = up > height ? height : up < -height ? -height : up;
	left = left > width ? width : left < -width ? -width : left;
	if (left != 0)
		scroll_horizontal(grid, rect, left, bg);
	if (up == 0)
		return;
	if (width < grid->cols)
		scroll_part_vertical(grid, rect, up, bg);
	else if (up > 0)
		scroll_rows_up(grid, rect, up, bg, history);
	else
		scroll_rows_down(grid, rect, -up, bg);
}

// ---- size --------------------------------------------------------------------------------------

static void
resize_rows(struct grid *grid, uint16_t rows)
{
	struct row **row = rows_alloc(rows);
	uint16_t kept = rows < grid->rows ? rows : grid->rows;

	memcpy(row, grid->row, kept * sizeof(row[0]));
	for (size_t i = kept; i < grid->rows; i++)
		row_unref(grid->row[i]);
	free(grid->row);
	grid->row = row;
	grid->rows = rows;
	fill_blank(grid, kept, rows, COLOUR_DEFAULT);
}

uint16_t
grid_resize(
    struct grid *grid, uint16_t rows, uint16_t cols, uint16_t cursor_row, struct history *history)
{
	uint16_t left = 0;

	if (cursor_row >= rows) {
		left = (uint16_t)(cursor_row - rows + 1);
		grid_scroll(grid, (struct rect){0, grid->rows, 0, grid->cols}, left, 0,
		    COLOUR_DEFAULT, history);
	}
	if (rows != grid->rows)
		resize_rows(grid, rows);
	if (cols == grid->cols)
		return left;
	for (size_t i = 0; i < rows; i++) {
		struct row *row = row_copy(grid->row[i], cols);

		row_unref(grid->row[i]);
		grid->row[i] = row;
	}
	grid->cols = cols;
	return left;
}
