// SPDX-License-Identifier: ISC
// Rare questions to a guest's terminal (DSR, `CSI 5 n`, answered `CSI 0 n`): what stands before one has
// arrived when its answer has. They prove, or disprove, that a socket's queue shows the whole way to
// the terminal, and bound what may be under way. Pure: the clock is given.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of output; reasons: design.md, "Pacing". An answer is typing to ssh, which may hide it in a
// burst of packets: so questions are rare.
// Until the queue is trusted; the very first frame is asked for too.
#define PROOF_FIRST_BYTES (16u << 10)
#define PROOF_BYTES (48u << 10) // not known to have arrived: ask, so that the next limit is not met
#define PROOF_MAX_BYTES (64u << 10) // never more than this
// Microseconds.
#define PROOF_LOAD_US 30000000 // under load: ask at least so often
#define PROOF_LATE_US                                                                              \
	150000 // later than the queue said by more than this, or a round trip: disproved
#define PROOF_MUTE_US 3000000     // a terminal that has never answered is not waited for longer
#define PROOF_MUTE_NEAR_US 300000 // likewise where there is no network, as far as is known
#define PROOF_LOST_US 10000000    // an answer that has not come: ask again

#define PROOF_ASKED_MAX 8      // questions without an answer
#define PROOF_TIMELY_FIRST 16u // a terminal that was busy once; doubled each time up to
#define PROOF_TIMELY_MAX 4096u

struct proof_question {
	uint64_t at;   // when it was asked
	uint64_t pos;  // bytes of output up to it
	uint64_t end;  // what the queue had taken in all by then, 0: not seen yet
	uint64_t left; // when the queue said that it had gone, or 0
};

struct proof {
	bool can;      // the terminal may be asked
	bool answered; // and has answered
	bool near;     // no network is known between us and it
	bool mute;     // or did not in time: it is not asked again
	bool paces;    // the queue does not show the whole way: wait for the answers
	bool trusted;  // it did, for at least PROOF_FIRST_BYTES
	uint32_t timely, timely_enough; // answers in time while they pace; so many and they do not
	bool lost;                      // an answer is missing: which is which is not known
	struct proof_question asked[PROOF_ASKED_MAX]; // the oldest first
	size_t count;
	uint64_t pos, proven; // bytes of output: all, and those that have arrived
	uint64_t rtt_us;      // smoothed time to an answer, or 0
	uint64_t asked_at;    // the last question
};

void proof_init(struct proof *proof, bool can);
// Whether a question has to follow the output so far, or to stand before the next `len` bytes.
bool proof_due(const struct proof *proof, uint64_t now_us, bool load);
bool proof_due_before(const struct proof *proof, size_t len);
void proof_asked(struct proof *proof, uint64_t now_us);
// The queue has taken `total` bytes in all, with the last question and nothing later.
void proof_seen(struct proof *proof, uint64_t total);
// Of those `acked` have gone, or all of them. What has gone of the questions is noted.
void proof_left(struct proof *proof, uint64_t now_us, uint64_t acked, bool all);
// An answer came. One to nothing that was asked is none.
void proof_answer(struct proof *proof, uint64_t now_us, uint64_t rtt_us);
// The terminal was somebody else's meanwhile: nothing is expected from it any more.
void proof_forget(struct proof *proof);
// Whether a frame of `len` bytes, as far as that is known, has to wait for an answer. If so, from *at
// on proof_expired() is to be called.
bool proof_waits(
    const struct proof *proof, uint64_t now_us, uint64_t rtt_us, size_t len, uint64_t *at);
// It did not come. Whether to ask again.
bool proof_expired(struct proof *proof, uint64_t now_us);
