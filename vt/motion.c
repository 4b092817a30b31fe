// SPDX-License-Identifier: ISC
// The cursor: where it may go, what scrolls when it leaves, tab stops, DECSC. Follows xterm
// (cursor.c, tabs.c) where standards leave room.
#include "vt/model_impl.h"

#include <string.h>

static int
clamp(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

// Large counts saturate; no screen is larger.
static int
distance(uint32_t count)
{
	return count > SCREEN_ROWS_MAX + SCREEN_COLS_MAX ? SCREEN_ROWS_MAX + SCREEN_COLS_MAX
							 : (int)count;
}

void
move_to(struct model *model, int row, int col)
{
	model->row = clamp(row, 0, model->rows - 1);
	model->col = clamp(col, 0, model->cols - 1);
	model->pending_wrap = false;
	model->dirty = true;
}

void
move_address(struct model *model, int row, int col)
{
	const struct rect *margins = &model->margins;

	if (!(model->modes & MODE_ORIGIN)) {
		move_to(model, row < 0 ? model->row : row, col < 0 ? model->col : col);
		return;
	}
	row = row < 0 ? model->row : clamp(row + margins->top, margins->top, margins->bottom - 1);
	col = col < 0 ? model->col : clamp(col + margins->left, margins->left, margins->right - 1);
	move_to(model, row, col);
}

// A margin stops the cursor only if it starts on the inner side.
void
move_up(struct model *model, uint32_t count)
{
	int limit = model->row >= model->margins.top ? model->margins.top : 0;

	move_to(model, clamp(model->row - distance(count), limit, model->row), model->col);
}

void
move_down(struct model *model, uint32_t count)
{
	int limit = model->row < model->margins.bottom ? model->margins.bottom : model->rows;

	move_to(model, clamp(model->row + distance(count), model->row, limit - 1), model->col);
}

void
move_right(struct model *model, uint32_t count)
{
	int limit = move_right_edge(model) - 1;

	move_to(model, model->row, clamp(model->col + distance(count), model->col, limit));
}

void
move_left(struct model *model, uint32_t count)
{
	int limit = move_left_edge(model);

	move_to(model, model->row, clamp(model->col - distance(count), limit, model->col));
}

void
move_return(struct model *model)
{
	bool inside = model->col >= model->margins.left || (model->modes & MODE_ORIGIN);

	move_to(model, model->row, inside ? model->margins.left : 0);
}

int
move_right_edge(const struct model *model)
{
	return model->col < model->margins.right ? model->margins.right : model->cols;
}

int
move_left_edge(const struct model *model)
{
	return model->col >= model->margins.left ? model->margins.left : 0;
}

bool
move_in_margins(const struct model *model)
{
	const struct rect *margins = &model->margins;

	return model->row >= margins->top && model->row < margins->bottom &&
	       model->col >= margins->left && model->col < margins->right;
}

void
move_index(struct model *model)
{
	if (model->row != model->margins.bottom - 1)
		move_to(model, model->row + 1, model->col);
	else if (move_in_margins(model)) {
		editor_scroll_up(model->editor, model->margins, 1);
		move_to(model, model->row, model->col);
	} else
		move_to(model, model->row, model->col);
}

void
move_reverse_index(struct model *model)
{
	if (model->row != model->margins.top)
		move_to(model, model->row - 1, model->col);
	else if (move_in_margins(model)) {
		editor_scroll_down(model->editor, model->margins, 1);
		move_to(model, model->row, model->col);
	}
}

// Reverse wrap (?45): from the left edge to the end of the line above.
void
move_backspace(struct model *model)
{
	uint32_t wraps = MODE_REVERSE_WRAP | MODE_AUTOWRAP;

	if ((model->modes & wraps) != wraps) {
		move_left(model, 1);
		return;
	}
	if (model->pending_wrap) { // the cursor is past the last column
		model->pending_wrap = false;
		model->dirty = true;
	} else if (model->col > move_left_edge(model))
		move_left(model, 1);
	else if (model->row > model->margins.top)
		move_to(model, model->row - 1, model->margins.right - 1);
	else
		move_to(model, model->margins.bottom - 1, model->margins.right - 1);
}

// ---- tab stops ---------------------------------------------------------------------------------

void
tab_set(struct model *model, int col, bool on)
{
	uint8_t bit = (uint8_t)(1 << (col % 8));

	if (on)
		model->tabs[col / 8] |= bit;
	else
		model->tabs[col / 8] &= (uint8_t)~bit;
}

// Every eighth column, from a multiple of eight on: one bit in each byte.
void
tabs_reset(struct model *model)
{
	memset(model->tabs, 1, sizeof(model->tabs));
}

static bool
is_tab(const struct model *model, int col)
{
	return model->tabs[col / 8] >> (col % 8) & 1;
}

void
move_tabs(struct model *model, int count)
{
	int step = count < 0 ? -1 : 1;
	int limit = count < 0 ? move_left_edge(model) : move_right_edge(model) - 1;
	int col = model->col;

	for (int stops = count * step; stops > 0 && col != limit; stops--)
		do
			col += step;
		while (col != limit && !is_tab(model, col));
	if (col != model->col)
		move_to(model, model->row, col);
}

// ---- margins, DECSC ----------------------------------------------------------------------------

void
margins_reset(struct model *model)
{
	model->margins = (struct rect){0, model->rows, 0, model->cols};
}

void
move_save(struct model *model, struct saved_cursor *saved)
{
	*saved = (struct saved_cursor){
	    .row = (uint16_t)model->row,
	    .col = (uint16_t)model->col,
	    .pending_wrap = model->pending_wrap,
	    .origin = (model->modes & MODE_ORIGIN) != 0,
	    .pen = model->pen,
	    .gl = model->gl,
	};
	memcpy(saved->charset, model->charset, sizeof(saved->charset));
}

void
move_restore(struct model *model, const struct saved_cursor *saved)
{
	model->modes &= ~(uint32_t)MODE_ORIGIN;
	if (saved->origin)
		model->modes |= MODE_ORIGIN;
	move_to(model, saved->row, saved->col);
	model->pending_wrap = saved->pending_wrap && model->col == move_right_edge(model) - 1;
	model->pen = saved->pen;
	model->gl = saved->gl;
	memcpy(model->charset, saved->charset, sizeof(model->charset));
	model_pen_changed(model);
}
