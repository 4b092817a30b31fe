// SPDX-License-Identifier: ISC
// The model, case by case: what breaks libvterm when it is fed directly, and what screens depend on.
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
expect_text(struct model *model, const char *want)
{
	struct buf got = {0};

	feed_text(model, &got);
	buf_put_u8(&got, 0);
	assert_string_equal((char *)got.data, want);
	assert_int_equal(editor_faults(model->editor), 0);
	buf_fini(&got);
}

static void
expect(uint16_t rows, uint16_t cols, const char *text, const char *want)
{
	struct model *model = fed(rows, cols, text);

	expect_text(model, want);
	model_free(model);
}

static void
expect_cursor(struct model *model, int row, int col)
{
	struct screen *screen = model_screen(model);

	assert_int_equal(screen->cursor.row, row);
	assert_int_equal(screen->cursor.col, col);
	screen_unref(screen);
}

// ---- what breaks libvterm 0.1.4 ----------------------------------------------------------------

static void
a_long_sgr_sets_all_its_colours(void **state)
{
	struct model *model = fed(2, 4, "\x1b[1;3;4:3;38;2;1;2;3;48;2;4;5;6;58;2;7;8;9;9;53mX");
	const struct cell *cell = &model->main.grid.row[0]->cells[0];

	(void)state;
	assert_int_equal(cell->style.fg, COLOUR_RGB(0x010203));
	assert_int_equal(cell->style.bg, COLOUR_RGB(0x040506));
	assert_int_equal(cell->style.ul, COLOUR_RGB(0x070809));
	assert_int_equal(cell->style.attrs, ATTR_BOLD | ATTR_ITALIC | ATTR_STRIKE | ATTR_OVERLINE |
						UNDERLINE_CURLY << ATTR_UNDERLINE_SHIFT);
	model_free(model);
}

static void
hundreds_of_arguments_are_bounded(void **state)
{
	struct buf text = {0};

	(void)state;
	buf_printf(&text, "\x1b[");
	for (int i = 0; i < 500; i++)
		buf_printf(&text, "%d;", i);
	buf_printf(&text, "mA");
	buf_put_u8(&text, 0);
	expect(2, 10, (char *)text.data, "A");
	buf_fini(&text);
}

static void
repeat_without_a_glyph_does_nothing(void **state)
{
	(void)state;
	expect(2, 10, "\x1b[5b.", ".");
	expect(2, 10, "\xcc\x81\x1b[5b.", ".");
	expect(2, 10, "a\x1b[H\x1b[5b.", ".");
	expect(2, 10, "a\x1b[2147483647b", "aaaaaaaaaa\na");
}

static void
c1_as_utf8_is_dropped(void **state)
{
	(void)state;
	expect(2, 10, "\xc2\x80\xc2\x80\xc2\x80\x1b[Kx", "x");
	expect(2, 10,
	    "\xc2\x9b"
	    "31mx",
	    "31mx");
}

static void
utf8_cut_by_a_control_costs_one_replacement(void **state)
{
	(void)state;
	expect(3, 10, "a\xe4\xb8\rb", "b\xef\xbf\xbd");
	expect(3, 10, "\xf0\x9f\n\x41", "\xef\xbf\xbd\n A");
}

static void
utf8_may_be_cut_anywhere(void **state)
{
	struct model *model = fed(2, 10, "a\xe4");

	(void)state;
	assert_int_equal(model_partial(model), 1);
	model_feed(model, "\xb8", 1);
	model_feed(model,
	    "\x80"
	    "b",
	    2);
	assert_int_equal(model_partial(model), 0);
	expect_text(model, "a\xe4\xb8\x80"
			   "b");
	model_free(model);
}

static void
four_mebibytes_in_one_write_are_one_write(void **state)
{
	size_t len = 4u << 20;
	char *text = malloc(len);
	struct model *model = model_new(4, 10, NULL);

	(void)state;
	memset(text, 'x', len);
	model_feed(model, text, len);
	expect_text(model, "xxxxxxxxxx\nxxxxxxxxxx\nxxxxxxxxxx\nxxxx");
	free(text);
	model_free(model);
}

