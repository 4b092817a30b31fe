// SPDX-License-Identifier: ISC
// What of a viewer's typing goes to a session; and what of a host's terminal is typing at all.
#include "server/edge/typist.h"
#include "server/host/typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// Whatever the cut, `text` leads to `want`.
static void
expect(bool expects, const char *text, const char *want, unsigned answers, bool given_back)
{
	size_t len = strlen(text);

	for (size_t cut = 0; cut <= len; cut++) {
		struct typist typist;
		struct buf out = {0};

		typist_init(&typist);
		typist_feed(&typist, (const uint8_t *)text, cut, 0, expects, &out);
		typist_feed(&typist, (const uint8_t *)text + cut, len - cut, 0, expects, &out);
		typist_tick(&typist, 1000, &out);
		typist_tick(&typist, 2000, &out); // an ESC has waited twice
		assert_int_equal(out.len, strlen(want));
		if (out.len)
			assert_memory_equal(out.data, want, out.len);
		assert_int_equal(typist.answers, answers);
		assert_int_equal(typist.given_back, given_back);
		buf_fini(&out);
	}
}

static void
all_that_is_typed_goes_on_but_for_answers_to_us(void **state)
{
	(void)state;
	expect(false, "ls\r\033[A\033", "ls\r\033[A\033", 0, false);
	expect(true, "a\033[0nb\033[3n\033", "ab\033", 2, false);
	expect(true, "\033\033[0n\033[1;2A\033[0m\033[0", "\033\033[1;2A\033[0m\033[0", 1, false);
	expect(false, "\033[0n", "\033[0n", 0, false);
}

static void
the_chord_gives_the_keyboard_back_and_no_other_letter_does_anything(void **state)
{
	(void)state;
	expect(false, "a\034d", "a", 0, true);
	expect(true, "\034p\034y\034n\034\034", "\034p\034y\034n\034", 0, false);
}

static bool
by_hand(const char *text)
{
	return typed_by_hand((const uint8_t *)text, strlen(text));
}

static void
what_a_terminal_says_by_itself_is_not_typed(void **state)
{
	static const char *const answers[] = {"", "\033[0n", "\033[24;80R", "\033[?62;22c",
	    "\033[>1;10;0c", "\033[?2026;2$y", "\033[8;24;80t", "\033[I\033[O",
	    "\033[<0;1;2M\033[<0;1;2m", "\033[M !!", "\033]11;rgb:0/0/0\007",
	    "\033]11;rgb:0/0/0\033\\", "\033P1$r0m\033\\\033[0n", "\033[?5u"};
	static const char *const keys[] = {"a", "\r", "\033", "\033[A", "\033OP", "\033[15~",
	    "\033[97;5u", "\033[200~x\033[201~", "\033[0na", "\033[Ix", "\x03", "\033P",
	    "\033]"}; // the last two with Alt

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_false(by_hand(answers[i]));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_true(by_hand(keys[i]));
	assert_true(typed_by_hand((const uint8_t *)"\033\0", 2)); // Ctrl, Alt and Space
	assert_true(typed_by_hand((const uint8_t *)"\033[\0", 3));
}

static void
modes_are_taken_back_whatever_they_were(void **state)
{
	const struct input_modes modes = {.mouse = MOUSE_MOVE,
	    .mouse_coding = MOUSE_CODING_SGR,
	    .cursor_keys = true,
	    .keypad = true,
	    .bracketed_paste = true,
	    .focus = true,
	    .modify_other_keys = 2,
	    .kitty_keyboard = 31};
	struct buf out = {0}, none = {0};

	(void)state;
	typist_put_modes(NULL, &none);
	typist_put_modes(&modes, &out);
	assert_true(out.len > none.len);
	assert_memory_equal(out.data, none.data, none.len);
	buf_put_u8(&out, 0);
	assert_string_equal(out.data + none.len,
	    "\033[?1h\033=\033[?1003h\033[?1006h\033[?1004h\033[?2004h\033[>4;2m\033[=31u");
	buf_fini(&out);
	buf_fini(&none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_that_is_typed_goes_on_but_for_answers_to_us),
	    cmocka_unit_test(the_chord_gives_the_keyboard_back_and_no_other_letter_does_anything),
	    cmocka_unit_test(what_a_terminal_says_by_itself_is_not_typed),
	    cmocka_unit_test(modes_are_taken_back_whatever_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
