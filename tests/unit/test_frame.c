// SPDX-License-Identifier: ISC
// Frames lead from any screen to any other, cost little for what changes often, and malformed ones
// are refused.
#include "vt/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 24
#define COLS 80

// ---- Screens -----------------------------------------------------------------------------------

static const struct style plain = {0};

static struct row *
writable(struct screen *screen, size_t row)
{
	return screen->row[row] = row_own(screen->row[row]);
}

static void
publish(struct screen *screen)
{
	for (size_t i = 0; i < screen->rows; i++)
		row_publish(screen->row[i]);
}

// A copy that may be written; its rows are shared until then.
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
put_text(struct screen *screen, size_t row, size_t col, const char *text, const struct style *style)
{
	struct row *to = writable(screen, row);

	for (; *text != '\0'; text++)
		row_put(to, col++, (uint8_t)*text, 1, style);
	row_publish(to);
}

static void
put_cursor(struct screen *screen, size_t row, size_t col)
{
	screen->cursor.row = (uint16_t)row;
	screen->cursor.col = (uint16_t)col;
}

// Numbered lines, the first of which is `first`.
static struct screen *
numbered(size_t first)
{
	struct screen *screen = screen_blank(ROWS, COLS);
	char line[32];

	for (size_t i = 0; i < ROWS; i++) {
		snprintf(line, sizeof(line), "line %zu of the log", first + i);
		put_text(screen, i, 0, line, &plain);
	}
	return screen;
}

static size_t
random_below(uint32_t *seed, size_t limit)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % limit;
}

static uint32_t
random_colour(uint32_t *seed)
{
	switch (random_below(seed, 4)) {
	case 0: return COLOUR_INDEXED(random_below(seed, 256));
	case 1: return COLOUR_RGB(random_below(seed, 1 << 24));
	default: return COLOUR_DEFAULT;
	}
}

static struct style
random_style(uint32_t *seed)
{
	struct style style = {0};

	if (random_below(seed, 2) == 0)
		return style;
	style.fg = random_colour(seed);
	style.bg = random_colour(seed);
	if (random_below(seed, 4) == 0)
		style.ul = random_colour(seed);
	style.attrs = (uint16_t)(random_below(seed, 1 << 8) | random_below(seed, UNDERLINE_COUNT)
								  << ATTR_UNDERLINE_SHIFT);
	if (random_below(seed, 8) == 0)
		style.attrs |= ATTR_PROTECTED; // must not matter
	return style;
}

static void
random_glyph(struct row *row, size_t col, const struct style *style, uint32_t *seed)
{
	static const uint32_t cps[] = {
	    ' ', ' ', 'a', 'b', '~', 0xe9, 0x2500, 0x4e00, 0x1f600, 0x10ffff};
	uint32_t cp = cps[random_below(seed, sizeof(cps) / sizeof(cps[0]))];
	uint8_t width = random_below(seed, 5) == 0 && col + 2 <= row->cols ? 2 : 1;

	row_put(row, col, cp, width, style);
	for (size_t marks = random_below(seed, 40); marks > 33; marks--)
		row_add_mark(row, col, 0x300 + (uint32_t)marks);
}

static void
random_edit(struct screen *screen, uint32_t *seed)
{
	size_t index = random_below(seed, screen->rows), other = random_below(seed, screen->rows);
	struct row *row = writable(screen, index);
	size_t from = random_below(seed, row->cols), to = from + random_below(seed, 20);
	struct style style = random_style(seed);

	switch (random_below(seed, 6)) {
	case 0: row_blank(row, from, row->cols, style.bg); break;
	case 1: row->wrapped = !row->wrapped; break;
	case 2:
		row_ref(screen->row[other]);
		row_unref(row);
		screen->row[index] = screen->row[other];
		break;
	default:
		for (; from < to && from < row->cols; from++)
			random_glyph(row, from, &style, seed);
		break;
	}
}

