// SPDX-License-Identifier: ISC
#include "server/host/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool
may_speak(const char *printed)
{
	struct notify notify = {.way = NOTIFY_OSC9};
	struct buf out = {0};
	bool spoke;

	notify_follow(&notify, (const uint8_t *)printed, strlen(printed));
	notify_say(&notify, "bob watches", 0);
	spoke = notify_take(&notify, &out);
	buf_fini(&out);
	notify_fini(&notify);
	return spoke;
}

static void
it_speaks_between_sequences_only(void **state)
{
	static const char *const whole[] = {"", "text", "\033[31m", "\033(B", "\033]0;title\007",
	    "\033]0;title\033\\", "\033Pq#0\033\\", "\033_Gi=1\007x\033\\", "\033[3\030",
	    "\xc3\xa9", "\xf0\x9f\x98\x80", "\033[1\033[2J", "\033P\033[m", "\xc3x"};
	static const char *const open[] = {"\033", "\033[", "\033[31", "\033(", "\033]0;title",
	    "\033]0;t\033", "\033Pq#0", "\033_Gi=1\007", "\xc3", "\xf0\x9f\x98", "\033[1\033[2"};

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		assert_true(may_speak(whole[i]));
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_false(may_speak(open[i]));
}

static void
a_title_is_put_back(void **state)
{
	struct notify notify = {.way = NOTIFY_TITLE};
	struct buf out = {0};

	(void)state;
	notify_say(&notify, "bob watches", 1000);
	notify_say(&notify, "eve watches", 2000);
	notify_tick(&notify, 6999);
	assert_int_equal(notify_due(&notify), 7000);
	notify_tick(&notify, 7000);
	assert_int_equal(notify_due(&notify), UINT64_MAX);
	assert_true(notify_take(&notify, &out));
	buf_put_u8(&out, 0);
	assert_string_equal(out.data, "\033[22;2t\033]2;mirrord: bob watches\033\\"
				      "\033]2;mirrord: eve watches\033\\\033[23;2t");
	buf_fini(&out);
	notify_fini(&notify);
}

static void
who_is_not_let_speak_holds_little(void **state)
{
	struct notify notify = {.way = NOTIFY_OSC9};

	(void)state;
	notify_follow(&notify, (const uint8_t *)"\033]0;", 4);
	for (int i = 0; i < 1000; i++)
		notify_say(&notify, "bob watches", 0);
	assert_in_range(notify.waits.len, 100, NOTIFY_MAX);
	notify_fini(&notify);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_speaks_between_sequences_only),
	    cmocka_unit_test(a_title_is_put_back),
	    cmocka_unit_test(who_is_not_let_speak_holds_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
