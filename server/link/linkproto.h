// SPDX-License-Identifier: ISC
// The messages of a link, between `mirrord watch` and its far end: written by one side, read from
// untrusted bytes by the other. docs/protocol.md, "Link".
#pragma once

#include "server/base/viewproto.h"
#include "vt/screen.h"

struct link_hello {
	uint64_t version; // set even if the rest cannot be read: that of another version
	uint16_t rows, cols;
	char session[LIMIT_NAME + 1];  // empty: the only one
	uint16_t have_rows, have_cols; // the screen that the watcher still shows; 0: none
	const uint8_t *hashes;         // `have_rows` of 8 bytes; borrowed from the message
};

struct link_ack {
	uint64_t frames;  // applied since WELCOME
	uint64_t held_us; // since the newest of them came (or WELCOME, if there is none)
};

// How much may wait for an ACK, and how long.
struct link_hold {
	uint32_t bytes, frames, ms;
};

// What a viewer wants at most; 0: no limit.
struct link_limits {
	uint32_t max_fps;
	uint64_t budget; // bytes a second
};

// Who publishes, and what.
struct link_publish {
	uint64_t version;            // set even if the rest cannot be read: that of another version
	char name[LIMIT_NAME + 1];   // of the session
	char origin[LIMIT_TEXT + 1]; // user@machine, to be shown
	uint8_t token[PUBLISH_TOKEN]; // the same for all that this host publishes at this relay
	uint64_t since;               // unix milliseconds: when the publisher started
	uint64_t start;               // unix seconds: when the session did
};

// How guests reach what is published at a relay, as that says.
struct link_invite {
	char account[LIMIT_NAME + 1]; // that they log in to; empty: none is known
	uint16_t port;                // of the relay's sshd; 0: not known
	uint32_t guests;              // who have a key for the session now
	uint64_t until; // unix seconds: the last of these keys ends; 0: one never does
};

// Each appends one whole message to `out`. `have` (or NULL) is what the watcher shows.
void link_hello_put(
    struct buf *out, uint16_t rows, uint16_t cols, const char *session, const struct screen *have);
void link_ack_put(struct buf *out, const struct link_ack *ack);
void link_size_put(struct buf *out, uint16_t rows, uint16_t cols);
void link_limits_put(struct buf *out, const struct link_limits *limits);
void link_welcome_put(struct buf *out);
void link_hold_put(struct buf *out, const struct link_hold *hold);
void link_invite_put(struct buf *out, const struct link_invite *invite);
void link_notice_put(struct buf *out, const char *text);
void link_bye_put(struct buf *out, int status, const char *text);
void link_publish_put(struct buf *out, const struct link_publish *publish);

// Each reads a payload; false if it is malformed. The first three are true for another version too,
// of which nothing but the version is read.
bool link_publish_get(const struct msg *msg, struct link_publish *publish);
bool link_hello_get(const struct msg *msg, struct link_hello *hello);
bool link_welcome_get(const struct msg *msg, uint64_t *version);
bool link_ack_get(const struct msg *msg, struct link_ack *ack);
bool link_size_get(const struct msg *msg, uint16_t *rows, uint16_t *cols);
bool link_limits_get(const struct msg *msg, struct link_limits *limits);
bool link_hold_get(const struct msg *msg, struct link_hold *hold);
bool link_invite_get(const struct msg *msg, struct link_invite *invite);
bool link_notice_get(const struct msg *msg, char text[LIMIT_TEXT + 1]);

// The other side broke the protocol: `bye` is what to exit with, and this sentence.
void link_broken(struct view_bye *bye, const char *text);
#define LINK_NO_MIRRORD                                                                            \
	"what answers there is not mirrord (does its shell print something before it runs a "      \
	"command?)"

// Whether what stands there may become a WELCOME. Else one might wait for ever for the rest of a
// message that a shell's greeting seems to begin.
bool link_like_welcome(const struct buf *in, size_t used);
#define LINK_WELCOME_MAX 127 // bytes of a WELCOME of any version, whose length is then one byte

// The base of a resumed link: a screen of the size that the watcher has, with those of its rows
// that the session's newest screen still holds, and blanks for the others. Made here from the
// hashes, and there from the message that is appended to `out`. NULL (and no message) if none is
// left.
struct screen *link_base_make(
    const struct link_hello *hello, const struct screen *newest, struct buf *out);
struct screen *link_base_get(const struct msg *msg, const struct screen *have);
