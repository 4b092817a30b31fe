// SPDX-License-Identifier: ISC
// The painter: random screens are shown exactly, and in the closed language.
#include "tests/lib/scene.h"
#include "tests/unit/painting.h"

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
	    cmocka_unit_test(random_screens_are_shown_exactly),
	    cmocka_unit_test(random_screens_stay_in_the_language_on_lesser_terminals),
	    cmocka_unit_test(one_column_stays_in_the_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
