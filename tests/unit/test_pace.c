// SPDX-License-Identifier: ISC
// Pacing, under a clock of the test's own, over links and terminals that are simulated.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/edge/pace.h"

#define T0 1000000
#define S UINT64_C(1000000)
#define QUESTION 4 // bytes

static const struct pace_link nothing; // a queue that is empty, or cannot be looked at

static enum pace_step
step(struct pace *pace, uint64_t now)
{
	uint64_t at;

	return pace_next(pace, now, &at);
}

// ---- step by step, without a socket -------------------------------------------------------------

static void
start(struct pace *pace, bool can_ask)
{
	pace_init(pace, can_ask, NULL);
	pace_want(pace);
}

static void
the_first_screen_is_painted_at_once(void **state)
{
	struct pace pace;
	(void)state;

	pace_init(&pace, false, NULL);
	assert_int_equal(step(&pace, T0), PACE_IDLE);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0), PACE_PAINT);
}

static void
nothing_is_painted_while_a_frame_is_not_written(void **state)
{
	struct pace pace;
	(void)state;

	start(&pace, false);
	pace_painted(&pace, T0, 100, QUESTION);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0 + 60 * S), PACE_IDLE); // however long it takes
	pace_written(&pace, T0 + 60 * S);
	assert_int_equal(step(&pace, T0 + 60 * S), PACE_ASK);
	pace_queue(&pace, T0 + 60 * S, &nothing);
	assert_int_equal(step(&pace, T0 + 60 * S), PACE_PAINT);
}

static void
nothing_is_painted_while_the_queue_holds_the_last_frame(void **state)
{
	const struct pace_link five = {.queued = 5};
	uint64_t now = T0, at;
	struct pace pace;
	int looks = 0;
	(void)state;

	start(&pace, false);
	pace_painted(&pace, now, 100, QUESTION);
	pace_want(&pace);
	pace_written(&pace, now);
	while (now < T0 + 10 * S) {
		enum pace_step next = pace_next(&pace, now, &at);

		assert_true(next == PACE_ASK || next == PACE_WAIT);
		if (next == PACE_ASK) {
			pace_queue(&pace, now, &five);
			looks++;
		} else {
			now = at;
		}
	}
	assert_in_range(looks, 50, 2500);
	pace_queue(&pace, now, &nothing);
	assert_int_equal(step(&pace, now), PACE_PAINT);
	assert_true(pace.lag_us >= 10 * S);
}

static void
frames_keep_a_distance(void **state)
{
	static const struct {
		struct pace_limits limits;
		size_t len;
		uint64_t distance;
	} cases[] = {
	    {{0, 0}, 100, PACE_FRAME_US},
	    {{240, 0}, 100, PACE_FRAME_US},
	    {{10, 0}, 100, 100000},
	    {{1, 0}, 100, S},
	    {{0, 1000}, 100, 100000},
	    {{0, 1000}, 2000, 2 * S},
	    {{0, 1}, 100, 100 * S},
	    {{10, 100000}, 100, 100000},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pace pace;
		uint64_t at;

		pace_init(&pace, false, &cases[i].limits);
		pace_want(&pace);
		pace_painted(&pace, T0, cases[i].len, QUESTION);
		pace_written(&pace, T0);
		pace_queue(&pace, T0 + 10, &nothing);
		pace_want(&pace);
		assert_int_equal(pace_next(&pace, T0 + 20, &at), PACE_WAIT);
		assert_int_equal(at, T0 + cases[i].distance);
		assert_int_equal(step(&pace, at), PACE_PAINT);
	}
}

static void
after_quiet_what_follows_shares_a_packet(void **state)
{
	static const struct {
		uint64_t rtt_us, gathered_us;
	} cases[] = {{0, 0}, {400, 0}, {40000, 10000}, {300000, PACE_GATHER_US}};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct pace_link link = {.counts = true,
		    .acked = 100,
		    .rtt_us = cases[i].rtt_us,
		    .rtt_min_us = cases[i].rtt_us};
		struct pace pace;
		uint64_t at;

		pace_init(&pace, false, NULL);
		pace_want(&pace);
		pace_painted(&pace, T0, 100, QUESTION);
		pace_written(&pace, T0);
		pace_queue(&pace, T0 + 10, &link);
		assert_int_equal(step(&pace, T0 + S), PACE_IDLE); // long quiet
		pace_want(&pace);
		if (cases[i].gathered_us) {
			assert_int_equal(pace_next(&pace, T0 + 2 * S, &at), PACE_WAIT);
			assert_int_equal(at, T0 + 2 * S + cases[i].gathered_us);
			pace_want(&pace); // more does not put it off
			assert_int_equal(step(&pace, at), PACE_PAINT);
		} else {
			assert_int_equal(step(&pace, T0 + 2 * S), PACE_PAINT);
		}
	}
}

