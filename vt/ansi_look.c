// SPDX-License-Identifier: ISC
#include "vt/ansi_look.h"

#include "vt/ansi_colour.h"
#include "vt/ansi_glyph.h"

#include <string.h>

// Attributes that show on a space.
#define ATTR_ON_BLANK (ATTR_REVERSE | ATTR_STRIKE | ATTR_OVERLINE | ATTR_UNDERLINE_MASK)

static uint16_t
look_underline(const struct ansi_caps *caps, uint16_t attrs)
{
	if ((attrs & ATTR_UNDERLINE_MASK) == 0 || caps->underline_style)
		return attrs;
	return (
	    uint16_t)((attrs & ~ATTR_UNDERLINE_MASK) | UNDERLINE_SINGLE << ATTR_UNDERLINE_SHIFT);
}

// Drops what the terminal cannot do.
static struct style
look_style(const struct ansi_caps *caps, bool reverse, struct style style)
{
	uint16_t lost = ATTR_PROTECTED;

	if (!caps->attrs)
		return (struct style){0};
	if (reverse)
		style.attrs ^= ATTR_REVERSE;
	if (!caps->italic)
		lost |= ATTR_ITALIC;
	if (!caps->strike)
		lost |= ATTR_STRIKE;
	if (!caps->overline)
		lost |= ATTR_OVERLINE;
	if (!caps->faint)
		lost |= ATTR_FAINT;
	style.attrs = look_underline(caps, (uint16_t)(style.attrs & ~lost));
	if (!caps->underline_colour || (style.attrs & ATTR_UNDERLINE_MASK) == 0)
		style.ul = COLOUR_DEFAULT;
	ansi_colour_fit(caps->colours, &style);
	return style;
}

// Where SGR 8 is not known, what is concealed would be read: leave it out.
static bool
look_conceals(const struct ansi_caps *caps, const struct cell *cell)
{
	return (cell->style.attrs & ATTR_CONCEAL) != 0 && caps->colours <= 16;
}

static void
look_marks(const struct row *row, const struct cell *cell, struct look *look)
{
	size_t count;
	const uint32_t *marks = row_marks(row, cell, &count);

	for (size_t i = 0; i < count; i++) {
		enum glyph_mark kind = ansi_glyph_mark(marks[i]);

		if (kind == GLYPH_MARK_SHOW)
			look->marks[look->marks_len++] = marks[i];
		if (kind == GLYPH_MARK_HOSTILE) {
			look->cp = GLYPH_REPLACEMENT;
			look->marks_len = 0;
			return;
		}
	}
}

static void
look_cell(const struct ansi_caps *caps, bool reverse, const struct row *row, size_t col,
    struct look *look)
{
	const struct cell *cell = &row->cells[col];

	memset(look, 0, sizeof(*look));
	look->width = cell->width;
	look->style = look_style(caps, reverse, cell->style);
	if (cell->width == 0)
		return;
	if (look_conceals(caps, cell)) {
		look->cp = ' ';
	} else {
		look->cp = ansi_glyph(cell->cp);
		if (cell->marks != 0)
			look_marks(row, cell, look);
		if (!caps->utf8 && look->cp >= 0x7f) {
			look->cp = ansi_glyph_ascii(look->cp);
			look->marks_len = 0;
		} else if (!caps->utf8) {
			look->marks_len = 0;
		}
	}
	if (ansi_look_blank(look))
		look->style = (struct style){.bg = look->style.bg};
}

// At the end of the row, `room` columns long, nothing may stand that some terminals find too wide.
static void
look_fit(struct look *look, size_t room)
{
	if (look->width == 1 && room == 1 && ansi_glyph_may_be_wide(look->cp))
		look->cp = GLYPH_REPLACEMENT;
	if (look->marks_len > 0 && look->width + look->marks_len > room && ansi_look_disputed(look))
		look->marks_len = 0;
}

void
ansi_look_row(const struct ansi_caps *caps, bool reverse, const struct row *row, size_t from,
    size_t to, struct look *looks)
{
	for (size_t col = from; col < to; col++) {
		struct look *look = &looks[col];

		look_cell(caps, reverse, row, col, look);
		if (look->width == 0) { // a right half without its left one: no screen of ours
			look->width = 1;
			look->cp = ' ';
		}
		look_fit(look, row->cols - col);
		if (look->width != 2)
			continue;
		if (col + 1 >= row->cols) { // nor a left half without its right one
			look->width = 1;
			look->cp = ' ';
			continue;
		}
		if (look->cp >= 0x7f && look->cp != GLYPH_REPLACEMENT) {
			col++;
			look_cell(caps, reverse, row, col, &looks[col]);
			continue;
		}
		// a narrow stand-in, and a space beside it
		look->width = 1;
		looks[++col] = *look;
		looks[col].cp = ' ';
		looks[col].marks_len = 0;
		memset(looks[col].marks, 0, sizeof(looks[col].marks));
		if (ansi_look_blank(&looks[col]))
			looks[col].style = (struct style){.bg = look->style.bg};
	}
}

bool
ansi_look_equal(const struct look *a, const struct look *b)
{
	return a->cp == b->cp && a->width == b->width && a->marks_len == b->marks_len &&
	       style_equal(&a->style, &b->style) &&
	       (a->marks_len == 0 ||
		   memcmp(a->marks, b->marks, a->marks_len * sizeof(a->marks[0])) == 0);
}

bool
ansi_look_blank(const struct look *look)
{
	return look->cp == ' ' && look->marks_len == 0 && (look->style.attrs & ATTR_ON_BLANK) == 0;
}

bool
ansi_look_disputed(const struct look *look)
{
	if (look->cp < 0x7f && look->marks_len == 0)
		return false;
	for (size_t i = 0; i < look->marks_len; i++)
		if (look->marks[i] < 0x300 || look->marks[i] > 0x36f)
			return true;
	return !ansi_glyph_width_agreed(look->cp, look->width);
}

size_t
ansi_look_excess(const struct look *look)
{
	if (!ansi_look_disputed(look))
		return 0;
	return 1u + look->marks_len; // each mark may be taken for a letter
}

bool
ansi_look_joins(const struct look *look)
{
	return (look->cp >= 0x1f1e6 && look->cp <= 0x1f1ff) || // regional indicators
	       (look->cp >= 0x1f3fb && look->cp <= 0x1f3ff);   // skin tones
}
