// SPDX-License-Identifier: ISC
// What a program prints: any bytes, in pieces, with resizes between. After each piece the screen
// is whole, and every row's wide glyphs have both halves; dumps lead to the same state; no argument
// of libvterm's callbacks is out of range.
#include "tests/lib/feed.h"
#include "vt/model_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define SIDE_MAX 24u   // rows and columns, so that a run takes microseconds
#define DUMP_EVERY 64u // of inputs, by their first byte: a dump costs more than the rest

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_stream: %s\n", what);
	abort();
}

static void
check_row(const struct row *row, uint16_t cols)
{
	must(row->cols == cols, "a row of another width");
	must(row->hash != 0, "a row in a screen is not published");
	for (size_t col = 0; col < cols; col++) {
		const struct cell *cell = &row->cells[col];

		if (cell->width == 2)
			must(col + 1 < cols && cell[1].width == 0, "a left half alone");
		if (cell->width == 0)
			must(col > 0 && cell[-1].width == 2 && cell->cp == 0, "a right half alone");
		must(cell->marks <= row->marks_len, "marks that are not there");
		must(colour_valid(cell->style.fg) && colour_valid(cell->style.bg), "a colour");
	}
}

static void
check_model(struct model *model)
{
	struct screen *screen = model_screen(model);

	must(screen->cursor.row < screen->rows && screen->cursor.col < screen->cols, "the cursor");
	for (size_t i = 0; i < screen->rows; i++)
		check_row(screen->row[i], screen->cols);
	must(editor_faults(model->editor) == 0, "a callback argument is out of range");
	must(model->history.len <= HISTORY_MAX, "the history");
	screen_unref(screen);
}

static struct model *
check_dump(struct model *model)
{
	struct model *copy = feed_copy(model);
	char why[256];

	must(copy != NULL, "a dump that cannot be restored");
	if (!feed_same(model, copy, why, sizeof(why)))
		must(false, why);
	model_free(model);
	return copy;
}

// 0xff introduces an instruction (it never occurs in UTF-8): a resize, a look, or itself.
static const uint8_t *
instruction(struct model *model, const uint8_t *data, const uint8_t *end)
{
	if (end - data < 3)
		return end;
	if (data[0] < 0x80)
		model_resize(
		    model, (uint16_t)(1 + data[1] % SIDE_MAX), (uint16_t)(1 + data[2] % SIDE_MAX));
	else if (data[0] < 0xc0)
		check_model(model);
	else
		model_sync_end(model);
	return data + 3;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	bool dumps;
	struct model *model;

	if (size < 3)
		return 0;
	model =
	    model_new((uint16_t)(1 + data[0] % SIDE_MAX), (uint16_t)(1 + data[1] % SIDE_MAX), NULL);
	dumps = data[2] % DUMP_EVERY == 0;
	for (data += 3; data < end;) {
		const uint8_t *piece = data;

		while (data < end && *data != 0xff)
			data++;
		model_feed(model, piece, (size_t)(data - piece));
		if (dumps) {
			model = check_dump(model);
			dumps = false;
		}
		if (data < end)
			data = instruction(model, data + 1, end);
	}
	check_model(model);
	model_free(model);
	return 0;
}
