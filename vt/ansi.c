// SPDX-License-Identifier: ISC
// A paint has four steps: erase what became blank below, scroll what moved, rewrite the cells that
// differ row by row, put the cursor. Each works on what the terminal is believed to show, and
// writes nothing where that is already right. vt/ansi_*.h are the parts.
#include "vt/ansi.h"

#include "vt/ansi_row.h"
#include "vt/ansi_scroll.h"

#include <stdlib.h>
#include <string.h>

#define SCROLLS_MAX 8 // in one paint
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
	    .answers = true,
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

static struct line
target_line(const struct screen *screen, size_t row)
{
	return (struct line){.row = screen->row[row], .reverse = screen->reverse};
}

// Turns what the terminal shows in this row into `line`.
static void
paint_row(struct ansi *ansi, uint16_t row, const struct line *line)
{
	uint16_t cols = ansi->term.cols;
	struct look *was = ansi->looks, *now = ansi->looks + cols;
	struct row_paint paint = {.term = &ansi->term,
	    .out = &ansi->body,
	    .row = row,
	    .cols = cols,
	    .was = was,
	    .now = now,
	    .dirty = ansi->dirty};

	if (line_equal(&ansi->was[row], line))
		return;
	ansi_look_row(&ansi->caps, ansi->was[row].reverse, ansi->was[row].row, 0, cols, was);
	ansi_look_row(&ansi->caps, line->reverse, line->row, 0, cols, now);
	ansi_row_paint(&paint);
	ansi->was[row] = *line;
}

static void
paint_rows(struct ansi *ansi, const struct screen *screen)
{
	for (uint16_t row = 0; row < screen->rows; row++) {
		struct line line = target_line(screen, row);

		paint_row(ansi, row, &line);
	}
}

// Whether the cursor stands where a program that prints lines would leave it.
static bool
feeds(const struct term *term, const struct scroll *scroll)
{
	return scroll->count > 0 && term->known && term->row == scroll->bottom &&
	       term->top == scroll->top && term->bottom == scroll->bottom;
}

// Rows come in at the bottom as a program writes them, each in the last row before it goes up: with no
// move there and back.
static void
feed_rows(struct ansi *ansi, const struct line *now, const struct scroll *scroll,
    const struct line *blank)
{
	struct scroll step = {.top = scroll->top, .bottom = scroll->bottom, .count = 1};

	for (int i = scroll->count; i > 0; i--) {
		paint_row(ansi, scroll->bottom, &now[scroll->bottom - i]);
		term_scroll(&ansi->term, scroll->top, scroll->bottom, 1, &ansi->body);
		scroll_apply(ansi->was, blank, &step);
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
		if (feeds(&ansi->term, &scroll)) {
			feed_rows(ansi, now, &scroll, &blank);
			continue;
		}
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
