// SPDX-License-Identifier: ISC
// When the next frame may go to a guest's terminal: never while an older one is still on its way, so
// that what is shown is the newest and no queue of old frames grows. Pure: the clock is given.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In microseconds; reasons: design.md, "Pacing".
#define PACE_FRAME_US 16000    // no sooner after the last frame: a terminal shows 60 a second
#define PACE_ASK_FIRST_US 1000 // from written to the first look at a queue that was not empty,
#define PACE_ASK_MAX_US 100000 // doubled up to this while it does not empty
#define PACE_NEVER UINT64_MAX

enum pace_phase {
	PACE_CLEAR,   // nothing of ours is on its way
	PACE_WRITING, // not all of the last frame has been taken by the terminal
	PACE_QUEUED,  // taken, but it may stand in a queue on the way
};

struct pace {
	enum pace_phase phase;
	bool wanted;         // there is something newer than what was painted
	uint64_t painted_at; // when the last frame was made
	uint64_t ask_at;     // when to look at the queue again
	uint64_t ask_step;
	uint64_t lag_us; // from the last frame's making until it had left; 0: not known yet
};

enum pace_step {
	PACE_IDLE,  // nothing to do until something happens
	PACE_WAIT,  // until *at
	PACE_ASK,   // look at the queue, tell pace_queue()
	PACE_PAINT, // make a frame of the newest screen, tell pace_painted()
};

void pace_init(struct pace *pace);
// There is something new to show.
void pace_want(struct pace *pace);
// A frame has been made; `len` bytes of it are to be written (0: it changed nothing).
void pace_painted(struct pace *pace, uint64_t now_us, size_t len);
// Bytes that are no frame are to be written: frames wait for them too.
void pace_wrote_other(struct pace *pace);
// All that was to be written has been taken.
void pace_written(struct pace *pace, uint64_t now_us);
// The queue was looked at; `len` bytes stand in it. A queue that cannot be looked at is empty.
void pace_queue(struct pace *pace, uint64_t now_us, size_t len);
enum pace_step pace_next(const struct pace *pace, uint64_t now_us, uint64_t *at);
