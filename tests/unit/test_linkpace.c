// SPDX-License-Identifier: ISC
// The pacing of a link, over simulated ones, under a clock of the test's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/proto.h"
#include "server/link/linkpace.h"

#define MS 1000u
#define SECOND (1000 * MS)
#define STEP (MS / 2) // of the simulation
#define TCP_ACK (40 * MS)
#define FRAMES_MAX 20000 // of one run

// A link: bytes leave at `rate`, and arrive `delay_us` after that. The watcher acknowledges as
// linkrecv.c does; its ACKs cost nothing.
struct sim {
	struct linkpace pace;
	uint64_t now, delay_us, free_at;
	double rate;                // bytes/s
	uint64_t made[FRAMES_MAX];  // when frame n was made,
	uint64_t comes[FRAMES_MAX]; // and when it is there
	uint64_t shown, acked;      // the newest frame there, and acknowledged there
	uint64_t came_at, ack_at, held_at;
	uint64_t hold_frames;
	size_t held, len;
	struct {
		uint64_t at, frames, held;
	} ack[64]; // on their way back
	size_t ack_first, ack_end;
	bool stopped; // the watcher is
	bool jump; // a jump host: what comes waits until what went before is acknowledged (Nagle),
	uint64_t left, jump_free_at; // with an ACK of the watcher's or TCP_ACK after it came
	uint64_t bytes;
	uint64_t age[FRAMES_MAX]; // samples of the screen's age, each 5 ms
	size_t ages;
	size_t outstanding_max;
};

static void
put_ack(struct sim *sim, uint64_t at)
{
	sim->ack[sim->ack_end % 64].at = at + sim->delay_us;
	sim->ack[sim->ack_end % 64].frames = sim->shown;
	sim->ack[sim->ack_end++ % 64].held = at - sim->came_at;
	sim->acked = sim->shown;
	sim->ack_at = at;
	sim->held = 0;
}

static struct sim *
sim_new(double rate, uint64_t rtt_us)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	assert_non_null(sim);
	sim->now = SECOND;
	sim->rate = rate;
	sim->delay_us = rtt_us / 2;
	linkpace_init(&sim->pace, sim->now);
	sim->came_at = sim->now + sim->delay_us;
	sim->hold_frames = LIMIT_LINK_HOLD_FRAMES;
	put_ack(sim, sim->came_at);
	return sim;
}

// Frames enter the link, those that waited at a jump host as one piece.
static void
leave(struct sim *sim)
{
	uint64_t bytes = (sim->pace.sent - sim->left) * sim->len + LINKPACE_OVERHEAD;

	if (sim->jump && sim->now < sim->jump_free_at)
		return;
	if (sim->left == sim->pace.sent)
		return;
	if (sim->free_at < sim->now)
		sim->free_at = sim->now;
	sim->free_at += (uint64_t)((double)bytes * SECOND / sim->rate);
	while (sim->left < sim->pace.sent)
		sim->comes[++sim->left] = sim->free_at + sim->delay_us;
	sim->jump_free_at = sim->comes[sim->left] + TCP_ACK + sim->delay_us;
	sim->bytes += bytes;
}

static void
send_frame(struct sim *sim, size_t len)
{
	sim->len = len;
	linkpace_sent(&sim->pace, sim->now, len);
	sim->made[sim->pace.sent] = sim->now;
	sim->comes[sim->pace.sent] = UINT64_MAX;
	leave(sim);
	if (sim->pace.outstanding > sim->outstanding_max)
		sim->outstanding_max = sim->pace.outstanding;
}

static void
watcher(struct sim *sim)
{
	while (!sim->stopped && sim->shown < sim->pace.sent &&
	       sim->comes[sim->shown + 1] <= sim->now) {
		if (sim->shown++ == sim->acked)
			sim->held_at = sim->now;
		sim->held += sim->len;
		sim->came_at = sim->now;
	}
	if (!sim->stopped && sim->shown > sim->acked &&
	    sim->now >= sim->ack_at + LIMIT_LINK_ACK_MS * MS &&
	    (!sim->acked || sim->held >= LIMIT_LINK_HOLD_BYTES ||
		sim->shown - sim->acked >= sim->hold_frames ||
		sim->now >= sim->held_at + LIMIT_LINK_HOLD_MS * MS)) {
		put_ack(sim, sim->now);
		if (sim->shown == sim->left)
			sim->jump_free_at = sim->now + sim->delay_us;
	}
	while (sim->ack_first < sim->ack_end && sim->ack[sim->ack_first % 64].at <= sim->now) {
		assert_true(linkpace_acked(&sim->pace, sim->now,
		    sim->ack[sim->ack_first % 64].frames, sim->ack[sim->ack_first % 64].held));
		sim->ack_first++;
	}
	leave(sim);
}