static struct screen *
random_screen(const struct screen *from, uint32_t *seed)
{
	struct screen *screen = from != NULL && random_below(seed, 8) > 0
				    ? copy_of(from)
				    : screen_blank((uint16_t)(1 + random_below(seed, 12)),
					  (uint16_t)(1 + random_below(seed, 40)));

	for (size_t edits = random_below(seed, 12); edits > 0; edits--)
		random_edit(screen, seed);
	publish(screen);
	if (random_below(seed, 2) == 0) {
		put_cursor(
		    screen, random_below(seed, screen->rows), random_below(seed, screen->cols));
		screen->cursor.pending_wrap =
		    screen->cursor.col == screen->cols - 1 && random_below(seed, 2) == 0;
		screen->cursor.visible = random_below(seed, 2);
		screen->cursor.blink = random_below(seed, 2);
		screen->cursor.shape = (uint8_t)random_below(seed, CURSOR_SHAPE_COUNT);
		screen->reverse = random_below(seed, 2);
		screen->alt = random_below(seed, 2);
		snprintf(
		    screen->title, sizeof(screen->title), "t\xc3\xa9%zu", random_below(seed, 3));
	}
	return screen;
}

// ---- Frames ------------------------------------------------------------------------------------

// The bytes from `base` to `target`, having seen that they lead there.
static size_t
assert_leads(struct screen *base, const struct screen *target)
{
	struct buf frame = {0};
	struct screen *made;
	const char *why;
	char diff[256];
	size_t len;

	frame_encode(base, target, &frame);
	made = frame_apply(base, frame.data, frame.len, &why);
	if (made == NULL)
		fail_msg("%s", why);
	if (!screen_explain(made, target, diff, sizeof(diff)))
		fail_msg("%s", diff);
	screen_unref(made);
	len = frame.len;
	buf_fini(&frame);
	return len;
}

static void
equal_screens_give_an_empty_frame(void **state)
{
	struct screen *a = numbered(1), *b = numbered(1);

	(void)state;
	assert_int_equal(assert_leads(a, b), 0);
	screen_unref(a);
	screen_unref(b);
}

static void
a_typed_character_costs_one_byte(void **state)
{
	struct screen *a = numbered(1), *b = copy_of(a);

	(void)state;
	put_cursor(a, 3, 40);
	put_text(b, 3, 40, "x", &plain);
	put_cursor(b, 3, 41);
	assert_int_equal(assert_leads(a, b), 1);
	screen_unref(a);
	screen_unref(b);
}

static void
text_that_wraps_needs_no_operations(void **state)
{
	struct screen *a = screen_blank(ROWS, COLS), *b = copy_of(a);

	(void)state;
	put_cursor(a, 0, COLS - 3);
	put_text(b, 0, COLS - 3, "abc", &plain);
	put_text(b, 1, 0, "def", &plain);
	writable(b, 0)->wrapped = true;
	publish(b);
	put_cursor(b, 1, 3);
	assert_int_equal(assert_leads(a, b), 6);
	put_cursor(a, 0, COLS - 1);
	a->cursor.pending_wrap = true;
	put_cursor(b, 0, COLS - 1);
	b->cursor.pending_wrap = true;
	assert_leads(a, b);
	screen_unref(a);
	screen_unref(b);
}

static void
scrolls_cost_what_the_new_lines_cost(void **state)
{
	(void)state;
	for (size_t by = 1; by < ROWS - 1; by++) {
		struct screen *a = numbered(100), *up = numbered(100 + by),
			      *down = numbered(100 - by);

		assert_true(assert_leads(a, up) <= 12 + by * 24);
		assert_true(assert_leads(a, down) <= 12 + by * 24);
		screen_unref(a);
		screen_unref(up);
		screen_unref(down);
	}
}

static void
a_fixed_top_line_does_not_defeat_scrolls(void **state)
{
	struct screen *a = numbered(100), *b = numbered(101);

	(void)state;
	put_text(a, 0, 0, "12:00:00 fixed, with a clock", &plain);
	put_text(b, 0, 0, "12:00:01 fixed, with a clock", &plain);
	put_text(a, ROWS - 1, 0, "status                    ", &plain);
	put_text(b, ROWS - 1, 0, "status                    ", &plain);
	assert_true(assert_leads(a, b) <= 40);
	screen_unref(a);
	screen_unref(b);
}

static void
two_regions_scroll_in_opposite_directions(void **state)
{
	struct screen *a = numbered(100), *b = copy_of(a);

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		row_unref(b->row[i]);
		b->row[i] = row_ref(a->row[i + 1]);
		row_unref(b->row[ROWS - 1 - i]);
		b->row[ROWS - 1 - i] = row_ref(a->row[ROWS - 2 - i]);
	}
	assert_true(assert_leads(a, b) <= 16);
	screen_unref(a);
	screen_unref(b);
}

