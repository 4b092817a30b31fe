// SPDX-License-Identifier: ISC
// From two screens to the operations that lead from one to the other.
//
// What counts is the size after deflate, and there half of all frames change one or two cells. So
// the common frame is a byte or two; and the same change gives the same bytes wherever it can
// (columns and rows are absolute, styles are steps from the same neighbours), since what repeats is
// a cheap match. docs/performance.md, "Frame bytes", has the numbers behind each choice.
#include "vt/frame.h"
#include "vt/frame_ops.h"
#include "vt/rowmap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SKIP_MAX (FRAME_SKIP_LAST - FRAME_SKIP_FIRST + 1)
#define BACK_MAX (FRAME_BACK_LAST - FRAME_BACK_FIRST + 1)
#define BRIDGE_MAX 2 // equal cells that are written again rather than skipped
#define REPEAT_MIN 8 // shorter runs of a glyph match better as text
#define ERASE_MIN 3  // trailing blanks
#define COPY_MIN 8   // bytes saved, by the estimate in copy_gain()
#define COPY_NEAR_COLS 8
#define COPY_NEAR_ROWS 16

struct encoder {
	struct buf *out;
	const struct screen *target;
	struct canvas canvas; // what the decoder has made so far
	uint32_t home_row, home_col;
	bool wrap_due; // this row's `wrapped` is to be set, by the next glyph if it wraps
};

static const struct style default_style;

static void
put_op(struct encoder *e, unsigned op)
{
	buf_put_u8(e->out, (uint8_t)op);
}

static void
put_signed(struct encoder *e, int32_t value)
{
	buf_put_varint(e->out, value < 0 ? 2 * (uint32_t)-value - 1 : 2 * (uint32_t)value);
}

static struct row *
work_row(const struct encoder *e, size_t row)
{
	return e->canvas.screen->row[row];
}

// ---- Position ----------------------------------------------------------------------------------

static void
put_wrapped(struct encoder *e)
{
	put_op(e, FRAME_FLIP_WRAPPED);
	canvas_flip_wrapped(&e->canvas);
	e->wrap_due = false;
}

static void
put_col(struct encoder *e, uint32_t from, uint32_t to)
{
	if (to > from && to - from <= SKIP_MAX) {
		put_op(e, FRAME_SKIP_FIRST + (to - from) - 1);
	} else if (to < from && from - to <= BACK_MAX) {
		put_op(e, FRAME_BACK_FIRST + (from - to) - 1);
	} else if (to != from) {
		put_op(e, FRAME_COL);
		buf_put_varint(e->out, to);
	}
}

static void
go(struct encoder *e, uint32_t row, uint32_t col)
{
	struct canvas *canvas = &e->canvas;

	if (e->wrap_due)
		put_wrapped(e);
	if (row == canvas->row && col == canvas->col)
		return;
	if (row == e->home_row && col == e->home_col) {
		put_op(e, FRAME_HOME);
	} else if (row == canvas->row) {
		put_col(e, canvas->col, col);
	} else if (row == canvas->row + 1 && col > 0 && col == canvas->edge_col) {
		put_op(e, FRAME_DOWN);
	} else if (row == canvas->row + 1) {
		put_op(e, FRAME_NEXT);
		put_col(e, 0, col);
	} else {
		put_op(e, FRAME_GOTO);
		buf_put_varint(e->out, row);
		buf_put_varint(e->out, col);
	}
	canvas->row = row;
	canvas->col = col;
}

// ---- Pen ---------------------------------------------------------------------------------------

