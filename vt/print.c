// SPDX-License-Identifier: ISC
// Text: character sets, wrapping, insert mode, wide glyphs and what joins the glyph before it.
#include "vt/model_impl.h"
#include "vt/width.h"

// DEC special graphics, from 0x60 on (VT220 reference, table 2-4).
static const uint16_t drawing[] = {0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1,
    0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd,
    0x251c, 0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7};

void
print_designate(struct model *model, size_t slot, uint8_t final)
{
	model->charset[slot] = final == '0'   ? CHARSET_DRAWING
			       : final == 'A' ? CHARSET_UK
					      : CHARSET_ASCII;
}

static uint32_t
translate(struct model *model, uint8_t byte)
{
	uint8_t slot = model->single_shift != 0 ? model->single_shift : model->gl;
	uint8_t charset = model->charset[slot];

	model->single_shift = 0;
	if (charset == CHARSET_DRAWING && byte >= 0x60 && byte < 0x60 + sizeof(drawing) / 2)
		return drawing[byte - 0x60];
	if (charset == CHARSET_DRAWING && byte == 0x5f)
		return ' ';
	if (charset == CHARSET_UK && byte == '#')
		return 0xa3;
	return byte;
}

// The line is full: the text goes on at the left edge of the next one.
static void
wrap(struct model *model)
{
	if (move_right_edge(model) == model->cols)
		grid_write(&model->now->grid, (size_t)model->row)->wrapped = true;
	model->col = move_left_edge(model);
	move_index(model);
}

// After `count` cells were written at the cursor.
static void
advance(struct model *model, int count)
{
	int edge = move_right_edge(model);

	model->dirty = true;
	if (model->col + count < edge) {
		model->col += count;
		return;
	}
	model->col = edge - 1;
	model->pending_wrap = (model->modes & MODE_AUTOWRAP) != 0;
	if (edge == model->cols)
		grid_write(&model->now->grid, (size_t)model->row)->wrapped = false;
}

static void
make_room(struct model *model, int count)
{
	if (model->modes & MODE_INSERT)
		editor_insert_chars(model->editor, model->row, model->col, move_left_edge(model),
		    move_right_edge(model), (uint32_t)count);
}

static void
put_run(struct model *model, const uint8_t *ascii, int count)
{
	make_room(model, count);
	editor_text(model->editor, model->row, model->col, ascii, (size_t)count);
	advance(model, count);
}

void
print_text(struct model *model, const uint8_t *ascii, size_t len)
{
	while (
	    len > 0 && (model->single_shift != 0 || model->charset[model->gl] != CHARSET_ASCII)) {
		print_glyph(model, translate(model, *ascii++));
		len--;
	}
	while (len > 0) {
		size_t room;

		if (model->pending_wrap)
			wrap(model);
		room = (size_t)(move_right_edge(model) - model->col);
		if (len > room && !(model->modes & MODE_AUTOWRAP)) {
			if (room > 1)
				put_run(model, ascii, (int)room - 1);
			put_run(model, ascii + len - 1, 1); // each overwrites the one before
			model->last_glyph = ascii[len - 1];
			return;
		}
		if (room > len)
			room = len;
		put_run(model, ascii, (int)room);
		model->last_glyph = ascii[room - 1];
		ascii += room;
		len -= room;
	}
}

// Without autowrap a glyph in the last column leaves the cursor on it.
static bool
stands_on_glyph(const struct model *model)
{
	const struct row *row = model->now->grid.row[model->row];

	return model->pending_wrap ||
	       (!(model->modes & MODE_AUTOWRAP) && model->col == move_right_edge(model) - 1 &&
		   !cell_is_blank(&row->cells[model->col]));
}

// A code point of no width joins the cell before the cursor.
static void
join(struct model *model, uint32_t cp)
{
	int col = stands_on_glyph(model) ? model->col : model->col - 1;
	struct grid *grid = &model->now->grid;

	if (col < 0)
		return;
	if (col > 0 && grid->row[model->row]->cells[col].width == 0)
		col--;
	row_add_mark(grid_write(grid, (size_t)model->row), (size_t)col, cp);
	model->dirty = true;
}

void
print_glyph(struct model *model, uint32_t cp)
{
	uint8_t width = width_of(cp);

	model->single_shift = 0;
	if (width == 0) {
		join(model, cp);
		return;
	}
	model->last_glyph = cp;
	if (model->pending_wrap)
		wrap(model);
	if (model->col + width > move_right_edge(model)) { // a wide one in the last column
		if (model->modes & MODE_AUTOWRAP)
			wrap(model);
		else if (model->col > move_left_edge(model))
			model->col--;
	}
	if (model->col + width > move_right_edge(model)) { // no line is wide enough
		cp = 0xfffd;
		width = 1;
	}
	make_room(model, width);
	editor_glyph(model->editor, model->row, model->col, cp, width);
	advance(model, width);
}

// More than fill the screen are as many as fill it.
void
print_repeat(struct model *model, uint32_t count)
{
	uint32_t cp = model->last_glyph;
	uint32_t cells = (uint32_t)model->rows * model->cols;

	if (count > cells)
		count = cells;
	while (cp != 0 && count-- > 0)
		print_glyph(model, cp);
}