// The guest's TCP holds an acknowledgement back for 40 ms.
static void
three_small_frames_on_their_way_are_no_queue(void **state)
{
	struct pace_link link = {
	    .counts = true, .acked = 5000, .rtt_us = 90000, .rtt_min_us = 60000};
	struct pace pace;
	(void)state;

	pace_init(&pace, false, NULL);
	pace_queue(&pace, T0, &link);
	pace.rate.per_s = 17000; // what 500 bytes in 30 ms are
	for (int i = 0; i < 2; i++) {
		pace_want(&pace);
		pace_painted(&pace, T0 + S, 500, QUESTION);
		pace_written(&pace, T0 + S);
		link.queued = i ? 4000 : 1500;
		pace_queue(&pace, T0 + S + 30000, &link);
		assert_int_equal(pace.phase, i ? PACE_QUEUED : PACE_CLEAR);
	}
}

static void
an_idle_screen_needs_no_clock(void **state)
{
	const struct pace_link stuck = {.queued = 77, .counts = true, .rtt_us = 300000};
	uint64_t now = T0, at;
	struct pace pace;
	int looks = 0;
	(void)state;

	start(&pace, true);
	pace_painted(&pace, now, 100, QUESTION);
	pace_written(&pace, now);
	for (enum pace_step next; (next = pace_next(&pace, now, &at)) != PACE_IDLE;) {
		if (next == PACE_ASK)
			pace_queue(&pace, now, &stuck); // never empties; nobody waits for it
		else
			now = at;
		assert_true(++looks < 20);
	}
	pace_want(&pace);
	assert_int_equal(step(&pace, now + 2 * S), PACE_ASK);
}

static void
a_frame_without_bytes_delays_nothing(void **state)
{
	struct pace pace;
	(void)state;

	start(&pace, true);
	assert_int_equal(pace_painted(&pace, T0, 0, QUESTION), PACE_NO_QUESTION);
	assert_int_equal(step(&pace, T0), PACE_IDLE);
	pace_want(&pace);
	assert_int_equal(step(&pace, T0), PACE_PAINT);
}

// ---- questions ---------------------------------------------------------------------------------

// One frame that is gone as soon as it is written; whether and where a question went with it.
static enum pace_question
frame(struct pace *pace, uint64_t *now, size_t len)
{
	enum pace_question question;

	*now += S;
	pace_want(pace);
	assert_int_equal(step(pace, *now), PACE_PAINT);
	question = pace_painted(pace, *now, len, QUESTION);
	pace_written(pace, *now);
	pace_queue(pace, *now, &nothing);
	return question;
}

static void
questions_are_rare(void **state)
{
	uint64_t now = T0;
	struct pace pace;
	size_t asked = 0, sent = 0;
	(void)state;

	pace_init(&pace, true, NULL);
	assert_int_equal(frame(&pace, &now, 1000), PACE_QUESTION_AFTER); // the first of all
	pace_answer(&pace, now + 1000);
	for (; sent < (1 << 20); sent += 1000) {
		if (frame(&pace, &now, 1000) != PACE_QUESTION_AFTER)
			continue;
		asked++;
		pace_answer(&pace, now + 1000);
	}
	assert_in_range(asked, sent / PROOF_BYTES, sent / PROOF_BYTES + 1);
}

static void
a_terminal_that_cannot_answer_is_not_asked(void **state)
{
	uint64_t now = T0;
	struct pace pace;
	(void)state;

	pace_init(&pace, false, NULL);
	for (int i = 0; i < 200; i++)
		assert_int_equal(frame(&pace, &now, 1000), PACE_NO_QUESTION);
}

static void
an_answer_that_nobody_asked_for_is_none(void **state)
{
	uint64_t now = T0;
	struct pace pace;
	(void)state;

	start(&pace, true);
	for (int i = 0; i < 100; i++)
		pace_answer(&pace, T0);
	assert_false(pace.proof.answered);
	assert_int_equal(frame(&pace, &now, 1000), PACE_QUESTION_AFTER);
	for (int i = 0; i < 100; i++) // forged: only one counts
		pace_answer(&pace, now);
	assert_int_equal(pace.proof.proven, pace.proof.pos);
	frame(&pace, &now, 1000);
	assert_true(pace.proof.proven < pace.proof.pos);
}

