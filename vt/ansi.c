// SPDX-License-Identifier: ISC
// A paint has four steps: scroll what moved, erase what became blank below, rewrite the cells that
// differ row by row, put the cursor. Each works on what the terminal is believed to show, and
// writes nothing where that is already right. vt/ansi_*.h are the parts.
#include "vt/ansi.h"

#include "vt/ansi_look.h"
#include "vt/ansi_scroll.h"
#include "vt/ansi_term.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SCROLLS_MAX 8 // in one paint
#define ERASE_MIN 3   // cells that make EL worth its 3 bytes
#define ECH_MIN 20    // cells that make ECH and a move worth theirs, compressed or not
#define REP_MIN 6     // glyphs
#define ED_MIN 3      // rows
#define SYNC_MIN 512  // bytes of a paint that is worth holding together (?2026: 16 bytes)
#define HIDE_MIN 256  // bytes of a paint during which the cursor is hidden

enum shown {
	SHOWN_UNKNOWN, // anything, any modes
	SHOWN_CLEAR,   // entered and cleared, of a size not yet known
	SHOWN_SCREEN,  // `screen`
};

struct ansi {
	struct ansi_caps caps;
	enum shown shown;
	struct screen *screen; // a reference, or NULL
	struct term term;
	bool cursor_known, cursor_visible;
	uint8_t cursor_style; // DECSCUSR's parameter
	struct row *blank;    // a reference; of the screen's width
	struct line *was;     // owned, a line per row: what the terminal shows so far
	struct look *looks;   // owned: 2 rows of looks, as it is and as it should be
	bool *dirty;          // owned: a row
	struct buf body;
};

struct ansi_caps
ansi_caps_modern(void)
{
	return (struct ansi_caps){.colours = 1 << 24,
	    .attrs = true,
	    .utf8 = true,
	    .ech = true,
	    .el = true,
	    .bce = true,
	    .scroll = true,
	    .autowrap = true,
	    .alt_screen = true,
	    .cursor_hide = true,
	    .cursor_shape = true,
	    .sync = true,
	    .italic = true,
	    .strike = true,
	    .overline = true,
	    .faint = true,
	    .underline_style = true,
	    .underline_colour = true};
}

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
		abort();
	return memory;
}

struct ansi *
ansi_new(const struct ansi_caps *caps)
{
	struct ansi *ansi = allocate(1, sizeof(*ansi));

	ansi->caps = *caps;
	return ansi;
}

static void
forget(struct ansi *ansi)
{
	screen_unref(ansi->screen);
	ansi->screen = NULL;
	if (ansi->blank != NULL)
		row_unref(ansi->blank);
	ansi->blank = NULL;
	free(ansi->was);
	ansi->was = NULL;
	free(ansi->looks);
	ansi->looks = NULL;
	free(ansi->dirty);
	ansi->dirty = NULL;
}

void
ansi_free(struct ansi *ansi)
{
	if (ansi == NULL)
		return;
	forget(ansi);
	buf_fini(&ansi->body);
	free(ansi);
}

void
ansi_reset(struct ansi *ansi)
{
	forget(ansi);
	ansi->shown = SHOWN_UNKNOWN;
}

static void
put_text(struct buf *out, const char *text)
{
	buf_put(out, text, strlen(text));
}

// Autowrap is off while we paint: no disagreement on a glyph's width can then wrap it into another
// row, and none in the bottom right corner scrolls the screen.
static void
put_clear(struct ansi *ansi, struct buf *out)
{
	if (ansi->caps.autowrap)
		put_text(out, "\x1b[?7l");
	if (ansi->caps.scroll)
		put_text(out, "\x1b[r");
	if (ansi->caps.attrs)
		put_text(out, "\x1b[m");
	put_text(out, "\x1b[H\x1b[2J");
}

void
ansi_enter(struct ansi *ansi, struct buf *out)
{
	forget(ansi);
	if (ansi->caps.alt_screen)
		put_text(out, "\x1b[?1049h");
	put_clear(ansi, out);
	ansi->shown = SHOWN_CLEAR;
	ansi->cursor_known = false;
	ansi->cursor_style = 0;
}

