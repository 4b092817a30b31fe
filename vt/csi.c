// SPDX-License-Identifier: ISC
// Control sequences: a table from (leader, intermediate, final) to a handler. What is not in it has
// no effect on a screen and is dropped. Meanings: ECMA-48 chapter 8.3; xterm ctlseqs for the rest.
#include "vt/model_impl.h"

static void
reset_wrap(struct model *model)
{
	model->pending_wrap = false;
	model->dirty = true;
}

// ---- cursor ------------------------------------------------------------------------------------

static void
cuu(struct model *model, const struct sequence *seq)
{
	move_up(model, sequence_count(seq, 0));
}

static void
cud(struct model *model, const struct sequence *seq)
{
	move_down(model, sequence_count(seq, 0));
}

static void
cuf(struct model *model, const struct sequence *seq)
{
	move_right(model, sequence_count(seq, 0));
}

static void
cub(struct model *model, const struct sequence *seq)
{
	move_left(model, sequence_count(seq, 0));
}

static void
cnl(struct model *model, const struct sequence *seq)
{
	cud(model, seq);
	move_return(model);
}

static void
cpl(struct model *model, const struct sequence *seq)
{
	cuu(model, seq);
	move_return(model);
}

static int
coordinate(const struct sequence *seq, size_t index)
{
	return (int)sequence_count(seq, index) - 1;
}

static void
cha(struct model *model, const struct sequence *seq)
{
	move_address(model, -1, coordinate(seq, 0));
}

static void
vpa(struct model *model, const struct sequence *seq)
{
	move_address(model, coordinate(seq, 0), -1);
}

static void
cup(struct model *model, const struct sequence *seq)
{
	move_address(model, coordinate(seq, 0), coordinate(seq, 1));
}

static void
hpr(struct model *model, const struct sequence *seq)
{
	move_to(model, model->row, model->col + (int)sequence_count(seq, 0));
}

static void
vpr(struct model *model, const struct sequence *seq)
{
	move_to(model, model->row + (int)sequence_count(seq, 0), model->col);
}

static void
cht(struct model *model, const struct sequence *seq)
{
	move_tabs(model, (int)sequence_count(seq, 0));
}

static void
cbt(struct model *model, const struct sequence *seq)
{
	move_tabs(model, -(int)sequence_count(seq, 0));
}

static void
tbc(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);

	if (what == 0)
		tab_set(model, model->col, false);
	for (int col = 0; what == 3 && col < SCREEN_COLS_MAX; col++)
		tab_set(model, col, false);
}

static void
decst8c(struct model *model, const struct sequence *seq)
{
	if (sequence_or(seq, 0, 0) == 5)
		tabs_reset(model);
}

// ---- erasing and editing -----------------------------------------------------------------------

static void
erase_screen(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);

	if (what == 3 && seq->leader == 0)
		history_clear(&model->history);
	if (what > 2)
		return;
	editor_erase_screen(
	    model->editor, model->row, model->col, (enum erase)what, seq->leader == '?');
	if (what == 0)
		reset_wrap(model);
	model->dirty = true;
}

static void
erase_line(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);

	if (what > 2)
		return;
	editor_erase_line(
	    model->editor, model->row, model->col, (enum erase)what, seq->leader == '?');
	if (what == 0)
		reset_wrap(model);
	model->dirty = true;
}

static void
ech(struct model *model, const struct sequence *seq)
{
	editor_erase_chars(model->editor, model->row, model->col, sequence_count(seq, 0));
	reset_wrap(model);
}

static void
ich(struct model *model, const struct sequence *seq)
{
	const struct rect *margins = &model->margins;

	reset_wrap(model);
	if (model->col >= margins->left && model->col < margins->right)
		editor_insert_chars(model->editor, model->row, model->col, margins->left,
		    margins->right, sequence_count(seq, 0));
}

