// SPDX-License-Identifier: ISC
// The view protocol's messages: what one side writes the other reads, and nothing malformed passes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sysexits.h>

#include "server/base/viewproto.h"

static const struct view_hello hello = {.version = PROTO_VERSION,
    .role = VIEW_ROLE_VIEW,
    .rows = 24,
    .cols = 80,
    .name = "alice",
    .from = "2001:db8::1",
    .via = "ssh",
    .key = "SHA256:abc"};
static const struct view_person person = {.name = "J\xc3\xb6rg",
    .via = "local",
    .uid = 4294967294u,
    .pid = 77,
    .since = 1700000000,
    .status = {.rows = 50, .cols = 132, .rtt_us = 1, .lag_us = 2, .bytes = 3, .frames = 4}};

static struct msg
only_message(const struct buf *out)
{
	struct msg msg;
	size_t used = 0;

	assert_int_equal(msg_get(out, &used, MSG_MAX, &msg), MSG_ONE);
	assert_int_equal(used, out->len);
	return msg;
}

static void
what_is_put_is_got(void **state)
{
	struct view_welcome welcome = {
	    .version = PROTO_VERSION, .session = "shared", .host = "bob", .start = 1700000000};
	struct view_hello got_hello;
	struct view_welcome got_welcome;
	struct view_bye bye;
	struct buf out = {0};
	struct msg msg;
	(void)state;

	view_hello_put(&out, &hello);
	msg = only_message(&out);
	assert_true(view_hello_get(&msg, &got_hello));
	assert_memory_equal(&got_hello, &hello, sizeof(hello));

	out.len = 0;
	view_welcome_put(&out, &welcome);
	msg = only_message(&out);
	assert_true(view_welcome_get(&msg, &got_welcome));
	assert_memory_equal(&got_welcome, &welcome, sizeof(welcome));

	out.len = 0;
	view_bye_put(&out, EX_PROTOCOL, "so long");
	msg = only_message(&out);
	assert_true(view_bye_get(&msg, &bye));
	assert_int_equal(bye.status, EX_PROTOCOL);
	assert_string_equal(bye.text, "so long");
	buf_fini(&out);
}

static void
lines_of_history_are_those_that_were_sent_and_no_more_than_there_can_be(void **state)
{
	struct view_history sent = {
	    .oldest = 3, .end = 12, .first = 10, .rows = screen_blank(2, 8)};
	struct view_history got;
	struct buf out = {0};
	struct msg msg;
	(void)state;

	view_history_put(&out, &sent);
	msg = only_message(&out);
	assert_true(view_history_get(&msg, &got));
	assert_int_equal(got.first, 10);
	assert_true(screen_equal(got.rows, sent.rows));
	screen_unref(got.rows);
	sent.first = 11; // two lines from there on would be one too many
	out.len = 0;
	view_history_put(&out, &sent);
	msg = only_message(&out);
	assert_false(view_history_get(&msg, &got));
	assert_null(got.rows);
	screen_unref(sent.rows);
	buf_fini(&out);
}

static void
records_of_viewers_follow_each_other(void **state)
{
	struct view_person got;
	struct buf out = {0};
	struct reader reader;
	(void)state;

	view_person_put(&out, &person);
	view_person_put(&out, &person);
	reader = (struct reader){.data = out.data, .len = out.len};
	for (int i = 0; i < 2; i++) {
		memset(&got, 0, sizeof(got));
		assert_true(view_person_get(&reader, &got));
		assert_string_equal(got.name, person.name);
		assert_int_equal(got.uid, person.uid);
		assert_int_equal(got.status.frames, 4);
	}
	assert_int_equal(reader.len, 0);
	assert_false(view_person_get(&reader, &got));
	buf_fini(&out);
}

// A hello cut short or with a byte more is not one.
static void
a_hello_of_another_length_is_refused(void **state)
{
	struct view_hello got;
	struct buf out = {0};
	struct msg msg;
	(void)state;

	view_hello_put(&out, &hello);
	buf_put_u8(&out, 0);
	msg = (struct msg){.type = VIEW_HELLO, .data = out.data + 2, .len = 0};
	for (; msg.len < out.len - 2; msg.len++)
		assert_int_equal(view_hello_get(&msg, &got), msg.len == out.len - 3);
	assert_false(view_hello_get(&msg, &got));
	buf_fini(&out);
}

static void
a_hello_of_another_version_says_which(void **state)
{
	static const uint8_t payload[] = "mirrord\x7f\xff\xff whatever it may be";
	struct msg msg = {.type = VIEW_HELLO, .data = payload, .len = sizeof(payload)};
	struct view_hello got;
	(void)state;

	assert_true(view_hello_get(&msg, &got));
	assert_int_equal(got.version, 0x7f);
	assert_string_equal(got.name, "");
}

static void
text_that_cannot_be_printed_as_it_is_is_refused(void **state)
{
	static const char *const bad[] = {"\x1b[2J", "a\nb", "\x7f", "\xc2\x9b", "\xff", "\xc3",
	    "\xed\xa0\x80", "a\xe2\x80\xaez", "\xe2\x80\x8b", "\xef\xbf\xbf", "\xc0\x80",
	    "\xe2\x80\xa8", "\xee\x80\x80"};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(view_text_clean(bad[i], strlen(bad[i])));
	assert_true(view_text_clean("J\xc3\xb6rg \xe6\x97\xa5\xe6\x9c\xac", 12));
	assert_false(view_text_clean("a\0b", 3));
}

static void
a_hello_with_a_dirty_name_is_refused(void **state)
{
	struct view_hello dirty = hello, got;
	struct buf out = {0};
	struct msg msg;
	(void)state;

	strcpy(dirty.name, "al\x1b[ice");
	view_hello_put(&out, &dirty);
	msg = only_message(&out);
	assert_false(view_hello_get(&msg, &got));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_put_is_got),
	    cmocka_unit_test(
		lines_of_history_are_those_that_were_sent_and_no_more_than_there_can_be),
	    cmocka_unit_test(records_of_viewers_follow_each_other),
	    cmocka_unit_test(a_hello_of_another_length_is_refused),
	    cmocka_unit_test(a_hello_of_another_version_says_which),
	    cmocka_unit_test(text_that_cannot_be_printed_as_it_is_is_refused),
	    cmocka_unit_test(a_hello_with_a_dirty_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
