// SPDX-License-Identifier: ISC
// Messages through one deflate stream, and what a hostile writer of it can do.
#include "vt/zstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define MAX ((size_t)1 << 20)

static void
assert_comes_back(struct deflater *out, struct inflater *in, const void *data, size_t len)
{
	struct buf packed = {0}, unpacked = {0};

	deflater_put(out, data, len, &packed);
	assert_true(inflater_put(in, packed.data, packed.len, len, &unpacked));
	assert_int_equal(unpacked.len, len);
	assert_memory_equal(unpacked.data, data, len);
	buf_fini(&packed);
	buf_fini(&unpacked);
}

static void
messages_of_every_length_come_back(void **state)
{
	struct deflater *out = deflater_new();
	struct inflater *in = inflater_new();
	uint8_t *data = malloc(MAX);
	uint32_t seed = 1;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < MAX; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
	for (size_t len = 1; len < 300; len++)
		assert_comes_back(out, in, data, len);
	assert_comes_back(out, in, data, MAX);
	memset(data, 'x', MAX);
	assert_comes_back(out, in, data, MAX);
	assert_comes_back(out, in, "last", 4);
	free(data);
	deflater_free(out);
	inflater_free(in);
}

// Blocks of fixed and dynamic codes and stored ones, with few and many symbols: each message must be
// whole without the next one.
static void
messages_of_every_content_are_whole_by_themselves(void **state)
{
	struct deflater *out = deflater_new();
	struct inflater *in = inflater_new();
	static uint8_t data[70000];
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		size_t len = 1 + (seed >> 8) % (i % 50 == 0 ? sizeof(data) : 700);
		uint32_t symbols = 1 + (seed >> 4) % (i % 3 == 0 ? 256 : 5);

		for (size_t k = 0; k < len; k++) {
			seed = seed * 1664525 + 1013904223;
			data[k] = (uint8_t)((seed >> 24) % symbols * (i % 7 == 0 ? 1 : 37));
		}
		assert_comes_back(out, in, data, len);
	}
	deflater_free(out);
	inflater_free(in);
}

static void
a_message_that_was_seen_before_is_small(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog 0123456789";
	struct deflater *out = deflater_new();
	struct buf packed = {0};
	size_t first;

	(void)state;
	deflater_put(out, (const uint8_t *)text, sizeof(text), &packed);
	first = packed.len;
	deflater_put(out, (const uint8_t *)text, sizeof(text), &packed);
	assert_true(packed.len - first < 8);
	buf_fini(&packed);
	deflater_free(out);
}

static void
an_empty_message_is_no_bytes(void **state)
{
	struct deflater *out = deflater_new();
	struct inflater *in = inflater_new();
	struct buf packed = {0}, unpacked = {0};

	(void)state;
	deflater_put(out, NULL, 0, &packed);
	assert_int_equal(packed.len, 0);
	assert_true(inflater_put(in, NULL, 0, 0, &unpacked));
	assert_comes_back(out, in, "after", 5);
	buf_fini(&packed);
	buf_fini(&unpacked);
	deflater_free(out);
	inflater_free(in);
}

static void
more_than_the_limit_ends_the_stream(void **state)
{
	struct deflater *out = deflater_new();
	struct inflater *in = inflater_new();
	struct buf packed = {0}, unpacked = {0};
	uint8_t *zeros = calloc(1, MAX);

	(void)state;
	assert_non_null(zeros);
	deflater_put(out, zeros, MAX, &packed);
	assert_true(packed.len < MAX / 500);
	assert_false(inflater_put(in, packed.data, packed.len, MAX - 1, &unpacked));
	assert_int_equal(unpacked.len, 0);
	assert_true(unpacked.cap <= 2 * MAX);
	assert_false(inflater_put(in, packed.data, packed.len, MAX, &unpacked)); // dead
	free(zeros);
	buf_fini(&packed);
	buf_fini(&unpacked);
	deflater_free(out);
	inflater_free(in);
}

static void
malformed_messages_end_the_stream(void **state)
{
	// a reserved block type; a final block; a distance before the beginning
	static const char *const cases[] = {"\x07", "\x03\x00", "\x02\x02\x00\x00"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inflater *in = inflater_new();
		struct buf unpacked = {0};
		size_t len = i == 0 ? 1 : i == 1 ? 2 : 4;

		assert_false(inflater_put(in, (const uint8_t *)cases[i], len, MAX, &unpacked));
		assert_int_equal(unpacked.len, 0);
		buf_fini(&unpacked);
		inflater_free(in);
	}
}

// Who comes later and inflates the window in some other way has what the others have.
static void
a_reader_joins_a_running_stream(void **state)
{
	struct deflater *out = deflater_new(), *other = deflater_new();
	struct inflater *in = inflater_new();
	char text[64];

	(void)state;
	for (int i = 0; i < 1500; i++) {
		struct buf packed = {0}, window = {0}, unpacked = {0};
		struct inflater *joins = inflater_new();
		size_t len =
		    (size_t)snprintf(text, sizeof(text), "%d bottles of beer on wall %d", i, i * i);

		assert_comes_back(out, in, text, len);
		deflater_window(out, &window);
		assert_true(window.len >= len && window.len <= 32768);
		deflater_reset(other);
		deflater_put(other, window.data, window.len, &packed);
		deflater_align(other, &packed);
		assert_true(inflater_put(joins, packed.data, packed.len, 32768, &unpacked));
		packed.len = unpacked.len = 0;
		deflater_align(out, &packed); // for the others only
		assert_true(inflater_put(in, packed.data, packed.len, 0, &unpacked));
		packed.len = 0;
		deflater_put(out, (const uint8_t *)text, len, &packed);
		assert_true(packed.len < 16);
		assert_true(inflater_put(joins, packed.data, packed.len, MAX, &unpacked));
		assert_true(inflater_put(in, packed.data, packed.len, MAX, &unpacked));
		assert_int_equal(unpacked.len, 2 * len);
		assert_memory_equal(unpacked.data, text, len);
		assert_memory_equal(unpacked.data + len, text, len);
		inflater_free(joins);
		buf_fini(&packed);
		buf_fini(&window);
		buf_fini(&unpacked);
	}
	deflater_free(out);
	deflater_free(other);
	inflater_free(in);
}

// What a browser does: feed one long raw deflate stream.
static void
it_is_plain_deflate(void **state)
{
	struct deflater *out = deflater_new();
	struct buf stream = {0};
	z_stream z = {0};
	char text[64];

	(void)state;
	for (int i = 0; i < 3; i++)
		deflater_put(out, (const uint8_t *)"abcabc", 6, &stream);
	assert_int_equal(inflateInit2(&z, -15), Z_OK);
	z.next_in = stream.data;
	z.avail_in = (uInt)stream.len;
	z.next_out = (Bytef *)text;
	z.avail_out = sizeof(text);
	assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(sizeof(text) - z.avail_out, 18);
	assert_memory_equal(text, "abcabcabcabcabcabc", 18);
	inflateEnd(&z);
	buf_fini(&stream);
	deflater_free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages_of_every_length_come_back),
	    cmocka_unit_test(messages_of_every_content_are_whole_by_themselves),
	    cmocka_unit_test(a_message_that_was_seen_before_is_small),
	    cmocka_unit_test(an_empty_message_is_no_bytes),
	    cmocka_unit_test(more_than_the_limit_ends_the_stream),
	    cmocka_unit_test(malformed_messages_end_the_stream),
	    cmocka_unit_test(a_reader_joins_a_running_stream),
	    cmocka_unit_test(it_is_plain_deflate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
