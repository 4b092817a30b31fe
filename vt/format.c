// SPDX-License-Identifier: ISC
#include "vt/format.h"

#include "vt/ansi_look.h"
#include "vt/ansi_sgr.h"

#include <stdlib.h>

// The program's own characters, for tools that compare; but no control reaches whoever prints it.
static void
put_glyph(const struct row *row, const struct cell *cell, struct buf *out)
{
	size_t count;
	const uint32_t *marks = row_marks(row, cell, &count);
	uint32_t cp = cell->cp;

	buf_put_utf8(out, cp < 0x20 || (cp >= 0x7f && cp < 0xa0) ? 0xfffd : cp);
	for (size_t i = 0; i < count; i++)
		buf_put_utf8(out, marks[i]);
}

static size_t
text_end(const struct row *row)
{
	size_t end = row->cols;

	while (end > 0 && row->cells[end - 1].cp == ' ' && row->cells[end - 1].marks == 0)
		end--;
	return end;
}

void
format_text(const struct screen *screen, struct buf *out)
{
	for (size_t i = 0; i < screen->rows; i++) {
		const struct row *row = screen->row[i];
		size_t end = text_end(row);

		for (size_t col = 0; col < end; col++)
			if (row->cells[col].width != 0)
				put_glyph(row, &row->cells[col], out);
		buf_put_u8(out, '\n');
	}
}

static void
put_look(const struct look *look, struct buf *out)
{
	buf_put_utf8(out, look->cp);
	for (size_t i = 0; i < look->marks_len; i++)
		buf_put_utf8(out, look->marks[i]);
}

void
format_ansi(const struct screen *screen, struct buf *out)
{
	static const struct style plain;
	struct ansi_caps caps = ansi_caps_modern();
	struct look *looks = calloc(screen->cols, sizeof(*looks));

	if (looks == NULL)
		abort();
	for (size_t i = 0; i < screen->rows; i++) {
		const struct row *row = screen->row[i];
		size_t end = screen->reverse ? row->cols : row_used(row);
		const struct style *pen = &plain;

		ansi_look_row(&caps, screen->reverse, row, 0, row->cols, looks);
		for (size_t col = 0; col < end; col++) {
			if (looks[col].width == 0)
				continue;
			ansi_sgr(&caps, pen, &looks[col].style, out);
			pen = &looks[col].style;
			put_look(&looks[col], out);
		}
		ansi_sgr(&caps, pen, &plain, out);
		buf_put_u8(out, '\n');
	}
	free(looks);
}
