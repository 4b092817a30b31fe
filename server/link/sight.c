// SPDX-License-Identifier: ISC
// When the next frame may go over a link through sshd.
#include "server/link/sight.h"

static const struct link_hold seldom = {.bytes = 32u << 10, .frames = 96, .ms = 30000};
static const struct link_hold often = {
    .bytes = LIMIT_LINK_HOLD_BYTES, .frames = LIMIT_LINK_HOLD_FRAMES, .ms = LIMIT_LINK_HOLD_MS};
// The same where frames are not deflated: they are larger than what goes over the link.
static const struct link_hold plainly = {
    .bytes = 4 * LIMIT_LINK_HOLD_BYTES, .frames = LIMIT_LINK_HOLD_FRAMES, .ms = LIMIT_LINK_HOLD_MS};
static const struct link_hold each = {
    .bytes = LIMIT_LINK_HOLD_BYTES, .frames = 1, .ms = LIMIT_LINK_HOLD_MS};

static uint64_t
latest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void
sight_init(struct sight *sight, struct linksend *send, const char *connection)
{
	struct sockq_state state;

	*sight = (struct sight){.state = SIGHT_UNKNOWN};
	pace_init(&sight->pace, false, NULL);
	if (!sockq_open(&sight->sockq, connection)) {
		sight->state = SIGHT_NONE;
	} else if (sockq_ask(&sight->sockq, &state) && state.counts) {
		sight->began = state.acked + state.queued;
		sight->given = send->bytes;
		sight->padded = send->pad = true;
	}
}

void
sight_fini(struct sight *sight)
{
	sockq_close(&sight->sockq);
}

static void
look(struct sight *sight, const struct linksend *send, uint64_t now_us)
{
	struct pace_link link = {0};
	struct sockq_state state;

	if (sockq_ask(&sight->sockq, &state))
		link = (struct pace_link){.queued = state.queued,
		    .counts = state.counts,
		    .acked = state.acked,
		    .rtt_us = state.rtt_us,
		    .rtt_min_us = state.rtt_min_us};
	pace_queue(&sight->pace, now_us, &link);
	if (sight->pace.phase != PACE_CLEAR)
		return;
	while (sight->gone_last < send->pace.sent)
		sight->gone[++sight->gone_last % LINKPACE_RING] = now_us;
}

// When the queue lets a frame go, or is to be looked at again.
static uint64_t
due_by_queue(
    struct sight *sight, const struct linksend *send, uint64_t now_us, enum pace_step *step)
{
	uint64_t at;

	while ((*step = pace_next(&sight->pace, now_us, &at)) == PACE_ASK)
		look(sight, send, now_us);
	return *step == PACE_PAINT ? now_us : at;
}

// Until the first ACK the queue is only looked at, to be compared with it.
static uint64_t
due_unknown(struct sight *sight, struct linksend *send, uint64_t now_us, uint64_t due)
{
	enum pace_step step;
	uint64_t at;

	sight->pace.wanted = send->pace.sent > send->pace.acked;
	at = due_by_queue(sight, send, now_us, &step);
	return step == PACE_WAIT && at < due ? at : due;
}

// One frame at a time where that is right, and an ACK for each, from the first time that one has to wait.
static void
step_or_not(const struct sight *sight, struct linksend *send, uint64_t now_us)
{
	struct linkpace *acks = &send->pace;
	bool on_way = acks->sent > acks->acked;
	uint64_t base = linkpace_base(acks), since = now_us - acks->sent_at;

	if (!acks->wanted || !sight->hidden)
		return;
	if (!acks->step && on_way && since < base && base >= SIGHT_STEP_US) {
		acks->step = true;
		linksend_hold(send, &each);
	} else if (acks->step && !on_way && since >= latest(2 * base, SIGHT_QUIET_US)) {
		acks->step = false;
		linksend_hold(send, send->plain ? &plainly : &often);
	}
}

uint64_t
sight_due(struct sight *sight, struct linksend *send, uint64_t now_us)
{
	uint64_t due = linksend_due(send, now_us);
	enum pace_step step;

	if (send->notice_due || send->off < send->out.len)
		return due;
	if (sight->state == SIGHT_CLEAR) {
		sight->pace.wanted = send->pace.wanted && !linkpace_full(&send->pace);
		return due_by_queue(sight, send, now_us, &step);
	}
	step_or_not(sight, send, now_us);
	if (send->pace.step && send->pace.sent > send->pace.acked)
		return LINKPACE_NEVER;
	due = latest(due, pace_limited(&sight->pace));
	return sight->state == SIGHT_UNKNOWN ? due_unknown(sight, send, now_us, due) : due;
}

void
sight_made(struct sight *sight, uint64_t now_us, size_t len)
{
	pace_painted(&sight->pace, now_us, len, 0);
}

void
sight_written(struct sight *sight, uint64_t now_us)
{
	pace_written(&sight->pace, now_us);
}

// An ACK comes a round trip after the frame left the queue, at the latest; more, and there is a way that
// is not seen: behind a jump host, or in a tunnel. Later ones are forgiven what a busy watcher takes.
static bool
shows(const struct sight *sight, const struct linkpace *acks)
{
	uint64_t most = sight->state == SIGHT_UNKNOWN ? SIGHT_FIRST_US : SIGHT_LATE_US;
	uint64_t slack = latest(sight->pace.link.rtt_us, most);
	uint64_t came = acks->ring[acks->acked % LINKPACE_RING].sent_at + acks->rtt_us;

	return sight->pace.link.counts &&
	       (acks->acked > sight->gone_last ||
		   came <= sight->gone[acks->acked % LINKPACE_RING] + slack);
}

// All that was written until now has come through sshd. If it sent less than that, it compresses, and
// what is deflated twice grows.
static void
compare(struct sight *sight, struct linksend *send)
{
	const struct pace_link *link = &sight->pace.link;
	uint64_t sent = link->acked + link->queued - sight->began;

	if (sight->padded && link->counts && sent < send->bytes - sight->given)
		linksend_plain(send);
}

void
sight_acked(struct sight *sight, struct linksend *send, uint64_t now_us)
{
	if (!send->pace.acked || sight->state == SIGHT_NONE)
		return;
	look(sight, send, now_us);
	if (sight->state == SIGHT_UNKNOWN)
		compare(sight, send);
	if (!shows(sight, &send->pace) || sight->pace.link.rtt_min_us > SIGHT_RTT_US) {
		if (sight->state == SIGHT_CLEAR || send->plain)
			linksend_hold(send, send->plain ? &plainly : &often);
		sight->hidden = sight->pace.link.counts && !shows(sight, &send->pace);
		sight->state = SIGHT_NONE;
	} else if (sight->state == SIGHT_UNKNOWN) {
		sight->state = SIGHT_CLEAR;
		linksend_hold(send, &seldom);
	}
}

uint64_t
sight_rtt(const struct sight *sight, const struct linksend *send)
{
	return sight->state == SIGHT_CLEAR ? pace_rtt(&sight->pace) : send->pace.srtt_us;
}

uint64_t
sight_bytes(const struct sight *sight, const struct linksend *send)
{
	const struct pace_link *link = &sight->pace.link;

	return send->plain && link->counts ? link->acked + link->queued - sight->began
					   : send->bytes;
}

uint64_t
sight_lag(const struct sight *sight, const struct linksend *send)
{
	return sight->state == SIGHT_CLEAR ? sight->pace.lag_us : send->pace.lag_us;
}
