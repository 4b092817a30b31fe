// SPDX-License-Identifier: ISC
// Frames a second over the last few seconds, from counts that come now and then. Pure: the clock is
// given.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FPS_WINDOW_MS 5000
#define FPS_SLOTS 8 // counts that are kept: a viewer tells one a second

struct fps {
	uint64_t at_ms[FPS_SLOTS], frames[FPS_SLOTS]; // a ring, oldest first from `first`
	size_t first, count;
};

// `frames` have been shown since the beginning, which was when the first count came.
void fps_note(struct fps *fps, uint64_t now_ms, uint64_t frames);
// In tenths of a frame a second; 0 when none has been shown for FPS_WINDOW_MS.
uint64_t fps_tenths(const struct fps *fps, uint64_t now_ms);
