// SPDX-License-Identifier: ISC
#include "vt/window.h"

#include "vt/width.h"

#include <stdio.h>
#include <string.h>

// The cursor is kept this far from the edges, or a quarter of the window if that is less.
#define MARGIN_ROWS 2
#define MARGIN_COLS 8

static const struct style edge_style = {.attrs = ATTR_FAINT};
static const struct style badge_style = {.attrs = ATTR_REVERSE};

static uint16_t
clamp(int value, int least, int most)
{
	return (uint16_t)(value > most ? most : value < least ? least : value);
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

void
window_init(struct window *window, uint16_t rows, uint16_t cols)
{
	*window = (struct window){.rows = clamp(rows, 1, SCREEN_ROWS_MAX),
	    .cols = clamp(cols, 1, SCREEN_COLS_MAX),
	    .follow = true};
}

// As far as the window can go.
static int
top_max(const struct window *window, const struct screen *host)
{
	return host->rows > window->rows ? host->rows - window->rows : 0;
}

static int
left_max(const struct window *window, const struct screen *host)
{
	return host->cols > window->cols ? host->cols - window->cols : 0;
}

static bool
clipped(const struct window *window, const struct screen *host)
{
	return host->rows > window->rows || host->cols > window->cols;
}

void
window_pan(struct window *window, const struct screen *host, int rows, int cols)
{
	int most = SCREEN_ROWS_MAX > SCREEN_COLS_MAX ? SCREEN_ROWS_MAX : SCREEN_COLS_MAX;

	if (!clipped(window, host))
		return; // there is nowhere to go
	window->follow = false;
	window->top =
	    clamp(window->top + clamp(rows + most, 0, 2 * most) - most, 0, top_max(window, host));
	window->left =
	    clamp(window->left + clamp(cols + most, 0, 2 * most) - most, 0, left_max(window, host));
}

// Up and down as little as will do, since the painter scrolls. Sideways every row is painted anew,
// so by half a window, and all the way home as soon as that shows the cursor.
static void
follow(struct window *window, const struct screen *host)
{
	int row = host->cursor.row, col = host->cursor.col;
	int above = least(MARGIN_ROWS, (window->rows - 1) / 4);
	int beside = least(MARGIN_COLS, (window->cols - 1) / 4);

	if (!host->cursor.visible)
		return;
	if (row - above < window->top)
		window->top = clamp(row - above, 0, row);
	else if (row + above > window->top + window->rows - 1)
		window->top = clamp(row + above - window->rows + 1, 0, row);
	if (col - beside >= window->left && col + beside <= window->left + window->cols - 1)
		return;
	window->left = col + beside < window->cols ? 0 : clamp(col - window->cols / 2, 0, col);
}

static void
settle(struct window *window, const struct screen *host)
{
	if (window->follow)
		follow(window, host);
	window->top = clamp(window->top, 0, top_max(window, host));
	window->left = clamp(window->left, 0, left_max(window, host));
}

// ---- composition --------------------------------------------------------------------------------

// A wide glyph that the window's edge cuts in two becomes a blank.
static void
copy_cell(struct row *to, size_t to_col, const struct row *from, size_t col)
{
	const struct cell *cell = &from->cells[col];
	bool cut =
	    (cell->width == 0 && to_col == 0) || (cell->width == 2 && to_col + 1u == to->cols);
	size_t count;
	const uint32_t *marks;

	if (cut) {
		row_blank(to, to_col, to_col + 1, cell->style.bg);
		return;
	}
	marks = row_marks(from, cell, &count);
	to->cells[to_col] = *cell;
	row_set_marks(to, to_col, marks, count);
}

static struct row *
compose_row(const struct window *window, const struct screen *host, struct row *from)
{
	size_t count = (size_t)least(window->cols, host->cols - window->left);
	struct row *row;

	if (window->cols == host->cols)
		return row_ref(from);
	row = row_new(window->cols, COLOUR_DEFAULT);
	for (size_t col = 0; col < count; col++)
		copy_cell(row, col, from, window->left + col);
	if (count < window->cols)
		row_put(row, count, 0x2502, 1, &edge_style);
	return row;
}

// The first row below the host's screen, and those after it.
static struct row *
edge_row(const struct window *window, const struct screen *host, bool first)
{
	struct row *row = row_new(window->cols, COLOUR_DEFAULT);
	size_t width = (size_t)least(window->cols, host->cols);

	if (!first)
		return row;
	for (size_t col = 0; col < width; col++)
		row_put(row, col, 0x2500, 1, &edge_style);
	if (width < window->cols)
		row_put(row, width, 0x2518, 1, &edge_style);
	return row;
}

static void
place_cursor(const struct window *window, const struct screen *host, struct screen *screen)
{
	int row = host->cursor.row - window->top, col = host->cursor.col - window->left;

	if (row < 0 || row >= window->rows || col < 0 || col >= window->cols)
		screen->cursor.visible = false;
	screen->cursor.row = clamp(row, 0, window->rows - 1);
	screen->cursor.col = clamp(col, 0, window->cols - 1);
	screen->cursor.pending_wrap =
	    host->cursor.pending_wrap && screen->cursor.visible && col == window->cols - 1;
}

static struct row *
own(struct screen *screen, size_t row)
{
	screen->row[row] = row_own(screen->row[row]);
	return screen->row[row];
}

// Text of as many sizes as there is room for, so as not to hide half of a small window.
static size_t
badge_text(const struct window *window, const struct screen *host, char *text, size_t size)
{
	int len = window->follow ? snprintf(text, size, " %ux%u seen through %ux%u ", host->cols,
				       host->rows, window->cols, window->rows)
				 : snprintf(text, size, " %ux%u panned, Home follows ", host->cols,
				       host->rows);

	if (len > window->cols / 2)
		len = snprintf(text, size, window->follow ? " %ux%u " : " %ux%u panned ",
		    host->cols, host->rows);
	return window->rows < 2 || len > window->cols / 2 ? 0 : (size_t)len;
}

// In the bottom right corner; in the top right one while the cursor is there.
static void
put_badge(const struct window *window, const struct screen *host, struct screen *screen)
{
	char text[64];
	size_t len = badge_text(window, host, text, sizeof(text));
	size_t col = screen->cols - len, row = screen->rows - 1u;
	struct row *line;

	if (len == 0)
		return;
	if (screen->cursor.visible && screen->cursor.row == row && screen->cursor.col >= col)
		row = 0;
	line = own(screen, row);
	for (size_t i = 0; i < len; i++)
		row_put(line, col + i, (uint8_t)text[i], 1, &badge_style);
}

// The next code point of well-formed UTF-8; malformed bytes give U+FFFD one by one.
static uint32_t
next_code_point(const char **text)
{
	const uint8_t *bytes = (const uint8_t *)*text;
	size_t len = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	uint32_t cp = len == 1 ? bytes[0] : bytes[0] & (0x7fu >> len);

	for (size_t i = 1; i < len; i++) {
		if (bytes[0] < 0xc2 || (bytes[i] & 0xc0) != 0x80) {
			*text += 1;
			return 0xfffd;
		}
		cp = cp << 6 | (bytes[i] & 0x3f);
	}
	*text += len;
	return cp;
}

// Columns that the text takes.
static size_t
notice_width(const char *text)
{
	size_t cols = 0;

	while (*text != '\0') {
		int width = width_of(next_code_point(&text));

		cols += width > 0 ? (size_t)width : 0;
	}
	return cols;
}

// Below the host's screen if there is room. Else over its last row, or the first one while the cursor is
// in the last: in the right corner, if it is short, so that the least is hidden.
static void
put_notice(const struct window *window, const struct screen *host, struct screen *screen)
{
	bool below = window->rows > host->rows;
	bool up = !below && screen->rows > 1 && screen->cursor.row == screen->rows - 1;
	size_t at = up ? 0 : screen->rows - 1u, width = notice_width(window->notice) + 2;
	size_t col = below || width > screen->cols / 2u ? 0 : screen->cols - width;
	struct row *row = own(screen, at);
	const char *text = window->notice;

	row_put(row, col++, ' ', 1, &badge_style);
	while (*text != '\0' && col < screen->cols) {
		uint32_t cp = next_code_point(&text);
		int cell = width_of(cp);

		if (cp < 0x20 || cell < 1 || col + (size_t)cell > screen->cols)
			continue;
		row_put(row, col, cp, (uint8_t)cell, &badge_style);
		col += (size_t)cell;
	}
	for (; col < screen->cols; col++)
		row_put(row, col, ' ', 1, &badge_style);
	if (screen->cursor.row == at)
		screen->cursor.visible = false;
}

struct screen *
window_compose(struct window *window, struct screen *host)
{
	struct screen *screen;

	settle(window, host);
	if (window->rows == host->rows && window->cols == host->cols && window->notice == NULL)
		return screen_ref(host);
	screen = screen_alloc(window->rows, window->cols);
	screen_copy_meta(screen, host);
	for (size_t i = 0; i < window->rows; i++) {
		size_t at = window->top + i;

		screen->row[i] = at < host->rows ? compose_row(window, host, host->row[at])
						 : edge_row(window, host, at == host->rows);
	}
	place_cursor(window, host, screen);
	if (window->notice != NULL)
		put_notice(window, host, screen);
	else if (clipped(window, host))
		put_badge(window, host, screen);
	for (size_t i = 0; i < window->rows; i++)
		row_publish(screen->row[i]);
	return screen;
}
