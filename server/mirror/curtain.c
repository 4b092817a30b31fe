// SPDX-License-Identifier: ISC
// A screen of ours in place of the session's.
#include "server/mirror/curtain.h"

#include <string.h>

struct screen *
curtain_new(uint16_t rows, uint16_t cols, const char *text)
{
	static const struct style plain;
	struct screen *screen = screen_blank(rows, cols);
	size_t len = strlen(text), row = rows / 2u;
	size_t from = len < cols ? (cols - len) / 2 : 0;
	struct row *line = row_own(screen->row[row]);

	for (size_t i = 0; i < len && from + i < cols; i++)
		row_put(line, from + i, (uint8_t)text[i], 1, &plain);
	row_publish(line);
	screen->row[row] = line;
	screen->cursor.visible = false;
	return screen;
}
