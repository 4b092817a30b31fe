// SPDX-License-Identifier: ISC
// The keeper's ring against a plain log of everything.
#include "server/keeper/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CAP 4096

static void
put(struct ring *ring, const uint8_t *data, size_t len)
{
	while (len) {
		size_t room;
		uint8_t *to = ring_room(ring, &room);

		assert_true(room > 0);
		room = room < len ? room : len;
		memcpy(to, data, room);
		ring_wrote(ring, room);
		data += room;
		len -= room;
	}
}

static void
bytes_come_back_in_order_around_the_end(void **state)
{
	struct ring ring;
	struct ring_pos pos = {0};
	uint8_t next_in = 0, next_out = 0;

	(void)state;
	assert_true(ring_init(&ring, CAP));
	srand(1);
	for (int round = 0; round < 5000; round++) {
		uint8_t block[700];
		size_t len = (size_t)rand() % sizeof(block);
		const struct ring_mark *mark;
		const uint8_t *data;

		for (size_t i = 0; i < len; i++)
			block[i] = next_in++;
		put(&ring, block, len);
		while (ring_peek(&ring, pos, 333, &data, &len, &mark) == RING_BYTES) {
			assert_true(len > 0 && len <= 333);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(data[i], next_out++);
			ring_step(&pos, len);
		}
		assert_true(ring_at_end(&ring, pos));
		ring_drop(&ring, pos.offset, 0);
	}
	ring_fini(&ring);
}

static void
resizes_stand_where_they_happened(void **state)
{
	struct ring ring;
	struct ring_pos pos = {0};
	const struct ring_mark *mark;
	const uint8_t *data;
	size_t len;

	(void)state;
	assert_true(ring_init(&ring, CAP));
	assert_true(ring_resize(&ring, 24, 80));
	put(&ring, (const uint8_t *)"abc", 3);
	assert_true(ring_resize(&ring, 25, 81));
	assert_true(ring_resize(&ring, 26, 82));
	put(&ring, (const uint8_t *)"de", 2);

	assert_int_equal(ring_peek(&ring, pos, 99, &data, &len, &mark), RING_RESIZE);
	assert_int_equal(mark->rows, 24);
	ring_step(&pos, 0);
	assert_int_equal(ring_peek(&ring, pos, 99, &data, &len, &mark), RING_BYTES);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	ring_step(&pos, 2); // part of it
	assert_int_equal(ring_peek(&ring, pos, 99, &data, &len, &mark), RING_BYTES);
	assert_int_equal(len, 1);
	ring_step(&pos, 1);
	for (uint16_t rows = 25; rows <= 26; rows++) {
		assert_int_equal(ring_peek(&ring, pos, 99, &data, &len, &mark), RING_RESIZE);
		assert_int_equal(mark->rows, rows);
		ring_step(&pos, 0);
	}
	assert_int_equal(ring_peek(&ring, pos, 99, &data, &len, &mark), RING_BYTES);
	assert_memory_equal(data, "de", len);
	ring_step(&pos, len);
	assert_int_equal(ring_peek(&ring, pos, 99, &data, &len, &mark), RING_NOTHING);
	ring_fini(&ring);
}

static void
a_full_ring_takes_no_more(void **state)
{
	struct ring ring;
	uint8_t block[CAP] = {0};
	size_t room;

	(void)state;
	assert_true(ring_init(&ring, CAP));
	put(&ring, block, CAP);
	ring_room(&ring, &room);
	assert_int_equal(room, 0);
	ring_drop(&ring, 10, 0);
	ring_room(&ring, &room);
	assert_int_equal(room, 10);
	for (int i = 0; i < RING_MARKS; i++)
		assert_true(ring_resize(&ring, 1, 1));
	assert_false(ring_resize(&ring, 1, 1));
	ring_drop(&ring, 0, 1);
	assert_true(ring_resize(&ring, 1, 1));
	ring_fini(&ring);
}

static void
dropping_never_goes_back_or_past_the_end(void **state)
{
	struct ring ring;

	(void)state;
	assert_true(ring_init(&ring, CAP));
	put(&ring, (const uint8_t *)"abcdef", 6);
	assert_true(ring_resize(&ring, 1, 1));
	ring_drop(&ring, 4, 0);
	ring_drop(&ring, 2, 0);
	assert_int_equal(ring.start, 4);
	ring_drop(&ring, 100, 100);
	assert_int_equal(ring.start, 6);
	assert_int_equal(ring.mark_start, 1);
	ring_fini(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_come_back_in_order_around_the_end),
	    cmocka_unit_test(resizes_stand_where_they_happened),
	    cmocka_unit_test(a_full_ring_takes_no_more),
	    cmocka_unit_test(dropping_never_goes_back_or_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