static void
put_colour(struct encoder *e, uint32_t colour, bool bg)
{
	uint8_t rgb[3] = {(uint8_t)(colour >> 16), (uint8_t)(colour >> 8), (uint8_t)colour};

	switch (colour_kind(colour)) {
	case COLOUR_KIND_DEFAULT: put_op(e, bg ? FRAME_BG_DEFAULT : FRAME_FG_DEFAULT); break;
	case COLOUR_KIND_INDEXED:
		if (rgb[2] < 16) {
			put_op(e, (bg ? FRAME_BG_FIRST : FRAME_FG_FIRST) + (unsigned)rgb[2]);
		} else {
			put_op(e, bg ? FRAME_BG : FRAME_FG);
			buf_put_u8(e->out, rgb[2]);
		}
		break;
	case COLOUR_KIND_RGB:
		put_op(e, bg ? FRAME_BG_RGB : FRAME_FG_RGB);
		buf_put(e->out, rgb, sizeof(rgb));
		break;
	}
}

static void
put_underline(struct encoder *e, uint32_t colour)
{
	static const uint32_t first[] = {0, 1, 257};

	put_op(e, FRAME_UNDERLINE);
	buf_put_varint(e->out, first[colour_kind(colour)] + (colour & 0xffffff));
}

static void
put_attrs(struct encoder *e, unsigned from, unsigned to)
{
	switch (from ^ to) {
	case ATTR_BOLD: put_op(e, FRAME_FLIP_BOLD); break;
	case ATTR_REVERSE: put_op(e, FRAME_FLIP_REVERSE); break;
	case ATTR_ITALIC: put_op(e, FRAME_FLIP_ITALIC); break;
	case UNDERLINE_SINGLE << ATTR_UNDERLINE_SHIFT: put_op(e, FRAME_FLIP_UNDERLINE); break;
	default:
		put_op(e, FRAME_ATTRS);
		buf_put_varint(e->out, to);
		break;
	}
}

static int
steps_between(const struct style *a, const struct style *b)
{
	return (a->fg != b->fg) + (a->bg != b->bg) + (a->ul != b->ul) +
	       (((a->attrs ^ b->attrs) & ATTR_LOOK) != 0);
}

static void
put_steps(struct encoder *e, const struct style *from, const struct style *to)
{
	if (1 + steps_between(&default_style, to) < steps_between(from, to)) {
		put_op(e, FRAME_DEFAULT);
		from = &default_style;
	}
	if (from->fg != to->fg)
		put_colour(e, to->fg, false);
	if (from->bg != to->bg)
		put_colour(e, to->bg, true);
	if (from->ul != to->ul)
		put_underline(e, to->ul);
	if (((from->attrs ^ to->attrs) & ATTR_LOOK) != 0)
		put_attrs(e, from->attrs & ATTR_LOOK, to->attrs & ATTR_LOOK);
}

// Makes the next glyph, at the position, come out in `style`. Once there is a pen it is kept, also
// where the cells have the right style already: that makes the same text the same bytes.
static void
set_style(struct encoder *e, const struct style *style)
{
	struct canvas *canvas = &e->canvas;
	const struct cell *cell = canvas_cell(canvas);
	const struct style *from = canvas->has_pen ? &canvas->pen : &cell->style;

	if (rowmap_look_equal(style, from))
		return;
	if (rowmap_look_equal(style, &default_style))
		put_op(e, FRAME_DEFAULT);
	else if (canvas->col > 0 && rowmap_look_equal(style, &cell[-1].style))
		put_op(e, FRAME_LEFT);
	else
		put_steps(e, from, style);
	canvas->has_pen = true;
	canvas->pen = *style;
	canvas->pen.attrs &= ATTR_LOOK;
}

// ---- Cells -------------------------------------------------------------------------------------

static void
put_glyph(struct encoder *e, const struct row *target, size_t col)
{
	const struct cell *cell = &target->cells[col];
	const uint32_t *marks;
	size_t count;

	assert(cell->width > 0); // a right half differs only where its left half does
	if (cell->width != frame_width(cell->cp))
		put_op(e, FRAME_WIDTH);
	buf_put_utf8(e->out, cell->cp);
	canvas_glyph(&e->canvas, cell->cp, cell->width);
	marks = row_marks(target, cell, &count);
	for (size_t i = 0; i < count; i++) {
		put_op(e, FRAME_MARK);
		buf_put_utf8(e->out, marks[i]);
		canvas_mark(&e->canvas, marks[i]);
	}
}