// Each sequence begins with ESC, which ends whatever a cut frame left unfinished.
static void
put_usual_modes(struct ansi *ansi, struct buf *out)
{
	if (ansi->caps.sync)
		put_text(out, "\x1b[?2026l");
	if (ansi->caps.scroll)
		put_text(out, "\x1b[r");
	if (ansi->caps.attrs)
		put_text(out, "\x1b[m");
	if (ansi->caps.autowrap)
		put_text(out, "\x1b[?7h");
}

void
ansi_leave(struct ansi *ansi, struct buf *out)
{
	put_usual_modes(ansi, out);
	if (ansi->caps.cursor_shape)
		put_text(out, "\x1b[0 q");
	if (ansi->caps.cursor_hide)
		put_text(out, "\x1b[?25h");
	if (ansi->caps.alt_screen)
		put_text(out, "\x1b[?1049l");
	else if (ansi->screen != NULL)
		buf_printf(out, "\x1b[%dH\r\n", ansi->screen->rows);
	ansi_reset(ansi);
}

// ---- one row ------------------------------------------------------------------------------------

struct paint {
	struct ansi *ansi;
	struct term *term;
	struct buf *out;
	uint16_t row, cols;
	const struct look *was, *now; // of this row
	bool *dirty;                  // the columns to paint
};

// A glyph that some terminals draw wider than we do covers cells to its right, which then have to be
// painted after it.
static void
find_dirty(struct paint *paint)
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
pen_for(const struct paint *paint, size_t col)
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
set_pen(struct paint *paint, size_t col)
{
	struct style pen;

	if (pen_suits(paint->term, &paint->now[col]))
		return;
	pen = pen_for(paint, col);
	term_pen(paint->term, &pen, paint->out);
}

static bool
at(const struct paint *paint, size_t col)
{
	const struct term *term = paint->term;

	return term->known && !term->pending && term->row == paint->row && term->col == col;
}

// The unchanged cells between the cursor and `col` are cheaper to print than to jump over.
static bool
rewrite_gap(struct paint *paint, size_t col)
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
go_to(struct paint *paint, size_t col, bool run)
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
blank_under(struct paint *paint, size_t col)
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
same_from(const struct paint *paint, size_t col, size_t end)
{
	size_t count = 1;

	while (col + count < end && paint->dirty[col + count] &&
	       ansi_look_equal(&paint->now[col], &paint->now[col + count]))
		count++;
	return count;
}

static bool
can_erase(const struct paint *paint, uint32_t bg)
{
	return paint->ansi->caps.bce || bg == COLOUR_DEFAULT;
}

// Paints the cell at `col`, or several alike; returns how many columns that were.
static size_t
paint_cell(struct paint *paint, size_t col, size_t end)
{
	const struct ansi_caps *caps = &paint->ansi->caps;
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
	if (!caps->rep || same <= REP_MIN || look->width != 1 || look->marks_len != 0)
		return look->width;
	term_repeat(paint->term, same - 1, paint->out);
	return same;
}

// The first column of the blanks at the end of the row that EL can make.
static size_t
find_tail(const struct paint *paint)
{
	size_t tail = paint->cols;
	uint32_t bg = paint->now[tail - 1].style.bg;

	if (!paint->ansi->caps.el || !can_erase(paint, bg))
		return tail;
	while (tail > 0 && ansi_look_blank(&paint->now[tail - 1]) &&
	       paint->now[tail - 1].style.bg == bg)
		tail--;
	return tail;
}

static void
erase_tail(struct paint *paint, size_t tail, size_t first)
{
	if (!at(paint, tail) || !paint->term->sure)
		go_to(paint, first, false);
	term_pen_erase(paint->term, paint->now[first].style.bg, paint->out);
	put_text(paint->out, "\x1b[K");
}

static void
paint_row(struct paint *paint)
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

// ---- the screen -----------------------------------------------------------------------------------

