// SPDX-License-Identifier: ISC
#include "vt/model_impl.h"

#include <stdlib.h>
#include <string.h>

static uint16_t
clamp_size(uint16_t value, uint16_t max)
{
	return value < 1 ? 1 : value > max ? max : value;
}

// ---- what the parser found ---------------------------------------------------------------------

static void
on_text(void *user, const uint8_t *ascii, size_t len)
{
	print_text(user, ascii, len);
}

static void
on_glyph(void *user, uint32_t cp)
{
	print_glyph(user, cp);
}

static void
on_control(void *user, uint8_t c0)
{
	esc_control(user, c0);
}

static void
on_escape(void *user, const struct sequence *seq)
{
	esc_dispatch(user, seq);
}

static void
on_csi(void *user, const struct sequence *seq)
{
	csi_dispatch(user, seq);
}

static void
on_osc(void *user, const uint8_t *data, size_t len)
{
	osc_dispatch(user, data, len);
}

// ---- life --------------------------------------------------------------------------------------

struct model *
model_new(uint16_t rows, uint16_t cols, const struct model_events *events)
{
	struct model *model = calloc(1, sizeof(*model));

	if (model == NULL)
		abort();
	if (events != NULL)
		model->events = *events;
	model->rows = clamp_size(rows, SCREEN_ROWS_MAX);
	model->cols = clamp_size(cols, SCREEN_COLS_MAX);
	model->sink =
	    (struct parser_sink){on_text, on_glyph, on_control, on_escape, on_csi, on_osc, model};
	parser_init(&model->parser, &model->sink);
	grid_init(&model->main.grid, model->rows, model->cols);
	grid_init(&model->alt.grid, model->rows, model->cols);
	model->editor = editor_new(model->rows, model->cols);
	screen_switch(model, false);
	model_hard_reset(model);
	return model;
}

void
model_free(struct model *model)
{
	if (model == NULL)
		return;
	screen_unref(model->shown);
	screen_unref(model->held);
	editor_free(model->editor);
	grid_fini(&model->main.grid);
	grid_fini(&model->alt.grid);
	history_fini(&model->history);
	href_unref(model->href);
	free(model);
}

void
model_feed(struct model *model, const void *data, size_t len)
{
	parser_feed(&model->parser, data, len);
}

void
model_pen_changed(struct model *model)
{
	editor_pen(model->editor, &model->pen);
}

void
model_soft_reset(struct model *model)
{
	const uint32_t reset = MODE_CURSOR_KEYS | MODE_ORIGIN | MODE_REVERSE_WRAP | MODE_KEYPAD |
			       MODE_MARGINS | MODE_INSERT;

	model->modes = (model->modes & ~reset) | MODE_AUTOWRAP | MODE_VISIBLE;
	margins_reset(model);
	model->pen = (struct style){0};
	osc_set_href(model, "", 0);
	memset(model->charset, CHARSET_ASCII, sizeof(model->charset));
	model->gl = model->single_shift = 0;
	model->now->saved = (struct saved_cursor){0};
	model->pending_wrap = false;
	model->dirty = true;
	model_pen_changed(model);
}

void
model_hard_reset(struct model *model)
{
	mode_sync_end(model);
	model->modes = MODE_DEFAULT;
	model->saved_modes = MODE_DEFAULT;
	model->main.saved = model->alt.saved = (struct saved_cursor){0};
	model->main.kitty_len = model->alt.kitty_len = 0;
	model->modify_other_keys = 0;
	model->shape = CURSOR_BLOCK;
	model->title[0] = '\0';
	model->title_stack_len = 0;
	model->last_glyph = 0;
	tabs_reset(model);
	history_clear(&model->history);
	model_soft_reset(model);
	grid_clear(&model->main.grid, COLOUR_DEFAULT);
	grid_clear(&model->alt.grid, COLOUR_DEFAULT);
	screen_switch(model, false);
	move_to(model, 0, 0);
}

void
model_reply(struct model *model, enum reply_kind kind, uint32_t a, uint32_t b)
{
	if (model->events.reply != NULL)
		model->events.reply(model->events.user, kind, a, b, model->parser.consumed);
}

// ---- size --------------------------------------------------------------------------------------

static void
clamp_saved(const struct model *model, struct saved_cursor *saved, uint16_t gone)
{
	saved->row = saved->row < gone ? 0 : (uint16_t)(saved->row - gone);
	if (saved->row >= model->rows)
		saved->row = (uint16_t)(model->rows - 1);
	if (saved->col >= model->cols)
		saved->col = (uint16_t)(model->cols - 1);
}

