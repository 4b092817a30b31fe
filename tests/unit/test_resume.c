// SPDX-License-Identifier: ISC
// A program handed over to another terminal in the middle of what it prints: the other one, too, is
// a model, and shows the same from there on.
#include "tests/lib/cast.h"
#include "tests/lib/feed.h"
#include "vt/ansi_look.h"
#include "vt/resume.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONFORMANCE SOURCE_DIR "/../shared/corpus/conformance/*/*.in"
#define CUTS 6           // of each input
#define CAST_BYTES 60000 // of each recording

struct tally {
	size_t cuts, differ;
	size_t differ_later; // the same at the cut, but not at the end
};

// What a person sees: not the colour of the text in a blank, nor where lines were wrapped.
static bool
same_row(const struct screen *a, const struct screen *b, size_t row)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct look looks_a[SCREEN_COLS_MAX], looks_b[SCREEN_COLS_MAX];

	ansi_look_row(&caps, a->reverse, a->row[row], 0, a->cols, looks_a);
	ansi_look_row(&caps, b->reverse, b->row[row], 0, b->cols, looks_b);
	for (size_t col = 0; col < a->cols; col++) {
		const struct look *x = &looks_a[col], *y = &looks_b[col];

		if (ansi_look_equal(x, y) ||
		    (ansi_look_blank(x) && ansi_look_blank(y) && x->style.bg == y->style.bg))
			continue;
		return false;
	}
	return true;
}

static bool
same_screen(struct model *a, struct model *b, char *why, size_t why_len)
{
	struct screen *x = model_screen(a), *y = model_screen(b);
	bool same = memcmp(&x->cursor, &y->cursor, sizeof(x->cursor)) == 0 &&
		    x->reverse == y->reverse && x->alt == y->alt && strcmp(x->title, y->title) == 0;

	screen_explain(x, y, why, why_len);
	for (size_t row = 0; row < x->rows && same; row++)
		same = same_row(x, y, row);
	screen_unref(x);
	screen_unref(y);
	return same;
}

static struct model *
hand_over(struct model *model, uint16_t rows, uint16_t cols)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct model *other = model_new(rows, cols, NULL);
	struct buf out = {0};

	model_resume(model, &caps, &out);
	model_feed(other, out.data, out.len);
	buf_fini(&out);
	return other;
}

static void
check_cut(const uint8_t *data, size_t len, size_t cut, uint16_t rows, uint16_t cols,
    struct tally *tally, const char *name)
{
	struct model *model = model_new(rows, cols, NULL);
	struct model *other;
	char why[200], later[200];
	bool now, end;

	model_feed(model, data, cut);
	model_sync_end(model);
	other = hand_over(model, rows, cols);
	model_feed(other, data + cut - model_partial(model), model_partial(model));
	now = same_screen(model, other, why, sizeof(why));
	model_feed(model, data + cut, len - cut);
	model_feed(other, data + cut, len - cut);
	model_sync_end(model);
	model_sync_end(other);
	end = same_screen(model, other, later, sizeof(later));
	tally->cuts++;
	tally->differ += !now;
	tally->differ_later += now && !end;
	if (!now || !end)
		print_message("%s at %zu: %s\n", name, cut, now ? later : why);
	model_free(model);
	model_free(other);
}

static void
expect(const char *text, const char *rest, bool same)
{
	struct tally tally = {0};
	char all[400];

	snprintf(all, sizeof(all), "%s%s", text, rest);
	check_cut((const uint8_t *)all, strlen(all), strlen(text), 8, 20, &tally, text);
	assert_int_equal(tally.differ + tally.differ_later, same ? 0 : 1);
}

static void
every_part_of_the_state_goes_along(void **state)
{
	static const char fill[] = "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8";
	static const char *const cases[][2] = {
	    {"\033[3;5r\033[4;2H", "a\n\n\nb\033Mc"},                    // margins
	    {"\033[3;5r\033[?6h\033[2;2H", "a\033[Hb\033[9;9Hc"},        // origin mode
	    {"\033[?69h\033[4;9s\033[2;5H", "abcdefghij\r\nx"},          // left and right margins
	    {"\033[1;31;44m\033[4:3m", "x\033[K\n"},                     // pen
	    {"\033[38;2;1;2;3mx\033[58;5;9m\033[4m", "y"},               // more pen
	    {"\033(0\016\033)0q", "qx\017q"},                            // character sets
	    {"\033[4h\033[2;1H", "ab"},                                  // insert mode
	    {"\033[20h", "a\nb"},                                        // line feed mode
	    {"\033[?7l\033[2;19H", "abcdef"},                            // no autowrap
	    {"\033[2;20Hx", "y"},                                        // pending wrap
	    {"\033[2;19H\347\225\214", "y"},                             // after a wide glyph
	    {"\033[2;20He\314\201", "y"},                                // after an accent
	    {"\033[4h\033(0\033[2;20Hx", "y"},                           // pending, with more
	    {"\033[?6h\033[2;4r\033[3;20Hx", "y"},                       // pending, with origin
	    {"\033[3;3H\033[32m\0337\033[m\033[H", "\0338x"},            // DECSC
	    {"\033[2;4r\033[?6h\033[2;3H\0337\033[?6l\033[r", "\0338x"}, // DECSC of origin mode
	    {"\033[3g\033[1;4H\033H\033[1;7H\033H\033[H", "\ta\tb\tc"},  // tab stops
	    {"\033[?1049hfull\033[3;5r\033[2;2H", "x\033[?1049ly"},      // alternate screen
	    {"\033[31m\033[5;5H\033[?1049h\033[m", "\033[?1049ly"},      // and its saved cursor
	    {"\033[?1049h\033[2;2H\0337\033[5;5H", "\0338x\033[?1049l\0338y"}, {"\033[?25l", "x"},
	    {"\033[5 q", "x"}, {"\033[?5h", "x\033[?5l"}, {"\033]2;title\007", "x"},
	    {"\033[1\"q", "r\033[0\"qs\033[?2K"}, // DECSCA
	    {"\033N", "x"}, {"\033[31", "mx"},    // half a sequence
	    {"\303", "\251x"},                    // half a character
	    {"\033]2;ti", "tle\007x"},            // half a string
	    {"\033[2;5Hx", "\033[3bY"},           // REP: the one thing that is lost
	};
	size_t count = sizeof(cases) / sizeof(cases[0]);
	char text[300];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s%s", fill, cases[i][0]);
		expect(text, cases[i][1], i + 1 < count);
	}
}