static struct line
target_line(const struct screen *screen, size_t row)
{
	return (struct line){.row = screen->row[row], .reverse = screen->reverse};
}

static void
paint_rows(struct ansi *ansi, const struct screen *screen)
{
	struct paint paint = {
	    .ansi = ansi, .term = &ansi->term, .out = &ansi->body, .cols = screen->cols};
	struct look *was = ansi->looks, *now = ansi->looks + screen->cols;

	paint.was = was;
	paint.now = now;
	paint.dirty = ansi->dirty;
	for (uint16_t row = 0; row < screen->rows; row++) {
		struct line line = target_line(screen, row);

		if (line_equal(&ansi->was[row], &line))
			continue;
		ansi_look_row(
		    &ansi->caps, ansi->was[row].reverse, ansi->was[row].row, 0, screen->cols, was);
		ansi_look_row(&ansi->caps, line.reverse, line.row, 0, screen->cols, now);
		paint.row = row;
		paint_row(&paint);
	}
}

static void
scroll_rows(struct ansi *ansi, const struct screen *screen)
{
	struct line blank = {.row = ansi->blank};
	struct scroll scroll;
	struct line *now;

	if (!ansi->caps.scroll)
		return;
	now = allocate(screen->rows, sizeof(*now));
	for (size_t row = 0; row < screen->rows; row++)
		now[row] = target_line(screen, row);
	for (int i = 0; i < SCROLLS_MAX; i++) {
		if (!scroll_find(ansi->was, now, screen->rows, &blank, &scroll))
			break;
		term_scroll(&ansi->term, scroll.top, scroll.bottom, scroll.count, &ansi->body);
		scroll_apply(ansi->was, &blank, &scroll);
	}
	free(now);
}

// If all rows from some one on are to be blank, and several of them are not, erases them at once.
static void
erase_below(struct ansi *ansi, const struct screen *screen)
{
	struct line blank = {.row = ansi->blank};
	uint16_t first = screen->rows;
	size_t dirty = 0;

	if (screen->reverse)
		return;
	while (first > 0 && row_used(screen->row[first - 1]) == 0)
		dirty += row_used(ansi->was[--first].row) > 0 || ansi->was[first].reverse;
	if (dirty < ED_MIN)
		return;
	term_move(&ansi->term, first, 0, &ansi->body);
	term_pen_erase(&ansi->term, COLOUR_DEFAULT, &ansi->body);
	put_text(&ansi->body, "\x1b[J");
	for (size_t row = first; row < screen->rows; row++)
		ansi->was[row] = blank;
}

// DECSCUSR. A blinking block is what a terminal is born with, so it stands for the guest's own.
static uint8_t
cursor_style(const struct cursor *cursor)
{
	if (cursor->shape == CURSOR_BLOCK && cursor->blink)
		return 0;
	return (uint8_t)(cursor->shape * 2 + (cursor->blink ? 1 : 2));
}

static void
put_cursor(struct ansi *ansi, const struct screen *screen)
{
	const struct cursor *cursor = &screen->cursor;
	uint16_t row = cursor->row < screen->rows ? cursor->row : (uint16_t)(screen->rows - 1);
	uint16_t col = cursor->col < screen->cols ? cursor->col : (uint16_t)(screen->cols - 1);

	if (cursor->visible || !ansi->caps.cursor_hide)
		term_move(&ansi->term, row, col, &ansi->body);
	if (ansi->caps.cursor_shape && cursor_style(cursor) != ansi->cursor_style) {
		ansi->cursor_style = cursor_style(cursor);
		buf_printf(&ansi->body, "\x1b[%u q", ansi->cursor_style);
	}
}

