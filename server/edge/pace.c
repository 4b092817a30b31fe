// SPDX-License-Identifier: ISC
// When the next frame may go to a guest's terminal.
//
// A frame has gone when the queue has taken it and has let go of it, but for what a round trip of the
// way holds by itself: so the way stays full, and nothing stands in front of its narrowest part. Two
// things can show that this is not the whole story, proof.c knows them: the terminal's answers come
// later than the queue said, or too much has not been answered for.
#include "server/edge/pace.h"

#define SECOND_US 1000000u

void
pace_init(struct pace *pace, bool can_ask, const struct pace_limits *limits)
{
	*pace = (struct pace){.phase = PACE_CLEAR};
	if (limits)
		pace->limits = *limits;
	proof_init(&pace->proof, can_ask);
}

uint64_t
pace_rtt(const struct pace *pace)
{
	return pace->proof.paces || !pace->link.counts ? pace->proof.rtt_us : pace->link.rtt_us;
}

void
pace_want(struct pace *pace)
{
	pace->load |= pace->phase != PACE_CLEAR;
	pace->wanted = true;
}

void
pace_wrote_other(struct pace *pace)
{
	pace->phase = PACE_WRITING;
}

// ---- a frame is made ---------------------------------------------------------------------------

static uint64_t
latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
clamp(uint64_t value, uint64_t min, uint64_t max)
{
	return value < min ? min : value > max ? max : value;
}

static uint64_t
distance(const struct pace *pace)
{
	// The smoothed one grows by what delayed acknowledgements and our own frames take.
	uint64_t rtt =
	    pace->proof.paces || !pace->link.counts ? pace->proof.rtt_us : pace->link.rtt_min_us;

	return clamp(rtt / 2, PACE_FRAME_US, PACE_FRAME_MAX_US);
}

uint64_t
pace_limited(const struct pace *pace)
{
	uint32_t fps = pace->limits.max_fps;

	if (!pace->painted_at)
		return 0;
	return latest(pace->due_at, fps ? pace->painted_at + SECOND_US / fps : 0);
}

// A packet costs more than what a small change takes in it.
static uint64_t
gather(const struct pace *pace)
{
	uint64_t us = pace->link.counts ? pace->link.rtt_min_us / 4 : 0;

	return us < PACE_GATHER_LEAST_US ? 0 : us < PACE_GATHER_US ? us : PACE_GATHER_US;
}

static void
spend(struct pace *pace, uint64_t now_us, size_t len)
{
	if (pace->due_at < now_us)
		pace->due_at = now_us;
	if (pace->limits.budget)
		pace->due_at += (uint64_t)len * SECOND_US / pace->limits.budget;
}

enum pace_question
pace_painted(struct pace *pace, uint64_t now_us, size_t len, size_t question_len)
{
	enum pace_question question = PACE_NO_QUESTION;
	struct proof *proof = &pace->proof;

	pace->wanted = false;
	pace->wanted_at = 0;
	if (!len)
		return question;
	spend(pace, now_us, len);
	if (proof_due_before(proof, len + question_len)) {
		proof->pos += question_len;
		proof_asked(proof, now_us);
		proof->pos += len;
		pace->held = true;
		question = PACE_QUESTION_BEFORE;
	} else {
		proof->pos += len;
		if (proof_due(proof, now_us, pace->load)) {
			proof->pos += question_len;
			proof_asked(proof, now_us);
			question = PACE_QUESTION_AFTER;
		}
	}
	pace->frame_len -= pace->frame_len / 8;
	if (pace->frame_len < len)
		pace->frame_len = len;
	pace->load = false;
	pace->phase = PACE_WRITING;
	pace->painted_at = now_us;
	pace->mark = pace->link.acked + pace->link.queued;
	pace->seen = false;
	return question;
}

void
pace_written(struct pace *pace, uint64_t now_us)
{
	if (pace->phase != PACE_WRITING)
		return;
	pace->phase = PACE_QUEUED;
	pace->written_at = pace->ask_at = now_us;
	pace->ask_step = PACE_ASK_FIRST_US;
	pace->looks = 0;
}

// ---- the queue ---------------------------------------------------------------------------------

// The bytes that are in the air while nothing stands in front of the narrowest part of the way.
static uint64_t
in_the_air(const struct pace *pace)
{
	const struct pace_link *link = &pace->link;
	uint64_t late_us = link->rtt_min_us < PACE_ACK_US ? link->rtt_min_us : PACE_ACK_US;
	uint64_t bytes = pace->rate.per_s * (link->rtt_min_us + late_us) / SECOND_US;

	if (!link->counts)
		return 0;
	if (link->rtt_us <= link->rtt_min_us + latest(link->rtt_min_us / 4, late_us))
		bytes += bytes / 4; // no queue seen: is there room for more?
	return bytes < PACE_AIR_MAX ? bytes : PACE_AIR_MAX;
}

static void
gone(struct pace *pace, uint64_t now_us)
{
	uint64_t left_us = rate_us(&pace->rate, pace->link.queued);

	pace->phase = PACE_CLEAR;
	if (pace->painted_at && !pace->proof.paces) // else it was no frame, or cannot be told
		pace->lag_us = now_us > pace->painted_at ? now_us - pace->painted_at + left_us : 1;
}