static void
a_frame_too_large_waits_for_what_is_under_way(void **state)
{
	uint64_t now = T0;
	struct pace pace;
	(void)state;

	pace_init(&pace, true, NULL);
	frame(&pace, &now, 100);
	pace_answer(&pace, now);
	frame(&pace, &now, 10000);
	now += S;
	pace_want(&pace);
	assert_int_equal(step(&pace, now), PACE_PAINT);
	assert_int_equal(pace_painted(&pace, now, 60000, QUESTION), PACE_QUESTION_BEFORE);
	assert_true(pace.held);
	assert_int_equal(step(&pace, now + PROOF_LOST_US), PACE_GIVE_UP);
	assert_true(pace_expired(&pace, now + PROOF_LOST_US)); // ask again
	assert_true(pace.held);
	pace_answer(&pace, now + PROOF_LOST_US + 1);
	assert_false(pace.held);
}

// ---- simulated links ---------------------------------------------------------------------------

#define PACKET 1448
#define SEGMENTS 65536
#define TAKEN_US 2000 // from a write to sshd's having read it

enum terminal { HONEST, MUTE, LIAR, FORGETFUL };

struct segment {
	uint64_t taken, acked, arrives; // when: by sshd, as the socket says, at the terminal
	size_t len;
	bool question;
};

struct sim {
	uint64_t rate, rtt; // bytes a second, us
	bool jump;          // the socket sees a first hop, which is fast
	enum terminal terminal;
	uint64_t stop_at, go_at; // the guest's ssh is stopped: its kernel takes all
	struct segment *segments;
	size_t first, count;
	uint64_t busy_until;
	uint64_t written, arrived, acked; // bytes
	uint64_t srtt;
	uint64_t answers[64]; // when they come
	size_t answers_first, answers_count, questions;
	// what came of it
	uint64_t lag_max, gap_max, outstanding_max, last_frame, after_go;
	size_t frames;
};

static void
sim_answer(struct sim *sim, uint64_t when)
{
	sim->questions++;
	if (sim->terminal == MUTE || (sim->terminal == FORGETFUL && sim->questions % 3 == 2))
		return;
	sim->answers[sim->answers_count++ % 64] = when;
}

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
sim_send(struct sim *sim, uint64_t now, size_t len, bool question)
{
	struct segment *segment = &sim->segments[sim->count++ % SEGMENTS];
	uint64_t start = later(now + TAKEN_US, sim->busy_until);

	sim->busy_until = start + len * S / sim->rate;
	*segment = (struct segment){.taken = now + TAKEN_US,
	    .arrives = sim->busy_until + sim->rtt / 2,
	    .len = len,
	    .question = question};
	segment->acked = sim->jump ? segment->taken + 1000 : segment->arrives + sim->rtt / 2;
	if (segment->arrives >= sim->stop_at && segment->arrives < sim->go_at)
		segment->arrives = sim->go_at;
	if (question && sim->terminal == LIAR)
		sim_answer(sim, now + TAKEN_US);
	else if (question)
		sim_answer(sim, segment->arrives + sim->rtt / 2);
	sim->written += len;
}

static void
sim_write(struct sim *sim, uint64_t now, size_t len, bool question)
{
	for (; len > PACKET; len -= PACKET)
		sim_send(sim, now, PACKET, false);
	sim_send(sim, now, len, false);
	if (question)
		sim_send(sim, now, QUESTION, true);
}

static struct pace_link
sim_look(const struct sim *sim, uint64_t now)
{
	struct pace_link link = {.counts = true,
	    .acked = sim->acked + 1000,
	    .rtt_us = sim->srtt,
	    .rtt_min_us = sim->jump ? 100 : sim->rtt};

	for (size_t i = sim->first; i < sim->count; i++) {
		const struct segment *segment = &sim->segments[i % SEGMENTS];

		if (segment->taken <= now && segment->acked > now)
			link.queued += segment->len;
		else if (segment->acked <= now)
			link.acked += segment->len;
	}
	return link;
}

