// SPDX-License-Identifier: ISC
// A host's screen in a viewer's terminal of another size.
#include "vt/window.h"

#include "tests/lib/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct style plain;

// Cell (r, c) holds a letter that tells both.
static uint32_t
letter(size_t row, size_t col)
{
	return 'a' + (uint32_t)(row * 7 + col * 3) % 26;
}

static struct screen *
host_screen(uint16_t rows, uint16_t cols)
{
	struct screen *screen = screen_alloc(rows, cols);

	for (size_t i = 0; i < rows; i++) {
		screen->row[i] = row_new(cols, COLOUR_DEFAULT);
		for (size_t col = 0; col < cols; col++)
			row_put(screen->row[i], col, letter(i, col), 1, &plain);
		row_publish(screen->row[i]);
	}
	return screen;
}

static void
text_of(const struct row *row, char *text)
{
	for (size_t col = 0; col < row->cols; col++)
		*text++ = row->cells[col].cp < 0x7f ? (char)row->cells[col].cp : '#';
	*text = '\0';
}

static void
the_same_size_is_the_same_screen(void **state)
{
	struct screen *host = host_screen(24, 80), *seen;
	struct window window;

	(void)state;
	window_init(&window, 24, 80);
	seen = window_compose(&window, host);
	assert_ptr_equal(seen, host);
	screen_unref(seen);
	screen_unref(host);
}

static void
a_smaller_window_carries_a_badge(void **state)
{
	struct screen *host = host_screen(40, 120), *seen;
	struct window window;
	char text[128];

	(void)state;
	window_init(&window, 24, 80);
	seen = window_compose(&window, host);
	text_of(seen->row[23], text);
	assert_string_equal(text + 80 - 27, " 120x40 seen through 80x24 ");
	assert_int_equal(seen->row[23]->cells[79].style.attrs, ATTR_REVERSE);
	assert_int_equal(seen->row[0]->cells[5].cp, letter(0, 5));
	screen_unref(seen);
	screen_unref(host);
}

static void
a_panned_window_says_how_to_follow_again(void **state)
{
	static const struct {
		uint16_t cols;
		const char *badge;
	} cases[] = {{80, " 120x40 panned, Home follows "}, {40, " 120x40 panned "}};
	struct screen *host = host_screen(40, 120), *seen;
	struct window window;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		window_init(&window, 24, cases[i].cols);
		window_pan(&window, host, 5, 0);
		seen = window_compose(&window, host);
		text_of(seen->row[23], text);
		assert_string_equal(text + cases[i].cols - strlen(cases[i].badge), cases[i].badge);
		screen_unref(seen);
	}
	window_init(&window, 50, 130); // nowhere to go
	window_pan(&window, host, 5, 0);
	assert_true(window.follow);
	screen_unref(host);
}

static void
the_badge_makes_way_for_the_cursor(void **state)
{
	struct screen *host = host_screen(40, 120), *seen;
	struct window window;
	char text[128];

	(void)state;
	host->cursor.row = 39;
	host->cursor.col = 71;
	window_init(&window, 24, 80);
	seen = window_compose(&window, host);
	assert_true(seen->cursor.visible);
	assert_int_equal(seen->cursor.row, 23);
	text_of(seen->row[0], text);
	assert_string_equal(text + 80 - 27, " 120x40 seen through 80x24 ");
	screen_unref(seen);
	screen_unref(host);
}

static void
a_larger_window_is_framed(void **state)
{
	struct screen *host = host_screen(2, 4), *seen;
	struct window window;
	char text[16];

	(void)state;
	window_init(&window, 4, 8);
	seen = window_compose(&window, host);
	assert_int_equal(seen->row[1]->cells[3].cp, letter(1, 3));
	assert_int_equal(seen->row[1]->cells[4].cp, 0x2502);
	assert_int_equal(seen->row[2]->cells[0].cp, 0x2500);
	assert_int_equal(seen->row[2]->cells[4].cp, 0x2518);
	text_of(seen->row[3], text);
	assert_string_equal(text, "        ");
	screen_unref(seen);
	screen_unref(host);
}

static void
following_keeps_the_cursor_in_sight(void **state)
{
	struct screen *host = host_screen(50, 200), *seen;
	struct window window;

	(void)state;
	window_init(&window, 10, 40);
	for (int i = 0; i < 2000; i++) {
		host->cursor.row = (uint16_t)(i * 7 % 50);
		host->cursor.col = (uint16_t)(i * 13 % 200);
		seen = window_compose(&window, host);
		assert_true(seen->cursor.visible);
		assert_int_equal(seen->cursor.row + window.top, host->cursor.row);
		assert_int_equal(seen->cursor.col + window.left, host->cursor.col);
		screen_unref(seen);
	}
	screen_unref(host);
}

// Typing along a line moves the window a few times, not with each character; a hidden cursor that
// runs about while a program paints does not move it at all.
static void
following_does_not_jitter(void **state)
{
	struct screen *host = host_screen(24, 200), *seen;
	struct window window;
	int moves = 0;

	(void)state;
	window_init(&window, 24, 80);
	for (uint16_t col = 0; col < 200; col++) {
		uint16_t left = window.left;

		host->cursor.col = col;
		seen = window_compose(&window, host);
		screen_unref(seen);
		moves += window.left != left;
	}
	assert_in_range(moves, 1, 4);
	for (uint16_t col = 199; col > 150; col--) {
		uint16_t left = window.left;

		host->cursor.col = col;
		seen = window_compose(&window, host);
		screen_unref(seen);
		moves += window.left != left;
	}
	assert_in_range(moves, 1, 5);
	host->cursor.col = 0;
	seen = window_compose(&window, host);
	screen_unref(seen);
	assert_int_equal(window.left, 0);
	host->cursor.visible = false;
	host->cursor.col = 199;
	seen = window_compose(&window, host);
	screen_unref(seen);
	assert_int_equal(window.left, 0);
	screen_unref(host);
}

