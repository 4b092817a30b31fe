// SPDX-License-Identifier: ISC
// An edge's copy of the screen, kept by applying frames. A frame that does not fit is not applied:
// a key frame is asked for, once, and what comes before it is passed over.
#pragma once

#include "server/base/msg.h"
#include "vt/screen.h"

struct replica {
	struct screen *screen; // a reference; NULL until the first key frame
	bool waiting;          // for a key frame
};

enum replica_result {
	REPLICA_CHANGED, // `screen` is a newer one
	REPLICA_SKIPPED, // a frame from a screen that we do not have
	REPLICA_ASK,     // it did not fit: ask for a key frame
	REPLICA_BROKEN,  // a key frame that is not one: there is no way to go on
};

void replica_init(struct replica *replica);
void replica_fini(struct replica *replica);
// A new connection: what comes first is a key frame. The screen stays to be shown.
void replica_restart(struct replica *replica);
// Applies the payload of a VIEW_FRAME.
enum replica_result replica_apply(struct replica *replica, const struct msg *msg);
