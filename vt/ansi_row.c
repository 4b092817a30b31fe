// SPDX-License-Identifier: ISC
#include "vt/ansi_row.h"

#define ERASE_MIN 3 // cells that make EL worth its 3 bytes
#define ECH_MIN 20  // cells that make ECH and a move worth theirs, compressed or not
#define REP_MIN 6   // glyphs

// A glyph that some terminals draw wider than we do covers cells to its right, which then have to be
// painted after it.
static void
find_dirty(struct row_paint *paint)
{
	const struct look *now = paint->now;
	size_t covered = 0;

	for (size_t col = 0; col < paint->cols; col++) {
		bool *dirty = &paint->dirty[col];
		size_t more = 0;

		*dirty = covered > 0 || !ansi_look_equal(&paint->was[col], &now[col]);
		if (now[col].width == 0) // in step with its left half
			*dirty = paint->dirty[col - 1] = *dirty || paint->dirty[col - 1];
		else if (*dirty)
			more = ansi_look_excess(&now[col]);
		covered = covered > 0 ? covered - 1 : 0;
		covered = more > covered ? more : covered;
	}
}

static bool
is_ascii(const struct look *look)
{
	return look->cp < 0x7f && look->marks_len == 0;
}

// Attributes of a pen that would show on a space.
static bool
marks_blanks(const struct style *style)
{
	return (style->attrs &
		   (ATTR_REVERSE | ATTR_STRIKE | ATTR_OVERLINE | ATTR_UNDERLINE_MASK)) != 0;
}

// On a blank nothing but the background shows, so any pen with that background will do.
static bool
pen_suits(const struct term *term, const struct look *look)
{
	if (!term->caps.attrs)
		return true;
	if (!term->pen_known)
		return false;
	if (ansi_look_blank(look))
		return term->pen.bg == look->style.bg && !marks_blanks(&term->pen);
	return style_equal(&term->pen, &look->style);
}

// The pen for a blank is that of the next glyph if it suits, so as to change only once.
static struct style
pen_for(const struct row_paint *paint, size_t col)
{
	const struct look *look = &paint->now[col];
	struct style pen = look->style;

	if (!ansi_look_blank(look))
		return pen;
	for (size_t i = col + 1; i < paint->cols && paint->dirty[i]; i++) {
		const struct look *next = &paint->now[i];

		if (next->style.bg != pen.bg)
			break;
		if (!ansi_look_blank(next))
			return marks_blanks(&next->style) ? pen : next->style;
	}
	return pen;
}

static void
set_pen(struct row_paint *paint, size_t col)
{
	struct style pen;

	if (pen_suits(paint->term, &paint->now[col]))
		return;
	pen = pen_for(paint, col);
	term_pen(paint->term, &pen, paint->out);
}

static bool
at(const struct row_paint *paint, size_t col)
{
	const struct term *term = paint->term;

	return term->known && !term->pending && term->row == paint->row && term->col == col;
}

// The unchanged cells between the cursor and `col` are cheaper to print than to jump over.
static bool
rewrite_gap(struct row_paint *paint, size_t col)
{
	struct term *term = paint->term;
	size_t from = term->col;

	if (!at(paint, from) || !term->sure || from >= col ||
	    col - from > term_move_cost(term, paint->row, (uint16_t)col))
		return false;
	for (size_t i = from; i < col; i++)
		if (!is_ascii(&paint->now[i]) || paint->now[i].width != 1 ||
		    !pen_suits(term, &paint->now[i]))
			return false;
	for (size_t i = from; i < col; i++)
		term_put(term, &paint->now[i], paint->out);
	return true;
}

// To the cell at `col`; `run`: a non-ASCII glyph comes next, which may continue a run of such.
static void
go_to(struct row_paint *paint, size_t col, bool run)
{
	const struct term *term = paint->term;

	if (at(paint, col) && (term->sure || (run && term->run)))
		return;
	if (!rewrite_gap(paint, col))
		term_move(paint->term, paint->row, (uint16_t)col, paint->out);
}

