// SPDX-License-Identifier: ISC
// From the bytes of a frame to the screen that it leads to. The bytes are anybody's: each operand is
// checked before the canvas sees it, and what a frame may cost is bounded.
#include "vt/frame.h"
#include "vt/frame_ops.h"

#include <string.h>

struct decoder {
	struct reader in;
	struct canvas canvas;
	uint32_t rows, cols;
	uint32_t home_row, home_col;
	uint32_t move_row; // the row after the last move
	bool moved;
	bool other_width;     // FRAME_WIDTH was the last operation
	uint64_t writes_left; // cells, see FRAME_WRITES_MAX
	const char *why;      // the frame is malformed; a sentence
};

static void
fail(struct decoder *d, const char *why)
{
	if (d->why == NULL)
		d->why = why;
}

// An operand of at most `max`.
static uint32_t
operand(struct decoder *d, uint32_t max)
{
	uint32_t value = reader_bounded(&d->in, max);

	if (d->in.bad)
		fail(d, "an operand is out of range or cut off");
	return value;
}

// An operand of either sign, at most `max` away from 0.
static int32_t
signed_operand(struct decoder *d, uint32_t max)
{
	uint32_t value = operand(d, 2 * max);

	return value & 1 ? -(int32_t)(value / 2) - 1 : (int32_t)(value / 2);
}

// Whether `count` more cells may be written, all of them in this row.
static bool
spend(struct decoder *d, uint32_t count)
{
	if (d->why == NULL && count > d->writes_left)
		fail(d, "the frame writes too many cells");
	if (d->why == NULL && count > d->cols - d->canvas.col)
		fail(d, "cells past the end of the row");
	if (d->why != NULL)
		return false;
	d->writes_left -= count;
	return true;
}

// Whether the position is at a cell, not past the last column.
static bool
on_cell(struct decoder *d)
{
	if (d->canvas.col == d->cols)
		fail(d, "an operation on a cell is past the last column");
	return d->why == NULL;
}

// ---- Position ----------------------------------------------------------------------------------

static void
on_next(struct decoder *d, uint8_t op)
{
	(void)op;
	if (d->canvas.row + 1 == d->rows) {
		fail(d, "a row past the last one");
		return;
	}
	d->canvas.row++;
	d->canvas.col = 0;
}

static void
on_down(struct decoder *d, uint8_t op)
{
	uint32_t col = d->canvas.edge_col;

	on_next(d, op);
	d->canvas.col = col;
}

static void
on_goto(struct decoder *d, uint8_t op)
{
	(void)op;
	d->canvas.row = operand(d, d->rows - 1);
	d->canvas.col = operand(d, d->cols);
}

static void
on_col(struct decoder *d, uint8_t op)
{
	(void)op;
	d->canvas.col = operand(d, d->cols);
}

static void
on_home(struct decoder *d, uint8_t op)
{
	(void)op;
	d->canvas.row = d->home_row;
	d->canvas.col = d->home_col;
}

static void
on_skip(struct decoder *d, uint8_t op)
{
	uint32_t count = op - FRAME_SKIP_FIRST + 1u;

	if (count > d->cols - d->canvas.col)
		fail(d, "a column past the last one");
	else
		d->canvas.col += count;
}

static void
on_back(struct decoder *d, uint8_t op)
{
	uint32_t count = op - FRAME_BACK_FIRST + 1u;

	if (count > d->canvas.col)
		fail(d, "a column before the first one");
	else
		d->canvas.col -= count;
}

// ---- Cells -------------------------------------------------------------------------------------

static void
on_glyph(struct decoder *d)
{
	uint32_t cp = reader_utf8(&d->in);
	uint8_t width = frame_width(cp);

	if (d->other_width)
		width = (uint8_t)(3 - width);
	d->other_width = false;
	if (cp == 0) {
		fail(d, "a glyph is not a printable UTF-8 character");
	} else if (d->canvas.col == d->cols) {
		if (d->canvas.row + 1 == d->rows || width > d->cols)
			fail(d, "text past the last row");
		else if (d->writes_left < width)
			fail(d, "the frame writes too many cells");
		else
			d->writes_left -= width;
	} else {
		spend(d, width);
	}
	if (d->why == NULL)
		canvas_glyph(&d->canvas, cp, width);
}

// Whether there is a glyph left of the position.
static bool
after_glyph(struct decoder *d)
{
	if (d->canvas.col == 0)
		fail(d, "nothing is left of the first column");
	return d->why == NULL;
}

static void
on_mark(struct decoder *d, uint8_t op)
{
	uint32_t cp = reader_utf8(&d->in);

	(void)op;
	if (cp == 0)
		fail(d, "a mark is not a printable UTF-8 character");
	if (after_glyph(d))
		canvas_mark(&d->canvas, cp);
}

