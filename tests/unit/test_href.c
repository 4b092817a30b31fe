// SPDX-License-Identifier: ISC
// Links (OSC 8): which cells have one, through edits, frames and dumps, and how much room they get.
#include "tests/lib/feed.h"
#include "vt/format.h"
#include "vt/frame.h"
#include "vt/model_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINK(uri) "\x1b]8;;" uri "\x1b\\"
#define END LINK("")

static struct model *
fed(uint16_t rows, uint16_t cols, const char *text)
{
	struct model *model = model_new(rows, cols, NULL);

	model_feed(model, text, strlen(text));
	return model;
}

static const char *
leads_to(struct model *model, size_t row, size_t col)
{
	const struct row *line = model->now->grid.row[row];
	const struct href *href = row_href(line, &line->cells[col]);

	return href != NULL ? href->uri : "";
}

// A letter for each cell of the first row: the last of its link's URI, or '.'.
static void
expect(uint16_t cols, const char *text, const char *want)
{
	struct model *model = fed(3, cols, text);
	char got[100] = "";

	for (size_t col = 0; col < cols; col++) {
		const char *uri = leads_to(model, 0, col);

		got[col] = *uri != '\0' ? uri[strlen(uri) - 1] : '.';
	}
	assert_string_equal(got, want);
	model_free(model);
}

static void
text_between_the_ends_of_a_link_leads_there(void **state)
{
	(void)state;
	expect(8, "ab" LINK("http://h/x") "cd" END "e", "..xx....");
	expect(8, LINK("http://h/x") "a" LINK("http://h/y") "b" END, "xy......");
	expect(8,
	    "\x1b]8;id=1:a=b;https://h/x\x07"
	    "ab",
	    "xx......");
	expect(8,
	    LINK("http://h/x") "\xe4\xb8\x80"
			       "e\xcc\x81" END,
	    "xxx.....");
	expect(8, LINK("http://h/x") "a\x1b[3b" END, "xxxx....");
	expect(8, LINK("http://h/x") "a\x1b[m\x1b[31mb" END, "xx......");
	expect(8,
	    LINK("http://h/x") "a\x1b"
			       "c"
			       "b",
	    "........");                                       // RIS
	expect(8, LINK("http://h/x") "a\x1b[!pb", "x......."); // DECSTR
}

static void
what_is_written_over_a_link_is_none(void **state)
{
	(void)state;
	expect(6, LINK("http://h/x") "abcd" END "\x1b[1;2HZ", "x.xx..");
	expect(6, LINK("http://h/x") "abcd" END "\x1b[1;2H\x1b[2X", "x..x..");
	expect(6, LINK("http://h/x") "abcd" END "\x1b[1;2H\x1b[K", "x.....");
	expect(6, LINK("http://h/x") "\xe4\xb8\x80" END "\x1b[1;2HZ", "......");
}

static void
a_link_moves_with_its_text(void **state)
{
	(void)state;
	expect(6, "a" LINK("http://h/x") "b" END "c\x1b[1;1H\x1b[@", "..x...");
	expect(6, "a" LINK("http://h/x") "b" END "c\x1b[1;1H\x1b[P", "x.....");
	expect(6, "\x1b[2;1H" LINK("http://h/x") "b" END "\x1b[1;1H\x1b[M", "x.....");
	// part of a row, between left and right margins
	expect(6, "\x1b[2;2H" LINK("http://h/x") "b" END "\x1b[?69h\x1b[2;3s\x1b[1;2H\x1b[M",
	    ".x....");
}

static void
only_encoded_uris_of_the_web_are_links(void **state)
{
	static const char *const bad[] = {"", "http://", "file:///etc/passwd",
	    "javascript:alert(1)", "HTTP://h/", "https:h", "http://h/ b", "http://h/\xc3\xa9",
	    "ftp://h/", " http://h/"};
	char longest[HREF_MAX + 2] = "http://h/";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(href_ok(bad[i], strlen(bad[i])));
	assert_false(href_ok("http://h/\x1b", 10));
	memset(longest + 9, 'a', sizeof(longest) - 10);
	assert_true(href_ok(longest, HREF_MAX));
	assert_false(href_ok(longest, HREF_MAX + 1));
	expect(6, LINK("http://h/x") "a" LINK("file:///x") "b", "x.....");
}

