// SPDX-License-Identifier: ISC
// A screen as text, JSON, ANSI and HTML.
#include "vt/format.h"

#include "tests/lib/scene.h"
#include "vt/model.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct screen *
screen_of(const char *bytes, uint16_t rows, uint16_t cols)
{
	struct model *model = model_new(rows, cols, NULL);
	struct screen *screen;

	model_feed(model, bytes, strlen(bytes));
	screen = model_screen(model);
	model_free(model);
	return screen;
}

static char *
formatted(void (*format)(const struct screen *, struct buf *), struct screen *screen)
{
	struct buf out = {0};

	format(screen, &out);
	buf_put_u8(&out, 0);
	screen_unref(screen);
	return (char *)out.data;
}

static void
text_has_every_row_without_blanks_at_its_end(void **state)
{
	char *text = formatted(
	    format_text, screen_of("a  b   \r\n\x1b[41m  \x1b[m\r\n\xe4\xb8\x80x", 4, 20));

	(void)state;
	assert_string_equal(text, "a  b\n\n\xe4\xb8\x80x\n\n");
	free(text);
}

static void
ansi_ends_each_line_with_a_plain_pen(void **state)
{
	char *text = formatted(format_ansi, screen_of("\x1b[1;31mred\x1b[m x", 2, 20));

	(void)state;
	assert_string_equal(text, "\x1b[1;31mred\x1b[m x\n\n");
	free(text);
}

static void
html_escapes_what_a_screen_holds(void **state)
{
	char *text = formatted(
	    format_html, screen_of("\x1b]2;</title><script>\x07<b>&\"\x1b[1;38;2;1;2;3mx", 2, 20));

	(void)state;
	assert_null(strstr(text, "<b>"));
	assert_null(strstr(text, "<script>"));
	assert_non_null(strstr(text, "&lt;b&gt;&amp;&quot;"));
	assert_non_null(strstr(text, "<span style=\"color:#010203;font-weight:bold;\">x</span>"));
	free(text);
}

static void
json_says_where_each_glyph_stands(void **state)
{
	char *text =
	    formatted(format_json, screen_of("ab\x1b[1;4:3;32;48;2;1;2;3m\xe4\xb8\x80\xe4\xb8\x81"
					     "e\xcc\x81\x1b[m\"\\",
				       3, 20));
	json_t *json = json_loads(text, 0, NULL), *runs, *run;

	(void)state;
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "rows")), 3);
	assert_int_equal(json_array_size(json_object_get(json, "screen")), 3);
	runs = json_object_get(json_array_get(json_object_get(json, "screen"), 0), "runs");
	assert_int_equal(json_array_size(runs), 4);
	run = json_array_get(runs, 1);
	assert_int_equal(json_integer_value(json_object_get(run, "col")), 2);
	assert_int_equal(json_integer_value(json_object_get(run, "width")), 2);
	assert_int_equal(json_integer_value(json_object_get(run, "fg")), 2);
	assert_string_equal(json_string_value(json_object_get(run, "bg")), "#010203");
	assert_int_equal(json_array_size(json_object_get(run, "attrs")), 2);
	run = json_array_get(runs, 2);
	assert_string_equal(json_string_value(json_object_get(run, "text")), "e\xcc\x81");
	run = json_array_get(runs, 3);
	assert_int_equal(json_integer_value(json_object_get(run, "col")), 7);
	assert_string_equal(json_string_value(json_object_get(run, "text")), "\"\\");
	json_decref(json);
	free(text);
}

// The sum of columns of all runs is that of the row, and a run's text has as many glyphs.
static void
json_of_any_screen_can_be_read(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 500; i++) {
		uint8_t bytes[300];
		struct reader in = {.data = bytes, .len = sizeof(bytes)};
		struct screen *blank = screen_blank(8, 30), *screen;
		json_error_t error;
		json_t *json;
		char *text;

		scene_random(&seed, bytes, sizeof(bytes));
		screen = scene_next(blank, &in);
		screen_unref(blank);
		text = formatted(format_json, screen_ref(screen));
		json = json_loads(text, 0, &error);
		if (json == NULL)
			fail_msg("line %d: %s", error.line, error.text);
		json_decref(json);
		free(text);
		free(formatted(format_html, screen_ref(screen)));
		free(formatted(format_ansi, screen_ref(screen)));
		free(formatted(format_text, screen));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_has_every_row_without_blanks_at_its_end),
	    cmocka_unit_test(ansi_ends_each_line_with_a_plain_pen),
	    cmocka_unit_test(html_escapes_what_a_screen_holds),
	    cmocka_unit_test(json_says_where_each_glyph_stands),
	    cmocka_unit_test(json_of_any_screen_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