static void
on_width(struct decoder *d, uint8_t op)
{
	(void)op;
	d->other_width = true;
}

static void
on_erase(struct decoder *d, uint8_t op)
{
	(void)op;
	if (on_cell(d) && spend(d, d->cols - d->canvas.col))
		canvas_erase(&d->canvas);
}

static void
on_repeat(struct decoder *d, uint8_t op)
{
	uint32_t count = operand(d, d->cols - 1) + 1;

	(void)op;
	if (!after_glyph(d) || !spend(d, count))
		return;
	if (canvas_cell(&d->canvas)[-1].width != 1)
		fail(d, "only a glyph of width 1 repeats");
	else
		canvas_repeat(&d->canvas, count);
}

static void
on_flip_wrapped(struct decoder *d, uint8_t op)
{
	(void)op;
	canvas_flip_wrapped(&d->canvas);
}

static void
on_href(struct decoder *d, uint8_t op)
{
	uint32_t count = operand(d, d->cols - 1) + 1;
	struct href *href = NULL;
	const uint8_t *uri;
	size_t len;

	(void)op;
	uri = reader_bytes(&d->in, &len, HREF_MAX);
	if (uri == NULL || !spend(d, count))
		return;
	if (len > 0 && !href_ok(uri, len)) {
		fail(d, "a link that is not http or https, or not encoded");
		return;
	}
	if (len > 0)
		href = href_new(uri, len);
	if (!canvas_href(&d->canvas, count, href))
		fail(d, "more links than a row has room for");
	href_unref(href);
}

// Whether the `count` cells from `col` on begin and end with whole glyphs.
static bool
whole(const struct row *row, size_t col, size_t count)
{
	return row->cells[col].width != 0 &&
	       (col + count == row->cols || row->cells[col + count].width != 0);
}

static void
on_restyle(struct decoder *d, uint8_t op)
{
	uint32_t count = op == FRAME_RESTYLE ? 1 : operand(d, d->cols - 1) + 1;

	if (!spend(d, count))
		return;
	if (!d->canvas.has_pen)
		fail(d, "there is no pen to restyle with");
	else if (!whole(d->canvas.screen->row[d->canvas.row], d->canvas.col, count))
		fail(d, "half of a wide glyph");
	else
		canvas_restyle(&d->canvas, count);
}

static void
on_copy(struct decoder *d, uint8_t op)
{
	struct canvas *canvas = &d->canvas;
	uint32_t count;
	int32_t row, col;

	if (op != FRAME_COPY) {
		canvas->copy_rows = op == FRAME_COPY_ROW ? signed_operand(d, d->rows) : 0;
		canvas->copy_cols = op == FRAME_COPY_COL ? signed_operand(d, d->cols) : 0;
	}
	count = operand(d, d->cols - 1) + 1;
	row = (int32_t)canvas->row + canvas->copy_rows;
	col = (int32_t)canvas->col + canvas->copy_cols;
	if (!spend(d, count))
		return;
	if (row < 0 || row >= (int32_t)d->rows || col < 0 ||
	    col + (int32_t)count > (int32_t)d->cols)
		fail(d, "a copy from outside the screen");
	else if (!whole(canvas->source->row[row], (size_t)col, count))
		fail(d, "half of a wide glyph");
	else
		canvas_copy(canvas, count);
}

// ---- Pen ---------------------------------------------------------------------------------------

// The pen, to be changed: if there is none, it begins as the style of the cell at the position.
static struct style *
pen(struct decoder *d)
{
	struct canvas *canvas = &d->canvas;

	if (!canvas->has_pen && on_cell(d)) {
		canvas->pen = canvas_cell(canvas)->style;
		canvas->pen.attrs &= ATTR_LOOK;
		canvas->has_pen = true;
	}
	return &canvas->pen;
}

static void
set_pen(struct decoder *d, struct style style)
{
	style.attrs &= ATTR_LOOK;
	d->canvas.pen = style;
	d->canvas.has_pen = true;
}

static void
on_default(struct decoder *d, uint8_t op)
{
	(void)op;
	set_pen(d, (struct style){0});
}

static void
on_left(struct decoder *d, uint8_t op)
{
	(void)op;
	if (after_glyph(d) && on_cell(d))
		set_pen(d, canvas_cell(&d->canvas)[-1].style);
}

static uint32_t
get_rgb(struct decoder *d)
{
	const uint8_t *rgb = reader_raw(&d->in, 3);

	return rgb == NULL ? 0
			   : COLOUR_RGB((uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2]);
}

