// SPDX-License-Identifier: ISC
// A publisher's end of a link: says who it is and what it publishes, is told what the relay still
// has, and sends frames from there. Pure: touches no fd, and the clock is given. docs/protocol.md,
// "Publish".
#pragma once

#include "server/link/linksend.h"

struct publink {
	struct buf in;    // owned
	size_t used;      // bytes of `in` already taken
	struct buf hello; // owned: PUBLISH, from `off` on, until all is written
	size_t off;
	bool welcomed; // there is a relay that speaks this
	bool open;     // it takes frames: `send` is in use, and not before
	struct linksend send;
	struct link_invite invite;  // for guests there, once it is open
	bool invited;               // there was one
	char name[LIMIT_NAME + 1];  // as the relay calls the session, once it is open
	struct view_person *guests; // owned: the last PUBLINK_GUESTS
	size_t guest_count;
	uint64_t serial; // of that list
};

enum publink_event {
	PUBLINK_NONE,    // nothing whole has come
	PUBLINK_WELCOME, // a relay answers
	PUBLINK_INVITED, // says how guests come there: `invite`
	PUBLINK_OPEN,    // and takes the session: show it a screen
	PUBLINK_ACK,
	PUBLINK_GUESTS, // `guests` watch there
	PUBLINK_ASKED,  // for lines of history: `send.ask`
	PUBLINK_BYE,    // `bye` says how it ended, for good
	PUBLINK_BROKEN, // what answers broke the protocol, or speaks another: `bye` says how
};

void publink_init(struct publink *link, const struct link_publish *publish);
void publink_fini(struct publink *link);
void publink_feed(struct publink *link, const uint8_t *data, size_t len);
// Call until it is PUBLINK_NONE, or one of the last two.
enum publink_event publink_next(struct publink *link, uint64_t now_us, struct view_bye *bye);
// The bytes to be written; how many were is told with publink_wrote().
const uint8_t *publink_peek(const struct publink *link, size_t *len);
void publink_wrote(struct publink *link, size_t len);
