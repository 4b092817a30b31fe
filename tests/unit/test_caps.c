// SPDX-License-Identifier: ISC
// What a guest's terminal can do, from its name and locale.
#include "server/base/caps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
names_tell_colours(void **state)
{
	static const struct {
		const char *term;
		uint32_t colours;
		bool attrs;
	} cases[] = {
	    {"dumb", 0, false},
	    {NULL, 0, false},
	    {"", 0, false},
	    {"vt100", 0, true},
	    {"vt220", 0, true},
	    {"linux", 8, true},
	    {"screen-256color", 256, true},
	    {"screen", 256, true},
	    {"rxvt-unicode-256color", 256, true},
	    {"putty", 256, true},
	    {"xterm", 1 << 24, true},
	    {"xterm-256color", 1 << 24, true},
	    {"xterm-16color", 16, true},
	    {"xterm-mono", 0, true},
	    {"tmux-256color", 1 << 24, true},
	    {"vte-256color", 1 << 24, true},
	    {"foot", 1 << 24, true},
	    {"xterm-kitty", 1 << 24, true},
	    {"alacritty", 1 << 24, true},
	    {"wezterm", 1 << 24, true},
	    {"ghostty", 1 << 24, true},
	    {"screen-direct", 1 << 24, true},
	    {"made-up-by-nobody", 1 << 24, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ansi_caps caps = caps_of(cases[i].term, NULL, NULL);

		if (caps.colours != cases[i].colours || caps.attrs != cases[i].attrs)
			fail_msg(
			    "%s: %u colours, attrs %d", cases[i].term, caps.colours, caps.attrs);
		assert_true(caps.el);
	}
}

static void
colorterm_lifts_256_to_truecolour(void **state)
{
	(void)state;
	assert_int_equal(caps_of("screen-256color", "truecolor", NULL).colours, 1 << 24);
	assert_int_equal(caps_of("linux", "truecolor", NULL).colours, 8);
}

static void
hostile_names_are_as_good_as_unknown_ones(void **state)
{
	char *lengthy = malloc(100001);

	(void)state;
	memset(lengthy, 'x', 100000);
	lengthy[100000] = '\0';
	assert_int_equal(caps_of(lengthy, NULL, NULL).colours, 1 << 24);
	free(lengthy);
	assert_int_equal(caps_of("../../etc/passwd", NULL, NULL).colours, 1 << 24);
	assert_int_equal(caps_of("/etc/passwd", NULL, NULL).colours, 1 << 24);
	assert_int_equal(caps_of("%s%n%s", NULL, NULL).colours, 1 << 24);
	assert_int_equal(caps_of("a\x1b[31m\n", NULL, NULL).colours, 1 << 24);
	assert_false(caps_of("/etc/passwd", NULL, NULL).bce);
}

static void
terminfo_says_what_is_there(void **state)
{
	(void)state;
	assert_true(caps_of("xterm-256color", NULL, NULL).ech);
	assert_true(caps_of("xterm-256color", NULL, NULL).bce);
	assert_false(caps_of("xterm-256color", NULL, NULL).rep);
	assert_false(caps_of("linux", NULL, NULL).alt_screen);
	assert_false(caps_of("linux", NULL, NULL).sync);
	assert_true(caps_of("linux", NULL, NULL).cursor_hide);
	assert_false(caps_of("vt100", NULL, NULL).ech);
	assert_true(caps_of("vt100", NULL, NULL).scroll);
	assert_false(caps_of("dumb", NULL, NULL).scroll);
	assert_false(caps_of("dumb", NULL, NULL).autowrap);
}

static void
a_locale_that_is_set_and_not_utf8_means_ascii(void **state)
{
	static const struct {
		const char *locale;
		bool utf8;
	} cases[] = {{NULL, true}, {"", true}, {"C", false}, {"POSIX", false},
	    {"de_DE.UTF-8", true}, {"en_US.utf8", true}, {"C.UTF-8", true},
	    {"de_DE.ISO-8859-1", false}, {"de_DE", false}, {"de_DE.UTF-8@euro", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(caps_of("xterm", NULL, cases[i].locale).utf8, cases[i].utf8);
}

static void
lc_all_goes_before_lc_ctype_and_lang(void **state)
{
	(void)state;
	setenv("TERM", "xterm", 1);
	setenv("LANG", "de_DE.UTF-8", 1);
	unsetenv("LC_CTYPE");
	unsetenv("LC_ALL");
	assert_true(caps_from_environment().utf8);
	setenv("LC_CTYPE", "C", 1);
	assert_false(caps_from_environment().utf8);
	setenv("LC_ALL", "C.UTF-8", 1);
	assert_true(caps_from_environment().utf8);
	setenv("LC_ALL", "", 1);
	assert_false(caps_from_environment().utf8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_tell_colours),
	    cmocka_unit_test(colorterm_lifts_256_to_truecolour),
	    cmocka_unit_test(hostile_names_are_as_good_as_unknown_ones),
	    cmocka_unit_test(terminfo_says_what_is_there),
	    cmocka_unit_test(a_locale_that_is_set_and_not_utf8_means_ascii),
	    cmocka_unit_test(lc_all_goes_before_lc_ctype_and_lang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
