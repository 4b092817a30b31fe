// SPDX-License-Identifier: ISC
// When the next frame may go over a link.
#include "server/link/linkpace.h"

#include "server/base/proto.h"

#define SECOND_US 1000000u
#define ACK_US (LIMIT_LINK_ACK_MS * 1000u)

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
clamp_u64(uint64_t value, uint64_t min, uint64_t max)
{
	return max_u64(min, min_u64(value, max));
}

static struct linkpace_frame *
frame_at(struct linkpace *pace, uint64_t number)
{
	return &pace->ring[number % LINKPACE_RING];
}

void
linkpace_init(struct linkpace *pace, uint64_t now_us)
{
	*pace = (struct linkpace){.hold_bytes = LIMIT_LINK_HOLD_BYTES,
	    .hold_frames = LIMIT_LINK_HOLD_FRAMES,
	    .hold_us = LIMIT_LINK_HOLD_MS * 1000u};
	pace->ring[0].sent_at = now_us;
}

void
linkpace_want(struct linkpace *pace)
{
	pace->wanted = true;
}

void
linkpace_sent_other(struct linkpace *pace, uint64_t now_us, size_t len)
{
	uint64_t us = pace->rate ? (len + LINKPACE_OVERHEAD) * SECOND_US / pace->rate : 0;

	pace->busy_until = max_u64(pace->busy_until, now_us) + us;
}

void
linkpace_sent(struct linkpace *pace, uint64_t now_us, size_t len)
{
	struct linkpace_frame *frame;

	pace->wanted = false;
	if (!len)
		return;
	linkpace_sent_other(pace, now_us, len);
	pace->own_us = pace->rate ? (len + LINKPACE_OVERHEAD) * SECOND_US / pace->rate : 0;
	frame = frame_at(pace, ++pace->sent);
	frame->sent_at = pace->sent_at = now_us;
	frame->queue_us = pace->rate ? pace->busy_until - now_us : 0;
	frame->len = len;
	pace->outstanding += len;
}

// The shortest round trip of the last LINKPACE_BASE_US to twice that: routes change.
static void
learn_base(struct linkpace *pace, uint64_t now_us, uint64_t rtt_us)
{
	if (!pace->base_us || now_us - pace->base_at > LINKPACE_BASE_US) {
		pace->base_before_us = pace->base_us ? pace->base_us : rtt_us;
		pace->base_us = rtt_us;
		pace->base_at = now_us;
	}
	pace->base_us = min_u64(pace->base_us, rtt_us);
}

uint64_t
linkpace_base(const struct linkpace *pace)
{
	return min_u64(pace->base_us, pace->base_before_us);
}

// How long a frame stood in queues says what the rate is, given what was ahead of it.
static void
learn_rate(struct linkpace *pace, const struct linkpace_frame *frame, uint64_t queue_us)
{
	uint64_t size = frame->len + LINKPACE_OVERHEAD, was = pace->rate, is;

	if (!was) {
		is = size * SECOND_US / max_u64(queue_us, LINKPACE_SIGNAL_US / 4);
	} else {
		if (max_u64(queue_us, frame->queue_us) < LINKPACE_SIGNAL_US)
			return;
		is = frame->queue_us
			 ? clamp_u64(was * frame->queue_us / max_u64(queue_us, 1), was / 2, was * 2)
			 : size * SECOND_US / queue_us;
		is = (was + is) / 2; // one sample is also the others' traffic
	}
	pace->rate = clamp_u64(is, LINKPACE_RATE_MIN, LINKPACE_RATE_MAX);
}

bool
linkpace_acked(struct linkpace *pace, uint64_t now_us, uint64_t frames, uint64_t held_us)
{
	const struct linkpace_frame *frame = frame_at(pace, frames);
	uint64_t rtt_us;

	if (frames > pace->sent || frames < pace->acked || (frames == pace->acked && pace->greeted))
		return false;
	rtt_us = max_u64(1, now_us - frame->sent_at);
	rtt_us = held_us < rtt_us ? rtt_us - held_us : 1;
	while (pace->acked < frames)
		pace->outstanding -= frame_at(pace, ++pace->acked)->len;
	pace->greeted = true;
	learn_base(pace, now_us, rtt_us);
	pace->rtt_us = rtt_us;
	pace->srtt_us = pace->srtt_us ? (7 * pace->srtt_us + rtt_us) / 8 : rtt_us;
	if (frames) {
		learn_rate(pace, frame, rtt_us - linkpace_base(pace));
		pace->lag_us = rtt_us - linkpace_base(pace) / 2;
	}
	if (pace->acked == pace->sent)
		pace->busy_until = now_us;
	return true;
}

// The frame on its way that the watcher will not hold the next ACK after; NULL: they are too few yet.
static const struct linkpace_frame *
due_frame(const struct linkpace *pace)
{
	size_t held = 0;

	for (uint64_t n = pace->acked + 1; n <= pace->sent; n++) {
		held += pace->ring[n % LINKPACE_RING].len;
		if (pace->acked == 0 || held >= pace->hold_bytes ||
		    n - pace->acked >= pace->hold_frames)
			return &pace->ring[n % LINKPACE_RING];
	}
	return NULL;
}

// When the next ACK should have come, at the latest.
static uint64_t
ack_expected(const struct linkpace *pace)
{
	const struct linkpace_frame *oldest = &pace->ring[(pace->acked + 1) % LINKPACE_RING];
	const struct linkpace_frame *frame = due_frame(pace);
	uint64_t there = frame ? frame->sent_at + frame->queue_us + ACK_US
			       : oldest->sent_at + oldest->queue_us + pace->hold_us;

	return there + linkpace_base(pace) + max_u64(linkpace_base(pace) / 2, LINKPACE_SLACK_US);
}

bool
linkpace_full(const struct linkpace *pace)
{
	const struct linkpace_frame *last = &pace->ring[pace->sent % LINKPACE_RING];

	// the next one may be as large as the last
	return (pace->outstanding && pace->outstanding + last->len > LIMIT_LINK_OUTSTANDING) ||
	       pace->sent - pace->acked >= LINKPACE_RING - 1;
}

uint64_t
linkpace_stalled(const struct linkpace *pace)
{
	uint64_t slow_us = pace->rate ? 0 : pace->outstanding * SECOND_US / LINKPACE_SLOW;

	return pace->sent == pace->acked ? LINKPACE_NEVER
					 : ack_expected(pace) + LINKPACE_STALL_US + slow_us;
}

uint64_t
linkpace_due(const struct linkpace *pace, uint64_t now_us)
{
	uint64_t on_way = pace->sent - pace->acked, due;

	if (!pace->wanted)
		return LINKPACE_NEVER;
	if (!pace->sent)
		return now_us;
	due = pace->sent_at +
	      clamp_u64(max_u64(pace->srtt_us * LINKPACE_RTT, pace->own_us * LINKPACE_SHARE),
		  LINKPACE_MIN_US, LINKPACE_MAX_US);
	if (!on_way)
		return due;
	if (!pace->rate || pace->step || linkpace_full(pace))
		return LINKPACE_NEVER;
	due = max_u64(due, pace->busy_until);
	return max_u64(due, now_us) > ack_expected(pace) ? LINKPACE_NEVER : due;
}