static void
shrinking_keeps_the_cursor_on_screen(void **state)
{
	(void)state;
	for (uint16_t rows = 1; rows <= 24; rows++)
		for (uint16_t to = 1; to <= 24; to++)
			for (int cursor = 0; cursor < rows; cursor++) {
				struct model *model = model_new(rows, 20, NULL);
				struct screen *screen;

				for (int i = 0; i < rows; i++)
					model_feed(model, i ? "\r\nx" : "x", i ? 3 : 1);
				move_to(model, cursor, 3);
				model_resize(model, to, 7);
				screen = model_screen(model);
				assert_true(screen->cursor.row < to);
				assert_int_equal(screen->rows, to);
				screen_unref(screen);
				model_feed(model, "\x1b[2;3r\x1b[?6h\n\n\x1bM\x1bMy", 17);
				assert_int_equal(editor_faults(model->editor), 0);
				model_free(model);
			}
}

static void
the_smallest_screens_work(void **state)
{
	(void)state;
	expect(1, 1, "abc\xe4\xb8\x80", "\xef\xbf\xbd");
	expect(2, 1,
	    "\xe4\xb8\x80"
	    "a\x1b[L\x1b[@\x1b[P",
	    "\xef\xbf\xbd");
	expect(1, 2, "\xe4\xb8\x80", "\xe4\xb8\x80");
}

static void
margins_cannot_take_the_cursor_off_the_screen(void **state)
{
	struct model *model = fed(10, 20, "\x1b[?69h\x1b[9999s\x1b[?6hx");

	(void)state;
	expect_cursor(model, 0, 1);
	expect_text(model, "x");
	model_free(model);
}

// ---- what floods it ----------------------------------------------------------------------------

static void
an_unterminated_string_of_ten_mebibytes_is_swallowed(void **state)
{
	static const char *const starts[] = {"\x1b]2;", "\x1bP", "\x1b_", "\x1b^", "\x1bX"};
	size_t len = 10u << 20;
	char *text = malloc(len);

	(void)state;
	memset(text, 'x', len);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct model *model = fed(2, 10, "before");
		struct model *copy;

		model_feed(model, starts[i], strlen(starts[i]));
		model_feed(model, text, len);
		copy = feed_copy(model);
		assert_non_null(copy);
		model_feed(model, "\x1b\\after", 7);
		model_feed(copy, "\x1b\\after", 7);
		expect_text(model, "beforeafte\nr");
		expect_text(copy, "beforeafte\nr");
		model_free(model);
		model_free(copy);
	}
	free(text);
}

static void
marks_past_the_fifth_are_dropped(void **state)
{
	struct model *model = fed(2, 10, "e");
	size_t count;

	(void)state;
	for (int i = 0; i < 200000; i++)
		model_feed(model, "\xcc\x81", 2);
	row_marks(model->main.grid.row[0], &model->main.grid.row[0]->cells[0], &count);
	assert_int_equal(count, CELL_MARKS_MAX);
	model_free(model);
}

static void
counts_of_two_to_the_31_are_clamped(void **state)
{
	static const char finals[] = "@ABCDEFGHILMPSTXZ`abdefr";
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(finals) - 1; i++) {
		struct model *model = fed(5, 10, "one\r\ntwo\r\nthree\x1b[2;2H");

		snprintf(text, sizeof(text), "\x1b[2147483648;4294967297%cx", finals[i]);
		model_feed(model, text, strlen(text));
		assert_int_equal(editor_faults(model->editor), 0);
		model_free(model);
	}
}

static void
random_bytes_leave_a_whole_screen(void **state)
{
	struct prng prng = {42};
	struct model *model = model_new(24, 80, NULL);
	uint8_t block[4096];

	(void)state;
	for (int n = 0; n < 256; n++) {
		struct screen *screen;

		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)prng_next(&prng);
		model_feed(model, block, sizeof(block));
		screen = model_screen(model);
		assert_true(screen->cursor.row < 24 && screen->cursor.col < 80);
		screen_unref(screen);
	}
	assert_int_equal(editor_faults(model->editor), 0);
	model_free(model);
}

// ---- text --------------------------------------------------------------------------------------

static void
a_wide_glyph_keeps_both_halves_or_none(void **state)
{
	(void)state;
	expect(
	    2, 5, "\xe4\xb8\x80\xe4\xb8\x80\xe4\xb8\x80", "\xe4\xb8\x80\xe4\xb8\x80\n\xe4\xb8\x80");
	expect(2, 6, "\xe4\xb8\x80\xe4\xb8\x80\x1b[1;2Hx", " x\xe4\xb8\x80");
	expect(2, 6, "\xe4\xb8\x80\xe4\xb8\x80\x1b[1;3Hx", "\xe4\xb8\x80x");
	expect(2, 6, "\xe4\xb8\x80\xe4\xb8\x80\x1b[1;2H\x1b[P", " \xe4\xb8\x80");
	expect(2, 5, "a\xe4\xb8\x80\xe4\xb8\x80\x1b[H\x1b[@", " a\xe4\xb8\x80");
	expect(2, 5, "\x1b[?7labc\xe4\xb8\x80\xe4\xb8\x80", "abc\xe4\xb8\x80");
	expect(2, 6, "abcd\x1b[H\x1b[4h\xe4\xb8\x80",
	    "\xe4\xb8\x80"
	    "abcd");
}