static void
panning_stops_at_the_edges_and_hides_a_cursor_out_of_sight(void **state)
{
	struct screen *host = host_screen(50, 200), *seen;
	struct window window;

	(void)state;
	window_init(&window, 10, 40);
	window_pan(&window, host, 1000000, 1000000);
	assert_false(window.follow);
	assert_int_equal(window.top, 40);
	assert_int_equal(window.left, 160);
	seen = window_compose(&window, host);
	assert_false(seen->cursor.visible);
	assert_int_equal(seen->row[0]->cells[0].cp, letter(40, 160));
	screen_unref(seen);
	window_pan(&window, host, -3, -5);
	assert_int_equal(window.top, 37);
	assert_int_equal(window.left, 155);
	window_pan(&window, host, -1000000, -1000000);
	assert_int_equal(window.top, 0);
	assert_int_equal(window.left, 0);
	screen_unref(host);
}

static void
a_wide_glyph_cut_by_an_edge_becomes_a_blank(void **state)
{
	struct screen *host = host_screen(1, 10), *seen;
	struct window window;

	(void)state;
	host->row[0] = row_own(host->row[0]);
	row_put(host->row[0], 2, 0x4e00, 2, &plain);
	row_put(host->row[0], 6, 0x4e01, 2, &plain);
	row_publish(host->row[0]);
	window_init(&window, 1, 4);
	window_pan(&window, host, 0, 3);
	seen = window_compose(&window, host);
	assert_int_equal(seen->row[0]->cells[0].cp, ' ');
	assert_int_equal(seen->row[0]->cells[1].cp, letter(0, 4));
	assert_int_equal(seen->row[0]->cells[3].cp, ' ');
	assert_int_equal(seen->row[0]->cells[3].width, 1);
	screen_unref(seen);
	screen_unref(host);
}

// The row of a 5x20 screen, with its cursor in `cursor`, that a window of `rows` shows under a notice.
static void
expect_notice(uint16_t rows, uint16_t cursor, const char *notice, size_t row, const char *want)
{
	struct screen *host = host_screen(5, 20), *seen;
	struct window window;
	char text[32];

	window_init(&window, rows, 20);
	window.notice = notice;
	host->cursor.row = cursor;
	seen = window_compose(&window, host);
	text_of(seen->row[row], text);
	assert_string_equal(text, want);
	assert_int_equal(seen->cursor.visible, cursor != row);
	screen_unref(seen);
	screen_unref(host);
}

static void
a_notice_hides_as_little_as_it_can(void **state)
{
	char rest[32];
	struct screen *host = host_screen(5, 20);

	(void)state;
	expect_notice(5, 1, "no session \xe2\x80\x93 \x1b[31m", 4, " no session # [31m  ");
	expect_notice(5, 4, "no session \xe2\x80\x93 \x1b[31m", 0, " no session # [31m  ");
	expect_notice(9, 4, "hidden", 8, " hidden             ");
	text_of(host->row[4], rest);
	memcpy(rest + 12, " hidden ", 8);
	expect_notice(5, 1, "hidden", 4, rest);
	screen_unref(host);
}

// Every size of host and window, with screens that hold anything: whole glyphs, the right size.
static void
any_size_shows_well_formed_rows(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint8_t bytes[200];
		struct reader in = {.data = bytes + 6, .len = sizeof(bytes) - 6};
		struct screen *blank, *host, *seen;
		struct window window;

		scene_random(&seed, bytes, sizeof(bytes));
		blank = screen_blank(1 + bytes[0] % 20, 2 + bytes[1] % 40);
		host = scene_next(blank, &in);
		window_init(&window, bytes[2] % 20, bytes[3] % 40);
		if (bytes[4] % 2 == 0)
			window_pan(&window, host, (int8_t)bytes[4], (int8_t)bytes[5]);
		window.notice = bytes[5] % 8 == 0 ? "one moment" : NULL;
		seen = window_compose(&window, host);
		assert_int_equal(seen->rows, window.rows);
		assert_int_equal(seen->cols, window.cols);
		assert_true(seen->cursor.row < seen->rows && seen->cursor.col < seen->cols);
		for (size_t row = 0; row < seen->rows; row++) {
			const struct cell *cells = seen->row[row]->cells;

			assert_true(seen->row[row]->hash != 0);
			assert_int_equal(seen->row[row]->cols, seen->cols);
			assert_int_not_equal(cells[0].width, 0);
			assert_int_not_equal(cells[seen->cols - 1].width, 2);
			for (size_t col = 1; col < seen->cols; col++)
				assert_int_equal(cells[col].width == 0, cells[col - 1].width == 2);
		}
		screen_unref(seen);
		screen_unref(host);
		screen_unref(blank);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_size_is_the_same_screen),
	    cmocka_unit_test(a_smaller_window_carries_a_badge),
	    cmocka_unit_test(a_panned_window_says_how_to_follow_again),
	    cmocka_unit_test(the_badge_makes_way_for_the_cursor),
	    cmocka_unit_test(a_larger_window_is_framed),
	    cmocka_unit_test(following_keeps_the_cursor_in_sight),
	    cmocka_unit_test(following_does_not_jitter),
	    cmocka_unit_test(panning_stops_at_the_edges_and_hides_a_cursor_out_of_sight),
	    cmocka_unit_test(a_wide_glyph_cut_by_an_edge_becomes_a_blank),
	    cmocka_unit_test(a_notice_hides_as_little_as_it_can),
	    cmocka_unit_test(any_size_shows_well_formed_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