// The body with what holds it together around it. The cursor shows only when all is done.
static void
put_frame(struct ansi *ansi, const struct screen *screen, struct buf *out)
{
	bool sync = ansi->caps.sync && ansi->body.len >= SYNC_MIN;
	bool hidden = ansi->cursor_known && !ansi->cursor_visible;
	bool visible = screen->cursor.visible;

	if (sync)
		put_text(out, "\x1b[?2026h");
	if (ansi->caps.cursor_hide && !hidden &&
	    (!visible || (!sync && ansi->body.len >= HIDE_MIN))) {
		put_text(out, "\x1b[?25l");
		hidden = true;
	}
	buf_put(out, ansi->body.data, ansi->body.len);
	if (ansi->caps.cursor_hide && visible && (hidden || !ansi->cursor_known))
		put_text(out, "\x1b[?25h");
	if (sync)
		put_text(out, "\x1b[?2026l");
	ansi->cursor_visible = visible;
	ansi->cursor_known = true;
}

// A screen of another size, or the first: the terminal is clear, or cleared now.
static void
begin(struct ansi *ansi, const struct screen *screen)
{
	bool clear = ansi->shown == SHOWN_CLEAR;

	forget(ansi);
	ansi->blank = row_new(screen->cols, COLOUR_DEFAULT);
	row_publish(ansi->blank);
	ansi->was = allocate(screen->rows, sizeof(*ansi->was));
	ansi->looks = allocate(2u * screen->cols, sizeof(*ansi->looks));
	ansi->dirty = allocate(screen->cols, sizeof(*ansi->dirty));
	for (size_t row = 0; row < screen->rows; row++)
		ansi->was[row] = (struct line){.row = ansi->blank};
	term_init(&ansi->term, &ansi->caps, screen->rows, screen->cols);
	if (!clear) {
		put_clear(ansi, &ansi->body);
		ansi->cursor_known = false;
		ansi->cursor_style = UINT8_MAX;
	}
	ansi->term.known = ansi->term.sure = ansi->term.pen_known = true;
	ansi->term.bottom = (uint16_t)(screen->rows - 1);
}

void
ansi_paint(struct ansi *ansi, struct screen *screen, struct buf *out)
{
	ansi->body.len = 0;
	if (ansi->shown != SHOWN_SCREEN || ansi->screen->rows != screen->rows ||
	    ansi->screen->cols != screen->cols) {
		begin(ansi, screen);
	} else if (ansi->screen == screen) {
		return;
	} else {
		for (size_t row = 0; row < screen->rows; row++)
			ansi->was[row] = target_line(ansi->screen, row);
	}
	erase_below(ansi, screen);
	scroll_rows(ansi, screen);
	paint_rows(ansi, screen);
	put_cursor(ansi, screen);
	if (ansi->body.len > 0 || !ansi->cursor_known ||
	    (ansi->caps.cursor_hide && ansi->cursor_visible != screen->cursor.visible))
		put_frame(ansi, screen, out);
	screen_ref(screen);
	screen_unref(ansi->screen);
	ansi->screen = screen;
	ansi->shown = SHOWN_SCREEN;
}

// A cursor that waits to wrap does so only after a glyph was printed in the last column.
static void
put_pending_wrap(struct ansi *ansi, struct buf *out)
{
	const struct screen *screen = ansi->screen;
	const struct row *row = screen->row[screen->cursor.row];
	struct look *looks = ansi->looks;
	size_t col = screen->cols - 1u;

	ansi_look_row(&ansi->caps, screen->reverse, row, 0, screen->cols, looks);
	if (looks[col].width == 0)
		col--;
	term_move(&ansi->term, screen->cursor.row, (uint16_t)col, out);
	term_pen(&ansi->term, &looks[col].style, out);
	term_put(&ansi->term, &looks[col], out);
	if (ansi->caps.attrs)
		put_text(out, "\x1b[m");
}

void
ansi_settle(struct ansi *ansi, struct buf *out)
{
	const struct screen *screen = ansi->screen;

	put_usual_modes(ansi, out);
	if (screen != NULL) {
		ansi->term.known = false;
		ansi->term.pen = (struct style){0};
		if (screen->cursor.pending_wrap)
			put_pending_wrap(ansi, out);
		else
			term_move(&ansi->term, screen->cursor.row, screen->cursor.col, out);
	}
	ansi_reset(ansi);
}
