// SPDX-License-Identifier: ISC
// When the mirror cuts a frame out of the stream: soon after an echo, not in the middle of a burst,
// and never kept waiting by one. Pure: the clock is given.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reasons: design.md, "Pacing". All in milliseconds, but for the bytes.
#define CUT_SMALL_BYTES 256 // a read below this, after quiet, is an echo: shown at once
#define CUT_PAUSE_MS 2      // output stood still for so long: what was to be drawn is drawn
#define CUT_CAP_MS 8 // from the first byte not shown: a pause that never comes must not starve
// So much since the last frame is a flood, which nobody reads: what counts is how long printing takes. Its
// frames are as far apart as a film's, for each, and what it wakes, also pushes what the model works on out
// of the caches.
#define CUT_FLOOD_BYTES (64u << 10)
#define CUT_FLOOD_MS 33
#define CUT_SYNC_MS 150 // a synchronized update (mode 2026) that does not end is ended
// A frame wakes every viewer's process, and costs each 100 to 200 us. So many viewers keep frames a
// millisecond apart, that a crowd takes less than a core from those who print.
#define CUT_CROWD 4
#define CUT_NEVER UINT64_MAX

struct cut {
	uint64_t first; // when the oldest byte not shown came, or CUT_NEVER
	uint64_t last;  // when the newest byte came
	size_t bytes;   // from `first` to `last`
	uint64_t sync;  // when the open synchronized update was first seen, or CUT_NEVER
	uint64_t done;  // when the last frame was cut that showed something new
	uint64_t gap;   // from there to the next
	bool now;       // an echo waits
};

void cut_init(struct cut *cut);
// Bytes have gone into the model. `more`: there are more to be read at once.
void cut_feed(struct cut *cut, uint64_t now, size_t len, bool more);
// Whether the model now holds back a synchronized update. Call after each feed and each frame.
void cut_sync(struct cut *cut, uint64_t now, bool open);
// So many watch.
void cut_crowd(struct cut *cut, size_t viewers);
// When to look again: a time not after `now` means a frame is due; CUT_NEVER: there is nothing to do.
uint64_t cut_due(const struct cut *cut);
// Whether the open update has been held for too long: end it, then cut.
bool cut_sync_late(const struct cut *cut, uint64_t now);
// A frame has been cut. `changed`: it showed something new, so that an update that is open now is
// another one than before.
void cut_done(struct cut *cut, uint64_t now, bool changed);
