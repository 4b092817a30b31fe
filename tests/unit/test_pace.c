// SPDX-License-Identifier: ISC
// Pacing, under a clock of the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/pace.h"

#define T0 1000000

static enum pace_step
step(const struct pace *pace, uint64_t now)
{
	uint64_t at;

	return pace_next(pace, now, &at);
}

static void
the_first_screen_is_painted_at_once(void **state)
{
	struct pace pace;
	(void)state;

	pace_init(&pace);
	assert_int_equal(step(&pace, T0), PACE_IDLE);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0), PACE_PAINT);
}

static void
nothing_is_painted_while_a_frame_is_not_written(void **state)
{
	struct pace pace;
	(void)state;

	pace_init(&pace);
	pace_want(&pace);
	pace_painted(&pace, T0, 100);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0 + 60 * 1000000), PACE_IDLE); // however long it takes
	pace_written(&pace, T0 + 60 * 1000000);
	assert_int_equal(step(&pace, T0 + 60 * 1000000), PACE_ASK);
	pace_queue(&pace, T0 + 60 * 1000000, 0);
	assert_int_equal(step(&pace, T0 + 60 * 1000000), PACE_PAINT);
}

static void
nothing_is_painted_while_the_queue_holds_the_last_frame(void **state)
{
	uint64_t now = T0, at;
	struct pace pace;
	int looks = 0;
	(void)state;

	pace_init(&pace);
	pace_want(&pace);
	pace_painted(&pace, now, 100);
	pace_want(&pace);
	pace_written(&pace, now);
	while (now < T0 + 10 * 1000000) {
		enum pace_step next = pace_next(&pace, now, &at);

		assert_true(next == PACE_ASK || next == PACE_WAIT);
		if (next == PACE_ASK) {
			pace_queue(&pace, now, 5);
			looks++;
		} else {
			now = at;
		}
	}
	assert_in_range(looks, 50, 120); // some ten a second: no spinning
	pace_queue(&pace, now, 0);
	assert_int_equal(step(&pace, now), PACE_PAINT);
	assert_true(pace.lag_us >= 10 * 1000000);
}

static void
frames_keep_a_distance(void **state)
{
	struct pace pace;
	uint64_t at;
	(void)state;

	pace_init(&pace);
	pace_want(&pace);
	pace_painted(&pace, T0, 100);
	pace_written(&pace, T0);
	pace_queue(&pace, T0 + 10, 0);
	pace_want(&pace);
	assert_int_equal(pace_next(&pace, T0 + 20, &at), PACE_WAIT);
	assert_true(at == T0 + PACE_FRAME_US);
	assert_int_equal(step(&pace, at), PACE_PAINT);
}

static void
an_idle_screen_needs_no_clock(void **state)
{
	struct pace pace;
	(void)state;

	pace_init(&pace);
	pace_want(&pace);
	pace_painted(&pace, T0, 100);
	pace_written(&pace, T0);
	pace_queue(&pace, T0, 77); // never empties; nobody waits for it
	assert_int_equal(step(&pace, T0 + 1), PACE_IDLE);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0 + 2000000), PACE_ASK);
}

static void
a_frame_without_bytes_delays_nothing(void **state)
{
	struct pace pace;
	(void)state;

	pace_init(&pace);
	pace_want(&pace);
	pace_painted(&pace, T0, 0);
	assert_int_equal(step(&pace, T0), PACE_IDLE);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0), PACE_PAINT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_screen_is_painted_at_once),
	    cmocka_unit_test(nothing_is_painted_while_a_frame_is_not_written),
	    cmocka_unit_test(nothing_is_painted_while_the_queue_holds_the_last_frame),
	    cmocka_unit_test(frames_keep_a_distance),
	    cmocka_unit_test(an_idle_screen_needs_no_clock),
	    cmocka_unit_test(a_frame_without_bytes_delays_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
