// SPDX-License-Identifier: ISC
// An edge's way to its session: the connection to the mirror, dialled again when the mirror is
// replaced, and the screen that its frames lead to. On the edge's loop.
#pragma once

#include "server/base/viewclient.h"
#include "server/edge/replica.h"

#include <uv.h>

// Who hears of it. None of these may free the upstream.
struct upstream_sink {
	void *user;
	void (*screen)(void *user, struct screen *screen);         // a newer one; borrowed
	void (*notice)(void *user, const char *text);              // NULL: none any more
	void (*history)(void *user, const struct msg *msg);        // the answer; NULL: never asked
	void (*end)(void *user, int status, const char *sentence); // it is over
	void (*cut)(void *user, const struct view_cut *cut);       // of one's guests; or NULL
	// Whether new ones of one's guests may see the screen; first of all, and anew; or NULL.
	void (*door)(void *user, const struct view_door *door);
	void (*grant)(void *user, const struct view_grant *grant); // the keyboard; NULL: never
	void (*turn)(void *user); // all that had come has been told: do what is due now
	// A connection to the mirror on which HELLO has been said, or -1 with errno; or NULL:
	// `path`.
	int (*dial)(void *user);
};

struct upstream {
	uv_loop_t *loop;   // borrowed
	uv_poll_t *socket; // NULL between connections
	uv_timer_t status, redial;
	struct viewclient *client; // borrowed
	const char *path;          // borrowed
	struct view_hello hello;
	struct upstream_sink sink;
	struct replica replica;
	struct buf guests;            // owned: the last VIEW_GUESTS, or empty,
	struct buf told_guests;       // and the last that a mirror got and let in
	uint64_t serial;              // of `guests`
	bool heard, shut;             // this mirror's door, by VIEW_DOOR or by the lack of one
	struct view_status told, now; // the last VIEW_STATUS, and the newest there is to tell
	struct view_status before;    // what was counted when this connection began
	uint64_t told_at;             // ms
	uint64_t lost_at,
	    redial_ms; // ms: when the connection was lost, and the pause before the next
	char said[LIMIT_TEXT + 1]; // the mirror's own notice, or empty
	bool noticed, ended;       // noticed: ours stands over it
};

void upstream_init(struct upstream *up, uv_loop_t *loop, const char *path,
    const struct view_hello *hello, const struct upstream_sink *sink);
// `client` has been welcomed. False if the loop cannot watch it.
bool upstream_start(struct upstream *up, struct viewclient *client);
// `client` is not connected yet: dials as if it had been lost, and ends if nobody is there.
void upstream_open(struct upstream *up, struct viewclient *client);
// What the mirror is to know about this viewer: sent only if it changed, and not too often.
void upstream_tell(struct upstream *up, const struct view_status *status);
// Who watches through this edge; copied. Told again to each mirror. Returns how many the list has room for.
size_t upstream_guests(
    struct upstream *up, uint64_t serial, const struct view_person *people, size_t count);
// Asks for lines that have scrolled away. May be lost, with the mirror: ask again then.
void upstream_ask(struct upstream *up, const struct view_history_ask *ask);
// Closes what it opened; run the loop once more before upstream_fini().
void upstream_stop(struct upstream *up);
void upstream_fini(struct upstream *up);