// `cursor_row` is what must stay in sight: the cursor, or where it will be once this is shown.
static uint16_t
resize_buffer(struct model *model, struct buffer *buffer, uint16_t cursor_row)
{
	struct history *history = buffer == &model->main ? &model->history : NULL;
	uint16_t gone = grid_resize(&buffer->grid, model->rows, model->cols, cursor_row, history);

	clamp_saved(model, &buffer->saved, gone);
	return gone;
}

void
model_resize(struct model *model, uint16_t rows, uint16_t cols)
{
	struct buffer *other = model->now == &model->main ? &model->alt : &model->main;
	uint16_t old_cols = model->cols;
	uint16_t gone;

	rows = clamp_size(rows, SCREEN_ROWS_MAX);
	cols = clamp_size(cols, SCREEN_COLS_MAX);
	if (rows == model->rows && cols == model->cols)
		return;
	mode_sync_end(model);
	model->rows = rows;
	model->cols = cols;
	gone = resize_buffer(model, model->now, (uint16_t)model->row);
	resize_buffer(model, other, other->saved.row);
	editor_resize(model->editor, rows, cols);
	margins_reset(model);
	if (model->pending_wrap && cols > old_cols)
		model->col++;
	move_to(model, model->row - gone, model->col);
}

// ---- screens -----------------------------------------------------------------------------------

static void
take_meta(const struct model *model, struct screen *screen)
{
	screen->cursor = (struct cursor){
	    .row = (uint16_t)model->row,
	    .col = (uint16_t)model->col,
	    .shape = model->shape,
	    .blink = (model->modes & MODE_BLINK) != 0,
	    .visible = (model->modes & MODE_VISIBLE) != 0,
	    .pending_wrap = model->pending_wrap,
	};
	screen->reverse = (model->modes & MODE_REVERSE) != 0;
	screen->alt = model->now == &model->alt;
	screen->bell = model->bell;
	memcpy(screen->title, model->title, sizeof(screen->title));
}

// A row written anew with what it held before is the same row again.
static struct row *
take_row(struct model *model, size_t index)
{
	struct row **row = &model->now->grid.row[index];
	const struct screen *last = model->shown;

	row_publish(*row);
	if (last != NULL && index < last->rows && last->row[index] != *row &&
	    row_equal(last->row[index], *row)) {
		row_unref(*row);
		*row = row_ref(last->row[index]);
	}
	return row_ref(*row);
}

struct screen *
model_screen(struct model *model)
{
	struct screen *screen;

	if (model->modes & MODE_SYNC && model->held != NULL)
		return screen_ref(model->held);
	if (!model->dirty && model->shown != NULL)
		return screen_ref(model->shown);
	screen = screen_alloc(model->rows, model->cols);
	take_meta(model, screen);
	for (size_t i = 0; i < model->rows; i++)
		screen->row[i] = take_row(model, i);
	model->dirty = false;
	if (model->shown != NULL && screen_equal(model->shown, screen)) {
		screen_unref(screen);
		return screen_ref(model->shown);
	}
	screen_unref(model->shown);
	model->shown = screen_ref(screen);
	return screen;
}

bool
model_sync_open(const struct model *model)
{
	return (model->modes & MODE_SYNC) != 0;
}

void
model_sync_end(struct model *model)
{
	mode_sync_end(model);
}

static uint8_t
first_bit(uint32_t modes, uint32_t first, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++)
		if (modes & first << i)
			return (uint8_t)(i + 1);
	return 0;
}

void
model_input_modes(const struct model *model, struct input_modes *modes)
{
	const struct buffer *buffer = model->now;

	*modes = (struct input_modes){
	    .mouse = first_bit(model->modes, MODE_MOUSE_X10, 4),
	    .mouse_coding = first_bit(model->modes, MODE_CODING_UTF8, 4),
	    .cursor_keys = (model->modes & MODE_CURSOR_KEYS) != 0,
	    .keypad = (model->modes & MODE_KEYPAD) != 0,
	    .bracketed_paste = (model->modes & MODE_PASTE) != 0,
	    .focus = (model->modes & MODE_FOCUS) != 0,
	    .alt_scroll = (model->modes & MODE_ALT_SCROLL) != 0,
	    .modify_other_keys = model->modify_other_keys,
	    .kitty_keyboard = buffer->kitty_len > 0 ? buffer->kitty[buffer->kitty_len - 1] : 0,
	};
}

size_t
model_partial(const struct model *model)
{
	return model->parser.partial_raw;
}

size_t
model_history_len(const struct model *model)
{
	return model->history.len;
}

const struct row *
model_history_row(const struct model *model, size_t index)
{
	return history_row(&model->history, index);
}

uint64_t
model_history_end(const struct model *model)
{
	return model->history.pushed;
}
