// SPDX-License-Identifier: ISC
#include "tests/lib/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <vterm.h>

#define PIECE_MAX 16384 // libvterm puts a write on its stack

struct witness {
	VTerm *vterm;
	VTermScreen *screen;
	uint16_t rows, cols;
	struct cursor cursor;
	char half
	    [4]; // a UTF-8 character cut by the end of the last feed: libvterm would show U+FFFD
	size_t half_len;
};

static int
on_cursor(VTermPos pos, VTermPos oldpos, int visible, void *user)
{
	struct witness *witness = user;

	(void)oldpos;
	(void)visible;
	witness->cursor.row = (uint16_t)pos.row;
	witness->cursor.col = (uint16_t)pos.col;
	return 1;
}

static int
on_prop(VTermProp prop, VTermValue *value, void *user)
{
	struct witness *witness = user;

	if (prop == VTERM_PROP_CURSORVISIBLE)
		witness->cursor.visible = value->boolean;
	if (prop == VTERM_PROP_CURSORBLINK)
		witness->cursor.blink = value->boolean;
	if (prop == VTERM_PROP_CURSORSHAPE)
		witness->cursor.shape = (uint8_t)(value->number - 1);
	return 1;
}

static const VTermScreenCallbacks callbacks = {.movecursor = on_cursor, .settermprop = on_prop};

struct witness *
witness_new(uint16_t rows, uint16_t cols)
{
	struct witness *witness = calloc(1, sizeof(*witness));

	witness->rows = rows;
	witness->cols = cols;
	witness->vterm = vterm_new(rows, cols);
	vterm_set_utf8(witness->vterm, 1);
	witness->screen = vterm_obtain_screen(witness->vterm);
	vterm_screen_set_callbacks(witness->screen, &callbacks, witness);
	vterm_screen_enable_altscreen(witness->screen, 1);
	vterm_screen_reset(witness->screen, 1);
	return witness;
}

void
witness_free(struct witness *witness)
{
	vterm_free(witness->vterm);
	free(witness);
}

// How many bytes at the end belong to a character that is not complete.
static size_t
cut_character(const char *data, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		uint8_t byte = (uint8_t)data[len - back];

		if (byte < 0x80)
			return 0;
		if (byte >= 0xc0)
			return back < (byte >= 0xf0 ? 4u : byte >= 0xe0 ? 3u : 2u) ? back : 0;
	}
	return 0;
}

void
witness_feed(struct witness *witness, const void *data, size_t len)
{
	const char *bytes = data;

	while (len > 0) {
		char piece[PIECE_MAX];
		size_t room = sizeof(piece) - witness->half_len;
		size_t count = len < room ? len : room;
		size_t all = witness->half_len + count;

		memcpy(piece, witness->half, witness->half_len);
		memcpy(piece + witness->half_len, bytes, count);
		witness->half_len = cut_character(piece, all);
		memcpy(witness->half, piece + all - witness->half_len, witness->half_len);
		vterm_input_write(witness->vterm, piece, all - witness->half_len);
		bytes += count;
		len -= count;
	}
	vterm_screen_flush_damage(witness->screen);
}

size_t
witness_replies(struct witness *witness, void *data, size_t cap)
{
	return vterm_output_read(witness->vterm, data, cap);
}

static uint32_t
to_colour(const VTermColor *colour)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(colour) || VTERM_COLOR_IS_DEFAULT_BG(colour))
		return COLOUR_DEFAULT;
	if (VTERM_COLOR_IS_INDEXED(colour))
		return COLOUR_INDEXED(colour->indexed.idx);
	return COLOUR_RGB(
	    (uint32_t)colour->rgb.red << 16 | (uint32_t)colour->rgb.green << 8 | colour->rgb.blue);
}

static uint16_t
to_attrs(const VTermScreenCellAttrs *attrs)
{
	return (uint16_t)((attrs->bold ? ATTR_BOLD : 0) | (attrs->italic ? ATTR_ITALIC : 0) |
			  (attrs->blink ? ATTR_BLINK : 0) | (attrs->reverse ? ATTR_REVERSE : 0) |
			  (attrs->strike ? ATTR_STRIKE : 0) |
			  attrs->underline << ATTR_UNDERLINE_SHIFT);
}

