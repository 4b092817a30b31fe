// SPDX-License-Identifier: ISC
#include "vt/ansi_term.h"

#include "vt/ansi_sgr.h"

#include <stdlib.h>
#include <string.h>

// Line feeds and backspaces up to this many are written out; more go as one sequence.
#define STEPS_MAX 4

void
term_init(struct term *term, const struct ansi_caps *caps, uint16_t rows, uint16_t cols)
{
	*term = (struct term){.caps = *caps, .rows = rows, .cols = cols};
}

struct move {
	char text[48];
	size_t len;
};

static void
move_char(struct move *move, char c)
{
	move->text[move->len++] = c;
}

static void
move_number(struct move *move, unsigned n)
{
	char digits[8];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	while (len > 0)
		move_char(move, digits[--len]);
}

// CSI n FINAL; a 1 is the default of every relative move.
static void
move_csi(struct move *move, unsigned n, char final)
{
	move_char(move, '\x1b');
	move_char(move, '[');
	if (n != 1)
		move_number(move, n);
	move_char(move, final);
}

static void
move_cup(struct move *move, unsigned row, unsigned col)
{
	move_char(move, '\x1b');
	move_char(move, '[');
	if (row != 0 || col != 0)
		move_number(move, row + 1);
	if (col != 0) {
		move_char(move, ';');
		move_number(move, col + 1);
	}
	move_char(move, 'H');
}

// A vertical move does not cross a margin: there, terminals stop.
static int
zone(const struct term *term, uint16_t row)
{
	return row < term->top ? 0 : row <= term->bottom ? 1 : 2;
}

// Rows down by line feeds only from the first column: a tty that turns LF into CR LF does no harm.
static void
move_vertical(struct move *move, int rows, bool first_column)
{
	if (rows > 0 && rows <= STEPS_MAX && first_column)
		while (rows-- > 0)
			move_char(move, '\n');
	else if (rows > 0)
		move_csi(move, (unsigned)rows, 'B');
	else if (rows < 0)
		move_csi(move, (unsigned)-rows, 'A');
}

static void
move_horizontal(struct move *move, int from, int to)
{
	if (to > from)
		move_csi(move, (unsigned)(to - from), 'C');
	else if (from - to <= STEPS_MAX)
		for (; from > to; from--)
			move_char(move, '\b');
	else
		move_csi(move, (unsigned)(from - to), 'D');
}

// On a tie the relative one: it repeats from row to row, so it compresses better (by 1.5 %).
static void
shorter(struct move *best, const struct move *other)
{
	if (other->len <= best->len)
		*best = *other;
}

static void
find_move(const struct term *term, uint16_t row, uint16_t col, struct move *best)
{
	struct move from_start = {0}, relative = {0};
	int rows = row - term->row;

	best->len = 0;
	if (term->known && term->sure && !term->pending && rows == 0 && term->col == col)
		return;
	move_cup(best, row, col);
	if (!term->known || zone(term, row) != zone(term, term->row))
		return;
	move_char(&from_start, '\r');
	move_vertical(&from_start, rows, true);
	move_horizontal(&from_start, 0, col);
	shorter(best, &from_start);
	if (!term->sure || term->pending || (col == 0 && term->col != 0)) // CR it is, then
		return;
	move_vertical(&relative, rows, term->col == 0);
	move_horizontal(&relative, term->col, col);
	shorter(best, &relative);
}

size_t
term_move_cost(const struct term *term, uint16_t row, uint16_t col)
{
	struct move move;

	find_move(term, row, col, &move);
	return move.len;
}

void
term_move(struct term *term, uint16_t row, uint16_t col, struct buf *out)
{
	struct move move;

	find_move(term, row, col, &move);
	if (move.len == 0)
		return;
	// old libvterm keeps a pending wrap when it is sent where it is
	if (term->pending && move.text[0] != '\r')
		buf_put_u8(out, '\r');
	buf_put(out, move.text, move.len);
	term->row = row;
	term->col = col;
	term->known = term->sure = true;
	term->run = term->pending = false;
}

void
term_pen(struct term *term, const struct style *style, struct buf *out)
{
	ansi_sgr(&term->caps, term->pen_known ? &term->pen : NULL, style, out);
	term->pen = *style;
	term->pen_known = true;
}

void
term_pen_erase(struct term *term, uint32_t bg, struct buf *out)
{
	struct style style = {.bg = bg};

	if (term->pen_known && term->pen.attrs == 0 && term->pen.bg == bg)
		return;
	term_pen(term, &style, out);
}

static void
advance(struct term *term, size_t cols)
{
	size_t col = term->col + cols;

	if (col < term->cols) {
		term->col = (uint16_t)col;
		return;
	}
	term->col = (uint16_t)(term->cols - 1);
	term->sure = term->run = false;
	term->pending = !term->caps.autowrap;
}

void
term_put(struct term *term, const struct look *look, struct buf *out)
{
	if (look->cp < 0x7f)
		buf_put_u8(out, (uint8_t)look->cp);
	else
		buf_put_utf8(out, look->cp);
	for (size_t i = 0; i < look->marks_len; i++)
		buf_put_utf8(out, look->marks[i]);
	if (look->cp >= 0x7f || look->marks_len > 0) {
		term->sure = false;
		term->run = !ansi_look_disputed(look);
	}
	advance(term, look->width);
}

void
term_repeat(struct term *term, size_t count, struct buf *out)
{
	buf_printf(out, "\x1b[%zub", count);
	advance(term, count);
}

static void
set_margins(struct term *term, uint16_t top, uint16_t bottom, struct buf *out)
{
	if (term->known && term->top == top && term->bottom == bottom)
		return;
	if (top == 0 && bottom == term->rows - 1)
		buf_printf(out, "\x1b[r");
	else
		buf_printf(out, "\x1b[%d;%dr", top + 1, bottom + 1);
	// DECSTBM homes the cursor
	term->top = top;
	term->bottom = bottom;
	term->row = term->col = 0;
	term->known = term->sure = true;
	term->run = term->pending = false;
}

void
term_scroll(struct term *term, uint16_t top, uint16_t bottom, int count, struct buf *out)
{
	term_pen_erase(term, COLOUR_DEFAULT, out);
	set_margins(term, top, bottom, out);
	if (count > 0) {
		term_move(term, bottom, 0, out);
		for (int i = 0; i < count; i++)
			buf_put_u8(out, '\n');
	} else {
		term_move(term, top, 0, out);
		for (int i = 0; i < -count; i++)
			buf_put(out, "\x1bM", 2);
	}
}
