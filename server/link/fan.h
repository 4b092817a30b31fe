// SPDX-License-Identifier: ISC
// Frames for many viewers: those in step share one deflate stream and every message made with it;
// one that lags or joins gets a message of its own and comes back in step when that is cheaper.
// Touches no fd and no clock. docs/protocol.md, "Frames to many", is the specification.
//
//     fan_show(fan, screen)             the session has a newer screen
//     at = fan_due(fan, viewer, now)    for each viewer then, and after each of the calls below
//     message = fan_next(fan, viewer, now)   at that time, if its socket can take one: until NULL
//     fan_ack(viewer, now, seq, held)   the viewer says what it has applied
#pragma once

#include "server/link/linkpace.h"
#include "vt/buf.h"
#include "vt/screen.h"

#define FAN_HEADROOM 16 // bytes before a message's data that a transport may write its header into

// The first byte of a message. Others are free for whoever carries these.
enum fan_kind {
	FAN_STEP = 0x01,  // the shared stream goes on by one frame: seq is one more
	FAN_START = 0x02, // a new stream; whether it is the shared one shows by what follows
};

// Immutable but for the headroom, and shared.
struct fan_message {
	uint32_t refs;
	uint32_t len;
	const uint8_t *data;
};

// One who watches. What it has is `seq`, the number of a screen that fan_next() led to.
struct fan_viewer {
	uint64_t seq;             // the screen that it will have, with all it was given; 0: none
	uint64_t until;           // the last step of the batch that it is being given
	uint64_t acked;           // seq
	uint64_t bytes, messages; // given, for `mirrord who`
	int64_t gain;             // bytes that the shared stream would have saved it of late
	bool in_step;             // its inflater is the shared stream's at `seq`
	bool joined;              // it has not yet been given a step
	struct linkpace pace;
	uint32_t
	    sent[LINKPACE_RING]; // low bits of `until` of the pace's frame n at n % LINKPACE_RING
};

struct fan;

// `epoch` names this fan among all of its kind (a random number): what a viewer had of another one is
// not what we have under the same seq.
struct fan *fan_new(uint64_t epoch);
void fan_free(struct fan *fan); // after its viewers; messages may outlive it
uint64_t fan_epoch(const struct fan *fan);
void fan_show(struct fan *fan, struct screen *screen);

// `epoch` and `seq` are what it says it has; 0 and 0 if nothing. Its first message goes out at once.
void fan_viewer_init(
    struct fan *fan, struct fan_viewer *viewer, uint64_t now_us, uint64_t epoch, uint64_t seq);
void fan_viewer_fini(struct fan *fan, struct fan_viewer *viewer);
// When to call fan_next(): now or before, later, or (LINKPACE_NEVER) not before another fan_show()
// or fan_ack().
uint64_t fan_due(const struct fan *fan, struct fan_viewer *viewer, uint64_t now_us);
// The next message for it, a new reference, or NULL: nothing is due. Once given it has to be sent.
struct fan_message *fan_next(struct fan *fan, struct fan_viewer *viewer, uint64_t now_us);
// It has applied `seq`, `held_us` after that had come. False: it cannot have.
bool fan_ack(struct fan_viewer *viewer, uint64_t now_us, uint64_t seq, uint64_t held_us);

struct fan_message *fan_message_ref(struct fan_message *message);
void fan_message_unref(struct fan_message *message); // NULL is allowed
// Where the FAN_HEADROOM bytes before the data end. What one viewer's transport writes there the
// next one's writes over: a header that depends on the message alone.
uint8_t *fan_message_head(struct fan_message *message);