static void
dch(struct model *model, const struct sequence *seq)
{
	const struct rect *margins = &model->margins;

	reset_wrap(model);
	if (model->col >= margins->left && model->col < margins->right)
		editor_delete_chars(model->editor, model->row, model->col, margins->left,
		    margins->right, sequence_count(seq, 0));
}

static void
il(struct model *model, const struct sequence *seq)
{
	if (!move_in_margins(model))
		return;
	editor_insert_lines(model->editor, model->row, model->margins, sequence_count(seq, 0));
	move_to(model, model->row, model->margins.left);
}

static void
dl(struct model *model, const struct sequence *seq)
{
	if (!move_in_margins(model))
		return;
	editor_delete_lines(model->editor, model->row, model->margins, sequence_count(seq, 0));
	move_to(model, model->row, model->margins.left);
}

static void
decic(struct model *model, const struct sequence *seq)
{
	if (move_in_margins(model))
		editor_insert_cols(
		    model->editor, model->col, model->margins, sequence_count(seq, 0));
	reset_wrap(model);
}

static void
decdc(struct model *model, const struct sequence *seq)
{
	if (move_in_margins(model))
		editor_delete_cols(
		    model->editor, model->col, model->margins, sequence_count(seq, 0));
	reset_wrap(model);
}

static void
scroll_up(struct model *model, const struct sequence *seq)
{
	editor_scroll_up(model->editor, model->margins, sequence_count(seq, 0));
	model->dirty = true;
}

static void
scroll_down(struct model *model, const struct sequence *seq)
{
	if (seq->count > 1) // highlight mouse tracking
		return;
	editor_scroll_down(model->editor, model->margins, sequence_count(seq, 0));
	model->dirty = true;
}

static void
scroll_left(struct model *model, const struct sequence *seq)
{
	if (!move_in_margins(model))
		return;
	editor_delete_cols(
	    model->editor, model->margins.left, model->margins, sequence_count(seq, 0));
	model->dirty = true;
}

static void
scroll_right(struct model *model, const struct sequence *seq)
{
	if (!move_in_margins(model))
		return;
	editor_insert_cols(
	    model->editor, model->margins.left, model->margins, sequence_count(seq, 0));
	model->dirty = true;
}

static void
rep(struct model *model, const struct sequence *seq)
{
	print_repeat(model, sequence_count(seq, 0));
}

// ---- margins, modes, style ---------------------------------------------------------------------

static void
decstbm(struct model *model, const struct sequence *seq)
{
	int top = coordinate(seq, 0);
	uint32_t bottom = sequence_or(seq, 1, 0);

	if (bottom == 0 || bottom > model->rows)
		bottom = model->rows;
	if (top + 1 >= (int)bottom)
		return;
	model->margins.top = top;
	model->margins.bottom = (int)bottom;
	move_address(model, 0, 0);
}

static void
scosc(struct model *model)
{
	move_save(model, &model->now->saved);
}

// DECSLRM, or without DECLRMM the old SCOSC.
static void
decslrm(struct model *model, const struct sequence *seq)
{
	int left = coordinate(seq, 0);
	uint32_t right = sequence_or(seq, 1, 0);

	if (!(model->modes & MODE_MARGINS)) {
		scosc(model);
		return;
	}
	if (right == 0 || right > model->cols)
		right = model->cols;
	if (left + 1 >= (int)right)
		return;
	model->margins.left = left;
	model->margins.right = (int)right;
	move_address(model, 0, 0);
}

static void
scorc(struct model *model, const struct sequence *seq)
{
	(void)seq;
	move_restore(model, &model->now->saved);
	reset_wrap(model); // as xterm; 1049 brings it back
}

static void
sgr(struct model *model, const struct sequence *seq)
{
	sgr_apply(&model->pen, seq);
	model_pen_changed(model);
}

static void
decsca(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);

	model->pen.attrs &= (uint16_t)~ATTR_PROTECTED;
	if (what == 1)
		model->pen.attrs |= ATTR_PROTECTED;
	model_pen_changed(model);
}

