// SPDX-License-Identifier: ISC
// The canonical dump of a model and its restoration. docs/protocol.md, "Dump". All state is ours
// (libvterm holds none), so this is a plain list of it; rows are runs of equal style.
#include "vt/model_impl.h"

#include <string.h>

#define DUMP_MAGIC "mrdump"
#define DUMP_VERSION 1
#define DUMP_REST_MAX (PARSER_PARTIAL_MAX + 64) // bytes of what is unfinished, and of counts

// Bits of a cell's token beside its code point: width, and whether marks follow.
#define TOKEN_MARKS 4u
#define TOKEN_SHIFT 3

// ---- rows --------------------------------------------------------------------------------------

static void
put_style(struct buf *out, const struct style *style)
{
	buf_put_varint(out, style->fg);
	buf_put_varint(out, style->bg);
	buf_put_varint(out, style->ul);
	buf_put_varint(out, style->attrs);
}

static void
put_cell(struct buf *out, const struct row *row, size_t col, bool whole)
{
	const struct cell *cell = &row->cells[col];
	size_t count;
	const uint32_t *marks = row_marks(row, cell, &count);

	if (!whole)
		count = 0;
	buf_put_varint(out, cell->cp << TOKEN_SHIFT | (count > 0 ? TOKEN_MARKS : 0) | cell->width);
	if (count == 0)
		return;
	buf_put_varint(out, count);
	for (size_t i = 0; i < count; i++)
		buf_put_varint(out, marks[i]);
}

// Columns up to the last cell that is not a default blank; a protected blank is not one.
static size_t
used_cells(const struct row *row)
{
	size_t used = row->cols;

	while (used > 0 && cell_is_blank(&row->cells[used - 1]) &&
	       row->cells[used - 1].style.attrs == 0)
		used--;
	return used;
}

static void
put_row(struct buf *out, const struct row *row, bool whole)
{
	size_t used = used_cells(row);

	buf_put_varint(out, row->cols);
	buf_put_u8(out, row->wrapped);
	buf_put_varint(out, used);
	for (size_t col = 0; col < used;) {
		const struct style *style = &row->cells[col].style;
		size_t run = 1;

		while (col + run < used && style_equal(&row->cells[col + run].style, style))
			run++;
		buf_put_varint(out, run);
		put_style(out, style);
		for (size_t end = col + run; col < end; col++)
			put_cell(out, row, col, whole);
	}
}

