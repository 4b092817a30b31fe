// SPDX-License-Identifier: ISC
// When the next frame may go to a guest's terminal: when the one before has gone, so that what is shown
// is the newest and no queue of old frames grows. Pure: the clock is given.
#pragma once

#include "server/edge/proof.h"
#include "server/edge/rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In microseconds; reasons: design.md, "Pacing".
#define PACE_FRAME_US 16000      // no sooner after the last frame: a terminal shows 60 a second,
#define PACE_FRAME_MAX_US 250000 // or half a round trip, and no longer than this
#define PACE_GATHER_US 20000 // after quiet: a quarter of a round trip, and no longer than this, for
#define PACE_GATHER_LEAST_US 1000 // what follows to share its packet; not on a LAN
#define PACE_ASK_FIRST_US 1000    // from written to the first look at a queue that was not empty,
#define PACE_ASK_MAX_US 20000     // doubled up to an eighth of a round trip, at most this,
#define PACE_ASK_STUCK_US 100000  // and to this
#define PACE_STUCK_US 2000000     // when it has not emptied for so long
#define PACE_LOOKS 6              // at the queue, when nobody waits for it; the distance doubles,
#define PACE_TAKEN_US 4000        // from this on, in which sshd takes what was written
#define PACE_AIR_MAX (32u << 10)  // bytes: no more may be in the air when the next frame is made
#define PACE_ACK_US 40000         // by which the guest's TCP may delay its acknowledgement (Linux)
#define PACE_NEVER UINT64_MAX

enum pace_phase {
	PACE_CLEAR,   // nothing of ours is on its way
	PACE_WRITING, // not all of the last frame has been taken by the terminal
	PACE_QUEUED,  // taken, but it may stand in a queue on the way
};

struct pace_limits {
	uint32_t max_fps; // 0: none
	uint64_t budget;  // bytes a second; 0: none
};

struct pace {
	struct pace_limits limits;
	struct proof proof;
	enum pace_phase phase;
	bool wanted;         // there is something newer than what was painted
	uint64_t wanted_at;  // since then, as far as was seen
	bool load;           // that was so before the last frame had gone
	bool held;           // the frame that was made may not be written yet
	uint64_t painted_at; // when the last frame was made
	uint64_t written_at; // when it had been taken
	uint64_t due_at;     // not before this, for the limits
	size_t frame_len;    // of frames lately, rather too much
	uint64_t ask_at;     // when to look at the queue again
	uint64_t ask_step;
	int looks; // since the frame was written
	struct pace_link link;
	uint64_t mark; // bytes that had come into the queue when the frame was made
	bool seen;     // more have come since
	struct rate rate;
	uint64_t lag_us; // from the last frame's making until it had arrived; 0: not known yet
};

enum pace_step {
	PACE_IDLE,    // nothing to do until something happens
	PACE_WAIT,    // until *at
	PACE_ASK,     // look at the queue, tell pace_queue()
	PACE_PAINT,   // make a frame of the newest screen, tell pace_painted()
	PACE_GIVE_UP, // an answer is missing: call pace_expired()
};

enum pace_question {
	PACE_NO_QUESTION,
	PACE_QUESTION_BEFORE, // the terminal's answer decides when the frame may be written
	PACE_QUESTION_AFTER,
};

// `can_ask`: the terminal answers DSR, as far as is known.
void pace_init(struct pace *pace, bool can_ask, const struct pace_limits *limits);
// There is something new to show.
void pace_want(struct pace *pace);
// A frame has been made; `len` bytes of it are to be written (0: it changed nothing), with a
// question to the terminal, of `question_len` bytes, as this says.
enum pace_question pace_painted(
    struct pace *pace, uint64_t now_us, size_t len, size_t question_len);
// Bytes that are no frame are to be written: frames wait for them too.
void pace_wrote_other(struct pace *pace);
// All that was to be written has been taken.
void pace_written(struct pace *pace, uint64_t now_us);
// The queue was looked at. One that cannot be looked at is empty.
void pace_queue(struct pace *pace, uint64_t now_us, const struct pace_link *link);
// The terminal answered.
void pace_answer(struct pace *pace, uint64_t now_us);
// Whether to ask the terminal again.
bool pace_expired(struct pace *pace, uint64_t now_us);
// The terminal was somebody else's for a while.
void pace_forget(struct pace *pace);
enum pace_step pace_next(struct pace *pace, uint64_t now_us, uint64_t *at);
// The limits allow no frame before this.
uint64_t pace_limited(const struct pace *pace);
// A round trip, or 0.
uint64_t pace_rtt(const struct pace *pace);
