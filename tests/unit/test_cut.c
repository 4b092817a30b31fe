// SPDX-License-Identifier: ISC
// When frames are cut, under a clock of the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/mirror/cut.h"

#define T0 1000

static void
an_echo_after_quiet_is_cut_at_once(void **state)
{
	struct cut cut;
	(void)state;

	cut_init(&cut);
	assert_true(cut_due(&cut) == CUT_NEVER);
	cut_feed(&cut, T0, 3, false);
	assert_true(cut_due(&cut) <= T0);
	cut_done(&cut, T0, true);
	assert_true(cut_due(&cut) == CUT_NEVER);
}

static void
a_second_echo_right_after_the_first_waits_for_a_pause(void **state)
{
	struct cut cut;
	(void)state;

	cut_init(&cut);
	cut_feed(&cut, T0, 3, false);
	cut_done(&cut, T0, true);
	cut_feed(&cut, T0 + 1, 3, false);
	assert_true(cut_due(&cut) == T0 + 1 + CUT_PAUSE_MS);
}

static void
a_burst_is_cut_when_it_pauses(void **state)
{
	struct cut cut;
	(void)state;

	cut_init(&cut);
	cut_feed(&cut, T0, 60000, true);
	cut_feed(&cut, T0 + 1, 100, false); // its tail is small, but no echo
	assert_true(cut_due(&cut) == T0 + 1 + CUT_PAUSE_MS);
}

static void
a_stream_that_never_pauses_is_not_starved(void **state)
{
	struct cut cut;
	int frames = 0;
	(void)state;

	cut_init(&cut);
	for (uint64_t now = T0; now < T0 + 1000; now++) {
		cut_feed(&cut, now, 2000, false);
		if (cut_due(&cut) <= now) {
			frames++;
			cut_done(&cut, now, true);
		}
	}
	assert_in_range(frames, 1000 / (CUT_CAP_MS + 2), 1000 / CUT_CAP_MS);
}

// Even if it pauses each time that its program has to wait for a processor.
static void
a_flood_gets_fewer_frames(void **state)
{
	struct cut cut;
	int frames = 0;
	(void)state;

	cut_init(&cut);
	for (uint64_t now = T0; now < T0 + 1000; now++) {
		if (now % 10 < 5)
			cut_feed(&cut, now, 65536, true);
		if (cut_due(&cut) <= now) {
			frames++;
			cut_done(&cut, now, true);
		}
	}
	assert_in_range(frames, 1000 / (CUT_FLOOD_MS + 10), 1000 / CUT_FLOOD_MS + 1);
}

static void
what_comes_after_a_flood_is_shown_as_soon_as_ever(void **state)
{
	struct cut cut;
	(void)state;

	cut_init(&cut);
	cut_feed(&cut, T0, 1 << 20, true);
	cut_done(&cut, T0 + 1, true);
	cut_feed(&cut, T0 + 2, 100, false);
	assert_true(cut_due(&cut) == T0 + 2 + CUT_PAUSE_MS);
	cut_done(&cut, T0 + 2 + CUT_PAUSE_MS, true);
	cut_feed(&cut, T0 + 20, 3, false);
	assert_true(cut_due(&cut) <= T0 + 20);
}

static void
a_synchronized_update_that_does_not_end_is_ended(void **state)
{
	struct cut cut;
	(void)state;

	cut_init(&cut);
	cut_feed(&cut, T0, 5000, false);
	cut_sync(&cut, T0, true);
	assert_true(cut_due(&cut) == T0 + CUT_PAUSE_MS);
	cut_done(&cut, T0, false); // the screen from before it, which was shown already
	cut_sync(&cut, T0 + CUT_PAUSE_MS, true);
	assert_true(cut_due(&cut) == T0 + CUT_SYNC_MS);
	assert_false(cut_sync_late(&cut, T0 + CUT_SYNC_MS - 1));
	assert_true(cut_sync_late(&cut, T0 + CUT_SYNC_MS));
	cut_sync(&cut, T0 + CUT_SYNC_MS, false);
	assert_true(cut_due(&cut) == CUT_NEVER);
}

// A program that draws with one update after the other seems always to be inside of one.
static void
updates_that_follow_each_other_are_not_one_that_does_not_end(void **state)
{
	struct cut cut;
	(void)state;

	cut_init(&cut);
	for (uint64_t now = T0; now < T0 + 1000; now += 10) {
		cut_feed(&cut, now, 5000, false);
		cut_sync(&cut, now, true);
		assert_false(cut_sync_late(&cut, now));
		cut_done(&cut, now, true);
		cut_sync(&cut, now, true);
	}
}

static void
many_viewers_get_fewer_frames(void **state)
{
	struct cut cut;
	int frames = 0;
	(void)state;

	cut_init(&cut);
	cut_crowd(&cut, 200);
	cut_feed(&cut, T0, 3, false);
	assert_true(cut_due(&cut) <= T0); // an echo after quiet is not held up
	for (uint64_t now = T0; now < T0 + 1000; now++) {
		cut_feed(&cut, now, 65536, true);
		if (cut_due(&cut) <= now) {
			frames++;
			cut_done(&cut, now, true);
		}
	}
	assert_int_equal(frames, 20);
	cut_crowd(&cut, 1);
	cut_feed(&cut, T0 + 1000, 3, false);
	assert_true(cut_due(&cut) <= T0 + 1000 + CUT_PAUSE_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_echo_after_quiet_is_cut_at_once),
	    cmocka_unit_test(a_second_echo_right_after_the_first_waits_for_a_pause),
	    cmocka_unit_test(a_burst_is_cut_when_it_pauses),
	    cmocka_unit_test(a_stream_that_never_pauses_is_not_starved),
	    cmocka_unit_test(a_flood_gets_fewer_frames),
	    cmocka_unit_test(what_comes_after_a_flood_is_shown_as_soon_as_ever),
	    cmocka_unit_test(a_synchronized_update_that_does_not_end_is_ended),
	    cmocka_unit_test(updates_that_follow_each_other_are_not_one_that_does_not_end),
	    cmocka_unit_test(many_viewers_get_fewer_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
