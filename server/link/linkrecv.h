// SPDX-License-Identifier: ISC
// The near end of a link: from untrusted bytes to the screens that they lead to, and when to
// acknowledge. A screen outlives its link, and the next one may start from it. Touches no fd.
#pragma once

#include "server/link/linkproto.h"
#include "vt/zstream.h"

struct linkrecv {
	struct buf in; // owned
	size_t used;   // bytes of `in` already taken
	bool relay;    // what comes is a publisher's; set it before the first link
	bool welcomed;
	struct inflater *inflater; // owned
	bool plain;                // pieces are not deflated
	struct screen *screen;     // a reference: the newest of this link or the last, or NULL
	struct screen *base;       // a reference: of this link's next frame; NULL: blank
	uint64_t frames, acked;    // of this link
	uint64_t came_at, acked_at;
	uint64_t held_at;            // when the first frame that is not acknowledged came,
	size_t held;                 // and the bytes of all of these
	struct link_hold hold;       // how much and how long that may be
	bool greeted;                // WELCOME has been acknowledged
	struct view_history history; // the last answer; its rows are a reference
	struct view_cut cut;
	struct view_door door;
	struct view_grant grant;
};

enum linkrecv_event {
	LINKRECV_NONE,    // nothing whole has come
	LINKRECV_WELCOME, // the other side speaks this
	LINKRECV_SCREEN,  // there is a newer one
	LINKRECV_HISTORY, // `history` is the answer to what was asked
	LINKRECV_NOTICE,  // `bye.text` is a line to show, or empty
	LINKRECV_CUT,     // `cut` says which guests are to go
	LINKRECV_DOOR,    // `door`: whether new ones wait
	LINKRECV_GRANT,   // `grant`: the keyboard is lent to us, or is no more
	LINKRECV_BYE,     // `bye` says how it ended, for good
	LINKRECV_BROKEN,  // the other side broke the protocol, or speaks another: `bye` says how
};

void linkrecv_init(struct linkrecv *recv);
void linkrecv_fini(struct linkrecv *recv);
// A new link: what was cut off is forgotten, the screen stays. Says HELLO into `out`.
void linkrecv_start(
    struct linkrecv *recv, uint16_t rows, uint16_t cols, const char *session, struct buf *out);
void linkrecv_feed(struct linkrecv *recv, const uint8_t *data, size_t len);
// Call until it is LINKRECV_NONE, or the last two.
enum linkrecv_event linkrecv_next(struct linkrecv *recv, uint64_t now_us, struct view_bye *bye);
// When linkrecv_ack() is to be called; UINT64_MAX: nothing is to be acknowledged.
uint64_t linkrecv_ack_due(const struct linkrecv *recv);
void linkrecv_ack(struct linkrecv *recv, uint64_t now_us, struct buf *out);