static void
a_wrapped_line_says_so(void **state)
{
	struct model *model = fed(3, 4, "abcdefg\r\nx");
	struct screen *screen = model_screen(model);

	(void)state;
	assert_true(screen->row[0]->wrapped);
	assert_false(screen->row[1]->wrapped);
	screen_unref(screen);
	model_free(model);
}

static void
the_last_column_holds_the_cursor_until_the_next_glyph(void **state)
{
	struct model *model = fed(2, 3, "abc");
	struct screen *screen = model_screen(model);

	(void)state;
	assert_true(screen->cursor.pending_wrap);
	assert_int_equal(screen->cursor.col, 2);
	screen_unref(screen);
	model_feed(model, "d", 1);
	expect_text(model, "abc\nd");
	model_free(model);
}

// ---- screens -----------------------------------------------------------------------------------

static void
nothing_changed_is_the_same_screen(void **state)
{
	struct model *model = fed(5, 20, "hello");
	struct screen *first = model_screen(model), *second;

	(void)state;
	model_feed(model, "\rhello\x1b[1m\x1b[m\x1b[6n", 18);
	second = model_screen(model);
	assert_ptr_equal(first, second);
	screen_unref(first);
	screen_unref(second);
	model_free(model);
}

static void
a_bell_is_another_screen_and_survives_a_dump(void **state)
{
	struct model *model = fed(5, 20, "hello"), *copy;
	struct screen *first = model_screen(model), *second, *third;
	struct buf dump = {0};

	(void)state;
	model_feed(model, "\a", 1);
	second = model_screen(model);
	assert_false(screen_equal(first, second));
	assert_int_equal(second->bell, first->bell + 1);
	model_feed(model, "\x1b]2;\a\x1b]2;\a", 10); // these end titles
	model_dump(model, &dump);
	copy = model_restore(dump.data, dump.len, NULL);
	third = model_screen(copy);
	assert_true(screen_equal(second, third));
	screen_unref(first);
	screen_unref(second);
	screen_unref(third);
	buf_fini(&dump);
	model_free(model);
	model_free(copy);
}

static void
rows_that_did_not_change_are_shared(void **state)
{
	struct model *model = fed(5, 20, "one\r\ntwo\r\nthree");
	struct screen *first = model_screen(model), *second;

	(void)state;
	model_feed(model, "\x1b[1;1HONE", 9);
	second = model_screen(model);
	assert_ptr_not_equal(first->row[0], second->row[0]);
	assert_ptr_equal(first->row[1], second->row[1]);
	assert_ptr_equal(first->row[2], second->row[2]);
	screen_unref(first);
	screen_unref(second);
	model_free(model);
}

static void
a_synchronized_update_shows_the_screen_from_before(void **state)
{
	struct model *model = fed(2, 10, "old\x1b[?2026h\x1b[2J\x1b[Hnew");
	struct model *copy = feed_copy(model);
	struct screen *before = model_screen(model), *copied = model_screen(copy);

	(void)state;
	assert_true(model_sync_open(model));
	assert_true(screen_equal(before, copied));
	assert_int_equal(before->row[0]->cells[0].cp, 'o');
	model_feed(model, "\x1b[?2026l", 8);
	expect_text(model, "new");
	model_sync_end(copy);
	expect_text(copy, "new");
	screen_unref(before);
	screen_unref(copied);
	model_free(model);
	model_free(copy);
}

static void
lines_off_the_top_are_history_but_not_those_of_the_alternate_screen(void **state)
{
	struct model *model = fed(2, 10, "one\r\ntwo\r\nthree\r\n\x1b[?1049ha\r\nb\r\nc\r\nd");

	(void)state;
	assert_int_equal(model_history_len(model), 2);
	assert_int_equal(model_history_row(model, 0)->cells[0].cp, 'o');
	for (int i = 0; i < HISTORY_MAX + 10; i++)
		model_feed(model, "\x1b[?1049l\r\n", 10);
	assert_int_equal(model_history_len(model), HISTORY_MAX);
	model_feed(model, "\x1b[3J", 4);
	assert_int_equal(model_history_len(model), 0);
	model_free(model);
}

