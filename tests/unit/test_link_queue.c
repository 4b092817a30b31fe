// SPDX-License-Identifier: ISC
// The bench's link, under a clock of our own.
#include "bench/link_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ull
#define SECOND (1000 * MS)

static uint8_t packet[1500];

static size_t
take(struct link_queue *queue, uint64_t now)
{
	uint8_t data[1500];

	return link_queue_take(queue, now, data, sizeof(data));
}

static void
a_packet_arrives_after_it_was_sent_and_the_delay(void **state)
{
	struct link_queue queue;
	uint64_t sent = 5 * SECOND;

	(void)state;
	link_queue_init(&queue, &(struct link_shape){.rate = 7000, .delay_ns = 150 * MS}, 1);
	assert_true(link_queue_next(&queue) == LINK_NEVER);
	assert_int_equal(link_queue_put(&queue, sent, packet, 700), LINK_SENT);
	assert_int_equal(link_queue_next(&queue), sent + 100 * MS + 150 * MS);
	assert_int_equal(take(&queue, sent + 250 * MS - 1), 0);
	assert_int_equal(take(&queue, sent + 250 * MS), 700);
	assert_true(link_queue_next(&queue) == LINK_NEVER);
	link_queue_fini(&queue);
}

static void
packets_wait_for_those_before_them(void **state)
{
	struct link_queue queue;

	(void)state;
	link_queue_init(&queue, &(struct link_shape){.rate = 1000, .delay_ns = 10 * MS}, 1);
	link_queue_put(&queue, 0, packet, 500);
	link_queue_put(&queue, 0, packet, 250);
	assert_int_equal(take(&queue, 510 * MS), 500);
	assert_int_equal(take(&queue, 759 * MS), 0);
	assert_int_equal(take(&queue, 760 * MS), 250);
	link_queue_put(&queue, 2 * SECOND, packet, 100); // the transmitter was idle meanwhile
	assert_int_equal(link_queue_next(&queue), 2 * SECOND + 100 * MS + 10 * MS);
	link_queue_fini(&queue);
}

static void
bytes_come_out_unchanged_and_in_order(void **state)
{
	struct link_queue queue;
	uint8_t in[100], out[100];

	(void)state;
	link_queue_init(&queue, &(struct link_shape){.rate = 100000, .delay_ns = MS}, 1);
	for (uint8_t i = 0; i < 200; i++) {
		memset(in, i, sizeof(in));
		link_queue_put(&queue, i * MS, in, 1 + i % sizeof(in));
	}
	for (uint8_t i = 0; i < 200; i++) {
		memset(in, i, sizeof(in));
		assert_int_equal(link_queue_take(&queue, SECOND, out, sizeof(out)), 1 + i % 100);
		assert_memory_equal(in, out, 1 + i % 100);
	}
	link_queue_fini(&queue);
}

static void
the_rate_is_kept_and_never_exceeded(void **state)
{
	struct link_queue queue;
	uint64_t got = 0, put = 0, end = 100 * SECOND;

	(void)state;
	link_queue_init(&queue, &(struct link_shape){.rate = 7001, .limit = 20000}, 1);
	for (uint64_t now = 0; now < end; now += 7 * MS) {
		size_t len = 40 + (size_t)(now / MS * 31) % 1460;

		put += link_queue_put(&queue, now, packet, len) == LINK_SENT ? len : 0;
		while ((len = take(&queue, now)) > 0)
			got += len;
		assert_true(got <= 7001 * now / SECOND);
	}
	assert_true(got >= 7001 * 100 - 1500 * 2);
	assert_true(put >= got && put - got <= 20000 + 1500);
	link_queue_fini(&queue);
}

static void
what_does_not_fit_into_the_queue_is_dropped(void **state)
{
	struct link_queue queue;

	(void)state;
	link_queue_init(&queue, &(struct link_shape){.rate = 1000, .limit = 3000}, 1);
	assert_int_equal(link_queue_put(&queue, 0, packet, 1500), LINK_SENT);
	assert_int_equal(link_queue_put(&queue, 0, packet, 1500), LINK_SENT);
	assert_int_equal(link_queue_put(&queue, 0, packet, 1), LINK_FULL);
	assert_int_equal(link_queue_put(&queue, 499 * MS, packet, 500), LINK_FULL);
	assert_int_equal(link_queue_put(&queue, 500 * MS, packet, 500), LINK_SENT);
	assert_int_equal(take(&queue, 1500 * MS), 1500);
	assert_int_equal(take(&queue, 3000 * MS), 1500);
	assert_int_equal(take(&queue, 3500 * MS), 500);
	assert_int_equal(take(&queue, 9000 * MS), 0);
	link_queue_fini(&queue);
}

static uint64_t
losses(uint64_t seed, uint32_t ppm, uint8_t *pattern)
{
	struct link_queue queue;
	uint64_t lost = 0;

	link_queue_init(&queue, &(struct link_shape){.loss_ppm = ppm}, seed);
	for (size_t i = 0; i < 10000; i++) {
		pattern[i] = link_queue_put(&queue, i, packet, 100) == LINK_LOST;
		lost += pattern[i];
		assert_int_equal(take(&queue, i), pattern[i] ? 0 : 100);
	}
	link_queue_fini(&queue);
	return lost;
}

static void
losses_are_as_many_as_asked_and_the_same_for_a_seed(void **state)
{
	static uint8_t first[10000], second[10000];
	uint64_t lost = losses(7, 20000, first);

	(void)state;
	assert_true(lost > 140 && lost < 260);
	assert_int_equal(losses(7, 20000, second), lost);
	assert_memory_equal(first, second, sizeof(first));
	losses(8, 20000, second);
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(losses(7, 0, first), 0);
}

static void
a_lost_packet_takes_its_time(void **state)
{
	struct link_queue queue;

	(void)state;
	link_queue_init(&queue, &(struct link_shape){.rate = 1000, .loss_ppm = 1000000}, 1);
	assert_int_equal(link_queue_put(&queue, 0, packet, 1000), LINK_LOST);
	link_queue_shape(&queue, &(struct link_shape){.rate = 1000}, 1);
	assert_int_equal(link_queue_put(&queue, 0, packet, 1000), LINK_SENT);
	assert_int_equal(link_queue_next(&queue), 2 * SECOND);
	link_queue_fini(&queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_packet_arrives_after_it_was_sent_and_the_delay),
	    cmocka_unit_test(packets_wait_for_those_before_them),
	    cmocka_unit_test(bytes_come_out_unchanged_and_in_order),
	    cmocka_unit_test(the_rate_is_kept_and_never_exceeded),
	    cmocka_unit_test(what_does_not_fit_into_the_queue_is_dropped),
	    cmocka_unit_test(losses_are_as_many_as_asked_and_the_same_for_a_seed),
	    cmocka_unit_test(a_lost_packet_takes_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