// Bytes of the answers to what a program asks about its modes.
struct answers {
	uint32_t sum, count;
};

static void
on_reply(void *user, enum reply_kind kind, uint32_t a, uint32_t b, size_t offset)
{
	struct answers *answers = user;

	(void)offset;
	answers->sum = answers->sum * 31 + (uint32_t)kind * 7 + a * 3 + b;
	answers->count++;
}

static void
the_modes_and_the_keyboard_go_along(void **state)
{
	static const char set[] =
	    "\033[?1h\033=\033[?1002h\033[?1006h\033[?1004h\033[?2004h\033[?45h"
	    "\033[?1007l\033[>4;2m\033[>1u\033[>5u";
	static const char ask[] =
	    "\033[?1$p\033[?66$p\033[?1002$p\033[?1006$p\033[?1004$p\033[?2004$p"
	    "\033[?45$p\033[?1007$p\033[?7$p\033[4$p\033[20$p";
	struct answers a = {0}, b = {0};
	struct model_events events_b = {.reply = on_reply, .user = &b};
	struct model_events events_a = {.reply = on_reply, .user = &a};
	struct model *model = model_new(8, 20, &events_a);
	struct model *other = model_new(8, 20, &events_b);
	struct ansi_caps caps = ansi_caps_modern();
	struct input_modes modes_a, modes_b;
	struct buf out = {0};

	(void)state;
	model_feed(model, set, sizeof(set) - 1);
	model_resume(model, &caps, &out);
	model_feed(other, out.data, out.len);
	model_feed(model, ask, sizeof(ask) - 1);
	model_feed(other, ask, sizeof(ask) - 1);
	assert_true(a.count > 8);
	assert_int_equal(a.count, b.count);
	assert_int_equal(a.sum, b.sum);
	for (int pops = 0; pops < 3; pops++) {
		model_input_modes(model, &modes_a);
		model_input_modes(other, &modes_b);
		assert_memory_equal(&modes_a, &modes_b, sizeof(modes_a));
		model_feed(model, "\033[<u", 4);
		model_feed(other, "\033[<u", 4);
	}
	buf_fini(&out);
	model_free(model);
	model_free(other);
}

static void
conformance_inputs_cut_anywhere_go_on(void **state)
{
	struct prng prng = {.state = 1};
	struct tally tally = {0};
	glob_t found;

	(void)state;
	if (glob(CONFORMANCE, 0, NULL, &found) != 0) {
		print_message("skipped: ../shared/corpus is not there\n");
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len = 0;
		uint8_t *data = feed_file(found.gl_pathv[i], &len);

		for (int cut = 0; data && len && cut < CUTS; cut++)
			check_cut(data, len, prng_below(&prng, (uint32_t)len + 1), 24, 80, &tally,
			    found.gl_pathv[i]);
		free(data);
	}
	globfree(&found);
	print_message(
	    "%zu cuts: %zu differ, %zu later\n", tally.cuts, tally.differ, tally.differ_later);
	assert_true(tally.cuts > 1000);
	assert_int_equal(tally.differ, 0);
	assert_in_range(tally.differ_later, 0, tally.cuts / 100); // REP
}

static void
recordings_cut_anywhere_go_on(void **state)
{
	struct prng prng = {.state = 2};
	struct tally tally = {0};
	char **paths = cast_corpus();

	(void)state;
	if (!paths) {
		print_message("skipped: ../shared/corpus is not there\n");
		skip();
	}
	for (size_t i = 0; paths[i]; i++) {
		struct cast cast;
		char why[200];
		size_t len;

		assert_true(cast_load(&cast, paths[i], why, sizeof(why)));
		len = cast.bytes.len < CAST_BYTES ? cast.bytes.len : CAST_BYTES;
		for (int cut = 0; len && cut < CUTS / 2; cut++)
			check_cut(cast.bytes.data, len, prng_below(&prng, (uint32_t)len + 1),
			    cast.rows, cast.cols, &tally, paths[i]);
		cast_fini(&cast);
	}
	cast_corpus_free(paths);
	print_message(
	    "%zu cuts: %zu differ, %zu later\n", tally.cuts, tally.differ, tally.differ_later);
	assert_int_equal(tally.differ + tally.differ_later, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_part_of_the_state_goes_along),
	    cmocka_unit_test(the_modes_and_the_keyboard_go_along),
	    cmocka_unit_test(conformance_inputs_cut_anywhere_go_on),
	    cmocka_unit_test(recordings_cut_anywhere_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
