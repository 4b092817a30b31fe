// SPDX-License-Identifier: ISC
// The far end of a link: the newest screen as frames through one deflate stream, no sooner than the
// watcher's ACKs allow. Holds one frame's bytes at most; touches no fd.
#pragma once

#include "server/link/linkpace.h"
#include "server/link/linkproto.h"
#include "vt/zstream.h"

struct linksend {
	struct linkpace pace;
	struct deflater *deflater; // owned; NULL: plain
	struct screen *screen;     // a reference: the newest, or NULL
	struct screen *sent;       // a reference: what the watcher has, or NULL
	struct link_hello have;    // what it had before; `hashes` is owned
	struct buf in;             // owned: from the watcher
	struct buf out;            // owned: the bytes not yet written, from `off` on
	size_t off;
	char notice[LIMIT_TEXT + 1]; // to be sent before the next frame
	bool notice_due;
	bool pad;            // PAD is to be the first piece
	bool plain;          // pieces are not deflated
	uint16_t rows, cols; // of the watcher's terminal
	bool asked;          // for lines that have scrolled away: take `ask`, set it to false
	struct view_history_ask ask;
	struct link_limits limits; // of its own
	uint64_t bytes, frames;    // written, made
};

// Begins with WELCOME.
void linksend_init(struct linksend *send, uint64_t now_us);
void linksend_fini(struct linksend *send);
// The watcher has said this; before any frame is made.
void linksend_hello(struct linksend *send, const struct link_hello *hello);
// Takes in what the watcher sent after HELLO. False: it broke the protocol.
bool linksend_feed(struct linksend *send, uint64_t now_us, const uint8_t *data, size_t len);
// The same, of one message.
bool linksend_take(struct linksend *send, uint64_t now_us, const struct msg *msg);
void linksend_show(struct linksend *send, struct screen *screen);
void linksend_notice(struct linksend *send, const char *text); // NULL: none
// The answer to what it asked: the payload of a VIEW_HISTORY_IS.
void linksend_history(struct linksend *send, uint64_t now_us, const struct msg *msg);
// To a relay: that the publisher is there, in a frame that changes nothing; and whom to cut.
void linksend_beat(struct linksend *send, uint64_t now_us);
void linksend_cut(struct linksend *send, const struct view_cut *cut);
void linksend_door(struct linksend *send, const struct view_door *door);
// To a watcher: that the keyboard is lent to it, or is no more.
void linksend_grant(struct linksend *send, const struct view_grant *grant);
void linksend_bye(struct linksend *send, int status, const char *text);
// ssh compresses: from now on the link does not.
void linksend_plain(struct linksend *send);
// So many frames may wait for an ACK from now on.
void linksend_hold(struct linksend *send, const struct link_hold *hold);
// When linksend_frame() is to be called, as linkpace_due(). Not before all is written.
uint64_t linksend_due(const struct linksend *send, uint64_t now_us);
// Makes what is due: the notice, which waits for no ACK, or a frame.
void linksend_frame(struct linksend *send, uint64_t now_us);
// The bytes to be written; how many were is told with linksend_wrote().
const uint8_t *linksend_peek(const struct linksend *send, size_t *len);
void linksend_wrote(struct linksend *send, size_t len);