// A screen that always changes, in frames of `len` bytes, for so long.
static void
flood(struct sim *sim, uint64_t us, size_t len)
{
	for (uint64_t end = sim->now + us; sim->now < end; sim->now += STEP) {
		watcher(sim);
		linkpace_want(&sim->pace);
		if (linkpace_due(&sim->pace, sim->now) <= sim->now)
			send_frame(sim, len);
		if (sim->now % (5 * MS) == 0 && sim->shown)
			sim->age[sim->ages++] = sim->now - sim->made[sim->shown];
	}
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t
age_ms(struct sim *sim, unsigned percent)
{
	qsort(sim->age, sim->ages, sizeof(sim->age[0]), compare);
	return sim->age[sim->ages * percent / 100] / MS;
}

static void
a_slow_link_is_as_old_as_its_delay_and_a_frame(void **state)
{
	struct sim *sim = sim_new(7000, 300 * MS); // 56 kbit/s
	(void)state;

	flood(sim, SECOND, 600);
	sim->ages = 0;
	flood(sim, 20 * SECOND, 600);
	// one way 150, the frame's own 99, and half of what is between two frames: 75 to 125
	print_message("56k: age p50 %d p95 %d ms, %d bytes/s\n", (int)age_ms(sim, 50),
	    (int)age_ms(sim, 95), (int)(sim->bytes / 21));
	assert_in_range(age_ms(sim, 50), 250, 390);
	assert_in_range(age_ms(sim, 95), 300, 500);
	free(sim);
}

// What sight.c does when it has seen that there is more of the way than sshd's own connection.
static void
behind_a_jump_host_one_frame_at_a_time_is_younger(void **state)
{
	static const struct {
		double rate;
		uint64_t rtt_us;
	} links[] = {{7000, 300 * MS}, {125000, 60 * MS}};
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		uint64_t age[3];

		for (int way = 0; way < 3; way++) {
			struct sim *sim = sim_new(links[i].rate, links[i].rtt_us);

			sim->jump = way > 0;
			sim->pace.step = way == 2;
			if (sim->pace.step)
				sim->pace.hold_frames = sim->hold_frames = 1;
			flood(sim, 5 * SECOND, 400);
			sim->ages = 0;
			flood(sim, 20 * SECOND, 400);
			age[way] = age_ms(sim, 50);
			free(sim);
		}
		print_message("%d ms: age p50 %d, behind a jump host %d, one at a time %d ms\n",
		    (int)(links[i].rtt_us / MS), (int)age[0], (int)age[1], (int)age[2]);
		assert_true(age[2] < age[1] * 8 / 10);
	}
}

static void
large_frames_do_not_queue_on_a_slow_link(void **state)
{
	struct sim *sim = sim_new(7000, 300 * MS);
	(void)state;

	flood(sim, 3 * SECOND, 3000);
	sim->ages = 0;
	flood(sim, 30 * SECOND, 3000);
	// one way 150, the frame's own 441, and half of that between two
	print_message(
	    "56k, 3000: age p50 %d p95 %d ms\n", (int)age_ms(sim, 50), (int)age_ms(sim, 95));
	assert_in_range(age_ms(sim, 50), 600, 1000);
	assert_in_range(age_ms(sim, 95), 700, 1500);
	free(sim);
}

static void
a_faster_link_gets_more_frames(void **state)
{
	struct sim *sim = sim_new(125000, 60 * MS); // 1 Mbit/s
	(void)state;

	flood(sim, 10 * SECOND, 500);
	print_message("1M: age p50 %d p95 %d ms\n", (int)age_ms(sim, 50), (int)age_ms(sim, 95));
	assert_in_range(age_ms(sim, 50), 40, 65);
	free(sim);
}

