// SPDX-License-Identifier: ISC
// Whatever a program prints, what reaches a guest is the closed language and nothing else: over the
// conformance inputs and over what terminals are usually attacked with.
#include "tests/lib/feed.h"
#include "tests/lib/grammar.h"
#include "vt/ansi.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INPUTS SOURCE_DIR "/../shared/corpus/conformance/*/*.in"
#define ROWS 25
#define COLS 80
#define PIECE 37 // bytes between frames, so that half-done screens are painted too

static const struct ansi_caps guests[] = {
    {.colours = 1 << 24,
	.attrs = true,
	.utf8 = true,
	.ech = true,
	.rep = true,
	.el = true,
	.bce = true,
	.scroll = true,
	.alt_screen = true,
	.cursor_hide = true,
	.cursor_shape = true,
	.sync = true,
	.italic = true,
	.strike = true,
	.overline = true,
	.faint = true,
	.underline_style = true,
	.underline_colour = true},
    {.colours = 256,
	.attrs = true,
	.utf8 = true,
	.ech = true,
	.el = true,
	.scroll = true,
	.alt_screen = true,
	.cursor_hide = true},
    {.colours = 8, .attrs = true, .el = true, .scroll = true},
    {.el = true},
};

static void
paint_all(const struct ansi_caps *caps, const uint8_t *data, size_t len, const char *what)
{
	struct model *model = model_new(ROWS, COLS, NULL);
	struct ansi *ansi = ansi_new(caps);
	struct grammar grammar;
	struct buf out = {0};

	grammar_init(&grammar, false);
	ansi_enter(ansi, &out);
	for (size_t at = 0; at < len; at += PIECE) {
		struct screen *screen;

		model_feed(model, data + at, len - at < PIECE ? len - at : PIECE);
		model_sync_end(model);
		screen = model_screen(model);
		ansi_paint(ansi, screen, &out);
		screen_unref(screen);
	}
	ansi_leave(ansi, &out);
	if (!grammar_feed(&grammar, out.data, out.len) || !grammar_end(&grammar))
		fail_msg("%s: not in the language at %zu: %s", what, grammar.offset, grammar.why);
	buf_fini(&out);
	ansi_free(ansi);
	model_free(model);
}

static void
for_every_guest(const uint8_t *data, size_t len, const char *what)
{
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		paint_all(&guests[i], data, len, what);
}

static void
conformance_inputs_reach_a_guest_in_the_language(void **state)
{
	glob_t found;

	(void)state;
	if (glob(INPUTS, 0, NULL, &found) != 0) {
		print_message("skipped: the conformance inputs are not there\n");
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len;
		uint8_t *data = feed_file(found.gl_pathv[i], &len);

		assert_non_null(data);
		for_every_guest(data, len, found.gl_pathv[i]);
		free(data);
	}
	globfree(&found);
}

static void
attacks_reach_a_guest_in_the_language(void **state)
{
	static const char *const attacks[] = {
	    "\x1b]0;title\a\x1b]2;ti\x1b[31mtle\x1b\\\x1b]1;icon\a\x1b[21t\x1b[20t", // titles, and back
	    "\x1b]52;c;cm0gLXJmIC8K\a\x1b]52;p;?\x1b\\",                             // clipboard
	    "\x1bP$qm\x1b\\\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\",              // DECRQSS, XTGETTCAP
	    "\x1b[c\x1b[>c\x1b[=c\x1b[5n\x1b[6n\x1b[?15n\x1b[x\x1b[>q\x05", // queries
	    "\x1b]10;?\a\x1b]4;1;?\a\x1b]104\a\x1b[18t\x1b[8;200;200t",     // colours, size
	    "\x1bPq#0;2;0;0;0~~\x1b\\\x1b_Ga=T,f=100;AAAA\x1b\\\x1b]1337;File=:AA\a", // images
	    "\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\\x1bkt\x1b\\",                  // strings
	    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x1b]777;notify;a;b\a\x1b]9;x\a",
	    "a\xe2\x80\xae"
	    "b\xe2\x81\xa6"
	    "c\xe2\x80\x8f"
	    "d\xd8\xa7\xd8\xa8", // bidi
	    "\xc2\x9b"
	    "31m\xc2\x90"
	    "q\xc2\x9c\xc2\x9d"
	    "0;t\xc2\x9c\x9b"
	    "6n", // C1
	    "\xef\xbb\xbf\xe2\x80\x8b\xe2\x80\xa8\xe2\x80\xa9\xf3\xa0\x80\x81\xef\xb7\x90\xf4\x8f"
	    "\xbf\xbf",
	    "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f"
	    "\x91\xa9",
	    "\x1b[?1000;1002;1003;1006;2004;1004h\x1b[>1u\x1b[>4;2m\x1b[?9001h", // input modes
	    "\x1b[2i\x1b[5i secret \x1b[4i\x1b[?5i\x1b[i",                       // printer
	    "\x1b"
	    "c\x1b[!p\x1b[61\"p\x1b#3\x1b#6wide\x1b[?3h\x1b[?40h\x1b[?3h", // resets, DECDWL
	    "\x1b[?5h\x1b[?25l\x1b[3 q\x1b]2;\xe2\x80\xae\a\x1b[?2026h\x1b[2J",
	    "\x1b[1;31;4:3;58;2;1;2;3;9;53;8;5m\xe4\xb8\x80\xe4\xb8\x80\x1b[1;80H\xe4\xb8\x80",
	};
	struct buf all = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		for_every_guest((const uint8_t *)attacks[i], strlen(attacks[i]), attacks[i]);
		buf_put(&all, attacks[i], strlen(attacks[i]));
	}
	for_every_guest(all.data, all.len, "all of them");
	buf_fini(&all);
}

static void
every_code_point_reaches_a_guest_in_the_language(void **state)
{
	struct buf text = {0};

	(void)state;
	for (uint32_t cp = 0x20; cp <= 0x10ffff; cp += cp < 0x3000 ? 1 : 61) {
		buf_put_utf8(&text, cp);
		if (text.len > 8000 || cp + 61 > 0x10ffff) {
			for_every_guest(text.data, text.len, "code points");
			text.len = 0;
		}
	}
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conformance_inputs_reach_a_guest_in_the_language),
	    cmocka_unit_test(attacks_reach_a_guest_in_the_language),
	    cmocka_unit_test(every_code_point_reaches_a_guest_in_the_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