// The glyph goes to the first column of the next row by autowrap, with no operation in between.
static bool
wraps_into(const struct encoder *e, size_t row, size_t col)
{
	const struct canvas *canvas = &e->canvas;
	const struct style *style = &e->target->row[row]->cells[col].style;

	return col == 0 && canvas->col == e->target->cols && row == canvas->row + 1 &&
	       e->target->row[canvas->row]->wrapped &&
	       rowmap_look_equal(
		   style, canvas->has_pen ? &canvas->pen : &work_row(e, row)->cells[0].style);
}

// Writes the equal cells between the position and `col`, if they are few and in the same style.
static void
bridge(struct encoder *e, const struct row *target, size_t row, size_t col)
{
	const struct canvas *canvas = &e->canvas;

	if (canvas->row != row || canvas->col >= col || col - canvas->col > BRIDGE_MAX)
		return;
	for (size_t i = canvas->col; i < col; i++) {
		const struct cell *cell = &target->cells[i];

		if (cell->cp >= 0x80 || cell->width != 1 || cell->marks != 0 ||
		    (canvas->has_pen && !rowmap_look_equal(&cell->style, &canvas->pen)))
			return;
	}
	while (canvas->col < col)
		put_glyph(e, target, canvas->col);
}

// Repeats the glyph just put for as long as the target does.
static void
repeat(struct encoder *e, const struct row *target, size_t end)
{
	struct canvas *canvas = &e->canvas;
	const struct row *work = work_row(e, canvas->row);
	const struct cell *cell = &target->cells[canvas->col - 1];
	size_t from = canvas->col, to = from;

	if (cell->width != 1 || cell->marks != 0)
		return;
	while (to < end && row_cell_equal(target, from - 1, target, to) &&
	       (canvas->has_pen || rowmap_look_equal(&work->cells[to].style, &cell->style)))
		to++;
	while (to > from && rowmap_cell_equal(work, target, to - 1))
		to--;
	if (to - from < REPEAT_MIN)
		return;
	put_op(e, FRAME_REPEAT);
	buf_put_varint(e->out, to - from - 1);
	canvas_repeat(canvas, (uint32_t)(to - from));
}

// Cells from the position on that have the target's glyphs already and lack only its style.
static bool
restyle(struct encoder *e, const struct row *target)
{
	struct canvas *canvas = &e->canvas;
	const struct row *work = work_row(e, canvas->row);
	size_t from = canvas->col, to = from;

	if (!canvas->has_pen || work->cells[from].cp == ' ')
		return false;
	while (to < target->cols) {
		const struct cell *a = &work->cells[to], *b = &target->cells[to];

		if (a->cp != b->cp || a->width != b->width || a->marks != 0 || b->marks != 0 ||
		    !rowmap_look_equal(&b->style, &canvas->pen))
			break;
		to++;
	}
	if (to < target->cols && target->cells[to].width == 0) // half of a glyph with marks
		to--;
	if (to < target->cols && work->cells[to].width == 0)
		to--;
	if (to <= from)
		return false;
	put_op(e, to - from == 1 ? FRAME_RESTYLE : FRAME_RESTYLE_RUN);
	if (to - from > 1)
		buf_put_varint(e->out, to - from - 1);
	canvas_restyle(canvas, (uint32_t)(to - from));
	return true;
}

// ---- Copies ------------------------------------------------------------------------------------

struct copy {
	int32_t rows, cols; // from where
	size_t len;
	uint32_t gain; // about the bytes it saves
};

// How much of the target, from the position on, stands `cols` away in `source`.
static void
measure_copy(const struct encoder *e, const struct row *source, struct copy copy, uint32_t bonus,
    struct copy *best)
{
	const struct canvas *canvas = &e->canvas;
	const struct row *target = e->target->row[canvas->row], *work = work_row(e, canvas->row);
	size_t end = target->cols;

