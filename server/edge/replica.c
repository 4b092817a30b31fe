// SPDX-License-Identifier: ISC
// An edge's copy of the screen, kept by applying frames.
#include "server/edge/replica.h"

#include "server/base/proto.h"
#include "vt/frame.h"

void
replica_init(struct replica *replica)
{
	*replica = (struct replica){.waiting = true};
}

void
replica_fini(struct replica *replica)
{
	screen_unref(replica->screen);
	*replica = (struct replica){0};
}

void
replica_restart(struct replica *replica)
{
	replica->waiting = true;
}

enum replica_result
replica_apply(struct replica *replica, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);
	uint8_t flags = reader_u8(&reader);
	bool key = flags & VIEW_FRAME_KEY;
	struct screen *screen;
	const char *why;

	if (reader.bad || (flags & ~VIEW_FRAME_KEY))
		return REPLICA_BROKEN;
	if (!key && replica->waiting)
		return REPLICA_SKIPPED;
	screen = frame_apply(key ? NULL : replica->screen, reader.data, reader.len, &why);
	if (!screen) {
		replica->waiting = true;
		return key ? REPLICA_BROKEN : REPLICA_ASK;
	}
	screen_unref(replica->screen);
	replica->screen = screen;
	replica->waiting = false;
	return REPLICA_CHANGED;
}