static void
decscusr(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);

	if (what > 6)
		return;
	model->shape = (uint8_t)(what <= 2   ? CURSOR_BLOCK
				 : what <= 4 ? CURSOR_UNDERLINE
					     : CURSOR_BAR);
	model->modes &= ~(uint32_t)MODE_BLINK;
	if (what == 0 || what % 2 == 1)
		model->modes |= MODE_BLINK;
	model->dirty = true;
}

static void
each_mode(struct model *model, const struct sequence *seq,
    void (*apply)(struct model *model, uint32_t number))
{
	for (size_t i = 0; i < seq->count; i++)
		apply(model, seq->param[i]);
}

static void
sm(struct model *model, const struct sequence *seq)
{
	for (size_t i = 0; i < seq->count; i++)
		mode_set_ansi(model, seq->param[i], seq->final == 'h');
}

static void
decset(struct model *model, const struct sequence *seq)
{
	for (size_t i = 0; i < seq->count; i++)
		mode_set_private(model, seq->param[i], seq->final == 'h');
}

static void
xtsave(struct model *model, const struct sequence *seq)
{
	each_mode(model, seq, mode_save_private);
}

static void
xtrestore(struct model *model, const struct sequence *seq)
{
	each_mode(model, seq, mode_restore_private);
}

static void
decstr(struct model *model, const struct sequence *seq)
{
	(void)seq;
	model_soft_reset(model);
}

static void
title_stack(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);

	if (sequence_or(seq, 1, 0) == 1) // the icon's name alone
		return;
	if (what == 22)
		osc_title_push(model);
	else if (what == 23)
		osc_title_pop(model);
}

// ---- keyboard ----------------------------------------------------------------------------------

static void
kitty_push(struct model *model, const struct sequence *seq)
{
	struct buffer *buffer = model->now;

	if (buffer->kitty_len == KITTY_STACK_MAX) { // the oldest goes
		for (size_t i = 1; i < KITTY_STACK_MAX; i++)
			buffer->kitty[i - 1] = buffer->kitty[i];
		buffer->kitty_len--;
	}
	buffer->kitty[buffer->kitty_len++] = (uint8_t)(sequence_or(seq, 0, 0) & 31);
}

static void
kitty_pop(struct model *model, const struct sequence *seq)
{
	uint32_t count = sequence_count(seq, 0);
	struct buffer *buffer = model->now;

	buffer->kitty_len = (uint8_t)(count >= buffer->kitty_len ? 0 : buffer->kitty_len - count);
}

static void
kitty_set(struct model *model, const struct sequence *seq)
{
	struct buffer *buffer = model->now;
	uint8_t flags = (uint8_t)(sequence_or(seq, 0, 0) & 31);
	uint32_t how = sequence_or(seq, 1, 1);
	uint8_t *now;

	if (buffer->kitty_len == 0)
		buffer->kitty[buffer->kitty_len++] = 0;
	now = &buffer->kitty[buffer->kitty_len - 1];
	*now = how == 2 ? *now | flags : how == 3 ? (uint8_t)(*now & ~flags) : flags;
}

static void
modify_keys(struct model *model, const struct sequence *seq)
{
	if (seq->final == 'n' ? sequence_or(seq, 0, 0) == 4 : seq->count == 0)
		model->modify_other_keys = 0;
	else if (seq->final == 'm' && sequence_or(seq, 0, 0) == 4)
		model->modify_other_keys = (uint8_t)(sequence_or(seq, 1, 0) % 3);
}

// ---- queries -----------------------------------------------------------------------------------

static void
dsr(struct model *model, const struct sequence *seq)
{
	uint32_t what = sequence_or(seq, 0, 0);
	int row = model->row, col = model->col;

	if (model->modes & MODE_ORIGIN) {
		row -= model->margins.top;
		col -= model->margins.left;
	}
	if (what == 5 && seq->leader == 0)
		model_reply(model, REPLY_DSR_OK, 0, 0);
	else if (what == 6)
		model_reply(model, seq->leader == '?' ? REPLY_DECXCPR : REPLY_CPR,
		    (uint32_t)(row < 0 ? 0 : row) + 1, (uint32_t)(col < 0 ? 0 : col) + 1);
}