void
witness_cell(const struct witness *witness, uint16_t row, uint16_t col, struct witness_cell *cell)
{
	VTermScreenCell raw = {0};

	vterm_screen_get_cell(witness->screen, (VTermPos){.row = row, .col = col}, &raw);
	memset(cell, 0, sizeof(*cell));
	cell->width = (uint8_t)raw.width;
	cell->style.fg = to_colour(&raw.fg);
	cell->style.bg = to_colour(&raw.bg);
	cell->style.attrs = to_attrs(&raw.attrs);
	if (raw.chars[0] == UINT32_MAX) {
		cell->width = 0;
		return;
	}
	for (size_t i = 0; i < 1 + CELL_MARKS_MAX && raw.chars[i] != 0; i++)
		cell->cp[i] = raw.chars[i];
	if (cell->cp[0] == 0)
		cell->cp[0] = ' '; // erased
}

void
witness_cursor(const struct witness *witness, struct cursor *cursor)
{
	*cursor = witness->cursor;
}

// ---- comparison ---------------------------------------------------------------------------------

static bool
shows_on_blank(uint16_t attrs)
{
	return (attrs & (ATTR_REVERSE | ATTR_STRIKE | ATTR_OVERLINE | ATTR_UNDERLINE_MASK)) != 0;
}

// What libvterm 0.1.4 makes of a style.
static struct style
expressible(struct style style, bool reverse)
{
	uint32_t underline = (uint32_t)(style.attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT;

	style.ul = COLOUR_DEFAULT;
	style.attrs = (style.attrs & WITNESS_ATTRS) ^ (reverse ? ATTR_REVERSE : 0);
	if (underline > UNDERLINE_CURLY) // SGR 4:4 and 4:5 are single lines to it
		style.attrs = (uint16_t)((style.attrs & ~ATTR_UNDERLINE_MASK) |
					 UNDERLINE_SINGLE << ATTR_UNDERLINE_SHIFT);
	return style;
}

static bool
style_shows(const struct style *want, const struct witness_cell *seen)
{
	struct style got = seen->style;

	if (seen->cp[0] == ' ' && seen->cp[1] == 0 && !shows_on_blank(want->attrs) &&
	    !shows_on_blank(got.attrs))
		return want->bg == got.bg;
	return style_equal(want, &got);
}

static bool
has_category(uint32_t cp, const char *first_letters)
{
	return cp <= 0x10ffff &&
	       strchr(first_letters, utf8proc_category_string((utf8proc_int32_t)cp)[0]) != NULL;
}

static bool
ignorable(uint32_t cp)
{
	return utf8proc_get_property((utf8proc_int32_t)cp)->ignorable;
}

static bool
is_accent(uint32_t cp)
{
	return (cp >= 0x1161 && cp <= 0x11ff) || (cp >= 0xd7b0 && cp <= 0xd7fb) ||
	       has_category(cp, "M");
}

// Invisible, and left out without a trace.
static bool
is_joiner(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200d) || cp == 0x2060 || cp == 0xfeff || cp == 0xad ||
	       (is_accent(cp) && (ignorable(cp) || !has_category(cp, "ML")));
}

// The glyph that docs/protocol.md has for a cell: itself, or U+FFFD for what would not be seen.
static uint32_t
wanted_glyph(const struct row *row, const struct cell *cell)
{
	size_t count;
	const uint32_t *marks = row_marks(row, cell, &count);
	uint32_t cp = cell->cp;
	const char *category;

	for (size_t i = 0; i < count; i++)
		if (marks[i] > 0x10ffff || (!is_accent(marks[i]) && !is_joiner(marks[i])))
			return 0xfffd;
	if (cp == 0xad)
		return '-';
	if (cp > 0x10ffff || ignorable(cp) || (is_accent(cp) && has_category(cp, "L")))
		return 0xfffd;
	category = utf8proc_category_string((utf8proc_int32_t)cp);
	if (strcmp(category, "Co") == 0 || strcmp(category, "Zs") == 0 ||
	    strcmp(category, "Mc") == 0)
		return cp;
	return strchr("LNPS", category[0]) != NULL ? cp : 0xfffd;
}