	if (copy.cols > 0)
		end -= (size_t)copy.cols;
	for (size_t i = canvas->col; i < end; i++) {
		const struct cell *cell = &target->cells[i];

		if (!row_cell_equal(source, (size_t)((int32_t)i + copy.cols), target, i))
			break;
		if (rowmap_cell_equal(work, target, i))
			continue;
		copy.len = i - canvas->col + 1;
		copy.gain++;
		if (i == canvas->col)
			continue;
		if (!rowmap_look_equal(&cell->style, &cell[-1].style))
			copy.gain += 2;
		if (row_cell_equal(target, i, target, i - 1))
			copy.gain--;
	}
	if (canvas->col + copy.len < target->cols &&
	    target->cells[canvas->col + copy.len].width == 0)
		copy.len--;
	copy.gain += bonus;
	if (copy.len > 0 && copy.gain > best->gain)
		*best = copy;
}

// Nearly always the first glyph says that there is nothing to be copied.
static inline void
try_copy(const struct encoder *e, int32_t rows, int32_t cols, uint32_t bonus, struct copy *best)
{
	const struct canvas *canvas = &e->canvas;
	int32_t row = (int32_t)canvas->row + rows, from = (int32_t)canvas->col + cols;
	const struct row *source;

	if (row < 0 || row >= e->target->rows || from < 0 || from >= e->target->cols)
		return;
	source = canvas->source->row[row];
	if (source->cells[from].cp == e->target->row[canvas->row]->cells[canvas->col].cp &&
	    source->cells[from].width != 0)
		measure_copy(e, source, (struct copy){.rows = rows, .cols = cols}, bonus, best);
}

static bool
copy(struct encoder *e)
{
	struct canvas *canvas = &e->canvas;
	struct copy best = {0};

	if (canvas->copy_rows != 0 || canvas->copy_cols != 0)
		try_copy(e, canvas->copy_rows, canvas->copy_cols, 1, &best);
	for (int32_t i = 1; i <= COPY_NEAR_COLS; i++) {
		try_copy(e, 0, i, 0, &best);
		try_copy(e, 0, -i, 0, &best);
	}
	for (int32_t i = 1; i <= COPY_NEAR_ROWS; i++) {
		try_copy(e, i, 0, 0, &best);
		try_copy(e, -i, 0, 0, &best);
	}
	if (best.gain < COPY_MIN)
		return false;
	if (best.rows == canvas->copy_rows && best.cols == canvas->copy_cols) {
		put_op(e, FRAME_COPY);
	} else {
		put_op(e, best.cols == 0 ? FRAME_COPY_ROW : FRAME_COPY_COL);
		put_signed(e, best.cols == 0 ? best.rows : best.cols);
	}
	buf_put_varint(e->out, best.len - 1);
	canvas->copy_rows = best.rows;
	canvas->copy_cols = best.cols;
	canvas_copy(canvas, (uint32_t)best.len);
	return true;
}

// ---- Rows --------------------------------------------------------------------------------------

static bool
is_plain_blank(const struct cell *cell, uint32_t bg)
{
	return cell->cp == ' ' && cell->marks == 0 && cell->style.fg == COLOUR_DEFAULT &&
	       cell->style.bg == bg && cell->style.ul == COLOUR_DEFAULT &&
	       (cell->style.attrs & ATTR_LOOK) == 0;
}

// The column from which an erase with the background of the last cell gives the rest of the row.
static size_t
find_tail(const struct row *row)
{
	uint32_t bg = row->cells[row->cols - 1].style.bg;
	size_t tail = row->cols;

	while (tail > 0 && is_plain_blank(&row->cells[tail - 1], bg))
		tail--;
	return tail;
}

static void
erase(struct encoder *e, uint32_t bg)
{
	struct canvas *canvas = &e->canvas;
	uint32_t pen_bg = canvas->has_pen ? canvas->pen.bg : COLOUR_DEFAULT;

	if (pen_bg != bg) {
		put_op(e, FRAME_DEFAULT);
		if (bg != COLOUR_DEFAULT)
			put_colour(e, bg, true);
		canvas->has_pen = true;
		canvas->pen = default_style;
		canvas->pen.bg = bg;
	}
	put_op(e, FRAME_ERASE);
	canvas_erase(canvas);
}

