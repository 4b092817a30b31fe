// SPDX-License-Identifier: ISC
// C0 controls and escape sequences (ECMA-48 chapter 8.2.2 and 5.3; DEC STD 070).
#include "vt/model_impl.h"

static void
line_feed(struct model *model)
{
	if (model->modes & MODE_NEWLINE)
		move_return(model);
	move_index(model);
}

void
esc_control(struct model *model, uint8_t c0)
{
	model->last_glyph = 0;
	switch (c0) {
	case '\a':
		model->bell = (uint8_t)((model->bell + 1) % SCREEN_BELLS);
		model->dirty = true;
		break;
	case '\b': move_backspace(model); break;
	case '\t': move_tabs(model, 1); break;
	case '\n':
	case '\v':
	case '\f': line_feed(model); break;
	case '\r': move_return(model); break;
	case 0x0e: model->gl = 1; break; // SO
	case 0x0f: model->gl = 0; break; // SI
	}
}

static void
next_line(struct model *model)
{
	move_index(model);
	move_return(model);
}

static void
set_tab(struct model *model)
{
	tab_set(model, model->col, true);
}

static void
save(struct model *model)
{
	move_save(model, &model->now->saved);
}

static void
restore(struct model *model)
{
	move_restore(model, &model->now->saved);
	model->pending_wrap = false; // as xterm; 1049 brings it back
}

static void
identify(struct model *model)
{
	model_reply(model, REPLY_DA1, 0, 0);
}

static void
keypad_on(struct model *model)
{
	model->modes |= MODE_KEYPAD;
}

static void
keypad_off(struct model *model)
{
	model->modes &= ~(uint32_t)MODE_KEYPAD;
}

static void
locking_shift_2(struct model *model)
{
	model->gl = 2;
}

static void
locking_shift_3(struct model *model)
{
	model->gl = 3;
}

static void
single_shift_2(struct model *model)
{
	model->single_shift = 2;
}

static void
single_shift_3(struct model *model)
{
	model->single_shift = 3;
}

// DECALN: the screen full of E, margins and cursor at rest.
static void
alignment(struct model *model)
{
	struct style plain = {0};

	margins_reset(model);
	for (size_t i = 0; i < model->rows; i++) {
		struct row *row = grid_write(&model->now->grid, i);

		for (size_t col = 0; col < model->cols; col++)
			row_put(row, col, 'E', 1, &plain);
		row->wrapped = false;
	}
	move_to(model, 0, 0);
}

// DECBI, DECFI: left or right; at the margin the content moves instead.
static void
back_index(struct model *model)
{
	if (model->col != model->margins.left || !move_in_margins(model))
		move_left(model, 1);
	else
		editor_insert_cols(model->editor, model->col, model->margins, 1);
	model->dirty = true;
}

static void
forward_index(struct model *model)
{
	if (model->col != model->margins.right - 1 || !move_in_margins(model))
		move_right(model, 1);
	else
		editor_delete_cols(model->editor, model->margins.left, model->margins, 1);
	model->dirty = true;
}

struct esc_entry {
	uint8_t intermediate, final;
	void (*handle)(struct model *model);
};

static const struct esc_entry entries[] = {
    {0, '6', back_index},
    {0, '7', save},
    {0, '8', restore},
    {0, '9', forward_index},
    {0, '=', keypad_on},
    {0, '>', keypad_off},
    {0, 'D', move_index},
    {0, 'E', next_line},
    {0, 'H', set_tab},
    {0, 'M', move_reverse_index},
    {0, 'N', single_shift_2},
    {0, 'O', single_shift_3},
    {0, 'Z', identify},
    {0, 'c', model_hard_reset},
    {0, 'n', locking_shift_2},
    {0, 'o', locking_shift_3},
    {'#', '8', alignment},
};

void
esc_dispatch(struct model *model, const struct sequence *seq)
{
	model->last_glyph = 0;
	if (seq->intermediate >= '(' && seq->intermediate <= '+') {
		print_designate(model, seq->intermediate - (size_t)'(', seq->final);
		return;
	}
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (entries[i].final != seq->final || entries[i].intermediate != seq->intermediate)
			continue;
		entries[i].handle(model);
		return;
	}
}