// A mark that libvterm gives a column of its own.
static bool
is_spacing(uint32_t cp)
{
	return strcmp(utf8proc_category_string((utf8proc_int32_t)cp), "Mc") == 0;
}

static bool
marks_show(const struct row *row, const struct cell *cell, const struct witness_cell *seen)
{
	size_t count, at = 1;
	const uint32_t *marks = row_marks(row, cell, &count);

	for (size_t i = 0; i < count; i++) {
		if (at > CELL_MARKS_MAX || is_spacing(marks[i]))
			return true;
		if (!is_joiner(marks[i]) && seen->cp[at++] != marks[i])
			return false;
	}
	return at > CELL_MARKS_MAX || seen->cp[at] == 0;
}

// In the last column a glyph that libvterm would make wide is not painted, nor are marks near it
// that it might give columns.
static bool
glyph_shows(const struct row *row, const struct cell *cell, const struct witness_cell *seen)
{
	uint32_t want = wanted_glyph(row, cell);
	size_t count, room = (size_t)(&row->cells[row->cols] - cell);

	row_marks(row, cell, &count);
	if (room == 1 && seen->cp[0] == 0xfffd &&
	    ((want >= 0x3248 && want <= 0x324f) || (want >= 0x4dc0 && want <= 0x4dff)))
		return true;
	if (want != seen->cp[0])
		return false;
	return want == 0xfffd || (cell->width + count > room && seen->cp[1] == 0) ||
	       marks_show(row, cell, seen);
}

static void
explain_cell(size_t row_index, size_t col, const struct cell *want, const struct witness_cell *got,
    char *why, size_t why_len)
{
	snprintf(why, why_len,
	    "row %zu col %zu: wanted U+%04X w%u fg %x bg %x attrs %x, seen U+%04X w%u fg %x bg %x "
	    "attrs %x",
	    row_index, col, want->cp, want->width, want->style.fg, want->style.bg,
	    want->style.attrs, got->cp[0], got->width, got->style.fg, got->style.bg,
	    got->style.attrs);
}

// One glyph of `row` at `col`.
static bool
cell_shows(const struct witness *witness, bool reverse, const struct row *row, uint16_t index,
    uint16_t col, char *why, size_t why_len)
{
	const struct cell *want = &row->cells[col];
	struct style style = expressible(want->style, reverse);
	struct witness_cell got;

	witness_cell(witness, index, col, &got);
	if (glyph_shows(row, want, &got) && style_shows(&style, &got))
		return true;
	explain_cell(index, col, want, &got, why, why_len);
	return false;
}

// Whether the witness gives the glyph at `col` another width; then what is beside it is its own
// affair, as far as the glyph reaches in either opinion.
static bool
disputed(const struct witness *witness, const struct row *row, uint16_t index, uint16_t col)
{
	struct witness_cell got, next;

	witness_cell(witness, index, col, &got);
	if (row->cells[col].width == 2) {
		witness_cell(witness, index, (uint16_t)(col + 1), &next);
		return next.width != 0;
	}
	return got.width != row->cells[col].width;
}

static bool
cursor_shows(const struct witness *witness, const struct screen *screen, char *why, size_t why_len)
{
	const struct cursor *want = &screen->cursor, *got = &witness->cursor;

	if (want->visible == got->visible &&
	    (!want->visible || (want->row == got->row && want->col == got->col &&
				   want->shape == got->shape && want->blink == got->blink)))
		return true;
	snprintf(why, why_len, "cursor: wanted %u,%u visible %d shape %u %d, seen %u,%u %d %u %d",
	    want->row, want->col, want->visible, want->shape, want->blink, got->row, got->col,
	    got->visible, got->shape, got->blink);
	return false;
}

bool
witness_shows(const struct witness *witness, const struct screen *screen, char *why, size_t why_len)
{
	for (uint16_t index = 0; index < screen->rows; index++) {
		const struct row *row = screen->row[index];

		for (uint16_t col = 0; col < screen->cols; col++) {
			if (row->cells[col].width == 0)
				continue;
			if (!cell_shows(witness, screen->reverse, row, index, col, why, why_len))
				return false;
			if (row->cells[col].width == 1 && disputed(witness, row, index, col))
				col++;
		}
	}
	return cursor_shows(witness, screen, why, why_len);
}
