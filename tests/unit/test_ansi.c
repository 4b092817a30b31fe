// SPDX-License-Identifier: ISC
// The painter: that a terminal shows exactly the screen, in few bytes.
#include "tests/unit/painting.h"

static void
an_equal_screen_costs_nothing(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = numbered_lines(10, 60), *same = numbered_lines(10, 60);
	struct guest guest;

	(void)state;
	guest_init(&guest, 10, 60, &caps);
	guest_paint(&guest, screen);
	assert_true(guest.out.len > 0);
	guest_paint(&guest, screen);
	assert_int_equal(guest.out.len, 0);
	guest_paint(&guest, same);
	assert_int_equal(guest.out.len, 0);
	guest_fini(&guest);
	screen_unref(screen);
	screen_unref(same);
}

static void
a_typed_character_costs_one_byte(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = screen_blank(24, 80), *after;
	struct guest guest;

	(void)state;
	write_at(before, 3, 0, "$ l", plain);
	before->cursor.row = 3;
	before->cursor.col = 3;
	after = copy_of(before);
	write_at(after, 3, 3, "s", plain);
	after->cursor.col = 4;
	guest_init(&guest, 24, 80, &caps);
	guest_paint(&guest, before);
	guest_paint(&guest, after);
	EXPECT_BYTES(&guest, "s");
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

static void
a_log_scrolls_by_a_line_feed(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = numbered_lines(24, 80), *after = copy_of(before);
	struct guest guest;

	(void)state;
	scroll_up(after, 0, 23);
	before->cursor.row = after->cursor.row = 23;
	write_at(after, 23, 0, "new", plain);
	after->cursor.col = 3;
	guest_init(&guest, 24, 80, &caps);
	guest_paint(&guest, before);
	guest_paint(&guest, after);
	EXPECT_BYTES(&guest, "\nnew");
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

// A program that prints lines leaves the cursor in the blank row below them.
static struct screen *
after_lines(const char *const *lines, size_t count)
{
	struct screen *screen = numbered_lines(24, 80);

	scroll_up(screen, 0, 23);
	for (size_t i = 0; i < count; i++) {
		write_at(screen, 23, 0, lines[i], plain);
		scroll_up(screen, 0, 23);
	}
	screen->cursor.row = 23;
	return screen;
}

static void
printed_lines_cost_what_they_cost_the_program(void **state)
{
	static const char *const lines[] = {"make", "cc -c one.c", "cc -c two.c"};
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen[4];
	struct guest guest;

	(void)state;
	guest_init(&guest, 24, 80, &caps);
	for (size_t i = 0; i < 4; i++)
		screen[i] = after_lines(lines, i);
	guest_paint(&guest, screen[0]);
	guest_paint(&guest, screen[1]);
	EXPECT_BYTES(&guest, "make\r\n");
	guest_paint(&guest, screen[3]);
	EXPECT_BYTES(&guest, "cc -c one.c\r\ncc -c two.c\r\n");
	guest_fini(&guest);
	for (size_t i = 0; i < 4; i++)
		screen_unref(screen[i]);
}

static void
a_fixed_top_line_does_not_defeat_scrolling(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = numbered_lines(24, 80), *after = copy_of(before);
	struct guest guest;

	(void)state;
	scroll_up(after, 1, 23);
	write_at(after, 0, 40, "changed", plain);
	write_at(after, 23, 0, "new", plain);
	guest_init(&guest, 24, 80, &caps);
	guest_paint(&guest, before);
	guest_paint(&guest, after);
	assert_true(guest.out.len < 60);
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

static void
two_regions_scroll_in_two_directions(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = numbered_lines(40, 80), *after = copy_of(before);
	struct guest guest;

	(void)state;
	scroll_up(after, 2, 15);
	row_unref(after->row[35]);
	memmove(&after->row[21], &after->row[20], 15 * sizeof(after->row[0]));
	after->row[20] = row_new(80, COLOUR_DEFAULT);
	row_publish(after->row[20]);
	guest_init(&guest, 40, 80, &caps);
	guest_paint(&guest, before);
	guest_paint(&guest, after);
	assert_true(guest.out.len < 60);
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

// The rows that move need not all be as they were.
static void
a_block_with_an_edited_row_moves_as_one(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = numbered_lines(24, 80), *after = copy_of(before);
	struct guest guest;

	(void)state;
	scroll_up(after, 1, 22);
	write_at(after, 10, 3, "X", plain);
	guest_init(&guest, 24, 80, &caps);
	guest_paint(&guest, before);
	guest_paint(&guest, after);
	assert_true(guest.out.len < 50);
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

static void
the_bottom_right_corner_does_not_scroll(void **state)
{
	struct ansi_caps sets[] = {ansi_caps_modern(), dumb_caps()};
	struct screen *screen = numbered_lines(5, 40);

	(void)state;
	for (size_t col = 0; col < 40; col++)
		write_at(screen, 4, col, "#", plain);
	screen->cursor.row = 4;
	screen->cursor.col = 39;
	for (size_t i = 0; i < 2; i++) {
		struct guest guest;
		struct screen *next = copy_of(screen);

		guest_init(&guest, 5, 40, &sets[i]);
		guest_paint(&guest, screen);
		write_at(next, 4, 39, "!", plain);
		guest_paint(&guest, next);
		guest_fini(&guest);
		screen_unref(next);
	}
	screen_unref(screen);
}

static void
a_reversed_screen_is_painted_in_reverse(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = numbered_lines(4, 40), *after = copy_of(before);
	struct guest guest;

	(void)state;
	after->reverse = true;
	guest_init(&guest, 4, 40, &caps);
	guest_paint(&guest, before);
	guest_paint(&guest, after);
	guest_paint(&guest, before);
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

static void
a_long_paint_is_held_together(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = numbered_lines(40, 80);
	struct guest guest;

	(void)state;
	guest_init(&guest, 40, 80, &caps);
	guest_paint(&guest, screen);
	assert_true(painted(&guest, "\x1b[?2026h"));
	assert_true(painted(&guest, "\x1b[?2026l"));
	guest_fini(&guest);
	caps.sync = false;
	guest_init(&guest, 40, 80, &caps);
	guest_paint(&guest, screen);
	assert_true(painted(&guest, "\x1b[?25l"));
	assert_false(painted(&guest, "\x1b[?2026h"));
	guest_fini(&guest);
	screen_unref(screen);
}

static void
settling_restores_margins_pen_autowrap_and_pending_wrap(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *before = numbered_lines(24, 40), *after = copy_of(before);
	struct style bold = {.attrs = ATTR_BOLD};
	struct witness_cell cell;
	struct guest guest;

	(void)state;
	scroll_up(after, 2, 20);
	write_at(after, 5, 39, "x", bold);
	after->cursor = (struct cursor){.row = 5, .col = 39, .pending_wrap = true, .visible = true};
	guest_init(&guest, 24, 40, &caps);
	guest_paint(&guest, before);
	guest_send(&guest, after);
	guest.out.len = 0;
	ansi_settle(guest.ansi, &guest.out);
	guest_flush(&guest);
	witness_feed(guest.witness, "y", 1); // as the program would: it wraps
	witness_cell(guest.witness, 6, 0, &cell);
	assert_int_equal(cell.cp[0], 'y');
	assert_int_equal(cell.style.attrs, 0);
	guest_fini(&guest);
	screen_unref(before);
	screen_unref(after);
}

static void
a_cut_frame_does_not_hurt_leaving(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = numbered_lines(24, 80);
	struct style style = {.fg = COLOUR_RGB(0x123456)};
	struct guest guest;
	size_t len, entered;

	(void)state;
	write_at(screen, 3, 3, "coloured", style);
	put_at(screen, 3, 20, 0x4e00, 2);
	guest_init(&guest, 24, 80, &caps);
	entered = guest.out.len;
	ansi_paint(guest.ansi, screen, &guest.out);
	len = guest.out.len;
	ansi_leave(guest.ansi, &guest.out);
	for (size_t cut = entered; cut < len; cut++) {
		struct witness *witness = witness_new(24, 80);
		struct witness_cell cell;

		witness_feed(witness, "before", 6);
		witness_feed(witness, guest.out.data, cut);
		witness_feed(witness, guest.out.data + len, guest.out.len - len);
		witness_feed(witness, "after", 5);
		witness_cell(witness, 0, 7, &cell);
		assert_int_equal(cell.cp[0], 'f');
		assert_int_equal(cell.style.fg, COLOUR_DEFAULT);
		witness_free(witness);
	}
	guest_fini(&guest);
	screen_unref(screen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_equal_screen_costs_nothing),
	    cmocka_unit_test(a_typed_character_costs_one_byte),
	    cmocka_unit_test(a_log_scrolls_by_a_line_feed),
	    cmocka_unit_test(printed_lines_cost_what_they_cost_the_program),
	    cmocka_unit_test(a_fixed_top_line_does_not_defeat_scrolling),
	    cmocka_unit_test(two_regions_scroll_in_two_directions),
	    cmocka_unit_test(a_block_with_an_edited_row_moves_as_one),
	    cmocka_unit_test(the_bottom_right_corner_does_not_scroll),
	    cmocka_unit_test(a_reversed_screen_is_painted_in_reverse),
	    cmocka_unit_test(a_long_paint_is_held_together),
	    cmocka_unit_test(settling_restores_margins_pen_autowrap_and_pending_wrap),
	    cmocka_unit_test(a_cut_frame_does_not_hurt_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