static void
on_colour(struct decoder *d, uint8_t op)
{
	switch (op) {
	case FRAME_FG: pen(d)->fg = COLOUR_INDEXED(reader_u8(&d->in)); break;
	case FRAME_BG: pen(d)->bg = COLOUR_INDEXED(reader_u8(&d->in)); break;
	case FRAME_FG_RGB: pen(d)->fg = get_rgb(d); break;
	case FRAME_BG_RGB: pen(d)->bg = get_rgb(d); break;
	case FRAME_FG_DEFAULT: pen(d)->fg = COLOUR_DEFAULT; break;
	case FRAME_BG_DEFAULT: pen(d)->bg = COLOUR_DEFAULT; break;
	default: break;
	}
}

static void
on_fg(struct decoder *d, uint8_t op)
{
	pen(d)->fg = COLOUR_INDEXED(op - FRAME_FG_FIRST);
}

static void
on_bg(struct decoder *d, uint8_t op)
{
	pen(d)->bg = COLOUR_INDEXED(op - FRAME_BG_FIRST);
}

static void
on_underline(struct decoder *d, uint8_t op)
{
	uint32_t value = operand(d, 257 + 0xffffff);

	(void)op;
	pen(d)->ul = value == 0    ? COLOUR_DEFAULT
		     : value < 257 ? COLOUR_INDEXED(value - 1)
				   : COLOUR_RGB(value - 257);
}

