// SPDX-License-Identifier: ISC
// The painter: that a terminal shows exactly the screen, in the closed language, in few bytes.
#include "vt/ansi.h"

#include "tests/lib/grammar.h"
#include "tests/lib/scene.h"
#include "tests/lib/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A guest: painter, terminal and grammar.
struct guest {
	struct ansi *ansi;
	struct witness *witness;
	struct grammar grammar;
	struct buf out; // of the last paint
	uint16_t rows, cols;
};

static void
guest_flush(struct guest *guest)
{
	if (!grammar_feed(&guest->grammar, guest->out.data, guest->out.len) ||
	    !grammar_end(&guest->grammar))
		fail_msg(
		    "not in the language at %zu: %s", guest->grammar.offset, guest->grammar.why);
	witness_feed(guest->witness, guest->out.data, guest->out.len);
}

static void
guest_init(struct guest *guest, uint16_t rows, uint16_t cols, const struct ansi_caps *caps)
{
	*guest = (struct guest){.rows = rows, .cols = cols};
	guest->ansi = ansi_new(caps);
	guest->witness = witness_new(rows, cols);
	grammar_init(&guest->grammar, false);
	ansi_enter(guest->ansi, &guest->out);
	guest_flush(guest);
}

static void
guest_fini(struct guest *guest)
{
	guest->out.len = 0;
	ansi_leave(guest->ansi, &guest->out);
	guest_flush(guest);
	buf_fini(&guest->out);
	witness_free(guest->witness);
	ansi_free(guest->ansi);
}

static void
guest_send(struct guest *guest, struct screen *screen)
{
	guest->out.len = 0;
	ansi_paint(guest->ansi, screen, &guest->out);
	guest_flush(guest);
}

static void
guest_paint(struct guest *guest, struct screen *screen)
{
	char why[256];

	guest_send(guest, screen);
	if (!witness_shows(guest->witness, screen, why, sizeof(why)))
		fail_msg("%s", why);
}

// ---- screens by hand ----------------------------------------------------------------------------

static const struct style plain;

static void
write_at(struct screen *screen, size_t row, size_t col, const char *text, struct style style)
{
	screen->row[row] = row_own(screen->row[row]);
	for (; *text != '\0'; text++, col++)
		row_put(screen->row[row], col, (uint32_t)*text, 1, &style);
	row_publish(screen->row[row]);
}

static void
put_at(struct screen *screen, size_t row, size_t col, uint32_t cp, uint8_t width)
{
	screen->row[row] = row_own(screen->row[row]);
	row_put(screen->row[row], col, cp, width, &plain);
	row_publish(screen->row[row]);
}

static void
add_mark(struct screen *screen, size_t row, size_t col, uint32_t cp)
{
	screen->row[row] = row_own(screen->row[row]);
	row_add_mark(screen->row[row], col, cp);
	row_publish(screen->row[row]);
}

static struct screen *
copy_of(const struct screen *screen)
{
	struct screen *copy = screen_alloc(screen->rows, screen->cols);

	screen_copy_meta(copy, screen);
	for (size_t i = 0; i < screen->rows; i++)
		copy->row[i] = row_ref(screen->row[i]);
	return copy;
}

static void
scroll_up(struct screen *screen, size_t top, size_t bottom)
{
	row_unref(screen->row[top]);
	memmove(&screen->row[top], &screen->row[top + 1], (bottom - top) * sizeof(screen->row[0]));
	screen->row[bottom] = row_new(screen->cols, COLOUR_DEFAULT);
	row_publish(screen->row[bottom]);
}

static struct screen *
numbered_lines(uint16_t rows, uint16_t cols)
{
	struct screen *screen = screen_blank(rows, cols);
	char line[64];

	for (size_t i = 0; i < rows; i++) {
		snprintf(line, sizeof(line), "%zu: some text that is line %zu", i * 37, i);
		write_at(screen, i, 0, line, plain);
	}
	return screen;
}

#define EXPECT_BYTES(guest, text)                                                                  \
	do {                                                                                       \
		assert_int_equal((guest)->out.len, sizeof(text) - 1);                              \
		assert_memory_equal((guest)->out.data, text, sizeof(text) - 1);                    \
	} while (0)

static struct ansi_caps
dumb_caps(void)
{
	return (struct ansi_caps){.utf8 = true, .el = true};
}

// ---- tests --------------------------------------------------------------------------------------

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