static void
a_row_has_room_for_so_many_links_and_takes_back_what_is_unused(void **state)
{
	struct row *row = row_new(400, COLOUR_DEFAULT);
	char uri[64];
	size_t kept = 0;

	(void)state;
	for (size_t i = 0; i < 10000; i++) { // as a program that writes a line again and again
		struct href *href =
		    href_new(uri, (size_t)snprintf(uri, sizeof(uri), "http://h/%zu", i));

		assert_true(row_set_href(row, i % 50, i % 50 + 1, href));
		href_unref(href);
		assert_true(row->hrefs_len <= ROW_HREFS_MAX);
	}
	for (size_t i = 0; i < 400; i++) {
		struct href *href =
		    href_new(uri, (size_t)snprintf(uri, sizeof(uri), "http://i/%zu", i));

		kept += row_set_href(row, i, i + 1, href);
		href_unref(href);
	}
	assert_int_equal(kept, ROW_HREFS_MAX);
	assert_null(row_href(row, &row->cells[399]));
	row_unref(row);
}

static struct screen *
screen_of(const char *text)
{
	struct model *model = fed(3, 20, text);
	struct screen *screen = model_screen(model);

	model_free(model);
	return screen;
}

static void
links_are_part_of_what_makes_screens_the_same(void **state)
{
	struct screen *a = screen_of(LINK("http://h/x") "ab" END), *b = screen_of("ab");
	char why[200];

	(void)state;
	assert_false(screen_equal(a, b));
	assert_false(screen_explain(a, b, why, sizeof(why)));
	assert_string_equal(why, "row 0: links");
	screen_unref(a);
	screen_unref(b);
}

static void
frames_lead_from_any_links_to_any(void **state)
{
	static const char *const texts[] = {"ab", LINK("http://h/x") "ab" END "cd",
	    "a" LINK("http://h/y") "b" END "cd" LINK("http://h/x") "e" END,
	    "q\r\na" LINK("http://h/y") "b" END "cd" LINK("http://h/x") "e" END,
	    LINK("http://h/z") "                    ab" END};
	size_t count = sizeof(texts) / sizeof(texts[0]);

	(void)state;
	for (size_t i = 0; i < count * count; i++) {
		struct screen *base = screen_of(texts[i / count]),
			      *to = screen_of(texts[i % count]);
		struct buf frame = {0};
		const char *why;
		struct screen *made;

		frame_encode(base, to, &frame);
		made = frame_apply(base, frame.data, frame.len, &why);
		assert_non_null(made);
		assert_true(screen_equal(made, to));
		buf_fini(&frame);
		screen_unref(made);
		screen_unref(base);
		screen_unref(to);
	}
}

static void
a_dump_holds_all_links_and_the_open_one(void **state)
{
	struct model *model = fed(2, 10,
	    LINK("http://h/1") "a" END "\r\n" LINK("http://h/2") "b\r\n" END LINK(
		"http://h/3") "c\x1b[?1049h\x1b[H"
			      "d");
	struct model *copy;
	struct buf dump = {0}, again = {0};
	const struct row *line;

	(void)state;
	model_dump(model, &dump);
	copy = model_restore(dump.data, dump.len, NULL);
	assert_non_null(copy);
	assert_string_equal(leads_to(copy, 0, 0), "http://h/3");
	line = model_history_row(copy, 0);
	assert_string_equal(row_href(line, &line->cells[0])->uri, "http://h/1");
	model_feed(copy, "e\x1b[?1049l", 9);
	assert_string_equal(leads_to(copy, 1, 0), "http://h/3");
	assert_string_equal(leads_to(copy, 0, 0), "http://h/2");
	model_free(copy);
	for (size_t cut = dump.len - 60; cut < dump.len; cut++) { // refused, or something whole
		copy = model_restore(dump.data, cut, NULL);
		model_free(copy);
	}
	dump.data[dump.len - 1] = ' '; // not in a URI
	assert_null(model_restore(dump.data, dump.len, NULL));
	model_dump(model, &again);
	buf_fini(&dump);
	buf_fini(&again);
	model_free(model);
}

static void
json_says_where_a_run_leads(void **state)
{
	struct screen *screen = screen_of("a" LINK("http://h/?a=\"&b") "bc" END "d");
	struct buf text = {0};

	(void)state;
	format_json(screen, &text);
	buf_put_u8(&text, 0);
	assert_non_null(strstr((char *)text.data,
	    "{\"col\":1,\"width\":1,\"text\":\"bc\",\"href\":\"http://h/?a=\\\"&b\"}"));
	buf_fini(&text);
	screen_unref(screen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_between_the_ends_of_a_link_leads_there),
	    cmocka_unit_test(what_is_written_over_a_link_is_none),
	    cmocka_unit_test(a_link_moves_with_its_text),
	    cmocka_unit_test(only_encoded_uris_of_the_web_are_links),
	    cmocka_unit_test(a_row_has_room_for_so_many_links_and_takes_back_what_is_unused),
	    cmocka_unit_test(links_are_part_of_what_makes_screens_the_same),
	    cmocka_unit_test(frames_lead_from_any_links_to_any),
	    cmocka_unit_test(a_dump_holds_all_links_and_the_open_one),
	    cmocka_unit_test(json_says_where_a_run_leads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
