// SPDX-License-Identifier: ISC
// Growing buffers and the reader of untrusted bytes.
#include "vt/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct reader
reader_of(const void *data, size_t len)
{
	return (struct reader){.data = data, .len = len};
}

static void
varints_come_back(void **state)
{
	(void)state;
	static const uint64_t values[] = {
	    0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
	struct buf buf = {0};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		buf_put_varint(&buf, values[i]);
	struct reader reader = reader_of(buf.data, buf.len);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		assert_int_equal(reader_varint(&reader), values[i]);
	assert_false(reader.bad);
	assert_int_equal(reader.len, 0);
	buf_fini(&buf);
}

static void
malformed_varints_are_bad(void **state)
{
	(void)state;
	static const char cases[][12] = {"\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reader reader = reader_of(cases[i], strlen(cases[i]));
		assert_int_equal(reader_varint(&reader), 0);
		assert_true(reader.bad);
	}
}

static void
after_the_end_every_read_is_zero_and_bad(void **state)
{
	(void)state;
	struct reader reader = reader_of("ab", 2);
	assert_null(reader_raw(&reader, 3));
	assert_true(reader.bad);
	assert_int_equal(reader_u8(&reader), 0);
	assert_int_equal(reader_varint(&reader), 0);
	size_t len = 7;
	assert_null(reader_bytes(&reader, &len, 10));
	assert_int_equal(len, 0);
}

static void
bounds_are_inclusive(void **state)
{
	(void)state;
	struct reader reader = reader_of("\x05\x05", 2);
	assert_int_equal(reader_bounded(&reader, 5), 5);
	assert_int_equal(reader_bounded(&reader, 4), 0);
	assert_true(reader.bad);
	reader = reader_of("\x03"
			   "abc",
	    4);
	size_t len;
	assert_memory_equal(reader_bytes(&reader, &len, 3), "abc", 3);
	assert_int_equal(len, 3);
	reader = reader_of("\x03"
			   "abc",
	    4);
	assert_null(reader_bytes(&reader, &len, 2));
}

static void
utf8_of_every_length_and_of_no_character(void **state)
{
	(void)state;
	struct buf buf = {0};
	static const uint32_t cps[] = {'A', 0xe9, 0x20ac, 0x1f600, 0xd800, 0x110000};
	for (size_t i = 0; i < sizeof cps / sizeof *cps; i++)
		buf_put_utf8(&buf, cps[i]);
	static const char want[] = "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd";
	assert_int_equal(buf.len, sizeof want - 1);
	assert_memory_equal(buf.data, want, buf.len);
	buf_fini(&buf);
}

static void
taking_from_the_front_keeps_the_rest(void **state)
{
	(void)state;
	struct buf buf = {0};
	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%03d", i);
	assert_int_equal(buf.len, 3000);
	buf_take(&buf, 2991);
	assert_memory_equal(buf.data, "997998999", 9);
	buf_take(&buf, 9);
	assert_int_equal(buf.len, 0);
	buf_put_bytes(&buf, NULL, 0);
	assert_int_equal(buf.len, 1);
	buf_fini(&buf);
	assert_null(buf.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(varints_come_back),
	    cmocka_unit_test(malformed_varints_are_bad),
	    cmocka_unit_test(after_the_end_every_read_is_zero_and_bad),
	    cmocka_unit_test(bounds_are_inclusive),
	    cmocka_unit_test(utf8_of_every_length_and_of_no_character),
	    cmocka_unit_test(taking_from_the_front_keeps_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
