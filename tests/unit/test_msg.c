// SPDX-License-Identifier: ISC
// Framing of messages: what is put is got, however it is cut; what is malformed is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/base/msg.h"

static void
what_is_put_is_got(void **state)
{
	static const size_t lengths[] = {0, 1, 126, 127, 128, 16382, 16383, 16384, 300000};
	(void)state;

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct buf payload = {0}, out = {0};
		struct msg msg;
		size_t used = 0, begin;

		memset(buf_reserve(&payload, lengths[i] + 1), (int)i + 1, lengths[i]);
		payload.len = lengths[i];
		msg_put(&out, 7, payload.data, payload.len);
		begin = msg_begin(&out, 9);
		buf_put(&out, payload.data, payload.len);
		msg_end(&out, begin);

		assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
		assert_int_equal(msg.type, 7);
		assert_int_equal(msg.len, lengths[i]);
		assert_memory_equal(msg.data, payload.data, msg.len);
		assert_int_equal(used * 2, out.len); // both ways of writing give the same length
		assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
		assert_int_equal(msg.type, 9);
		assert_int_equal(msg.len, lengths[i]);
		assert_memory_equal(msg.data, payload.data, msg.len);
		assert_int_equal(used, out.len);
		assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_NONE);
		buf_fini(&payload);
		buf_fini(&out);
	}
}

static void
every_prefix_of_a_message_is_not_yet_one(void **state)
{
	struct buf out = {0};
	uint8_t payload[200] = {1, 2, 3};
	(void)state;

	msg_put(&out, 3, payload, sizeof payload);
	for (size_t len = 0; len < out.len; len++) {
		struct buf part = {.data = out.data, .len = len};
		struct msg msg;
		size_t used = 0;

		assert_int_equal(msg_get(&part, &used, MSG_MAX, &msg), MSG_NONE);
		assert_int_equal(used, 0);
	}
	buf_fini(&out);
}

static enum msg_status
status_of(const char *bytes, size_t len, size_t max)
{
	struct buf in = {.data = (uint8_t *)(uintptr_t)bytes, .len = len};
	struct msg msg;
	size_t used = 0;

	return msg_get(&in, &used, max, &msg);
}

static void
a_bad_length_is_refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(status_of("\x00", 1, MSG_MAX), MSG_BAD);                 // no type
	assert_int_equal(status_of("\x81\x00", 2, MSG_MAX), MSG_BAD);             // not shortest
	assert_int_equal(status_of("\x65", 1, 100), MSG_BAD);                     // over max
	assert_int_equal(status_of("\x64", 1, 100), MSG_NONE);                    // just not
	assert_int_equal(status_of("\xff\xff\xff\xff", 4, MSG_MAX), MSG_BAD);     // ends later
	assert_int_equal(status_of("\x80\x80\x80\x80\x80", 5, MSG_MAX), MSG_BAD); // never ends
	assert_int_equal(status_of("\xff\xff\xff\xff\x7f", 5, SIZE_MAX >> 1), MSG_NONE); // 2^35 - 1
	assert_int_equal(status_of("GET / HTTP/1.1\r\n", 16, 8), MSG_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_put_is_got),
	    cmocka_unit_test(every_prefix_of_a_message_is_not_yet_one),
	    cmocka_unit_test(a_bad_length_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