static void
a_title_is_utf8_without_controls_and_bounded(void **state)
{
	struct model *model = fed(2, 10, "\x1b]2;a\xff\xc3\xa9\xc2\x85\x01z\x1b\\");
	struct screen *screen = model_screen(model);
	struct buf text = {0};

	(void)state;
	assert_string_equal(screen->title, "a\xc3\xa9z");
	screen_unref(screen);
	buf_printf(&text, "\x1b]0;");
	for (int i = 0; i < 300; i++)
		buf_printf(&text, "\xc3\xa9");
	buf_printf(&text, "\a");
	model_feed(model, text.data, text.len);
	screen = model_screen(model);
	assert_int_equal(strlen(screen->title), SCREEN_TITLE_MAX - 1);
	screen_unref(screen);
	buf_fini(&text);
	model_free(model);
}

// ---- replies -----------------------------------------------------------------------------------

struct reply_log {
	char text[512];
	size_t len;
};

static void
log_reply(void *user, enum reply_kind kind, uint32_t a, uint32_t b, size_t offset)
{
	struct reply_log *log = user;

	log->len += (size_t)snprintf(log->text + log->len, sizeof(log->text) - log->len,
	    "%d(%u,%u)@%zu ", kind, a, b, offset);
}

static void
queries_are_named_with_the_place_where_they_ended(void **state)
{
	struct reply_log log = {0};
	struct model_events events = {.reply = log_reply, .user = &log};
	struct model *model = model_new(24, 80, &events);
	const char *text = "ab\x1b[5n\r\n\x1b[6n\x1b[?6n\x1b[c\x1b[>c\x1b[?7$p\x1b[4$p\x1b[?9999$p";

	(void)state;
	model_feed(model, text, strlen(text));
	assert_string_equal(log.text,
	    "0(0,0)@6 1(2,1)@12 2(2,1)@17 3(0,0)@20 4(0,0)@24 5(7,1)@30 6(4,2)@35 5(9999,0)@44 ");
	model_free(model);
}

static void
nothing_else_is_answered(void **state)
{
	struct reply_log log = {0};
	struct model_events events = {.reply = log_reply, .user = &log};
	struct model *model = model_new(24, 80, &events);
	const char *text = "\x1b]10;?\a\x1b]52;c;?\a\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1b[21t\x1b[18t"
			   "\x1b[>q\x1b[?u\x05\x1b[x\x1b[?15n\x1b[1;1;1;1;1;1*y";

	(void)state;
	model_feed(model, text, strlen(text));
	assert_string_equal(log.text, "");
	model_free(model);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_long_sgr_sets_all_its_colours),
	    cmocka_unit_test(hundreds_of_arguments_are_bounded),
	    cmocka_unit_test(repeat_without_a_glyph_does_nothing),
	    cmocka_unit_test(c1_as_utf8_is_dropped),
	    cmocka_unit_test(utf8_cut_by_a_control_costs_one_replacement),
	    cmocka_unit_test(utf8_may_be_cut_anywhere),
	    cmocka_unit_test(four_mebibytes_in_one_write_are_one_write),
	    cmocka_unit_test(shrinking_keeps_the_cursor_on_screen),
	    cmocka_unit_test(the_smallest_screens_work),
	    cmocka_unit_test(margins_cannot_take_the_cursor_off_the_screen),
	    cmocka_unit_test(an_unterminated_string_of_ten_mebibytes_is_swallowed),
	    cmocka_unit_test(marks_past_the_fifth_are_dropped),
	    cmocka_unit_test(counts_of_two_to_the_31_are_clamped),
	    cmocka_unit_test(random_bytes_leave_a_whole_screen),
	    cmocka_unit_test(a_wide_glyph_keeps_both_halves_or_none),
	    cmocka_unit_test(a_wrapped_line_says_so),
	    cmocka_unit_test(the_last_column_holds_the_cursor_until_the_next_glyph),
	    cmocka_unit_test(nothing_changed_is_the_same_screen),
	    cmocka_unit_test(a_bell_is_another_screen_and_survives_a_dump),
	    cmocka_unit_test(rows_that_did_not_change_are_shared),
	    cmocka_unit_test(a_synchronized_update_shows_the_screen_from_before),
	    cmocka_unit_test(lines_off_the_top_are_history_but_not_those_of_the_alternate_screen),
	    cmocka_unit_test(a_title_is_utf8_without_controls_and_bounded),
	    cmocka_unit_test(queries_are_named_with_the_place_where_they_ended),
	    cmocka_unit_test(nothing_else_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
