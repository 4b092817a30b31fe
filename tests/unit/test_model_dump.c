// SPDX-License-Identifier: ISC
// A model's whole state as bytes: what a dump holds, and what is refused as one.
#include "tests/lib/feed.h"
#include "vt/model_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct model *
fed(uint16_t rows, uint16_t cols, const char *text)
{
	struct model *model = model_new(rows, cols, NULL);

	model_feed(model, text, strlen(text));
	return model;
}

static void
a_dump_holds_all_hidden_state(void **state)
{
	static const char *const histories[] = {
	    "\x1b[1;4:3;38;5;9m",
	    "\x1b[?6h\x1b[2;3r",
	    "\x1b[?69h\x1b[3;5s",
	    "\0337\x1b[5;5H\x1b[31m",
	    "\x1b(0\x0e\x1b)A",
	    "\x1b[4h\x1b[20h",
	    "\x1b[?7l",
	    "\x1b[3g\x1bH",
	    "\x1b[?1049h\x1b[3;3Hx",
	    "0123456789",
	    "\x1b]2;t\a\x1b[22t\x1b]2;u\a",
	    "\x1b[5 q\x1b[?25l",
	    "\x1b[?1003;1006;2004;1h",
	    "\x1b[>5u\x1b[>4;2m",
	    "\x1b[?5h",
	    "x\x1b[1\"qy",
	    "\x1bN",
	    "a\xe4\xb8",
	    "\x1b[38;2;1",
	    "\x1b]2;half",
	    "\x1bP1$r",
	    "\x1b]2;x\x1b",
	    "\x1b[?2026hq",
	    "\x1b[?25s\x1b[?25l",
	    "z",
	};
	static const char *const futures[] = {
	    "qqq\x1b[2bx\ty\n\rz",
	    "\x1b"
	    "8a\x1b[?1049lb\x1b"
	    "8c",
	    "m\x1b\\\x80q",
	    "\x1b[?25r\x1b[23t\nx\x1b[Aq",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++)
		for (size_t k = 0; k < sizeof(futures) / sizeof(futures[0]); k++) {
			struct model *model = fed(6, 10, histories[i]);
			struct model *copy = feed_copy(model);
			char why[256];

			assert_non_null(copy);
			model_feed(model, futures[k], strlen(futures[k]));
			model_feed(copy, futures[k], strlen(futures[k]));
			if (!feed_same(model, copy, why, sizeof(why)))
				fail_msg("history %zu, future %zu: %s", i, k, why);
			model_free(model);
			model_free(copy);
		}
}

static void
a_damaged_dump_is_refused_or_harmless(void **state)
{
	struct model *model = fed(6, 10,
	    "one\r\n\xe4\xb8\x80"
	    "e\xcc\x81\x1b[31m\x1b[?2026h\x1b]2;");
	struct buf dump = {0};
	struct prng prng = {7};

	(void)state;
	model_dump(model, &dump);
	for (size_t len = 0; len < dump.len; len++)
		assert_null(model_restore(dump.data, len, NULL));
	for (int n = 0; n < 20000; n++) {
		size_t at = prng_below(&prng, (uint32_t)dump.len);
		uint8_t saved = dump.data[at];
		struct model *copy;

		dump.data[at] = (uint8_t)prng_next(&prng);
		copy = model_restore(dump.data, dump.len, NULL);
		if (copy != NULL)
			model_feed(copy, "\x1b[2J\x1b[Hx\n\n\n\x1b[?1049l", 20);
		model_free(copy);
		dump.data[at] = saved;
	}
	buf_fini(&dump);
	model_free(model);
}

// The title is printed on the host's terminal when it is attached again.
static void
a_dump_with_a_control_in_its_title_is_refused(void **state)
{
	static const char *const injected[] = {"\x1b", "\a", "\x7f", "\xc2\x9b", "\xff", "\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(injected) / sizeof(injected[0]); i++) {
		struct model *model = fed(2, 10, "\x1b]2;abc\a");
		struct buf dump = {0};
		struct model *copy;

		memcpy(model->title, injected[i], strlen(injected[i]));
		model_dump(model, &dump);
		copy = model_restore(dump.data, dump.len, NULL);
		assert_null(copy);
		buf_fini(&dump);
		model_free(model);
	}
}

static void
fill_with_marks(struct model *model)
{
	for (size_t row = 0; row < model->rows; row++)
		for (size_t col = 0; col < model->cols; col++) {
			struct style style = {.fg = COLOUR_RGB(row), .bg = COLOUR_RGB(col)};

			row_put(grid_write(&model->now->grid, row), col, 0x1d400, 1, &style);
			for (int i = 0; i < CELL_MARKS_MAX; i++)
				row_add_mark(model->now->grid.row[row], col, 0xe0101);
		}
}

static void
the_largest_dump_is_bounded_and_restored(void **state)
{
	struct model *model = model_new(SCREEN_ROWS_MAX, SCREEN_COLS_MAX, NULL), *copy;
	struct buf dump = {0};

	(void)state;
	fill_with_marks(model);
	model_feed(model, "\x1b[1500S", 7);
	fill_with_marks(model);
	model_feed(model, "\x1b[?1049h", 8);
	fill_with_marks(model);
	model_feed(model, "\x1b[?2026hx", 9);
	model_dump(model, &dump);
	assert_true(dump.len <= MODEL_DUMP_MAX);
	copy = model_restore(dump.data, dump.len, NULL);
	assert_non_null(copy);
	assert_int_equal(copy->alt.grid.row[999]->cells[998].cp, 0x1d400);
	model_free(copy);
	model_free(model);
	buf_fini(&dump);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dump_holds_all_hidden_state),
	    cmocka_unit_test(a_damaged_dump_is_refused_or_harmless),
	    cmocka_unit_test(a_dump_with_a_control_in_its_title_is_refused),
	    cmocka_unit_test(the_largest_dump_is_bounded_and_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
