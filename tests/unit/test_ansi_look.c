// SPDX-License-Identifier: ISC
// The painter: what becomes of glyphs, colours and attributes on terminals that can do less.
#include "tests/unit/painting.h"

static void
what_is_not_seen_becomes_a_replacement(void **state)
{
	static const uint32_t hostile[] = {0x1b, 0x7f, 0x80, 0x9b, 0x9d, 0x200b, 0x200e, 0x202e,
	    0x2066, 0x2028, 0x378, 0xd800, 0xfdd0, 0xfffe, 0xe0041, 0x110000, 0x3164, 0x300};
	struct ansi_caps caps = ansi_caps_modern();
	struct guest guest;

	(void)state;
	guest_init(&guest, 4, 20, &caps);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct screen *screen = screen_blank(4, 20);
		struct witness_cell cell;

		write_at(screen, 1, 0, "ab", plain);
		put_at(screen, 1, 1, hostile[i], 1);
		ansi_reset(guest.ansi);
		guest_paint(&guest, screen);
		witness_cell(guest.witness, 1, 1, &cell);
		assert_int_equal(cell.cp[0], 0xfffd);
		screen_unref(screen);
	}
	guest_fini(&guest);
}

static void
marks_are_kept_joiners_dropped_and_bidi_shown(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = screen_blank(4, 20);
	struct witness_cell cell;
	struct guest guest;

	(void)state;
	write_at(screen, 0, 0, "efg", plain);
	add_mark(screen, 0, 0, 0x301);
	add_mark(screen, 0, 1, 0x200d);
	add_mark(screen, 0, 1, 0xfe0f);
	add_mark(screen, 0, 2, 0x202e);
	guest_init(&guest, 4, 20, &caps);
	guest_paint(&guest, screen);
	witness_cell(guest.witness, 0, 0, &cell);
	assert_int_equal(cell.cp[0], 'e');
	assert_int_equal(cell.cp[1], 0x301);
	witness_cell(guest.witness, 0, 1, &cell);
	assert_int_equal(cell.cp[0], 'f');
	assert_int_equal(cell.cp[1], 0);
	witness_cell(guest.witness, 0, 2, &cell);
	assert_int_equal(cell.cp[0], 0xfffd);
	guest_fini(&guest);
	screen_unref(screen);
}

static void
a_terminal_without_utf8_gets_ascii(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = screen_blank(2, 20);
	struct guest guest;

	(void)state;
	caps.utf8 = false;
	put_at(screen, 0, 0, 0x250c, 1);
	put_at(screen, 0, 1, 0x2500, 1);
	put_at(screen, 0, 2, 0xe9, 1);
	put_at(screen, 0, 3, 0x4e00, 2);
	put_at(screen, 0, 5, 'z', 1);
	guest_init(&guest, 2, 20, &caps);
	guest_send(&guest, screen);
	assert_true(painted(&guest, "+-e? z"));
	for (size_t i = 0; i < guest.out.len; i++)
		assert_true(guest.out.data[i] < 0x80);
	guest_fini(&guest);
	screen_unref(screen);
}

// Several attributes at once with truecolor pens need more than 16 parameters.
static void
no_sequence_has_more_than_16_parameters(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct style style = {COLOUR_RGB(0x123456), COLOUR_RGB(0x654321), COLOUR_RGB(0xabcdef),
	    (ATTR_LOOK & ~ATTR_UNDERLINE_MASK) | UNDERLINE_CURLY << ATTR_UNDERLINE_SHIFT};
	struct screen *screen = screen_blank(2, 20);
	struct guest guest;

	(void)state;
	write_at(screen, 0, 0, "x", style);
	guest_init(&guest, 2, 20, &caps);
	guest_paint(&guest, screen);
	guest_fini(&guest);
	screen_unref(screen);
}

static void
a_dumb_terminal_gets_no_sgr(void **state)
{
	struct ansi_caps caps = dumb_caps();
	struct style style = {COLOUR_INDEXED(1), COLOUR_INDEXED(2), 0, ATTR_BOLD | ATTR_REVERSE};
	struct screen *screen = screen_blank(2, 20);
	struct guest guest;

	(void)state;
	write_at(screen, 1, 2, "text", style);
	screen->cursor.row = 1;
	guest_init(&guest, 2, 20, &caps);
	guest_send(&guest, screen);
	EXPECT_BYTES(&guest, "\n\x1b[2Ctext\r");
	guest_fini(&guest);
	screen_unref(screen);
}

