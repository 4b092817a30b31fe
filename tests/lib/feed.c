// SPDX-License-Identifier: ISC
#include "tests/lib/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
prng_next(struct prng *prng)
{
	prng->state ^= prng->state >> 12;
	prng->state ^= prng->state << 25;
	prng->state ^= prng->state >> 27;
	return prng->state * 0x2545f4914f6cdd1du;
}

uint32_t
prng_below(struct prng *prng, uint32_t limit)
{
	return (uint32_t)(prng_next(prng) >> 33) % limit;
}

uint8_t *
feed_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	struct buf buf = {0};
	size_t got;

	if (file == NULL)
		return NULL;
	do {
		got = fread(buf_reserve(&buf, 65536), 1, 65536, file);
		buf.len += got;
	} while (got > 0);
	fclose(file);
	*len = buf.len;
	return buf.data;
}

struct model *
feed_copy(const struct model *model)
{
	struct buf dump = {0};
	struct model *copy;

	model_dump(model, &dump);
	copy = model_restore(dump.data, dump.len, NULL);
	buf_fini(&dump);
	return copy;
}

static bool
same_dump(const struct model *a, const struct model *b)
{
	struct buf x = {0}, y = {0};
	bool same;

	model_dump(a, &x);
	model_dump(b, &y);
	same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

bool
feed_same(struct model *a, struct model *b, char *why, size_t why_len)
{
	struct screen *x = model_screen(a), *y = model_screen(b);
	bool same = screen_explain(x, y, why, why_len);

	screen_unref(x);
	screen_unref(y);
	if (same && !same_dump(a, b)) {
		snprintf(why, why_len, "equal screens, but other history or hidden state");
		same = false;
	}
	return same;
}

static void
row_text(const struct row *row, struct buf *out)
{
	size_t begin = out->len;

	for (size_t col = 0; col < row->cols; col++) {
		const struct cell *cell = &row->cells[col];
		size_t count;
		const uint32_t *marks = row_marks(row, cell, &count);

		if (cell->width == 0)
			continue;
		buf_put_utf8(out, cell->cp);
		for (size_t i = 0; i < count; i++)
			buf_put_utf8(out, marks[i]);
	}
	while (out->len > begin && out->data[out->len - 1] == ' ')
		out->len--;
	buf_put_u8(out, '\n');
}

void
feed_text(struct model *model, struct buf *out)
{
	struct screen *screen = model_screen(model);
	size_t begin = out->len;

	for (size_t i = 0; i < screen->rows; i++)
		row_text(screen->row[i], out);
	while (out->len > begin && out->data[out->len - 1] == '\n')
		out->len--;
	screen_unref(screen);
}