static void
a_lan_gets_sixty_frames_a_second(void **state)
{
	struct sim *sim = sim_new(1e8, 1 * MS);
	(void)state;

	flood(sim, 10 * SECOND, 2000);
	print_message(
	    "LAN: %d frames/s, age p50 %d ms\n", (int)(sim->pace.sent / 10), (int)age_ms(sim, 50));
	assert_in_range(sim->pace.sent, 450, 640);
	free(sim);
}

static void
a_link_that_gets_slower_does_not_build_a_queue(void **state)
{
	struct sim *sim = sim_new(125000, 60 * MS);
	(void)state;

	flood(sim, 5 * SECOND, 1500);
	sim->rate = 7000;
	flood(sim, 5 * SECOND, 1500); // it learns
	sim->ages = 0;
	flood(sim, 10 * SECOND, 1500);
	print_message(
	    "1M to 56k: age p50 %d p95 %d ms\n", (int)age_ms(sim, 50), (int)age_ms(sim, 95));
	assert_in_range(age_ms(sim, 50), 200, 700);
	free(sim);
}

static void
a_link_that_gets_faster_is_used(void **state)
{
	struct sim *sim = sim_new(7000, 60 * MS);
	uint64_t before;
	(void)state;

	flood(sim, 5 * SECOND, 1500);
	sim->rate = 125000;
	flood(sim, 10 * SECOND, 1500);
	before = sim->pace.sent;
	flood(sim, 5 * SECOND, 1500);
	print_message("56k to 1M: %d frames/s\n", (int)((sim->pace.sent - before) / 5));
	assert_true(sim->pace.sent - before > 5 * 15);
	free(sim);
}

static void
a_watcher_that_stops_holds_little(void **state)
{
	struct sim *sim = sim_new(1e8, 1 * MS);
	uint64_t before;
	(void)state;

	flood(sim, 2 * SECOND, 30000);
	sim->stopped = true;
	before = sim->pace.sent;
	flood(sim, 60 * SECOND, 30000);
	assert_true(sim->outstanding_max <= LIMIT_LINK_OUTSTANDING);
	assert_true(sim->pace.sent - before < 16);
	sim->stopped = false;
	sim->ages = 0;
	flood(sim, SECOND, 30000);
	assert_true(sim->now - sim->made[sim->shown] < 100 * MS);
	free(sim);
}

static void
after_quiet_a_change_goes_at_once(void **state)
{
	struct sim *sim = sim_new(7000, 300 * MS);
	(void)state;

	flood(sim, 3 * SECOND, 100);
	for (uint64_t end = sim->now + SECOND; sim->now < end; sim->now += STEP)
		watcher(sim);
	linkpace_sent(&sim->pace, sim->now, 0); // nothing was left to send
	assert_true(linkpace_due(&sim->pace, sim->now) == LINKPACE_NEVER);
	linkpace_want(&sim->pace);
	assert_true(linkpace_due(&sim->pace, sim->now) <= sim->now);
	free(sim);
}

static void
acks_of_what_was_never_sent_are_refused(void **state)
{
	struct linkpace pace;
	(void)state;

	linkpace_init(&pace, SECOND);
	assert_false(linkpace_acked(&pace, SECOND, 1, 0));
	assert_true(linkpace_acked(&pace, SECOND, 0, 0));
	assert_false(linkpace_acked(&pace, SECOND, 0, 0));
	linkpace_sent(&pace, SECOND, 10);
	linkpace_sent(&pace, SECOND, 10);
	assert_true(linkpace_acked(&pace, SECOND, 2, UINT64_MAX));
	assert_false(linkpace_acked(&pace, SECOND, 1, 0));
	assert_false(linkpace_acked(&pace, SECOND, UINT64_MAX, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_slow_link_is_as_old_as_its_delay_and_a_frame),
	    cmocka_unit_test(behind_a_jump_host_one_frame_at_a_time_is_younger),
	    cmocka_unit_test(large_frames_do_not_queue_on_a_slow_link),
	    cmocka_unit_test(a_faster_link_gets_more_frames),
	    cmocka_unit_test(a_lan_gets_sixty_frames_a_second),
	    cmocka_unit_test(a_link_that_gets_slower_does_not_build_a_queue),
	    cmocka_unit_test(a_link_that_gets_faster_is_used),
	    cmocka_unit_test(a_watcher_that_stops_holds_little),
	    cmocka_unit_test(after_quiet_a_change_goes_at_once),
	    cmocka_unit_test(acks_of_what_was_never_sent_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
