// SPDX-License-Identifier: ISC
// When the next frame may go over a link through sshd. Where the queue of sshd's connection shows the
// whole way to the watcher, it says when a frame has gone, as for a terminal (pace.h), and ACKs only
// prove that it does: the first frame's, and rare ones later. Elsewhere ACKs pace (linkpace.h).
#pragma once

#include "server/edge/pace.h"
#include "server/edge/sockq.h"
#include "server/link/linksend.h"

// An ACK later than the queue said by more than this, or a round trip, says that it is not all: the
// first frame's, and others.
#define SIGHT_RTT_US 150000 // over a longer way ACKs pace in any case: they know its rate better
#define SIGHT_FIRST_US 30000
#define SIGHT_LATE_US 150000
// Where the way goes on behind what the queue shows, and is longer than this, one frame at a time: the
// sshd of a jump host leaves it to TCP to hold a small segment back until the one before is acknowledged
// (Nagle), and by so much the guest's TCP delays that. Two on their way would wait for each other.
#define SIGHT_STEP_US PACE_ACK_US
#define SIGHT_QUIET_US 250000 // without a frame, or two round trips: then ACKs may be rare again

enum sight_state {
	SIGHT_UNKNOWN, // no frame has been acknowledged
	SIGHT_CLEAR,   // the queue shows the way
	SIGHT_NONE,    // there is no queue to look at, or more than it shows
};

struct sight {
	enum sight_state state;
	struct sockq sockq;
	struct pace pace;             // by the queue; the limits count in any case
	uint64_t gone[LINKPACE_RING]; // when frame n had left the queue, at n % LINKPACE_RING,
	uint64_t gone_last;           // the newest of these
	bool hidden;                  // NONE, for there is more than the queue shows
	bool padded;                  // the link begins with PAD;
	uint64_t began, given;        // what sshd had sent, and we had written, before that
};

// `connection` is sshd's SSH_CONNECTION, or NULL. No frame has been made yet.
void sight_init(struct sight *sight, struct linksend *send, const char *connection);
void sight_fini(struct sight *sight);
// When linksend_frame() is to be called, or this again.
uint64_t sight_due(struct sight *sight, struct linksend *send, uint64_t now_us);
// What was due has been made, and all there was has been written.
void sight_made(struct sight *sight, uint64_t now_us, size_t len);
void sight_written(struct sight *sight, uint64_t now_us);
// The watcher has acknowledged frames.
void sight_acked(struct sight *sight, struct linksend *send, uint64_t now_us);
uint64_t sight_rtt(const struct sight *sight, const struct linksend *send);
// Bytes that went to the watcher, as far as can be told.
uint64_t sight_bytes(const struct sight *sight, const struct linksend *send);
uint64_t sight_lag(const struct sight *sight, const struct linksend *send);
