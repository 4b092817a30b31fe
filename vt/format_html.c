// SPDX-License-Identifier: ISC
// A page that needs nothing else and, by its policy, could fetch nothing.
#include "vt/ansi_colour.h"
#include "vt/ansi_look.h"
#include "vt/format.h"

#include <stdlib.h>

#define PAGE_FG 0xd8d8d8u
#define PAGE_BG 0x181818u

static void
put_escaped(struct buf *out, uint32_t cp)
{
	switch (cp) {
	case '&': buf_printf(out, "&amp;"); break;
	case '<': buf_printf(out, "&lt;"); break;
	case '>': buf_printf(out, "&gt;"); break;
	case '"': buf_printf(out, "&quot;"); break;
	default: buf_put_utf8(out, cp);
	}
}

static uint32_t
rgb_of(uint32_t colour, uint32_t page)
{
	if (colour_kind(colour) == COLOUR_KIND_DEFAULT)
		return page;
	if (colour_kind(colour) == COLOUR_KIND_INDEXED)
		return ansi_colour_rgb((uint8_t)colour);
	return colour & 0xffffff;
}

static void
put_decoration(struct buf *out, const struct style *style)
{
	static const char *const lines[UNDERLINE_COUNT] = {
	    "solid", "solid", "double", "wavy", "dotted", "dashed"};
	unsigned underline = (unsigned)(style->attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT;

	if (underline == 0 && (style->attrs & (ATTR_STRIKE | ATTR_OVERLINE)) == 0)
		return;
	buf_printf(out, "text-decoration:%s%s%s%s;", underline ? "underline " : "",
	    style->attrs & ATTR_STRIKE ? "line-through " : "",
	    style->attrs & ATTR_OVERLINE ? "overline " : "", lines[underline % UNDERLINE_COUNT]);
	if (colour_kind(style->ul) != COLOUR_KIND_DEFAULT)
		buf_printf(out, "text-decoration-color:#%06x;", rgb_of(style->ul, PAGE_FG));
}

static void
put_style(struct buf *out, const struct style *style)
{
	uint32_t fg = rgb_of(style->fg, PAGE_FG), bg = rgb_of(style->bg, PAGE_BG);

	if ((style->attrs & ATTR_REVERSE) != 0) {
		uint32_t swap = fg;

		fg = bg;
		bg = swap;
	}
	if ((style->attrs & ATTR_CONCEAL) != 0)
		fg = bg;
	if (fg != PAGE_FG)
		buf_printf(out, "color:#%06x;", fg);
	if (bg != PAGE_BG)
		buf_printf(out, "background:#%06x;", bg);
	if ((style->attrs & ATTR_BOLD) != 0)
		buf_printf(out, "font-weight:bold;");
	if ((style->attrs & ATTR_FAINT) != 0)
		buf_printf(out, "opacity:.6;");
	if ((style->attrs & ATTR_ITALIC) != 0)
		buf_printf(out, "font-style:italic;");
	put_decoration(out, style);
}

// A wide glyph has a box of two columns, whatever the reader's font thinks of it.
static size_t
put_run(struct buf *out, const struct look *looks, size_t col, size_t end)
{
	const struct look *first = &looks[col];
	static const struct style plain;
	bool span = first->width == 2 || !style_equal(&first->style, &plain);

	if (span) {
		buf_printf(out, "<span%s style=\"", first->width == 2 ? " class=\"w\"" : "");
		put_style(out, &first->style);
		buf_printf(out, "\">");
	}
	do {
		put_escaped(out, looks[col].cp);
		for (size_t i = 0; i < looks[col].marks_len; i++)
			put_escaped(out, looks[col].marks[i]);
		col += looks[col].width == 2 ? 2 : 1;
	} while (col < end && first->width == 1 && looks[col].width == 1 &&
		 style_equal(&first->style, &looks[col].style));
	if (span)
		buf_printf(out, "</span>");
	return col;
}

static void
put_head(const struct screen *screen, struct buf *out)
{
	buf_printf(out,
	    "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'\">\n<title>");
	for (const char *c = screen->title; *c != '\0'; c++) {
		if ((uint8_t)*c < 0x80)
			put_escaped(out, (uint8_t)*c);
		else
			buf_put_u8(out, (uint8_t)*c);
	}
	buf_printf(out,
	    "</title>\n<style>\nbody{background:#%06x;color:#%06x}\n"
	    "pre{font:16px/1.2 monospace;width:%uch}\n"
	    ".w{display:inline-block;width:2ch;overflow:hidden;vertical-align:bottom}\n"
	    "</style>\n</head>\n<body>\n<pre>\n",
	    PAGE_BG, PAGE_FG, screen->cols);
}

void
format_html(const struct screen *screen, struct buf *out)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct look *looks = calloc(screen->cols, sizeof(*looks));

	if (looks == NULL)
		abort();
	put_head(screen, out);
	for (size_t i = 0; i < screen->rows; i++) {
		const struct row *row = screen->row[i];
		size_t end = screen->reverse ? row->cols : row_used(row), col = 0;

		ansi_look_row(&caps, screen->reverse, row, 0, row->cols, looks);
		while (col < end)
			col = put_run(out, looks, col, end);
		buf_put_u8(out, '\n');
	}
	buf_printf(out, "</pre>\n</body>\n</html>\n");
	free(looks);
}
