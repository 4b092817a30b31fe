// SPDX-License-Identifier: ISC
// docs/mirrord.1 describes the object. A run is as many glyphs of one style and width as stand side
// by side, or one glyph with its combining marks and then says so: its columns can be told from its
// text without knowing which characters are marks.
#include "vt/format.h"

static const char *const attr_names[] = {
    "bold", "faint", "italic", "blink", "reverse", "conceal", "strike", "overline"};
static const char *const underline_names[UNDERLINE_COUNT] = {
    NULL, "underline", "double", "curly", "dotted", "dashed"};
static const char *const shape_names[CURSOR_SHAPE_COUNT] = {"block", "underline", "bar"};

static const char *
boolean(bool value)
{
	return value ? "true" : "false";
}

static void
put_escaped(struct buf *out, uint32_t cp)
{
	if (cp == '"' || cp == '\\')
		buf_printf(out, "\\%c", (char)cp);
	else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e))
		buf_printf(out, "\\u%04x", cp);
	else
		buf_put_utf8(out, cp);
}

static void
put_colour(struct buf *out, const char *name, uint32_t colour)
{
	if (colour_kind(colour) == COLOUR_KIND_INDEXED)
		buf_printf(out, ",\"%s\":%u", name, colour & 0xff);
	else if (colour_kind(colour) == COLOUR_KIND_RGB)
		buf_printf(out, ",\"%s\":\"#%06x\"", name, colour & 0xffffff);
}

static void
put_attrs(struct buf *out, uint16_t attrs)
{
	unsigned underline = (unsigned)(attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT;
	const char *before = ",\"attrs\":[";

	if ((attrs & ATTR_LOOK) == 0)
		return;
	for (size_t i = 0; i < sizeof(attr_names) / sizeof(attr_names[0]); i++) {
		if ((attrs & 1u << i) == 0)
			continue;
		buf_printf(out, "%s\"%s\"", before, attr_names[i]);
		before = ",";
	}
	if (underline > UNDERLINE_NONE && underline < UNDERLINE_COUNT)
		buf_printf(out, "%s\"%s\"", before, underline_names[underline]);
	buf_put_u8(out, ']');
}

static bool
same_run(const struct cell *a, const struct cell *b)
{
	return a->width == b->width && a->href == b->href && a->marks == 0 && b->marks == 0 &&
	       a->style.fg == b->style.fg && a->style.bg == b->style.bg &&
	       a->style.ul == b->style.ul && ((a->style.attrs ^ b->style.attrs) & ATTR_LOOK) == 0;
}

static void
put_cell(struct buf *out, const struct row *row, const struct cell *cell)
{
	size_t count;
	const uint32_t *marks = row_marks(row, cell, &count);

	put_escaped(out, cell->cp);
	for (size_t i = 0; i < count; i++)
		put_escaped(out, marks[i]);
}

static void
put_href(struct buf *out, const struct href *href)
{
	buf_printf(out, ",\"href\":\"");
	for (size_t i = 0; i < href->len; i++)
		put_escaped(out, (uint8_t)href->uri[i]);
	buf_put_u8(out, '"');
}

// Writes one run and returns the column after it.
static size_t
put_run(struct buf *out, const struct row *row, size_t col, size_t end)
{
	const struct cell *first = &row->cells[col];

	buf_printf(out, "{\"col\":%zu,\"width\":%u,\"text\":\"", col, first->width);
	do {
		put_cell(out, row, &row->cells[col]);
		col += row->cells[col].width == 2 ? 2 : 1;
	} while (col < end && same_run(first, &row->cells[col]));
	buf_put_u8(out, '"');
	if (first->href > 0)
		put_href(out, row_href(row, first));
	if (first->marks > 0)
		buf_printf(out, ",\"marks\":true");
	put_colour(out, "fg", first->style.fg);
	put_colour(out, "bg", first->style.bg);
	put_colour(out, "ul", first->style.ul);
	put_attrs(out, first->style.attrs);
	buf_put_u8(out, '}');
	return col;
}

static void
put_row(struct buf *out, const struct row *row)
{
	size_t end = row_used(row), col = 0;

	buf_printf(out, "{\"wrapped\":%s,\"runs\":[", boolean(row->wrapped));
	while (col < end) {
		if (col > 0)
			buf_put_u8(out, ',');
		col = put_run(out, row, col, end);
	}
	buf_printf(out, "]}");
}

// The code point at *text, which is well-formed UTF-8 (struct screen's title), and past it.
static uint32_t
next_code_point(const char **text)
{
	uint8_t lead = (uint8_t) * (*text)++;
	uint32_t cp = lead < 0x80   ? lead
		      : lead < 0xe0 ? lead & 0x1f
				    : lead & (lead < 0xf0 ? 15 : 7);

	if (lead >= 0x80)
		while (((uint8_t) * *text & 0xc0) == 0x80)
			cp = cp << 6 | ((uint8_t) * (*text)++ & 0x3f);
	return cp;
}

void
format_json(const struct screen *screen, struct buf *out)
{
	const struct cursor *cursor = &screen->cursor;
	const char *title = screen->title;

	buf_printf(out, "{\"rows\":%u,\"cols\":%u,\"title\":\"", screen->rows, screen->cols);
	while (*title != '\0')
		put_escaped(out, next_code_point(&title));
	buf_printf(
	    out, "\",\"alt\":%s,\"reverse\":%s,\n", boolean(screen->alt), boolean(screen->reverse));
	buf_printf(out,
	    "\"cursor\":{\"row\":%u,\"col\":%u,\"visible\":%s,\"shape\":\"%s\",\"blink\":%s,"
	    "\"pending_wrap\":%s},\n\"screen\":[\n",
	    cursor->row, cursor->col, boolean(cursor->visible),
	    shape_names[cursor->shape % CURSOR_SHAPE_COUNT], boolean(cursor->blink),
	    boolean(cursor->pending_wrap));
	for (size_t i = 0; i < screen->rows; i++) {
		put_row(out, screen->row[i]);
		buf_printf(out, i + 1 < screen->rows ? ",\n" : "\n");
	}
	buf_printf(out, "]}\n");
}