// Finds `text` in what was painted last.
static bool
painted(const struct guest *guest, const char *text)
{
	return memmem(guest->out.data, guest->out.len, text, strlen(text)) != NULL;
}

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

// ---- properties ---------------------------------------------------------------------------------

static uint16_t
random_size(uint64_t *seed, uint16_t least, uint16_t most)
{
	uint8_t bytes[2];

	scene_random(seed, bytes, 2);
	return (uint16_t)(least + (bytes[0] << 8 | bytes[1]) % (most - least + 1));
}

// Random screens, each painted over the last one.
static void
paint_random(const struct ansi_caps *caps, uint64_t seed, int sessions, bool lossless)
{
	for (int i = 0; i < sessions; i++) {
		uint16_t rows = random_size(&seed, 1, 30), cols = random_size(&seed, 3, 60);
		struct screen *screen = screen_blank(rows, cols);
		uint8_t bytes[1200];
		struct reader in = {.data = bytes, .len = sizeof(bytes)};
		struct guest guest;

		scene_random(&seed, bytes, sizeof(bytes));
		guest_init(&guest, rows, cols, caps);
		while (in.len > 0) {
			struct screen *next = scene_next(screen, &in);

			if (lossless)
				guest_paint(&guest, next);
			else
				guest_send(&guest, next);
			screen_unref(screen);
			screen = next;
		}
		guest_fini(&guest);
		screen_unref(screen);
	}
}

static void
random_screens_are_shown_exactly(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();

	(void)state;
	paint_random(&caps, 1, 400, true);
	caps.rep = true;
	paint_random(&caps, 2, 200, true);
	caps.bce = false;
	paint_random(&caps, 3, 200, true);
	caps.scroll = caps.ech = caps.sync = false;
	paint_random(&caps, 4, 200, true);
	caps.autowrap = caps.el = false;
	caps.rep = false; // libvterm wraps a column early after it
	paint_random(&caps, 5, 200, true);
}

static void
random_screens_stay_in_the_language_on_lesser_terminals(void **state)
{
	static const uint32_t colours[] = {0, 8, 16, 256};
	struct ansi_caps caps = ansi_caps_modern();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		caps.colours = colours[i];
		paint_random(&caps, 10 + i, 100, false);
		caps.utf8 = i % 2 == 0;
		caps.italic = caps.underline_style = caps.underline_colour = false;
		paint_random(&caps, 20 + i, 100, false);
	}
	caps = dumb_caps();
	paint_random(&caps, 30, 100, false);
}

// libvterm crashes on one column, so no witness here.
static void
one_column_stays_in_the_language(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();
	uint64_t seed = 40;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct screen *screen = screen_blank((uint16_t)(1 + i % 5), 1);
		struct ansi *ansi = ansi_new(&caps);
		struct grammar grammar;
		struct buf out = {0};
		uint8_t bytes[200];
		struct reader in = {.data = bytes, .len = sizeof(bytes)};

		scene_random(&seed, bytes, sizeof(bytes));
		grammar_init(&grammar, false);
		while (in.len > 0) {
			struct screen *next = scene_next(screen, &in);

			ansi_paint(ansi, next, &out);
			screen_unref(screen);
			screen = next;
		}
		assert_true(grammar_feed(&grammar, out.data, out.len) && grammar_end(&grammar));
		buf_fini(&out);
		ansi_free(ansi);
		screen_unref(screen);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_equal_screen_costs_nothing),
	    cmocka_unit_test(a_typed_character_costs_one_byte),
	    cmocka_unit_test(a_log_scrolls_by_a_line_feed),
	    cmocka_unit_test(a_fixed_top_line_does_not_defeat_scrolling),
	    cmocka_unit_test(two_regions_scroll_in_two_directions),
	    cmocka_unit_test(a_block_with_an_edited_row_moves_as_one),
	    cmocka_unit_test(the_bottom_right_corner_does_not_scroll),
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
	    cmocka_unit_test(a_reversed_screen_is_painted_in_reverse),
	    cmocka_unit_test(a_long_paint_is_held_together),
	    cmocka_unit_test(settling_restores_margins_pen_autowrap_and_pending_wrap),
	    cmocka_unit_test(a_cut_frame_does_not_hurt_leaving),
	    cmocka_unit_test(random_screens_are_shown_exactly),
	    cmocka_unit_test(random_screens_stay_in_the_language_on_lesser_terminals),
	    cmocka_unit_test(one_column_stays_in_the_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
