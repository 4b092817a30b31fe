// SPDX-License-Identifier: ISC
// What goes over a key line: an ssh beside that of the frames, which lives as long as somebody far away
// has been lent the keyboard. Typing, one way, and how old it is, so that what a link held back is not
// typed later. Pure: touches no fd, and the clock is given. docs/protocol.md, "Key line".
#pragma once

#include "server/base/orders.h"
#include "server/base/viewproto.h"

// A watcher's first message.
struct keyline_claim {
	char session[LIMIT_NAME + 1]; // empty: the only one
	uint8_t token[GRANT_TOKEN];   // that it was given
};

// A publisher's first message.
struct keyline_lend {
	char session[LIMIT_NAME + 1];
	uint8_t token[PUBLISH_TOKEN]; // that of its PUBLISH
	struct order_who who;         // of the relay's guests; the uid is not said
	struct input_modes modes;
};

// Each appends one whole message, and reads a payload; false if it is malformed.
void keyline_claim_put(struct buf *out, const struct keyline_claim *claim);
bool keyline_claim_get(const struct msg *msg, struct keyline_claim *claim);
void keyline_lend_put(struct buf *out, const struct keyline_lend *lend);
bool keyline_lend_get(const struct msg *msg, struct keyline_lend *lend);
void keyline_modes_put(struct buf *out, const struct input_modes *modes);
bool keyline_modes_get(const struct msg *msg, struct input_modes *modes);

// ---- the end where it is typed -------------------------------------------------------------------

// The newest beat there is. What is typed is as old as that is, at most.
struct keytyper {
	uint64_t beat, came_ms; // 0: none yet, and nothing may be typed
};
bool keytyper_beat(struct keytyper *typer, const struct msg *msg, uint64_t now_ms);
// As many KEYLINE_INPUT as it takes.
void keytyper_put(const struct keytyper *typer, uint64_t now_ms, const uint8_t *data, size_t len,
    struct buf *out);

// ---- the end that is nearer to the session --------------------------------------------------------

struct keygiver {
	struct buf in;       // owned
	size_t used;         // bytes of `in` already taken
	uint64_t beat;       // the newest that was sent,
	uint64_t sent_ms[2]; // and when it and the one before were: beat n at n % 2
};

enum keygiver_event {
	KEYGIVER_NONE,  // nothing more has come
	KEYGIVER_MSG,   // one that the caller knows, in `msg`
	KEYGIVER_TYPED, // in time: for the keyboard's socket, appended to `typed`
	KEYGIVER_STALE, // it has been on its way for too long: the end
	KEYGIVER_BROKEN,
};

void keygiver_fini(struct keygiver *giver);
// The first beat. Others follow what is typed, for clocks drift.
void keygiver_start(struct keygiver *giver, uint64_t now_ms, struct buf *out);
void keygiver_feed(struct keygiver *giver, const uint8_t *data, size_t len);
// Call until it is KEYGIVER_NONE, or one of the last two. `out`: for the other end.
enum keygiver_event keygiver_next(
    struct keygiver *giver, uint64_t now_ms, struct msg *msg, struct buf *typed, struct buf *out);
