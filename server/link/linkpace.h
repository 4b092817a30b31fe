// SPDX-License-Identifier: ISC
// When the next frame may go over a link whose other end acknowledges: as many on their way as a
// round trip holds, and no queue. Pure: the clock is given.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In microseconds and bytes. Reasons: design.md, "Pacing".
#define LINKPACE_RTT 9 / 16 // of a round trip from one frame to the next, at least,
#define LINKPACE_MIN_US 16000
#define LINKPACE_MAX_US 250000    // within these
#define LINKPACE_SHARE 5 / 2      // nor than so often the time that the link took for that
#define LINKPACE_BASE_US 30000000 // the shortest round trip is that of so long, up to twice
#define LINKPACE_SLACK_US 50000   // an ACK that is later than expected by this stops frames
#define LINKPACE_SIGNAL_US 10000  // queueing below this is noise and says nothing of the rate
#define LINKPACE_OVERHEAD 90      // bytes that ssh, TCP and IP add to a message
#define LINKPACE_RATE_MIN 500     // bytes/s
#define LINKPACE_RATE_MAX 1000000000
#define LINKPACE_RING 128         // frames on their way at most
#define LINKPACE_STALL_US 1000000 // an ACK that is later than expected by this: is anybody there?
#define LINKPACE_SLOW 2000        // bytes/s that a link is believed to have, before it is known
#define LINKPACE_NEVER UINT64_MAX

struct linkpace_frame {
	uint64_t sent_at;
	uint64_t queue_us; // what the link needed for it and all before it, as far as we knew
	size_t len;
};

// The link is modelled as a pipe of `rate` that is busy with all we sent until `busy_until`, and a
// delay of `base_us`, there and back. An ACK corrects the model.
struct linkpace {
	struct linkpace_frame ring[LINKPACE_RING]; // of frame n at n % LINKPACE_RING; 0 is WELCOME
	uint64_t sent, acked;                      // frames
	size_t outstanding;                        // bytes
	size_t hold_bytes;                         // the watcher may hold an ACK for so many,
	uint64_t hold_frames, hold_us;
	bool wanted, greeted; // greeted: WELCOME has been acknowledged
	bool step;            // no frame while one is on its way
	uint64_t base_us, base_before_us,
	    base_at;                          // the shortest round trip, of this span and the last
	uint64_t srtt_us, rtt_us;             // smoothed, and the last; 0: not known yet
	uint64_t lag_us;                      // of the last frame acknowledged, one way
	uint64_t rate;                        // bytes/s; 0: not known yet
	uint64_t busy_until, sent_at, own_us; // own_us: what the last frame takes
};

// WELCOME is sent now.
void linkpace_init(struct linkpace *pace, uint64_t now_us);
// There is something new to show.
void linkpace_want(struct linkpace *pace);
// The frame that was due has been made (0 bytes: it changed nothing, and none is sent).
void linkpace_sent(struct linkpace *pace, uint64_t now_us, size_t len);
// Bytes that are no frame have been sent, which frames after them will stand behind.
void linkpace_sent_other(struct linkpace *pace, uint64_t now_us, size_t len);
// False if these frames cannot have been applied.
bool linkpace_acked(struct linkpace *pace, uint64_t now_us, uint64_t frames, uint64_t held_us);
// The shortest round trip of late, or 0.
uint64_t linkpace_base(const struct linkpace *pace);
// Whether nothing more may be sent before an ACK comes.
bool linkpace_full(const struct linkpace *pace);
// When, without an ACK until then, the link is taken for stalled; LINKPACE_NEVER: all is
// acknowledged.
uint64_t linkpace_stalled(const struct linkpace *pace);
// When the next frame is due: now or before, later, or not before something happens
// (LINKPACE_NEVER).
uint64_t linkpace_due(const struct linkpace *pace, uint64_t now_us);