static bool
get_style(struct reader *in, struct style *style)
{
	style->fg = (uint32_t)reader_varint(in);
	style->bg = (uint32_t)reader_varint(in);
	style->ul = (uint32_t)reader_varint(in);
	style->attrs = (uint16_t)reader_bounded(in, ATTR_ALL);
	return !in->bad && colour_valid(style->fg) && colour_valid(style->bg) &&
	       colour_valid(style->ul) &&
	       (style->attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT < UNDERLINE_COUNT;
}

static bool
get_marks(struct reader *in, struct row *row, size_t col)
{
	size_t count = reader_bounded(in, CELL_MARKS_MAX);
	uint32_t marks[CELL_MARKS_MAX];

	for (size_t i = 0; i < count; i++) {
		marks[i] = reader_bounded(in, 0x10ffff);
		if (!utf8_printable(marks[i]))
			return false;
	}
	row_set_marks(row, col, marks, count);
	return !in->bad;
}

// Writes the cell at `col`; a right half is checked and skipped, for its left half made it.
static bool
get_cell(struct reader *in, struct row *row, size_t col, const struct style *style)
{
	uint64_t token = reader_varint(in);
	uint32_t cp = (uint32_t)(token >> TOKEN_SHIFT);
	uint8_t width = token & 3;

	if (in->bad || token >> TOKEN_SHIFT > 0x10ffff)
		return false;
	if (width == 0) {
		if (cp != 0 || (token & TOKEN_MARKS) || row->cells[col].width != 0)
			return false;
		row->cells[col].style = *style;
		return true;
	}
	if (width > 2 || !utf8_printable(cp) || col + width > row->cols ||
	    row->cells[col].width == 0)
		return false;
	row_put(row, col, cp, width, style);
	return !(token & TOKEN_MARKS) || get_marks(in, row, col);
}

static bool
get_cells(struct reader *in, struct row *row)
{
	size_t used = reader_bounded(in, row->cols);

	for (size_t col = 0; col < used && !in->bad;) {
		size_t run = reader_bounded(in, (uint32_t)(used - col));
		struct style style;

		if (run == 0 || !get_style(in, &style))
			return false;
		for (size_t end = col + run; col < end; col++)
			if (!get_cell(in, row, col, &style))
				return false;
	}
	return !in->bad;
}

// NULL if malformed. `cols` 0: any width.
static struct row *
get_row(struct reader *in, uint16_t cols)
{
	uint16_t width = (uint16_t)reader_bounded(in, SCREEN_COLS_MAX);
	bool wrapped = reader_u8(in) & 1;
	struct row *row;

	if (in->bad || width == 0 || (cols != 0 && width != cols))
		return NULL;
	row = row_new(width, COLOUR_DEFAULT);
	row->wrapped = wrapped;
	if (get_cells(in, row))
		return row;
	row_unref(row);
	return NULL;
}

static bool
get_rows(struct reader *in, struct row **rows, size_t count, uint16_t cols)
{
	for (size_t i = 0; i < count; i++) {
		struct row *row = get_row(in, cols);

		if (row == NULL)
			return false;
		if (rows[i] != NULL)
			row_unref(rows[i]);
		rows[i] = row;
	}
	return true;
}

// ---- the rest ----------------------------------------------------------------------------------

static void
put_saved(struct buf *out, const struct saved_cursor *saved)
{
	buf_put_varint(out, saved->row);
	buf_put_varint(out, saved->col);
	buf_put_u8(out, (uint8_t)(saved->pending_wrap | saved->origin << 1));
	put_style(out, &saved->pen);
	buf_put(out, saved->charset, sizeof(saved->charset));
	buf_put_u8(out, saved->gl);
}

static bool
get_charsets(struct reader *in, uint8_t charset[4], uint8_t *gl)
{
	for (size_t i = 0; i < 4; i++)
		charset[i] = (uint8_t)reader_bounded(in, CHARSET_COUNT - 1);
	*gl = (uint8_t)reader_bounded(in, 3);
	return !in->bad;
}

static bool
get_saved(struct reader *in, const struct model *model, struct saved_cursor *saved)
{
	uint8_t flags;

	saved->row = (uint16_t)reader_bounded(in, model->rows - 1u);
	saved->col = (uint16_t)reader_bounded(in, model->cols - 1u);
	flags = reader_u8(in);
	saved->pending_wrap = flags & 1;
	saved->origin = flags >> 1 & 1;
	return get_style(in, &saved->pen) && get_charsets(in, saved->charset, &saved->gl);
}

static void
put_buffer(struct buf *out, const struct buffer *buffer, bool whole)
{
	put_saved(out, &buffer->saved);
	buf_put_bytes(out, buffer->kitty, buffer->kitty_len);
	for (size_t i = 0; i < buffer->grid.rows; i++)
		put_row(out, buffer->grid.row[i], whole);
}

static bool
get_buffer(struct reader *in, const struct model *model, struct buffer *buffer)
{
	size_t kitty_len;
	const uint8_t *kitty;

	if (!get_saved(in, model, &buffer->saved))
		return false;
	kitty = reader_bytes(in, &kitty_len, KITTY_STACK_MAX);
	if (kitty == NULL)
		return false;
	for (size_t i = 0; i < kitty_len; i++)
		buffer->kitty[i] = kitty[i] & 31;
	buffer->kitty_len = (uint8_t)kitty_len;
	return get_rows(in, buffer->grid.row, model->rows, model->cols);
}

static void
put_title(struct buf *out, const char *title)
{
	buf_put_bytes(out, title, strlen(title));
}

// A title is printed on the host's terminal when it is attached again: no controls.
static bool
get_title(struct reader *in, char *title)
{
	struct reader text = {0};

	text.data = reader_bytes(in, &text.len, SCREEN_TITLE_MAX);
	if (text.data == NULL)
		return false;
	memcpy(title, text.data, text.len);
	title[text.len] = '\0';
	while (text.len > 0)
		if (reader_utf8(&text) == 0)
			return false;
	return true;
}

static void
put_titles(struct buf *out, const struct model *model)
{
	put_title(out, model->title);
	buf_put_u8(out, model->title_stack_len);
	for (size_t i = 0; i < model->title_stack_len; i++)
		put_title(out, model->title_stack[i]);
}

static bool
get_titles(struct reader *in, struct model *model)
{
	if (!get_title(in, model->title))
		return false;
	model->title_stack_len = (uint8_t)reader_bounded(in, TITLE_STACK_MAX);
	for (size_t i = 0; i < model->title_stack_len; i++)
		if (!get_title(in, model->title_stack[i]))
			return false;
	return !in->bad;
}

static void
put_cursor(struct buf *out, const struct model *model)
{
	buf_put_varint(out, (uint64_t)model->row);
	buf_put_varint(out, (uint64_t)model->col);
	buf_put_u8(out, model->pending_wrap);
	buf_put_u8(out, model->shape);
	put_style(out, &model->pen);
	buf_put(out, model->charset, sizeof(model->charset));
	buf_put_u8(out, model->gl);
	buf_put_u8(out, model->single_shift);
	buf_put_varint(out, model->last_glyph);
	buf_put_u8(out, model->modify_other_keys);
	buf_put_varint(out, model->modes);
	buf_put_varint(out, model->saved_modes);
	buf_put_varint(out, (uint64_t)model->margins.top);
	buf_put_varint(out, (uint64_t)model->margins.bottom);
	buf_put_varint(out, (uint64_t)model->margins.left);
	buf_put_varint(out, (uint64_t)model->margins.right);
	buf_put(out, model->tabs, sizeof(model->tabs));
}

static bool
get_margins(struct reader *in, struct model *model)
{
	struct rect *margins = &model->margins;

	margins->top = (int)reader_bounded(in, model->rows - 1u);
	margins->bottom = (int)reader_bounded(in, model->rows);
	margins->left = (int)reader_bounded(in, model->cols - 1u);
	margins->right = (int)reader_bounded(in, model->cols);
	return !in->bad && margins->top < margins->bottom && margins->left < margins->right;
}

static bool
get_cursor(struct reader *in, struct model *model)
{
	const uint8_t *tabs;

	model->row = (int)reader_bounded(in, model->rows - 1u);
	model->col = (int)reader_bounded(in, model->cols - 1u);
	model->pending_wrap = reader_u8(in) & 1;
	model->shape = (uint8_t)reader_bounded(in, CURSOR_SHAPE_COUNT - 1);
	if (!get_style(in, &model->pen) || !get_charsets(in, model->charset, &model->gl))
		return false;
	model->single_shift = (uint8_t)reader_bounded(in, 3);
	model->last_glyph = reader_bounded(in, 0x10ffff);
	model->modify_other_keys = (uint8_t)reader_bounded(in, 2);
	model->modes = reader_bounded(in, MODE_ALL);
	model->saved_modes = reader_bounded(in, MODE_ALL);
	if (!get_margins(in, model) ||
	    (model->last_glyph != 0 && !utf8_printable(model->last_glyph)))
		return false;
	tabs = reader_raw(in, sizeof(model->tabs));
	if (tabs != NULL)
		memcpy(model->tabs, tabs, sizeof(model->tabs));
	return tabs != NULL;
}

// The screen from before a synchronized update that is still open.
static void
put_held(struct buf *out, const struct model *model, bool whole)
{
	const struct screen *held = whole ? model->held : NULL;

	buf_put_u8(out, held != NULL);
	if (held == NULL)
		return;
	buf_put_varint(out, held->cursor.row);
	buf_put_varint(out, held->cursor.col);
	buf_put_u8(out, held->cursor.shape);
	buf_put_u8(out, (uint8_t)(held->cursor.blink | held->cursor.visible << 1 |
				  held->cursor.pending_wrap << 2 | held->reverse << 3 |
				  held->alt << 4 | held->bell << 5));
	put_title(out, held->title);
	for (size_t i = 0; i < held->rows; i++)
		put_row(out, held->row[i], true);
}

static bool
get_held_meta(struct reader *in, struct screen *held)
{
	uint8_t flags;

	held->cursor.row = (uint16_t)reader_bounded(in, held->rows - 1u);
	held->cursor.col = (uint16_t)reader_bounded(in, held->cols - 1u);
	held->cursor.shape = (uint8_t)reader_bounded(in, CURSOR_SHAPE_COUNT - 1);
	flags = reader_u8(in);
	held->cursor.blink = flags & 1;
	held->cursor.visible = flags >> 1 & 1;
	held->cursor.pending_wrap = flags >> 2 & 1;
	held->reverse = flags >> 3 & 1;
	held->alt = flags >> 4 & 1;
	held->bell = flags >> 5 & (SCREEN_BELLS - 1);
	return get_title(in, held->title);
}

static bool
get_held(struct reader *in, struct model *model)
{
	if (!(reader_u8(in) & 1)) {
		model->modes &= ~(uint32_t)MODE_SYNC;
		return !in->bad;
	}
	model->held = screen_alloc(model->rows, model->cols);
	if (!get_held_meta(in, model->held) ||
	    !get_rows(in, model->held->row, model->rows, model->cols))
		return false;
	for (size_t i = 0; i < model->rows; i++)
		row_publish(model->held->row[i]);
	return (model->modes & MODE_SYNC) != 0;
}

// The newest lines that fit into `room` bytes. Returns the first of them.
static size_t
put_history(struct buf *out, const struct model *model, size_t room)
{
	size_t len = model->history.len, from = 0;
	size_t at[HISTORY_MAX]; // where each line begins
	struct buf rows = {0};

	for (size_t i = 0; i < len; i++) {
		at[i] = rows.len;
		put_row(&rows, history_row(&model->history, i), true);
	}
	while (from < len && rows.len - at[from] > room)
		from++;
	buf_put_varint(out, len - from);
	if (from < len)
		buf_put(out, rows.data + at[from], rows.len - at[from]);
	buf_fini(&rows);
	return from;
}

static bool
get_history(struct reader *in, struct model *model)
{
	size_t len = reader_bounded(in, HISTORY_MAX);

	for (size_t i = 0; i < len; i++) {
		struct row *row = get_row(in, 0);

		if (row == NULL)
			return false;
		history_push(&model->history, row);
	}
	return !in->bad;
}

static void
put_partial(struct buf *out, const struct model *model)
{
	uint8_t partial[PARSER_PARTIAL_MAX + 1];
	size_t len = parser_partial(&model->parser, partial);

	buf_put_bytes(out, partial, len);
	buf_put_varint(out, model->parser.partial_raw);
}

// What was half received is received again: it held no complete function, so nothing is obeyed
// twice.
static bool
get_partial(struct reader *in, struct model *model)
{
	size_t len;
	const uint8_t *partial = reader_bytes(in, &len, PARSER_PARTIAL_MAX + 1);
	uint64_t raw = reader_varint(in);

	if (in->bad || partial == NULL)
		return false;
	parser_feed(&model->parser, partial, len);
	if (model->parser.partial_len > 0)
		model->parser.partial_raw = raw;
	return true;
}

// ---- links -------------------------------------------------------------------------------------

// The row that stands `index`th in a dump: main and alternate screen, the held one, history from line
// `from` on. NULL past the last.
static struct row **
row_slot(const struct model *model, size_t from, size_t index)
{
	size_t rows = model->rows;

	if (index < rows)
		return &model->main.grid.row[index];
	index -= rows;
	if (index < rows)
		return &model->alt.grid.row[index];
	index -= rows;
	if (model->held != NULL && index < rows)
		return &model->held->row[index];
	index -= model->held != NULL ? rows : 0;
	if (index >= model->history.len - from)
		return NULL;
	return &model->history.row[(model->history.first + from + index) % model->history.cap];
}

static void
put_row_hrefs(struct buf *out, size_t index, const struct row *row)
{
	for (size_t col = 0, end; col < row->cols && row->hrefs_len > 0; col = end) {
		const struct href *href = row_href(row, &row->cells[col]);

		for (end = col + 1; end < row->cols;)
			if (href_equal(href, row_href(row, &row->cells[end])))
				end++;
			else
				break;
		if (href == NULL)
			continue;
		buf_put_varint(out, index);
		buf_put_varint(out, col);
		buf_put_varint(out, end - col - 1);
		buf_put_bytes(out, href->uri, href->len);
	}
}

// Nothing at all if there is no link, or no room: they are the first to go. `from` is the first line of
// history that the dump has.
static void
put_hrefs(struct buf *out, const struct model *model, size_t from, size_t max)
{
	size_t begin = out->len, runs;
	struct row **slot;

	buf_put_bytes(out, model->href != NULL ? model->href->uri : "",
	    model->href != NULL ? model->href->len : 0);
	runs = out->len;
	for (size_t i = 0; (slot = row_slot(model, from, i)) != NULL && out->len <= max; i++)
		put_row_hrefs(out, i, *slot);
	if (out->len > max)
		out->len = runs;
	if (out->len == runs && model->href == NULL)
		out->len = begin;
}

static bool
get_row_href(struct reader *in, struct model *model)
{
	struct row **slot = row_slot(model, 0, reader_bounded(in, UINT32_MAX));
	size_t col = reader_bounded(in, SCREEN_COLS_MAX), len;
	size_t end = col + reader_bounded(in, SCREEN_COLS_MAX) + 1;
	const uint8_t *uri = reader_bytes(in, &len, HREF_MAX);
	bool published;
	struct href *href;

	if (uri == NULL || !href_ok(uri, len) || slot == NULL || end > (*slot)->cols)
		return false;
	published = (*slot)->hash != 0;
	*slot = row_own(*slot);
	href = href_new(uri, len);
	row_set_href(*slot, col, end, href);
	href_unref(href);
	if (published)
		row_publish(*slot);
	return true;
}

static bool
get_hrefs(struct reader *in, struct model *model)
{
	size_t len;
	const uint8_t *uri;

	if (in->len == 0)
		return true;
	uri = reader_bytes(in, &len, HREF_MAX);
	if (uri == NULL || (len > 0 && !href_ok(uri, len)))
		return false;
	osc_set_href(model, uri, len);
	while (in->len > 0)
		if (!get_row_href(in, model))
			return false;
	return true;
}

// ---- a whole model -----------------------------------------------------------------------------

// All but history and what is unfinished; not `whole`: without marks and a held screen.
static void
put_state(struct buf *out, const struct model *model, bool whole)
{
	buf_put(out, DUMP_MAGIC, strlen(DUMP_MAGIC));
	buf_put_u8(out, DUMP_VERSION);
	buf_put_varint(out, model->rows);
	buf_put_varint(out, model->cols);
	buf_put_u8(out, (uint8_t)((model->now == &model->alt) | model->bell << 1));
	put_cursor(out, model);
	put_titles(out, model);
	put_buffer(out, &model->main, whole);
	put_buffer(out, &model->alt, whole);
	put_held(out, model, whole);
}

void
model_dump(const struct model *model, struct buf *out)
{
	size_t begin = out->len, used, from;

	put_state(out, model, true);
	if (out->len - begin > MODEL_DUMP_MAX - DUMP_REST_MAX) {
		out->len = begin;
		put_state(out, model, false);
	}
	used = out->len - begin + DUMP_REST_MAX;
	from = put_history(out, model, used < MODEL_DUMP_MAX ? MODEL_DUMP_MAX - used : 0);
	put_partial(out, model);
	put_hrefs(out, model, from, begin + MODEL_DUMP_MAX);
}

static bool
get_model(struct reader *in, struct model *model, bool alt)
{
	if (!get_cursor(in, model) || !get_titles(in, model) ||
	    !get_buffer(in, model, &model->main) || !get_buffer(in, model, &model->alt) ||
	    !get_held(in, model) || !get_history(in, model))
		return false;
	screen_switch(model, alt);
	model_pen_changed(model);
	return get_partial(in, model) && get_hrefs(in, model) && !in->bad && in->len == 0;
}

struct model *
model_restore(const uint8_t *data, size_t len, const struct model_events *events)
{
	struct reader in = {.data = data, .len = len};
	const uint8_t *magic = reader_raw(&in, strlen(DUMP_MAGIC));
	uint16_t rows, cols;
	uint8_t flags;
	struct model *model;

	if (magic == NULL || memcmp(magic, DUMP_MAGIC, strlen(DUMP_MAGIC)) != 0 ||
	    reader_u8(&in) != DUMP_VERSION)
		return NULL;
	rows = (uint16_t)reader_bounded(&in, SCREEN_ROWS_MAX);
	cols = (uint16_t)reader_bounded(&in, SCREEN_COLS_MAX);
	flags = reader_u8(&in);
	if (in.bad || rows == 0 || cols == 0)
		return NULL;
	model = model_new(rows, cols, events);
	model->bell = flags >> 1 & (SCREEN_BELLS - 1);
	if (get_model(&in, model, flags & 1))
		return model;
	model_free(model);
	return NULL;
}
