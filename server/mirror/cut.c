// SPDX-License-Identifier: ISC
// When the mirror cuts a frame out of the stream.
#include "server/mirror/cut.h"

void
cut_init(struct cut *cut)
{
	*cut = (struct cut){.first = CUT_NEVER, .sync = CUT_NEVER};
}

static bool
quiet_before(const struct cut *cut, uint64_t now)
{
	return cut->first == CUT_NEVER && now - cut->last >= CUT_CAP_MS;
}

void
cut_feed(struct cut *cut, uint64_t now, size_t len, bool more)
{
	cut->now = !more && len < CUT_SMALL_BYTES && quiet_before(cut, now);
	if (cut->first == CUT_NEVER) {
		cut->first = now;
		cut->bytes = 0;
	}
	cut->last = now;
	cut->bytes += len;
}

void
cut_sync(struct cut *cut, uint64_t now, bool open)
{
	if (!open)
		cut->sync = CUT_NEVER;
	else if (cut->sync == CUT_NEVER)
		cut->sync = now;
}

void
cut_crowd(struct cut *cut, size_t viewers)
{
	cut->gap = viewers / CUT_CROWD;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
cut_due(const struct cut *cut)
{
	uint64_t gap =
	    cut->bytes >= CUT_FLOOD_BYTES && cut->gap < CUT_FLOOD_MS ? CUT_FLOOD_MS : cut->gap;
	uint64_t due = CUT_NEVER;

	if (cut->now)
		due = 0;
	else if (cut->first != CUT_NEVER)
		due = earlier(cut->last + CUT_PAUSE_MS, cut->first + CUT_CAP_MS);
	if (cut->sync != CUT_NEVER)
		due = earlier(due, cut->sync + CUT_SYNC_MS);
	return due < cut->done + gap ? cut->done + gap : due;
}

bool
cut_sync_late(const struct cut *cut, uint64_t now)
{
	return cut->sync != CUT_NEVER && now >= cut->sync + CUT_SYNC_MS;
}

void
cut_done(struct cut *cut, uint64_t now, bool changed)
{
	cut->first = CUT_NEVER;
	cut->now = false;
	if (!changed)
		return;
	cut->sync = CUT_NEVER;
	cut->done = now;
}