static void
on_attrs(struct decoder *d, uint8_t op)
{
	uint32_t attrs = operand(d, ATTR_LOOK);

	(void)op;
	if ((attrs & ~(uint32_t)ATTR_LOOK) != 0 ||
	    (attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT >= UNDERLINE_COUNT)
		fail(d, "unknown attributes");
	else
		pen(d)->attrs = (uint16_t)attrs;
}

static void
on_flip(struct decoder *d, uint8_t op)
{
	static const uint16_t attrs[] = {
	    ATTR_BOLD, ATTR_REVERSE, ATTR_ITALIC, UNDERLINE_SINGLE << ATTR_UNDERLINE_SHIFT};

	pen(d)->attrs ^= attrs[op - FRAME_FLIP_BOLD];
}

// ---- Head --------------------------------------------------------------------------------------

static void
on_move(struct decoder *d)
{
	uint32_t row = d->move_row + operand(d, d->rows - d->move_row), count;
	int32_t shift;

	count = operand(d, d->rows - 1) + 1;
	shift = signed_operand(d, d->rows);
	if (d->why != NULL)
		return;
	if (count > d->rows - row || (int32_t)row + shift < 0 ||
	    (int32_t)(row + count) + shift > (int32_t)d->rows) {
		fail(d, "a move from or to outside the screen");
		return;
	}
	canvas_move(&d->canvas, row, count, shift);
	d->move_row = row + count;
	d->moved = true;
}

static void
on_state(struct decoder *d)
{
	uint8_t state = reader_u8(&d->in);
	struct screen *screen = d->canvas.screen;

	if ((state & FRAME_STATE_SHAPE) >= CURSOR_SHAPE_COUNT) {
		fail(d, "an unknown state of the screen");
		return;
	}
	screen->cursor.shape = state & FRAME_STATE_SHAPE;
	screen->cursor.blink = state & FRAME_STATE_BLINK;
	screen->cursor.visible = state & FRAME_STATE_VISIBLE;
	screen->reverse = state & FRAME_STATE_REVERSE;
	screen->alt = state & FRAME_STATE_ALT;
	screen->bell = state >> FRAME_STATE_BELL_SHIFT;
}

static void
on_title(struct decoder *d)
{
	char *title = d->canvas.screen->title;
	struct reader text = {0};

	text.data = reader_bytes(&d->in, &text.len, SCREEN_TITLE_MAX);
	if (text.data != NULL && text.len > 0)
		memcpy(title, text.data, text.len);
	title[text.len] = '\0';
	while (text.len > 0)
		if (reader_utf8(&text) == 0)
			fail(d, "the title is not printable UTF-8");
}

static bool
on_head(struct decoder *d)
{
	switch (d->in.data[0]) {
	case FRAME_MOVE:
		reader_u8(&d->in);
		on_move(d);
		return true;
	case FRAME_STATE:
		reader_u8(&d->in);
		on_state(d);
		return true;
	case FRAME_TITLE:
		reader_u8(&d->in);
		on_title(d);
		return true;
	default: return false;
	}
}

// ---- Dispatch ----------------------------------------------------------------------------------

typedef void (*op_fn)(struct decoder *d, uint8_t op);

// Operations below the printable characters; NULL: not one.
static const op_fn low_ops[0x20] = {
    [FRAME_NEXT] = on_next,
    [FRAME_DOWN] = on_down,
    [FRAME_GOTO] = on_goto,
    [FRAME_COL] = on_col,
    [FRAME_HOME] = on_home,
    [FRAME_ERASE] = on_erase,
    [FRAME_REPEAT] = on_repeat,
    [FRAME_FLIP_WRAPPED] = on_flip_wrapped,
    [FRAME_MARK] = on_mark,
    [FRAME_WIDTH] = on_width,
    [FRAME_RESTYLE] = on_restyle,
    [FRAME_RESTYLE_RUN] = on_restyle,
    [FRAME_COPY] = on_copy,
    [FRAME_COPY_ROW] = on_copy,
    [FRAME_COPY_COL] = on_copy,
    [FRAME_DEFAULT] = on_default,
    [FRAME_LEFT] = on_left,
    [FRAME_FG] = on_colour,
    [FRAME_BG] = on_colour,
    [FRAME_FG_RGB] = on_colour,
    [FRAME_BG_RGB] = on_colour,
    [FRAME_FG_DEFAULT] = on_colour,
    [FRAME_BG_DEFAULT] = on_colour,
    [FRAME_UNDERLINE] = on_underline,
    [FRAME_ATTRS] = on_attrs,
    [FRAME_FLIP_BOLD] = on_flip,
    [FRAME_FLIP_REVERSE] = on_flip,
    [FRAME_FLIP_ITALIC] = on_flip,
    [FRAME_FLIP_UNDERLINE] = on_flip,
};

static const struct {
	uint8_t first, last;
	op_fn fn;
} high_ops[] = {
    {FRAME_SKIP_FIRST, FRAME_SKIP_LAST, on_skip},
    {FRAME_BACK_FIRST, FRAME_BACK_LAST, on_back},
    {FRAME_FG_FIRST, FRAME_FG_LAST, on_fg},
    {FRAME_BG_FIRST, FRAME_BG_LAST, on_bg},
    {FRAME_HREF, FRAME_HREF, on_href},
};

static op_fn
find_op(uint8_t op)
{
	if (op < 0x20)
		return low_ops[op];
	for (size_t i = 0; i < sizeof(high_ops) / sizeof(high_ops[0]); i++)
		if (op >= high_ops[i].first && op <= high_ops[i].last)
			return high_ops[i].fn;
	return NULL;
}

static void
decode_op(struct decoder *d)
{
	uint8_t op = d->in.data[0];
	op_fn fn;

	if ((op >= 0x20 && op < 0x7f) || op >= 0xc2) {
		on_glyph(d);
		return;
	}
	if (d->other_width)
		fail(d, "a width without a glyph");
	reader_u8(&d->in);
	fn = find_op(op);
	if (fn != NULL)
		fn(d, op);
	else
		fail(d, "an unknown operation, or one in the wrong place");
	if (d->in.bad)
		fail(d, "the frame is cut off");
}

static void
decode(struct decoder *d)
{
	d->home_row = d->canvas.row;
	d->home_col = d->canvas.col;
	d->writes_left = (uint64_t)d->rows * d->cols * FRAME_WRITES_MAX;
	while (d->why == NULL && d->in.len > 0 && on_head(d))
		if (d->in.bad)
			fail(d, "the frame is cut off");
	if (d->moved)
		canvas_settle(&d->canvas);
	while (d->why == NULL && d->in.len > 0)
		decode_op(d);
	if (d->other_width)
		fail(d, "a width without a glyph");
}

// The size that the frame begins with, or the base's.
static void
get_size(struct decoder *d, const struct screen *base)
{
	if (d->in.len > 0 && d->in.data[0] == FRAME_SIZE) {
		reader_u8(&d->in);
		d->rows = operand(d, SCREEN_ROWS_MAX);
		d->cols = operand(d, SCREEN_COLS_MAX);
		if (d->rows == 0 || d->cols == 0)
			fail(d, "a screen without cells");
	} else if (base != NULL) {
		d->rows = base->rows;
		d->cols = base->cols;
	} else {
		fail(d, "a key frame without a size");
	}
}

struct screen *
frame_apply(struct screen *base, const uint8_t *data, size_t len, const char **why)
{
	struct decoder d = {.in = {.data = data, .len = len}};
	struct screen *screen = NULL;

	*why = NULL;
	if (base != NULL && len == 0)
		return screen_ref(base);
	get_size(&d, base);
	if (d.why == NULL) {
		canvas_init(&d.canvas, base, (uint16_t)d.rows, (uint16_t)d.cols);
		decode(&d);
		if (d.why == NULL)
			screen = canvas_finish(&d.canvas);
		canvas_fini(&d.canvas);
	}
	*why = d.why;
	return screen;
}