// Between a frame's writing and sshd's reading of it the queue is empty too.
static bool
was_seen(struct pace *pace, uint64_t now_us)
{
	uint64_t total = pace->link.acked + pace->link.queued;

	if (!pace->link.counts)
		return true;
	if (total <= pace->mark)
		return false;
	if (!pace->seen && pace->mark)
		rate_came(&pace->rate, now_us, pace->mark, total);
	pace->seen = true;
	proof_seen(&pace->proof, total);
	return true;
}

static void
ask_again(struct pace *pace, uint64_t now_us)
{
	uint64_t max = clamp(pace_rtt(pace) / 8, PACE_ASK_FIRST_US, PACE_ASK_MAX_US);

	if (now_us - pace->written_at > PACE_STUCK_US)
		max = PACE_ASK_STUCK_US;
	pace->looks++;
	pace->ask_at = now_us + pace->ask_step;
	pace->ask_step = pace->ask_step * 2 < max ? pace->ask_step * 2 : max;
}

void
pace_queue(struct pace *pace, uint64_t now_us, const struct pace_link *link)
{
	bool seen;

	if (link->counts != pace->link.counts) { // another queue than before
		pace->mark = 0;
		pace->rate = (struct rate){0};
	}
	pace->link = *link;
	pace->proof.near = !link->counts;
	if (link->counts)
		rate_look(&pace->rate, now_us, link);
	if (pace->phase == PACE_WRITING || pace->held)
		return;
	seen = pace->phase == PACE_CLEAR || was_seen(pace, now_us);
	if (seen)
		proof_left(&pace->proof, now_us, link->acked, !link->queued);
	if (pace->phase != PACE_QUEUED)
		return;
	if (seen && link->queued <= in_the_air(pace))
		gone(pace, now_us);
	else
		ask_again(pace, now_us);
}

// ---- the terminal's answers --------------------------------------------------------------------

void
pace_answer(struct pace *pace, uint64_t now_us)
{
	struct proof *proof = &pace->proof;

	proof_answer(proof, now_us, pace->link.counts ? pace->link.rtt_us : 0);
	if (!proof->count)
		pace->held = false;
	if (pace->phase == PACE_WRITING || proof->proven != proof->pos)
		return;
	// All is there, whatever else stands in the queue, which may not be ours alone.
	if (pace->phase == PACE_QUEUED && pace->link.queued <= PROOF_MAX_BYTES)
		gone(pace, now_us);
	if (proof->paces && pace->painted_at)
		pace->lag_us = now_us - pace->painted_at;
}

bool
pace_expired(struct pace *pace, uint64_t now_us)
{
	bool again = proof_expired(&pace->proof, now_us);

	if (!again)
		pace->held = false;
	else if (!pace->held)
		pace_wrote_other(pace);
	if (again)
		proof_asked(&pace->proof, now_us);
	return again;
}

void
pace_forget(struct pace *pace)
{
	proof_forget(&pace->proof);
	pace->held = false;
}

// ---- what to do --------------------------------------------------------------------------------

static enum pace_step
wait_or(enum pace_step step, uint64_t due, uint64_t now_us, uint64_t *at)
{
	*at = due;
	return due <= now_us ? step : PACE_WAIT;
}

// Looked at a few times to learn the lag, and then only for somebody who waits.
static enum pace_step
next_queued(const struct pace *pace, uint64_t now_us, uint64_t *at)
{
	uint64_t due = pace->ask_at;

	if (!pace->wanted && pace->looks) {
		uint64_t rtt = pace_rtt(pace), step = rtt > PACE_TAKEN_US ? rtt : PACE_TAKEN_US;

		if (pace->looks >= PACE_LOOKS)
			return PACE_IDLE;
		if (due < pace->written_at + (step << (pace->looks - 1)))
			due = pace->written_at + (step << (pace->looks - 1));
	}
	return wait_or(PACE_ASK, due, now_us, at);
}

static enum pace_step
next_clear(const struct pace *pace, uint64_t now_us, uint64_t *at)
{
	const struct pace_link *link = &pace->link;
	uint64_t due = latest(pace->painted_at + distance(pace), pace->wanted_at + gather(pace));
	uint64_t expires;

	if (!pace->wanted)
		return PACE_IDLE;
	due = latest(due, pace_limited(pace));
	if (pace->painted_at && due > now_us)
		return wait_or(PACE_PAINT, due, now_us, at);
	if (proof_waits(
		&pace->proof, now_us, link->counts ? link->rtt_us : 0, pace->frame_len, &expires))
		return wait_or(PACE_GIVE_UP, expires, now_us, at);
	return PACE_PAINT;
}

enum pace_step
pace_next(struct pace *pace, uint64_t now_us, uint64_t *at)
{
	uint64_t expires;

	*at = PACE_NEVER;
	if (!pace->wanted)
		pace->wanted_at = 0;
	else if (!pace->wanted_at)
		pace->wanted_at = now_us;
	switch (pace->phase) {
	case PACE_WRITING: // the terminal says when it takes more
		if (pace->held && proof_waits(&pace->proof, now_us, 0, PROOF_MAX_BYTES, &expires))
			return wait_or(PACE_GIVE_UP, expires, now_us, at);
		return PACE_IDLE;
	case PACE_QUEUED: return next_queued(pace, now_us, at);
	case PACE_CLEAR: break;
	}
	return next_clear(pace, now_us, at);
}
