// SPDX-License-Identifier: ISC
// Rare questions to a guest's terminal.
#include "server/edge/proof.h"

void
proof_init(struct proof *proof, bool can)
{
	*proof = (struct proof){.can = can};
}

static uint64_t
unproven(const struct proof *proof)
{
	return proof->pos - proof->proven;
}

// Bytes that no question stands behind yet.
static uint64_t
unasked(const struct proof *proof)
{
	return proof->pos - (proof->count ? proof->asked[proof->count - 1].pos : proof->proven);
}

static bool
may_ask(const struct proof *proof)
{
	return proof->can && !proof->mute && proof->count < PROOF_ASKED_MAX;
}

bool
proof_due(const struct proof *proof, uint64_t now_us, bool load)
{
	if (!may_ask(proof) || !unasked(proof))
		return false;
	if (proof->paces)
		return true;
	if (proof->count)
		return false;
	return !proof->asked_at ||
	       unproven(proof) >= (proof->trusted ? PROOF_BYTES : PROOF_FIRST_BYTES) ||
	       (load && proof->answered && now_us - proof->asked_at >= PROOF_LOAD_US);
}

bool
proof_due_before(const struct proof *proof, size_t len)
{
	return may_ask(proof) && unproven(proof) && unproven(proof) + len > PROOF_MAX_BYTES;
}

void
proof_asked(struct proof *proof, uint64_t now_us)
{
	if (proof->count == PROOF_ASKED_MAX)
		proof->count--; // asked again and again: the newest counts
	proof->asked[proof->count++] = (struct proof_question){.at = now_us, .pos = proof->pos};
	proof->asked_at = now_us;
}

void
proof_seen(struct proof *proof, uint64_t total)
{
	if (proof->count && proof->asked[proof->count - 1].pos == proof->pos)
		proof->asked[proof->count - 1].end = total;
}

void
proof_left(struct proof *proof, uint64_t now_us, uint64_t acked, bool all)
{
	for (size_t i = 0; i < proof->count; i++) {
		struct proof_question *question = &proof->asked[i];

		if (!question->left && (all || (question->end && acked >= question->end)))
			question->left = now_us;
	}
}

static uint64_t
lateness(uint64_t rtt_us)
{
	return rtt_us > PROOF_LATE_US ? rtt_us : PROOF_LATE_US;
}

static bool
is_late(const struct proof *proof, uint64_t now_us, uint64_t rtt_us)
{
	uint64_t left = proof->count ? proof->asked[0].left : 0;

	return left && now_us > left + lateness(rtt_us);
}

// What one answer to the oldest question, with `len` bytes before it, says of the queue.
static void
judge(struct proof *proof, bool late, uint64_t len)
{
	if (late && !proof->paces) {
		uint32_t enough = proof->timely_enough * 2;

		proof->paces = true;
		proof->trusted = false;
		proof->timely_enough = enough < PROOF_TIMELY_FIRST ? PROOF_TIMELY_FIRST
				       : enough > PROOF_TIMELY_MAX ? PROOF_TIMELY_MAX
								   : enough;
	}
	proof->timely = late ? 0 : proof->timely + 1;
	if (proof->paces && proof->timely >= proof->timely_enough)
		proof->paces = false;
	else if (!late && !proof->paces && len >= PROOF_FIRST_BYTES)
		proof->trusted = true;
}

void
proof_answer(struct proof *proof, uint64_t now_us, uint64_t rtt_us)
{
	size_t taken = proof->lost ? proof->count : 1;
	uint64_t rtt;

	if (!proof->count)
		return;
	rtt = now_us - proof->asked[taken - 1].at;
	if (!proof->lost) {
		judge(proof, is_late(proof, now_us, rtt_us), proof->asked[0].pos - proof->proven);
		proof->rtt_us = proof->rtt_us ? (7 * proof->rtt_us + rtt) / 8 : rtt;
	}
	proof->answered = true;
	proof->mute = proof->lost = false;
	proof->proven = proof->asked[taken - 1].pos;
	proof->count -= taken;
	for (size_t i = 0; i < proof->count; i++)
		proof->asked[i] = proof->asked[i + taken];
}

void
proof_forget(struct proof *proof)
{
	proof->proven = proof->pos;
	proof->count = 0;
	proof->lost = false;
}

bool
proof_waits(const struct proof *proof, uint64_t now_us, uint64_t rtt_us, size_t len, uint64_t *at)
{
	if (!proof->count || proof->mute)
		return false;
	*at = proof->asked_at + (proof->answered  ? PROOF_LOST_US
				    : proof->near ? PROOF_MUTE_NEAR_US
						  : PROOF_MUTE_US);
	// Until the first answer nothing is known of the way.
	return proof->paces || !proof->answered || unproven(proof) + len > PROOF_MAX_BYTES ||
	       is_late(proof, now_us, rtt_us);
}

bool
proof_expired(struct proof *proof, uint64_t now_us)
{
	(void)now_us;
	if (!proof->count)
		return false;
	if (proof->answered) {
		proof->lost = true;
		return true;
	}
	proof->mute = true; // until it answers after all
	return false;
}