// A VT100 clears attributes only all at once, and knows no colours.
static void
a_vt100_gets_attributes_without_colours(void **state)
{
	struct ansi_caps caps = {.attrs = true, .utf8 = true, .el = true, .scroll = true};
	struct style bold = {COLOUR_INDEXED(1), COLOUR_RGB(0x102030), 0, ATTR_BOLD};
	struct style under = {0, 0, 0, UNDERLINE_CURLY << ATTR_UNDERLINE_SHIFT | ATTR_BOLD};
	struct style italic = {0, 0, 0, ATTR_ITALIC | UNDERLINE_SINGLE << ATTR_UNDERLINE_SHIFT};
	struct screen *screen = screen_blank(1, 20);
	struct guest guest;

	(void)state;
	write_at(screen, 0, 0, "a", bold);
	write_at(screen, 0, 1, "b", under);
	write_at(screen, 0, 2, "c", italic);
	write_at(screen, 0, 3, "d", plain);
	guest_init(&guest, 1, 20, &caps);
	guest_send(&guest, screen);
	EXPECT_BYTES(&guest, "\x1b[1ma\x1b[4mb\x1b[;4mc\x1b[md\r");
	guest_fini(&guest);
	screen_unref(screen);
}

static void
colours_go_to_the_nearest_there_is(void **state)
{
	static const struct {
		uint32_t colours, rgb;
		const char *sgr;
	} cases[] = {
	    {1 << 24, 0xff8700, "\x1b[38;2;255;135;0m"},
	    {256, 0xff8700, "\x1b[38;5;208m"},
	    {256, 0x808080, "\x1b[38;5;244m"},
	    {256, 0x010101, "\x1b[38;5;16m"},
	    {256, 0xfefefe, "\x1b[38;5;231m"},
	    {16, 0xfa1010, "\x1b[91m"},
	    {16, 0x0a8a0a, "\x1b[32m"},
	    {8, 0xfa1010, "\x1b[1;31m"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ansi_caps caps = ansi_caps_modern();
		struct style style = {.fg = COLOUR_RGB(cases[i].rgb)};
		struct screen *screen = screen_blank(1, 20);
		struct guest guest;

		caps.colours = cases[i].colours;
		write_at(screen, 0, 0, "x", style);
		guest_init(&guest, 1, 20, &caps);
		guest_send(&guest, screen);
		if (!painted(&guest, cases[i].sgr))
			fail_msg("%06x in %u: %.*s", cases[i].rgb, cases[i].colours,
			    (int)guest.out.len, (char *)guest.out.data + 1);
		guest_fini(&guest);
		screen_unref(screen);
	}
}

static void
text_stays_readable_where_two_colours_become_one(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct style style = {.fg = COLOUR_RGB(0xcc0000), .bg = COLOUR_RGB(0xb80000)};
	struct screen *screen = screen_blank(1, 20);
	struct witness_cell cell;
	struct guest guest;

	(void)state;
	caps.colours = 16;
	write_at(screen, 0, 0, "x", style);
	guest_init(&guest, 1, 20, &caps);
	guest_send(&guest, screen);
	witness_cell(guest.witness, 0, 0, &cell);
	assert_int_not_equal(cell.style.fg, cell.style.bg);
	guest_fini(&guest);
	screen_unref(screen);
}

// After non-ASCII nobody knows where the terminal's cursor is, until it is told.
static void
an_absolute_move_follows_non_ascii(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = screen_blank(2, 20);
	struct guest guest;

	(void)state;
	guest_init(&guest, 2, 20, &caps);
	guest_paint(&guest, screen);
	screen_unref(screen);
	screen = screen_blank(2, 20);
	put_at(screen, 0, 0, 0x2502, 1);
	put_at(screen, 0, 1, 'x', 1);
	screen->cursor.col = 2;
	guest_paint(&guest, screen);
	EXPECT_BYTES(&guest, "\xe2\x94\x82\r\x1b[Cx");
	guest_fini(&guest);
	screen_unref(screen);
}

// REP of a glyph that old tables find wide would run over the end of the row (libvterm crashes).
static void
a_glyph_of_disputed_width_is_not_repeated(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = screen_blank(2, 20);
	struct guest guest;

	(void)state;
	caps.rep = true;
	for (size_t col = 0; col < 20; col++)
		put_at(screen, 0, col, 0x4dec, 1);
	guest_init(&guest, 2, 20, &caps);
	guest_send(&guest, screen);
	assert_false(painted(&guest, "b"));
	guest_fini(&guest);
	screen_unref(screen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_seen_becomes_a_replacement),
	    cmocka_unit_test(marks_are_kept_joiners_dropped_and_bidi_shown),
	    cmocka_unit_test(a_terminal_without_utf8_gets_ascii),
	    cmocka_unit_test(no_sequence_has_more_than_16_parameters),
	    cmocka_unit_test(a_dumb_terminal_gets_no_sgr),
	    cmocka_unit_test(a_vt100_gets_attributes_without_colours),
	    cmocka_unit_test(colours_go_to_the_nearest_there_is),
	    cmocka_unit_test(text_stays_readable_where_two_colours_become_one),
	    cmocka_unit_test(an_absolute_move_follows_non_ascii),
	    cmocka_unit_test(a_glyph_of_disputed_width_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
