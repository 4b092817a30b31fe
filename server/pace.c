// SPDX-License-Identifier: ISC
// When the next frame may go to a guest's terminal.
#include "server/pace.h"

void
pace_init(struct pace *pace)
{
	*pace = (struct pace){.phase = PACE_CLEAR};
}

void
pace_want(struct pace *pace)
{
	pace->wanted = true;
}

void
pace_wrote_other(struct pace *pace)
{
	pace->phase = PACE_WRITING;
}

void
pace_painted(struct pace *pace, uint64_t now_us, size_t len)
{
	pace->wanted = false;
	if (!len)
		return;
	pace->phase = PACE_WRITING;
	pace->painted_at = now_us;
}

void
pace_written(struct pace *pace, uint64_t now_us)
{
	if (pace->phase != PACE_WRITING)
		return;
	pace->phase = PACE_QUEUED;
	pace->ask_at = now_us;
	pace->ask_step = PACE_ASK_FIRST_US;
}

void
pace_queue(struct pace *pace, uint64_t now_us, size_t len)
{
	if (pace->phase != PACE_QUEUED)
		return;
	if (!len) {
		pace->phase = PACE_CLEAR;
		if (pace->painted_at) // else it was no frame
			pace->lag_us = now_us > pace->painted_at ? now_us - pace->painted_at : 1;
		return;
	}
	pace->ask_at = now_us + pace->ask_step;
	if (pace->ask_step < PACE_ASK_MAX_US)
		pace->ask_step *= 2;
}

static enum pace_step
wait_or(enum pace_step step, uint64_t due, uint64_t now_us, uint64_t *at)
{
	*at = due;
	return due <= now_us ? step : PACE_WAIT;
}

enum pace_step
pace_next(const struct pace *pace, uint64_t now_us, uint64_t *at)
{
	*at = PACE_NEVER;
	switch (pace->phase) {
	case PACE_WRITING: return PACE_IDLE; // the terminal says when it takes more
	case PACE_QUEUED:
		// Looked at once to learn the lag, and then only for somebody who waits.
		if (pace->wanted || pace->ask_step == PACE_ASK_FIRST_US)
			return wait_or(PACE_ASK, pace->ask_at, now_us, at);
		return PACE_IDLE;
	case PACE_CLEAR: break;
	}
	if (!pace->wanted)
		return PACE_IDLE;
	if (!pace->painted_at)
		return PACE_PAINT;
	return wait_or(PACE_PAINT, pace->painted_at + PACE_FRAME_US, now_us, at);
}