static void
da(struct model *model, const struct sequence *seq)
{
	if (sequence_or(seq, 0, 0) == 0)
		model_reply(model, seq->leader == '>' ? REPLY_DA2 : REPLY_DA1, 0, 0);
}

static void
decrqm(struct model *model, const struct sequence *seq)
{
	uint32_t number = sequence_or(seq, 0, 0);

	if (seq->leader == '?')
		model_reply(model, REPLY_DECRPM, number, mode_report_private(model, number));
	else
		model_reply(model, REPLY_ANSI_RPM, number, mode_report_ansi(model, number));
}

// ---- the table ---------------------------------------------------------------------------------

struct csi_entry {
	uint8_t leader, intermediate, final;
	void (*handle)(struct model *model, const struct sequence *seq);
};

static const struct csi_entry entries[] = {
    {0, 0, 'm', sgr},
    {0, 0, 'H', cup},
    {0, 0, 'K', erase_line},
    {0, 0, 'C', cuf},
    {0, 0, 'A', cuu},
    {0, 0, 'B', cud},
    {0, 0, 'D', cub},
    {'?', 0, 'h', decset},
    {'?', 0, 'l', decset},
    {0, 0, 'J', erase_screen},
    {0, 0, 'G', cha},
    {0, 0, 'd', vpa},
    {0, 0, 'X', ech},
    {0, 0, 'r', decstbm},
    {0, 0, 'L', il},
    {0, 0, 'M', dl},
    {0, 0, 'P', dch},
    {0, 0, '@', ich},
    {0, 0, 'b', rep},
    {0, 0, 'S', scroll_up},
    {0, 0, 'T', scroll_down},
    {0, 0, '^', scroll_down},
    {0, 0, 'E', cnl},
    {0, 0, 'F', cpl},
    {0, 0, '`', cha},
    {0, 0, 'a', hpr},
    {0, 0, 'e', vpr},
    {0, 0, 'f', cup},
    {0, 0, 'I', cht},
    {0, 0, 'Z', cbt},
    {0, 0, 'g', tbc},
    {0, 0, 'h', sm},
    {0, 0, 'l', sm},
    {0, 0, 's', decslrm},
    {0, 0, 'u', scorc},
    {0, 0, 'n', dsr},
    {0, 0, 'c', da},
    {0, 0, 't', title_stack},
    {0, ' ', 'q', decscusr},
    {0, ' ', '@', scroll_left},
    {0, ' ', 'A', scroll_right},
    {0, '!', 'p', decstr},
    {0, '"', 'q', decsca},
    {0, '$', 'p', decrqm},
    {0, '\'', '}', decic},
    {0, '\'', '~', decdc},
    {'?', 0, 'J', erase_screen},
    {'?', 0, 'K', erase_line},
    {'?', 0, 'W', decst8c},
    {'?', 0, 'n', dsr},
    {'?', 0, 'r', xtrestore},
    {'?', 0, 's', xtsave},
    {'?', '$', 'p', decrqm},
    {'>', 0, 'c', da},
    {'>', 0, 'm', modify_keys},
    {'>', 0, 'n', modify_keys},
    {'>', 0, 'u', kitty_push},
    {'<', 0, 'u', kitty_pop},
    {'=', 0, 'u', kitty_set},
};

void
csi_dispatch(struct model *model, const struct sequence *seq)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct csi_entry *entry = &entries[i];

		if (entry->final != seq->final || entry->leader != seq->leader ||
		    entry->intermediate != seq->intermediate)
			continue;
		entry->handle(model, seq);
		if (entry->handle != rep)
			model->last_glyph = 0;
		return;
	}
	model->last_glyph = 0;
}
