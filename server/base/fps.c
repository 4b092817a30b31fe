// SPDX-License-Identifier: ISC
// Frames a second over the last few seconds.
#include "server/base/fps.h"

#define SECOND_MS 1000 // counts may be so old: a shorter time would make too much of few frames

void
fps_note(struct fps *fps, uint64_t now_ms, uint64_t frames)
{
	size_t slot = (fps->first + fps->count) % FPS_SLOTS;

	fps->at_ms[slot] = now_ms;
	fps->frames[slot] = frames;
	if (fps->count < FPS_SLOTS)
		fps->count++;
	else
		fps->first = (fps->first + 1) % FPS_SLOTS;
}

uint64_t
fps_tenths(const struct fps *fps, uint64_t now_ms)
{
	size_t base = fps->first, last = (fps->first + fps->count + FPS_SLOTS - 1) % FPS_SLOTS;
	uint64_t took_ms;

	if (!fps->count)
		return 0;
	// From the newest count that is older than the window, or from the oldest there is.
	for (size_t i = 0; i < fps->count; i++) {
		size_t slot = (fps->first + i) % FPS_SLOTS;

		if (fps->at_ms[slot] + FPS_WINDOW_MS <= now_ms)
			base = slot;
	}
	if (fps->frames[last] <= fps->frames[base])
		return 0;
	took_ms = now_ms - fps->at_ms[base];
	if (took_ms < SECOND_MS)
		took_ms = SECOND_MS;
	return (fps->frames[last] - fps->frames[base]) * 10 * 1000 / took_ms;
}