static void
a_selection_that_moves_costs_no_text(void **state)
{
	struct style selected = {.attrs = ATTR_REVERSE};
	struct screen *a = numbered(1), *b = numbered(1);

	(void)state;
	put_text(a, 3, 0, "line 4 of the log", &selected);
	put_text(b, 4, 0, "line 5 of the log", &selected);
	assert_true(assert_leads(a, b) <= 12);
	screen_unref(a);
	screen_unref(b);
}

static void
every_resize_leads_there(void **state)
{
	static const uint16_t sizes[] = {1, 2, 23, 24, 25, 79, 80, 81, 1000};
	struct screen *a = numbered(1);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct screen *b = screen_blank(sizes[i], sizes[(i * 5) % 9]);

		assert_leads(a, b);
		assert_leads(b, a);
		assert_leads(NULL, b);
		screen_unref(b);
	}
	screen_unref(a);
}

static void
random_screens_lead_to_each_other(void **state)
{
	uint32_t seed = 7;
	struct screen *a = NULL;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct screen *b = random_screen(a, &seed);

		assert_leads(a, b);
		screen_unref(a);
		a = b;
	}
	screen_unref(a);
}

static void
rows_that_do_not_change_are_shared(void **state)
{
	struct screen *a = numbered(1), *b = copy_of(a), *made;
	struct buf frame = {0};
	const char *why;

	(void)state;
	put_text(b, 5, 0, "x", &plain);
	frame_encode(a, b, &frame);
	made = frame_apply(a, frame.data, frame.len, &why);
	assert_non_null(made);
	for (size_t i = 0; i < ROWS; i++)
		assert_true((made->row[i] == a->row[i]) == (i != 5));
	screen_unref(made);
	screen_unref(a);
	screen_unref(b);
	buf_fini(&frame);
}

// ---- Malformed ---------------------------------------------------------------------------------

struct malformed {
	const char *bytes;
	size_t len;
	const char *why;
};
#define BYTES(text) text, sizeof(text) - 1

static void
malformed_frames_are_refused_with_the_reason(void **state)
{
	static const struct malformed cases[] = {
	    {BYTES("\x00"), "unknown operation"},
	    {BYTES("\x7f"), "unknown operation"},
	    {BYTES("\x9f"), "unknown operation"},
	    {BYTES("\x9e\x00\x0ahttp://h/"), "cut off"},
	    {BYTES("\x9e\x00\x07http://"), "link"},
	    {BYTES("\x9e\x00\x09http://h "), "link"},
	    {BYTES("\x04\x50\x9e\x00\x09http://h/x"), "end of the row"},
	    {BYTES("\xc1\x81"), "unknown operation"},
	    {BYTES("x\x1f\x00"), "wrong place"},            // state after text
	    {BYTES("\x1f\x00\x9d\x05\x05"), "wrong place"}, // size after state
	    {BYTES("\x1f\x03"), "unknown state"},           // shape 3
	    {BYTES("\x1f"), "cut off"},
	    {BYTES("\x9d\x00\x05"), "without cells"},
	    {BYTES("\x9d\xe9\x07\x05"), "out of range"}, // 1001 rows
	    {BYTES("\x03\x18\x00"), "out of range"},     // row 24 of 24
	    {BYTES("\x04\x51"), "out of range"},         // column 81 of 80
	    {BYTES("\x03\x17\x00\x01"), "past the last"},
	    {BYTES("\x03\x17\x00\x02"), "past the last"},
	    {BYTES("\x98"), "before the first"},
	    {BYTES("\x04\x48\x97"), "past the last"},
	    {BYTES("\xc3"), "UTF-8"},
	    {BYTES("\xe0\x80\x80"), "UTF-8"},
	    {BYTES("\xed\xa0\x80"), "UTF-8"},
	    {BYTES("\xc2\x9b"), "UTF-8"}, // a C1 control
	    {BYTES("\xf4\x90\x80\x80"), "UTF-8"},
	    {BYTES("\x03\x17\x50x"), "last row"},
	    {BYTES("\x04\x4f\xe4\xb8\x80"), "end of the row"}, // wide, in the last column
	    {BYTES("\x09\xcc\x80"), "left of the first"},
	    {BYTES("x\x09\x07"), "UTF-8"},
	    {BYTES("\x07\x00"), "left of the first"},
	    {BYTES("x\x07\x4f"), "end of the row"},
	    {BYTES("\xe4\xb8\x80\x07\x00"), "width 1"},
	    {BYTES("\x0b"), "no pen"},
	    {BYTES("\x10\x0c\x50"), "out of range"},
	    {BYTES("\x04\x01\x10\x0c\x4f"), "end of the row"},
	    {BYTES("\xe4\xb8\x80\x99\x10\x0b"), "half of a wide"},
	    {BYTES("\xe4\xb8\x80\x98\x10\x0b"), "half of a wide"},
	    {BYTES("\x0e\x01\x00"), "outside the screen"}, // from a row above
	    {BYTES("\x0f\x02\x4f"), "outside the screen"},
	    {BYTES("\x11"), "left of the first"},
	    {BYTES("\x04\x50\x06"), "last column"},
	    {BYTES("\x04\x50\x12\x05"), "last column"},
	    {BYTES("\x12"), "cut off"},
	    {BYTES("\x14zz"), "cut off"},
	    {BYTES("\x18\x81\x82\x80\x08"), "out of range"},
	    {BYTES("\x19\x80\x10"), "out of range"},
	    {BYTES("\x19\x80\x0e"), "unknown attributes"}, // underline 7
	    {BYTES("\x0a"), "width without a glyph"},
	    {BYTES("\x0a\x01"), "width without a glyph"},
	    {BYTES("\x1e\x00\x17\x01"), "outside the screen"},
	    {BYTES("\x1e\x18\x00\x00"), "outside the screen"},
	    {BYTES("\x9c\x02x\n"), "title"},
	    {BYTES("\x9c\x80\x02"), "cut off"},
	};
	struct screen *base = screen_blank(ROWS, COLS);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *why = NULL;
		struct screen *made =
		    frame_apply(base, (const uint8_t *)cases[i].bytes, cases[i].len, &why);

		if (made != NULL || strstr(why, cases[i].why) == NULL)
			fail_msg("case %zu: %s, not %s", i, made ? "applied" : why, cases[i].why);
	}
	screen_unref(base);
}