static bool
continues_run(const struct look *look)
{
	return look->cp >= 0x7f && !ansi_look_joins(look);
}

// A terminal that gives this glyph fewer columns would leave what was under the others: blank first.
static void
blank_under(struct row_paint *paint, size_t col)
{
	const struct look *now = &paint->now[col];
	struct look blank = {.cp = ' ', .width = 1, .style = now->style};
	bool clean = true;

	for (size_t i = col; i < col + now->width; i++)
		clean = clean && ansi_look_blank(&paint->was[i]) &&
			paint->was[i].style.bg == now->style.bg;
	if (clean)
		return;
	go_to(paint, col, false);
	term_pen(paint->term, &now->style, paint->out);
	for (size_t i = 0; i < now->width; i++)
		term_put(paint->term, &blank, paint->out);
}

// How many changed cells from `col` on look the same.
static size_t
same_from(const struct row_paint *paint, size_t col, size_t end)
{
	size_t count = 1;

	while (col + count < end && paint->dirty[col + count] &&
	       ansi_look_equal(&paint->now[col], &paint->now[col + count]))
		count++;
	return count;
}

static bool
can_erase(const struct row_paint *paint, uint32_t bg)
{
	return paint->term->caps.bce || bg == COLOUR_DEFAULT;
}

// Paints the cell at `col`, or several alike; returns how many columns that were.
static size_t
paint_cell(struct row_paint *paint, size_t col, size_t end)
{
	const struct ansi_caps *caps = &paint->term->caps;
	const struct look *look = &paint->now[col];
	size_t same = caps->ech || caps->rep ? same_from(paint, col, end) : 1;

	if (caps->ech && same >= ECH_MIN && ansi_look_blank(look) &&
	    can_erase(paint, look->style.bg)) {
		go_to(paint, col, false);
		term_pen_erase(paint->term, look->style.bg, paint->out);
		buf_printf(paint->out, "\x1b[%zuX", same);
		return same;
	}
	if (ansi_look_disputed(look))
		blank_under(paint, col);
	go_to(paint, col, continues_run(look));
	set_pen(paint, col);
	term_put(paint->term, look, paint->out);
	if (!caps->rep || same <= REP_MIN || look->width != 1 || look->marks_len != 0 ||
	    ansi_look_disputed(look))
		return look->width;
	term_repeat(paint->term, same - 1, paint->out);
	return same;
}

// The first column of the blanks at the end of the row that EL can make.
static size_t
find_tail(const struct row_paint *paint)
{
	size_t tail = paint->cols;
	uint32_t bg = paint->now[tail - 1].style.bg;

	if (!paint->term->caps.el || !can_erase(paint, bg))
		return tail;
	while (tail > 0 && ansi_look_blank(&paint->now[tail - 1]) &&
	       paint->now[tail - 1].style.bg == bg)
		tail--;
	return tail;
}

static void
erase_tail(struct row_paint *paint, size_t tail, size_t first)
{
	if (!at(paint, tail) || !paint->term->sure)
		go_to(paint, first, false);
	term_pen_erase(paint->term, paint->now[first].style.bg, paint->out);
	buf_put(paint->out, "\x1b[K", 3);
}

void
ansi_row_paint(struct row_paint *paint)
{
	size_t tail = find_tail(paint);
	size_t end = paint->cols, first = tail, col = 0;

	find_dirty(paint);
	while (end > 0 && !paint->dirty[end - 1])
		end--;
	while (first < end && !paint->dirty[first])
		first++;
	if (first + ERASE_MIN > end)
		tail = paint->cols; // not worth it
	while (col < tail && col < end) {
		if (paint->dirty[col])
			col += paint_cell(paint, col, tail < end ? tail : end);
		else
			col++;
	}
	if (tail < paint->cols)
		erase_tail(paint, tail, first);
}
