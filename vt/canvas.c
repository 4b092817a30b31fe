// SPDX-License-Identifier: ISC
#include "vt/canvas.h"

#include <assert.h>
#include <string.h>

static struct row *
resize_row(struct row *row, uint16_t cols)
{
	struct row *resized;

	if (row->cols == cols)
		return row_ref(row);
	resized = row_copy(row, cols);
	row_publish(resized);
	return resized;
}

static struct screen *
resize_screen(const struct screen *base, uint16_t rows, uint16_t cols)
{
	struct screen *screen = screen_alloc(rows, cols);
	struct row *blank = NULL;

	screen_copy_meta(screen, base);
	for (size_t i = 0; i < rows; i++) {
		if (i > 0 && i < base->rows && base->row[i] == base->row[i - 1]) {
			screen->row[i] = row_ref(screen->row[i - 1]);
		} else if (i < base->rows) {
			screen->row[i] = resize_row(base->row[i], cols);
		} else if (blank != NULL) {
			screen->row[i] = row_ref(blank);
		} else {
			screen->row[i] = blank = row_new(cols, COLOUR_DEFAULT);
			row_publish(blank);
		}
	}
	return screen;
}

void
canvas_init(struct canvas *canvas, const struct screen *base, uint16_t rows, uint16_t cols)
{
	const struct cursor *cursor;

	*canvas = (struct canvas){.edge_row = UINT32_MAX};
	canvas->source = base != NULL ? resize_screen(base, rows, cols) : screen_blank(rows, cols);
	canvas->screen = screen_alloc(rows, cols);
	screen_copy_meta(canvas->screen, canvas->source);
	for (size_t i = 0; i < rows; i++)
		canvas->screen->row[i] = row_ref(canvas->source->row[i]);
	cursor = &canvas->source->cursor;
	canvas->row = cursor->row < rows ? cursor->row : rows - 1u;
	canvas->col = cursor->col < cols ? cursor->col : cols - 1u;
	if (cursor->pending_wrap && canvas->col == cols - 1u)
		canvas->col = cols;
	canvas->edge_col = canvas->col;
}

void
canvas_fini(struct canvas *canvas)
{
	screen_unref(canvas->screen);
	screen_unref(canvas->source);
	*canvas = (struct canvas){0};
}

struct screen *
canvas_finish(struct canvas *canvas)
{
	struct screen *screen = canvas->screen;

	screen->cursor.row = (uint16_t)canvas->row;
	screen->cursor.pending_wrap = canvas->col == screen->cols;
	screen->cursor.col = (uint16_t)(canvas->col - screen->cursor.pending_wrap);
	for (size_t i = 0; i < screen->rows; i++)
		row_publish(screen->row[i]);
	canvas->screen = NULL;
	return screen;
}

static void
replace_row(struct screen *screen, size_t index, struct row *row)
{
	struct row *old = screen->row[index];

	screen->row[index] = row_ref(row);
	row_unref(old);
}

void
canvas_move(struct canvas *canvas, uint32_t row, uint32_t count, int32_t shift)
{
	for (uint32_t i = row; i < row + count; i++)
		replace_row(canvas->screen, i, canvas->source->row[(int32_t)i + shift]);
}

void
canvas_settle(struct canvas *canvas)
{
	for (size_t i = 0; i < canvas->screen->rows; i++)
		replace_row(canvas->source, i, canvas->screen->row[i]);
}

// The row at the position, private and unpublished. `source` holds another reference to each row
// that was not yet written, so what is copied from stays as it was.
static struct row *
writable(struct canvas *canvas)
{
	struct row **row = &canvas->screen->row[canvas->row];

	*row = row_own(*row);
	return *row;
}

// Notes where writing begins in a row.
static void
note_edge(struct canvas *canvas)
{
	if (canvas->edge_row == canvas->row)
		return;
	canvas->edge_row = canvas->row;
	canvas->edge_col = canvas->col;
}

const struct cell *
canvas_cell(const struct canvas *canvas)
{
	return &canvas->screen->row[canvas->row]->cells[canvas->col];
}

static struct style
style_for(const struct canvas *canvas, const struct row *row, size_t col)
{
	struct style style = canvas->has_pen ? canvas->pen : row->cells[col].style;

	style.attrs &= ATTR_LOOK;
	return style;
}

void
canvas_glyph(struct canvas *canvas, uint32_t cp, uint8_t width)
{
	struct row *row = writable(canvas);
	struct style style;

	if (canvas->col == canvas->screen->cols) {
		row->wrapped = true;
		canvas->row++;
		canvas->col = 0;
		assert(canvas->row < canvas->screen->rows);
		row = writable(canvas);
	}
	note_edge(canvas);
	style = style_for(canvas, row, canvas->col);
	row_put(row, canvas->col, cp, width, &style);
	canvas->col += width;
}

void
canvas_mark(struct canvas *canvas, uint32_t cp)
{
	struct row *row = writable(canvas);
	size_t col = canvas->col - 1;

	if (row->cells[col].width == 0)
		col--;
	row_add_mark(row, col, cp);
}

// Cell `from` of `source` to cell `to`, in `style`, with its marks.
static void
copy_cell(struct row *row, size_t to, const struct row *source, size_t from, struct style style)
{
	const struct cell *cell = &source->cells[from];
	uint32_t marks[CELL_MARKS_MAX];
	const uint32_t *from_marks;
	size_t count;

	from_marks = row_marks(source, cell, &count);
	if (count > 0)
		memcpy(marks, from_marks, count * sizeof(marks[0])); // row_put() may move them
	row_put(row, to, cell->cp, cell->width, &style);
	if (count > 0)
		row_set_marks(row, to, marks, count);
}

void
canvas_repeat(struct canvas *canvas, uint32_t count)
{
	struct row *row = writable(canvas);
	size_t from = canvas->col - 1;

	note_edge(canvas);
	for (uint32_t i = 0; i < count; i++, canvas->col++)
		copy_cell(row, canvas->col, row, from, style_for(canvas, row, canvas->col));
}

void
canvas_restyle(struct canvas *canvas, uint32_t count)
{
	struct row *row = writable(canvas);

	note_edge(canvas);
	for (uint32_t i = 0; i < count; i++, canvas->col++)
		row->cells[canvas->col].style = canvas->pen;
}

void
canvas_copy(struct canvas *canvas, uint32_t count)
{
	struct row *row = writable(canvas);
	const struct row *source = canvas->source->row[(int32_t)canvas->row + canvas->copy_rows];
	size_t from = (size_t)((int32_t)canvas->col + canvas->copy_cols);

	note_edge(canvas);
	for (uint32_t i = 0; i < count; i++, from++, canvas->col++) {
		struct style style = source->cells[from].style;

		style.attrs &= ATTR_LOOK;
		if (source->cells[from].width > 0)
			copy_cell(row, canvas->col, source, from, style);
	}
}

void
canvas_erase(struct canvas *canvas)
{
	struct row *row = writable(canvas);

	note_edge(canvas);
	row_blank(row, canvas->col, row->cols, canvas->has_pen ? canvas->pen.bg : COLOUR_DEFAULT);
}

bool
canvas_href(struct canvas *canvas, uint32_t count, struct href *href)
{
	return row_set_href(writable(canvas), canvas->col, canvas->col + count, href);
}

void
canvas_flip_wrapped(struct canvas *canvas)
{
	struct row *row = writable(canvas);

	row->wrapped = !row->wrapped;
}