static void
a_key_frame_needs_a_size(void **state)
{
	const char *why;

	(void)state;
	assert_null(frame_apply(NULL, (const uint8_t *)"x", 1, &why));
	assert_non_null(strstr(why, "size"));
	assert_null(frame_apply(NULL, NULL, 0, &why));
}

static void
every_prefix_of_a_frame_is_refused_or_leads_somewhere(void **state)
{
	uint32_t seed = 3;
	struct screen *a = random_screen(NULL, &seed), *b = numbered(1);
	struct buf frame = {0};

	(void)state;
	for (int i = 0; i < 30; i++)
		random_edit(b, &seed);
	publish(b);
	frame_encode(a, b, &frame);
	for (size_t len = 0; len < frame.len; len++) {
		const char *why;
		uint8_t *exact = malloc(len + 1); // so that reads past the end are seen
		struct screen *made;

		assert_non_null(exact);
		memcpy(exact, frame.data, len);
		exact = realloc(exact, len == 0 ? 1 : len);
		made = frame_apply(a, exact, len, &why);
		assert_true(made != NULL || why != NULL);
		screen_unref(made);
		free(exact);
	}
	buf_fini(&frame);
	screen_unref(a);
	screen_unref(b);
}

static void
endless_writing_is_refused(void **state)
{
	struct screen *base = screen_blank(ROWS, COLS);
	struct buf frame = {0};
	const char *why;

	(void)state;
	for (int i = 0; i < ROWS * 100; i++)
		buf_put(&frame, "\x03\x00\x00\x06", 4); // to the first row, erase it
	assert_null(frame_apply(base, frame.data, frame.len, &why));
	assert_non_null(strstr(why, "too many cells"));
	buf_fini(&frame);
	screen_unref(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_screens_give_an_empty_frame),
	    cmocka_unit_test(a_typed_character_costs_one_byte),
	    cmocka_unit_test(text_that_wraps_needs_no_operations),
	    cmocka_unit_test(scrolls_cost_what_the_new_lines_cost),
	    cmocka_unit_test(a_fixed_top_line_does_not_defeat_scrolls),
	    cmocka_unit_test(two_regions_scroll_in_opposite_directions),
	    cmocka_unit_test(a_selection_that_moves_costs_no_text),
	    cmocka_unit_test(every_resize_leads_there),
	    cmocka_unit_test(random_screens_lead_to_each_other),
	    cmocka_unit_test(rows_that_do_not_change_are_shared),
	    cmocka_unit_test(malformed_frames_are_refused_with_the_reason),
	    cmocka_unit_test(a_key_frame_needs_a_size),
	    cmocka_unit_test(every_prefix_of_a_frame_is_refused_or_leads_somewhere),
	    cmocka_unit_test(endless_writing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
