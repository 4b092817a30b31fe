// SPDX-License-Identifier: ISC
// A keyboard's own socket, as whoever lends it makes it: the keeper, or a relay for a guest of its own.
// Asks for no memory, but for what is written.
#pragma once

#include "server/base/msg.h"
#include "server/base/proto.h"

#include <sys/types.h>

// The listening socket, which nobody else has made: the path is ours. -1 with errno.
int keyboard_listen(const char *path, mode_t mode);
// Whether this peer is the host, root, or a guest account.
bool keyboard_may_come(int fd, uid_t host, gid_t guests);
// KEYBOARD_HELLO: what shows that it is lent to us; and whether it is lent to who says that.
void keyboard_hello_put(struct buf *out, const uint8_t token[GRANT_TOKEN]);
bool keyboard_hello_is(const struct msg *msg, const uint8_t token[GRANT_TOKEN]);
