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

static size_t
code_points(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((uint8_t)*text & 0xc0) != 0x80;
	return count;
}

// As a reader that knows nothing of Unicode counts: runs stand side by side or apart, and none goes
// over the edge.
static void
assert_columns(json_t *row, size_t cols)
{
	json_t *run;
	size_t i, end = 0;

	json_array_foreach(json_object_get(row, "runs"), i, run)
	{
		size_t glyphs = json_object_get(run, "marks") != NULL
				    ? 1
				    : code_points(json_string_value(json_object_get(run, "text")));

		assert_true((size_t)json_integer_value(json_object_get(run, "col")) >= end);
		end = (size_t)json_integer_value(json_object_get(run, "col")) +
		      glyphs * (size_t)json_integer_value(json_object_get(run, "width"));
		assert_true(end <= cols);
	}
}

static void
json_tells_marks_that_no_list_of_marks_has(void **state)
{
	// U+1161 is a letter to Unicode, and takes no column after another
	char *text =
	    formatted(format_json, screen_of("\xe1\x84\x80\xe1\x85\xa1\xe1\x84\x80", 1, 4));
	json_t *json = json_loads(text, 0, NULL), *row;

	(void)state;
	row = json_array_get(json_object_get(json, "screen"), 0);
	assert_int_equal(json_array_size(json_object_get(row, "runs")), 2);
	assert_columns(row, 4);
	json_decref(json);
	free(text);
}

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
		for (size_t row = 0; row < 8; row++)
			assert_columns(json_array_get(json_object_get(json, "screen"), row), 30);
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
	    cmocka_unit_test(json_tells_marks_that_no_list_of_marks_has),
	    cmocka_unit_test(json_of_any_screen_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