// Whether to look for a copy: where writing begins, and at the beginnings of words and styles. To look
// at each cell takes half of an encoder's time and finds hardly more.
static bool
may_copy(const struct encoder *e, const struct row *target, size_t row, size_t col, size_t last)
{
	const struct cell *cell = &target->cells[col];

	if (last - col + 1 < COPY_MIN)
		return false;
	return e->canvas.row != row || e->canvas.col != col || col == 0 || cell[-1].cp == ' ' ||
	       !rowmap_look_equal(&cell->style, &cell[-1].style);
}

// Makes the cell at (row, col), which differs, right, and perhaps more after it.
static void
edit_cell(struct encoder *e, size_t row, size_t col, size_t tail, size_t last)
{
	const struct row *target = e->target->row[row];
	bool try = may_copy(e, target, row, col, last);

	if (col >= tail && target->cols - col >= ERASE_MIN) {
		go(e, (uint32_t)row, (uint32_t)col);
		erase(e, target->cells[target->cols - 1].style.bg);
		return;
	}
	if (wraps_into(e, row, col)) {
		e->wrap_due = false;
		put_glyph(e, target, col);
		return;
	}
	bridge(e, target, row, col);
	go(e, (uint32_t)row, (uint32_t)col);
	if (try && copy(e))
		return;
	set_style(e, &target->cells[col].style);
	if (restyle(e, target))
		return;
	put_glyph(e, target, col);
	if (e->canvas.col < tail)
		repeat(e, target, tail);
}

static void
edit_cells(struct encoder *e, size_t row)
{
	const struct row *target = e->target->row[row];
	size_t first = 0, last = row_end(target), was = row_end(work_row(e, row)), tail;

	if (was > last)
		last = was;
	while (first < last && rowmap_cell_equal(work_row(e, row), target, first))
		first++;
	if (first < last) {
		while (rowmap_cell_equal(work_row(e, row), target, last - 1))
			last--;
		if (last - first > ERASE_MIN && rowmap_cost(NULL, target, first) + 1 <
						    rowmap_cost(work_row(e, row), target, first)) {
			go(e, (uint32_t)row, (uint32_t)first);
			erase(e, COLOUR_DEFAULT);
			last = target->cols;
		}
	}
	tail = find_tail(target);
	for (size_t col = first; col < last; col++)
		if (!rowmap_cell_equal(work_row(e, row), target, col))
			edit_cell(e, row, col, tail, last - 1);
	if (work_row(e, row)->wrapped == target->wrapped)
		return;
	if (e->canvas.row != row)
		go(e, (uint32_t)row, 0);
	e->wrap_due = true;
	if (!target->wrapped || e->canvas.col != target->cols)
		put_wrapped(e);
}

// Cells from `col` on that lead to the same place.
static size_t
href_run(const struct row *row, size_t col)
{
	const struct href *href = row_href(row, &row->cells[col]);
	size_t end = col + 1;

	while (end < row->cols && href_equal(href, row_href(row, &row->cells[end])))
		end++;
	return end - col;
}

static void
put_href(struct encoder *e, size_t row, size_t col, size_t count, struct href *href)
{
	go(e, (uint32_t)row, (uint32_t)col);
	put_op(e, FRAME_HREF);
	buf_put_varint(e->out, count - 1);
	buf_put_bytes(e->out, href != NULL ? href->uri : "", href != NULL ? href->len : 0);
	canvas_href(&e->canvas, (uint32_t)count, href);
}

// Links are rare: where one of a row is not right, all are made anew, which also makes sure that the
// row has room for them.
static void
edit_hrefs(struct encoder *e, size_t row)
{
	const struct row *target = e->target->row[row];

	if (row_hrefs_equal(work_row(e, row), target))
		return;
	if (work_row(e, row)->hrefs_len > 0)
		put_href(e, row, 0, target->cols, NULL);
	for (size_t col = 0, count; col < target->cols; col += count) {
		struct href *href = row_href(target, &target->cells[col]);

		count = href_run(target, col);
		if (href != NULL)
			put_href(e, row, col, count, href);
	}
}

