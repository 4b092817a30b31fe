// SPDX-License-Identifier: ISC
#include "vt/screen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct screen *
screen_alloc(uint16_t rows, uint16_t cols)
{
	struct screen *screen;

	assert(rows >= 1 && rows <= SCREEN_ROWS_MAX && cols >= 1 && cols <= SCREEN_COLS_MAX);
	screen = calloc(1, sizeof(*screen) + rows * sizeof(screen->row[0]));
	if (screen == NULL)
		abort();
	screen->refs = 1;
	screen->rows = rows;
	screen->cols = cols;
	screen->cursor.visible = true;
	screen->cursor.blink = true;
	return screen;
}

struct screen *
screen_blank(uint16_t rows, uint16_t cols)
{
	struct screen *screen = screen_alloc(rows, cols);

	screen->row[0] = row_new(cols, COLOUR_DEFAULT);
	row_publish(screen->row[0]);
	for (size_t i = 1; i < rows; i++)
		screen->row[i] = row_ref(screen->row[0]);
	return screen;
}

struct screen *
screen_ref(struct screen *screen)
{
	screen->refs++;
	return screen;
}

void
screen_unref(struct screen *screen)
{
	if (screen == NULL)
		return;
	assert(screen->refs > 0);
	if (--screen->refs > 0)
		return;
	for (size_t i = 0; i < screen->rows; i++)
		if (screen->row[i] != NULL)
			row_unref(screen->row[i]);
	free(screen);
}

void
screen_copy_meta(struct screen *to, const struct screen *from)
{
	to->cursor = from->cursor;
	to->reverse = from->reverse;
	to->alt = from->alt;
	to->bell = from->bell;
	memcpy(to->title, from->title, sizeof(to->title));
}

static bool
cursor_equal(const struct cursor *a, const struct cursor *b)
{
	return a->row == b->row && a->col == b->col && a->shape == b->shape &&
	       a->blink == b->blink && a->visible == b->visible &&
	       a->pending_wrap == b->pending_wrap;
}

static bool
meta_equal(const struct screen *a, const struct screen *b)
{
	return a->rows == b->rows && a->cols == b->cols && cursor_equal(&a->cursor, &b->cursor) &&
	       a->reverse == b->reverse && a->alt == b->alt && a->bell == b->bell &&
	       strcmp(a->title, b->title) == 0;
}

bool
screen_equal(const struct screen *a, const struct screen *b)
{
	if (a == b)
		return true;
	if (!meta_equal(a, b))
		return false;
	for (size_t i = 0; i < a->rows; i++)
		if (!row_equal(a->row[i], b->row[i]))
			return false;
	return true;
}

static void
explain_meta(const struct screen *a, const struct screen *b, char *why, size_t why_len)
{
	const struct cursor *x = &a->cursor, *y = &b->cursor;

	if (a->rows != b->rows || a->cols != b->cols)
		snprintf(why, why_len, "size %ux%u / %ux%u", a->cols, a->rows, b->cols, b->rows);
	else if (strcmp(a->title, b->title) != 0)
		snprintf(why, why_len, "title \"%s\" / \"%s\"", a->title, b->title);
	else if (a->reverse != b->reverse || a->alt != b->alt)
		snprintf(why, why_len, "reverse %d alt %d / reverse %d alt %d", a->reverse, a->alt,
		    b->reverse, b->alt);
	else if (a->bell != b->bell)
		snprintf(why, why_len, "bell %u / %u", a->bell, b->bell);
	else
		snprintf(why, why_len,
		    "cursor %u,%u shape %u blink %d visible %d wrap %d / %u,%u %u %d %d %d", x->row,
		    x->col, x->shape, x->blink, x->visible, x->pending_wrap, y->row, y->col,
		    y->shape, y->blink, y->visible, y->pending_wrap);
}

static void
explain_row(size_t index, const struct row *a, const struct row *b, char *why, size_t why_len)
{
	for (size_t col = 0; col < a->cols; col++) {
		const struct cell *x = &a->cells[col], *y = &b->cells[col];

		if (row_cell_equal(a, col, b, col))
			continue;
		snprintf(why, why_len,
		    "row %zu col %zu: U+%04X w%u fg %x bg %x ul %x attrs %x / U+%04X w%u fg %x bg "
		    "%x ul %x "
		    "attrs %x%s",
		    index, col, x->cp, x->width, x->style.fg, x->style.bg, x->style.ul,
		    x->style.attrs, y->cp, y->width, y->style.fg, y->style.bg, y->style.ul,
		    y->style.attrs, x->marks || y->marks ? " (marks)" : "");
		return;
	}
	if (!row_hrefs_equal(a, b))
		snprintf(why, why_len, "row %zu: links", index);
	else
		snprintf(why, why_len, "row %zu: wrapped %d / %d", index, a->wrapped, b->wrapped);
}

bool
screen_explain(const struct screen *a, const struct screen *b, char *why, size_t why_len)
{
	if (!meta_equal(a, b)) {
		explain_meta(a, b, why, why_len);
		return false;
	}
	for (size_t i = 0; i < a->rows; i++) {
		if (row_equal(a->row[i], b->row[i]))
			continue;
		explain_row(i, a->row[i], b->row[i], why, why_len);
		return false;
	}
	return true;
}
