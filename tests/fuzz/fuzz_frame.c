// SPDX-License-Identifier: ISC
// Frames. The first byte chooses what the others are: the bytes of a frame from somebody else, to be
// applied to a screen with something on it; or screens, each of which a frame must lead to from the
// one before, also by way of the deflate stream. Whatever is applied gives a whole screen, and a frame
// from it leads on.
#include "tests/lib/scene.h"
#include "vt/frame.h"
#include "vt/zstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENES_MAX 8
#define INFLATED_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_frame: %s\n", what);
	abort();
}

static void
check_row(const struct row *row, uint16_t cols)
{
	must(row->cols == cols && row->hash != 0, "a row of another width, or not published");
	for (size_t col = 0; col < cols; col++) {
		const struct cell *cell = &row->cells[col];

		must(cell->width <= 2 && cell->marks <= row->marks_len, "a cell");
		must((cell->width == 2) == (col + 1 < cols && cell[1].width == 0), "a left half");
		must(cell->width != 0 || cell->cp == 0, "a right half with a glyph");
		must(cell->width == 0 || (cell->cp >= ' ' && cell->cp <= 0x10ffff), "a glyph");
		must(colour_valid(cell->style.fg) && colour_valid(cell->style.bg) &&
			 colour_valid(cell->style.ul),
		    "a colour");
		must((cell->style.attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT <
			 UNDERLINE_COUNT,
		    "an underline");
	}
}

static void
check_screen(const struct screen *screen)
{
	must(screen->cursor.row < screen->rows && screen->cursor.col < screen->cols &&
		 screen->cursor.shape < CURSOR_SHAPE_COUNT,
	    "the cursor");
	must(
	    !screen->cursor.pending_wrap || screen->cursor.col == screen->cols - 1, "pending wrap");
	for (size_t i = 0; i < screen->rows; i++)
		check_row(screen->row[i], screen->cols);
}

static bool
is_printable(uint32_t cp)
{
	return cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0) && !(cp >= 0xd800 && cp < 0xe000) &&
	       cp <= 0x10ffff;
}

// Scenes hold what a model never does, and no frame can say, too.
static void
clean_row(struct row *row)
{
	for (size_t col = 0; col < row->cols; col++) {
		struct cell *cell = &row->cells[col];
		struct style style = cell->style;
		const uint32_t *marks;
		size_t count;

		if (cell->width == 0)
			continue;
		marks = row_marks(row, cell, &count);
		if (!is_printable(cell->cp))
			row_put(row, col, '?', cell->width, &style);
		for (size_t i = 0; i < count; i++)
			if (!is_printable(marks[i]))
				cell->marks = 0;
	}
}

// The next screen of a session; gives up the reference to the last one.
static struct screen *
next_scene(struct screen *last, struct reader *in)
{
	struct screen *screen = scene_next(last, in);

	for (size_t i = 0; i < screen->rows; i++) {
		if (screen->row[i] == last->row[i])
			continue;
		screen->row[i] = row_own(screen->row[i]);
		clean_row(screen->row[i]);
		row_publish(screen->row[i]);
	}
	screen_unref(last);
	return screen;
}

// Frames prove themselves when they are made (MIRRORD_PROVE); this is for builds without it.
static void
check_leads(struct screen *base, const struct screen *target)
{
	struct buf frame = {0};
	struct screen *made;
	const char *why;

	frame_encode(base, target, &frame);
	made = frame_apply(base, frame.data, frame.len, &why);
	must(made != NULL && screen_equal(made, target), "a frame does not lead to its target");
	screen_unref(made);
	buf_fini(&frame);
}

static void
apply_theirs(struct reader *in)
{
	struct screen *base = screen_blank(12, 40), *made;
	uint8_t random[256];
	uint64_t seed = reader_u8(in);
	struct reader scene = {.data = random, .len = sizeof(random)};
	const char *why;

	scene_random(&seed, random, sizeof(random));
	while (scene.len > 0)
		base = next_scene(base, &scene);
	made = frame_apply(seed & 1 ? base : NULL, in->data, in->len, &why);
	must((made == NULL) == (why != NULL), "neither a screen nor a reason");
	if (made != NULL) {
		check_screen(made);
		check_leads(base, made);
		check_leads(made, base);
		screen_unref(made);
	}
	screen_unref(base);
}

static void
inflate_theirs(struct reader *in)
{
	struct inflater *inflater = inflater_new();
	struct buf out = {0};

	while (in->len > 0) {
		size_t len = reader_u8(in);
		const uint8_t *data;

		len = len < in->len ? len : in->len;
		data = reader_raw(in, len);
		if (!inflater_put(inflater, data, len, INFLATED_MAX, &out))
			break;
		must(out.len <= INFLATED_MAX * SCENES_MAX * 256, "too much");
		out.len = 0;
	}
	buf_fini(&out);
	inflater_free(inflater);
}

static void
lead_from_screen_to_screen(struct reader *in)
{
	struct deflater *deflater = deflater_new();
	struct inflater *inflater = inflater_new();
	struct screen *last = NULL, *scene = screen_blank(12, 40), *made;
	struct buf frame = {0}, packed = {0}, unpacked = {0};

	for (int i = 0; i < SCENES_MAX && in->len > 0; i++) {
		const char *why;

		scene = next_scene(scene, in);
		frame.len = packed.len = unpacked.len = 0;
		frame_encode(last, scene, &frame);
		deflater_put(deflater, frame.data, frame.len, &packed);
		must(inflater_put(inflater, packed.data, packed.len, frame.len, &unpacked) &&
			 unpacked.len == frame.len,
		    "a message does not come back whole");
		made = frame_apply(last, unpacked.data, unpacked.len, &why);
		must(made != NULL && screen_equal(made, scene),
		    "a frame does not lead to its target");
		check_screen(made);
		screen_unref(last);
		last = made;
	}
	screen_unref(last);
	screen_unref(scene);
	buf_fini(&frame);
	buf_fini(&packed);
	buf_fini(&unpacked);
	deflater_free(deflater);
	inflater_free(inflater);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = {.data = data, .len = size};

	switch (reader_u8(&in) % 4) {
	case 0: inflate_theirs(&in); break;
	case 1: lead_from_screen_to_screen(&in); break;
	default: apply_theirs(&in); break;
	}
	return 0;
}