static void
edit_row(struct encoder *e, size_t row)
{
	const struct row *target = e->target->row[row];

	if (work_row(e, row) == target || row_equal(work_row(e, row), target))
		return;
	edit_cells(e, row);
	edit_hrefs(e, row);
}

// ---- Head --------------------------------------------------------------------------------------

static uint8_t
state_of(const struct screen *screen)
{
	return (uint8_t)((screen->cursor.shape & FRAME_STATE_SHAPE) |
			 (screen->cursor.blink ? FRAME_STATE_BLINK : 0) |
			 (screen->cursor.visible ? FRAME_STATE_VISIBLE : 0) |
			 (screen->reverse ? FRAME_STATE_REVERSE : 0) |
			 (screen->alt ? FRAME_STATE_ALT : 0) |
			 screen->bell << FRAME_STATE_BELL_SHIFT);
}

static void
put_moves(struct encoder *e)
{
	uint16_t source[SCREEN_ROWS_MAX];
	uint32_t rows = e->target->rows, after = 0; // the row after the last move

	rowmap_find(e->canvas.source, e->target, source);
	for (uint32_t i = 0, end; i < rows; i = end) {
		int32_t shift = source[i] - (int32_t)i;

		for (end = i + 1; end < rows && source[end] - (int32_t)end == shift;)
			end++;
		if (shift == 0)
			continue;
		put_op(e, FRAME_MOVE);
		buf_put_varint(e->out, i - after);
		buf_put_varint(e->out, end - i - 1);
		put_signed(e, shift);
		canvas_move(&e->canvas, i, end - i, shift);
		after = end;
	}
	if (after > 0)
		canvas_settle(&e->canvas);
}

static void
put_head(struct encoder *e, const struct screen *base)
{
	const struct screen *target = e->target;
	struct screen *screen = e->canvas.screen;

	if (base == NULL || base->rows != target->rows || base->cols != target->cols) {
		put_op(e, FRAME_SIZE);
		buf_put_varint(e->out, target->rows);
		buf_put_varint(e->out, target->cols);
	}
	if (state_of(screen) != state_of(target)) {
		put_op(e, FRAME_STATE);
		buf_put_u8(e->out, state_of(target));
	}
	if (strcmp(screen->title, target->title) != 0) {
		put_op(e, FRAME_TITLE);
		buf_put_bytes(e->out, target->title, strlen(target->title));
	}
	screen_copy_meta(screen, target);
	put_moves(e);
}

// Applies the frame that stands in `out` from `begin` on. Not by assert(): fuzzers have NDEBUG.
static void
prove(const struct screen *base, const struct screen *target, const struct buf *out, size_t begin)
{
#ifdef MIRRORD_PROVE
	const char *why;
	const uint8_t *data = out->len > begin ? out->data + begin : NULL;
	struct screen *made = frame_apply((struct screen *)base, data, out->len - begin, &why);

	if (made == NULL || !screen_equal(made, target))
		abort();
	screen_unref(made);
#else
	(void)base, (void)target, (void)out, (void)begin;
#endif
}

void
frame_encode(const struct screen *base, const struct screen *target, struct buf *out)
{
	struct encoder e = {.out = out, .target = target};
	const struct cursor *cursor = &target->cursor;
	size_t begin = out->len;

	canvas_init(&e.canvas, base, target->rows, target->cols);
	e.home_row = e.canvas.row;
	e.home_col = e.canvas.col;
	put_head(&e, base);
	for (size_t i = 0; i < target->rows; i++)
		edit_row(&e, i);
	go(&e, cursor->row, (uint32_t)cursor->col + cursor->pending_wrap);
	canvas_fini(&e.canvas);
	prove(base, target, out, begin);
}