// What has come to the terminal by now, and what has not.
static void
sim_advance(struct sim *sim, uint64_t now)
{
	uint64_t arrived = sim->arrived;

	while (sim->first < sim->count) {
		const struct segment *segment = &sim->segments[sim->first % SEGMENTS];

		if (segment->arrives > now || segment->acked > now)
			break;
		sim->srtt = (7 * sim->srtt + segment->acked - segment->taken) / 8;
		sim->arrived += segment->len;
		sim->acked += segment->len;
		sim->first++;
	}
	arrived = sim->arrived;
	for (size_t i = sim->first; i < sim->count; i++)
		if (sim->segments[i % SEGMENTS].arrives <= now)
			arrived += sim->segments[i % SEGMENTS].len;
	sim->outstanding_max = later(sim->outstanding_max, sim->written - arrived);
}

static void
sim_paint(struct sim *sim, struct pace *pace, uint64_t now, size_t len, bool settled)
{
	enum pace_question question = pace_painted(pace, now, len, QUESTION);
	uint64_t lag;

	assert_int_not_equal(question, PACE_QUESTION_BEFORE); // frames are of one size
	sim_write(sim, now, len, question == PACE_QUESTION_AFTER);
	pace_written(pace, now);
	lag = sim->segments[(sim->count - 1) % SEGMENTS].arrives - now;
	if (settled)
		sim->lag_max = later(sim->lag_max, lag);
	if (sim->last_frame)
		sim->gap_max = later(sim->gap_max, now - sim->last_frame);
	if (!sim->after_go && now >= sim->go_at)
		sim->after_go = now - sim->go_at;
	sim->last_frame = now;
	sim->frames++;
}

static void
sim_step(struct sim *sim, struct pace *pace, uint64_t now, size_t len, bool settled)
{
	struct pace_link link;
	uint64_t at;

	sim_advance(sim, now);
	while (sim->answers_first < sim->answers_count &&
	       sim->answers[sim->answers_first % 64] <= now) {
		sim->answers_first++;
		link = sim_look(sim, now);
		pace_queue(pace, now, &link);
		pace_answer(pace, now);
	}
	for (int steps = 0;; steps++) {
		assert_true(steps < 10); // no spinning
		pace_want(pace);
		switch (pace_next(pace, now, &at)) {
		case PACE_ASK:
			link = sim_look(sim, now);
			pace_queue(pace, now, &link);
			break;
		case PACE_PAINT: sim_paint(sim, pace, now, len, settled); break;
		case PACE_GIVE_UP:
			if (pace_expired(pace, now)) {
				sim_send(sim, now, QUESTION, true);
				pace_written(pace, now);
			}
			break;
		case PACE_IDLE:
		case PACE_WAIT: return;
		}
	}
}

static void
sim_run(struct sim *sim, size_t len, uint64_t settled_s, uint64_t for_s)
{
	struct pace_link link;
	struct pace pace;

	sim->segments = calloc(SEGMENTS, sizeof(*sim->segments));
	assert_non_null(sim->segments);
	sim->srtt = sim->jump ? 100 : sim->rtt;
	pace_init(&pace, true, NULL);
	link = sim_look(sim, T0);
	pace_queue(&pace, T0, &link); // as after entering
	for (uint64_t now = T0; now < T0 + for_s * S; now += 1000)
		sim_step(sim, &pace, now, len, now >= T0 + settled_s * S);
	free(sim->segments);
}

