// SPDX-License-Identifier: ISC
// A browser's socket, as far as bench/swarm needs one: docs/protocol.md, "Web".
#pragma once

#include "vt/buf.h"

#include <stddef.h>

// Opens a WebSocket to the gateway at 127.0.0.1:`port` and says HELLO with the token of a link. Waits.
// The socket, or -1 with errno (EPROTO: it answers something else; what it says is in `in`).
int swarm_web_open(const char *port, const char *token, struct buf *in);
// Takes the next whole binary message that starts at `*used`, moves that behind it, and gives where
// the message stands; NULL if there is none yet. Anything but binary messages is `*bad`.
const uint8_t *swarm_web_get(const struct buf *in, size_t *used, size_t *len, bool *bad);
// Appends a message of less than 126 bytes as a browser sends it.
void swarm_web_put(struct buf *out, const uint8_t *data, size_t len);
