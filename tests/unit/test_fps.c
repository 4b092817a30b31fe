// SPDX-License-Identifier: ISC
#include "server/base/fps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
a_steady_rate_is_that_rate(void **state)
{
	struct fps fps = {0};

	(void)state;
	for (uint64_t second = 0; second <= 20; second++)
		fps_note(&fps, second * 1000, second * 24);
	assert_int_equal(fps_tenths(&fps, 20000), 240);
	assert_int_equal(fps_tenths(&fps, 20500), 218); // half a second without news
}

static void
who_shows_nothing_has_no_rate(void **state)
{
	struct fps fps = {0};

	(void)state;
	assert_int_equal(fps_tenths(&fps, 5), 0);
	fps_note(&fps, 0, 0);
	fps_note(&fps, 1000, 30);
	assert_in_range(fps_tenths(&fps, 2000), 150, 300);
	assert_in_range(fps_tenths(&fps, 5900), 1, 60);
	assert_int_equal(fps_tenths(&fps, 1000 + FPS_WINDOW_MS), 0);
}

static void
the_first_second_makes_no_more_of_a_frame_than_there_is(void **state)
{
	struct fps fps = {0};

	(void)state;
	fps_note(&fps, 100, 0);
	fps_note(&fps, 101, 1);
	assert_int_equal(fps_tenths(&fps, 102), 10);
}

static void
counts_that_go_back_are_no_rate(void **state)
{
	struct fps fps = {0};

	(void)state;
	fps_note(&fps, 0, 1000);
	fps_note(&fps, 1000, 3);
	assert_int_equal(fps_tenths(&fps, 1500), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_steady_rate_is_that_rate),
	    cmocka_unit_test(who_shows_nothing_has_no_rate),
	    cmocka_unit_test(the_first_second_makes_no_more_of_a_frame_than_there_is),
	    cmocka_unit_test(counts_that_go_back_are_no_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