// A screen that always changes. `lag_ms` is one way, the frame's own time on the link, and how much it
// may wait; `frames` at least in 30 s.
static void
the_screen_is_never_older_than_the_link_makes_it(void **state)
{
	static const struct {
		const char *name;
		uint64_t rate, rtt_ms;
		size_t len;
		bool jump;
		enum terminal terminal;
		uint64_t lag_ms, gap_ms;
		size_t frames;
	} cases[] = {
	    {"LAN", 125000000, 0, 2000, false, HONEST, 5, 25, 1700},
	    {"1 Mbit/s, 60 ms", 125000, 60, 2000, false, HONEST, 70, 120, 800},
	    {"1 Mbit/s, 60 ms, small", 125000, 60, 300, false, HONEST, 40, 120, 900},
	    {"56 kbit/s, 300 ms", 7000, 300, 1800, false, HONEST, 520, 700, 90},
	    {"56 kbit/s, 300 ms, small", 7000, 300, 500, false, HONEST, 320, 700, 140},
	    {"56 kbit/s, 300 ms, large", 7000, 300, 8000, false, HONEST, 1600, 1600, 20},
	    {"9600 bit/s, 100 ms", 1200, 100, 1800, false, HONEST, 2000, 2000, 18},
	    {"a terminal that never answers", 7000, 300, 1800, false, MUTE, 520, 3500, 85},
	    {"answers that get lost", 7000, 300, 1800, false, FORGETFUL, 520, 12000, 25},
	    {"a terminal that answers too early", 7000, 300, 1800, false, LIAR, 520, 700, 90},
	    {"1 Mbit/s through a jump host", 80000, 60, 2000, true, HONEST, 400, 500, 250},
	    {"56 kbit/s through a jump host", 7000, 300, 1800, true, HONEST, 430, 700, 48},
	    {"9600 bit/s through a jump host", 1200, 100, 1800, true, HONEST, 1600, 1700, 15},
	    {"answers that get lost behind a jump host", 7000, 300, 1800, true, FORGETFUL, 430,
		12000, 5},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sim sim = {.rate = cases[i].rate,
		    .rtt = cases[i].rtt_ms * 1000 + 100,
		    .jump = cases[i].jump,
		    .terminal = cases[i].terminal,
		    .stop_at = UINT64_MAX,
		    .go_at = UINT64_MAX};

		sim_run(&sim, cases[i].len, 5, 30);
		printf("%s: lag %.0f ms, gap %.0f ms, %zu frames, %zu questions, %zu bytes under "
		       "way\n",
		    cases[i].name, (double)sim.lag_max / 1e3, (double)sim.gap_max / 1e3, sim.frames,
		    sim.questions, (size_t)sim.outstanding_max);
		assert_true(sim.lag_max <= cases[i].lag_ms * 1000);
		assert_true(sim.gap_max <= cases[i].gap_ms * 1000);
		assert_true(sim.frames >= cases[i].frames);
		assert_true(sim.outstanding_max <= PROOF_MAX_BYTES);
	}
}

// The kernel of a stopped ssh still acknowledges: only the terminal's answers tell.
static void
a_stopped_ssh_gets_no_more_than_the_limit_and_then_the_newest(void **state)
{
	static const struct {
		uint64_t rate, rtt;
		bool jump;
	} links[] = {{125000000, 400, false}, {125000, 60000, false}, {7000, 300000, false},
	    {125000000, 400, true}, {7000, 300000, true}};
	(void)state;

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct sim sim = {.rate = links[i].rate,
		    .rtt = links[i].rtt,
		    .jump = links[i].jump,
		    .stop_at = T0 + 10 * S,
		    .go_at = T0 + 70 * S};

		sim_run(&sim, 2000, 5, 80);
		assert_true(sim.outstanding_max <= PROOF_MAX_BYTES);
		assert_true(sim.after_go <= S / 2);
		assert_true(sim.frames >= 20);
	}
}

// Who forges answers gains frames for the own link only, no more than 60 a second.
static void
forged_answers_behind_a_jump_host_are_bounded_by_the_frame_rate(void **state)
{
	struct sim sim = {.rate = 7000,
	    .rtt = 300000,
	    .jump = true,
	    .terminal = LIAR,
	    .stop_at = UINT64_MAX,
	    .go_at = UINT64_MAX};
	(void)state;

	sim_run(&sim, 100, 5, 30);
	assert_true(sim.frames <= 30 * S / PACE_FRAME_US + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_screen_is_painted_at_once),
	    cmocka_unit_test(nothing_is_painted_while_a_frame_is_not_written),
	    cmocka_unit_test(nothing_is_painted_while_the_queue_holds_the_last_frame),
	    cmocka_unit_test(frames_keep_a_distance),
	    cmocka_unit_test(after_quiet_what_follows_shares_a_packet),
	    cmocka_unit_test(three_small_frames_on_their_way_are_no_queue),
	    cmocka_unit_test(an_idle_screen_needs_no_clock),
	    cmocka_unit_test(a_frame_without_bytes_delays_nothing),
	    cmocka_unit_test(questions_are_rare),
	    cmocka_unit_test(a_terminal_that_cannot_answer_is_not_asked),
	    cmocka_unit_test(an_answer_that_nobody_asked_for_is_none),
	    cmocka_unit_test(a_frame_too_large_waits_for_what_is_under_way),
	    cmocka_unit_test(the_screen_is_never_older_than_the_link_makes_it),
	    cmocka_unit_test(a_stopped_ssh_gets_no_more_than_the_limit_and_then_the_newest),
	    cmocka_unit_test(forged_answers_behind_a_jump_host_are_bounded_by_the_frame_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
