// SPDX-License-Identifier: ISC
// Length-prefixed messages over any byte stream: varint length of what follows, type byte, payload.
#pragma once

#include "vt/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A message longer than this ends the connection. A key frame of 1000x1000 truecolor cells fits.
#define MSG_MAX (64u << 20)

struct msg {
	uint8_t type;
	const uint8_t *data; // borrowed from the buffer it was got from
	size_t len;
};

// Appends one message to `out`.
void msg_put(struct buf *out, uint8_t type, const void *data, size_t len);
// Opens a message whose payload is appended to `out` afterwards; msg_end() sets its length.
size_t msg_begin(struct buf *out, uint8_t type);
void msg_end(struct buf *out, size_t begin);

// Reads a message's payload, in place.
struct reader msg_reader(const struct msg *msg);

enum msg_status { MSG_NONE, MSG_ONE, MSG_BAD };
// Takes the next whole message of at most `max` bytes (type and payload) that starts at `*used`,
// and moves `*used` behind it. Call until it is MSG_NONE, then buf_take(in, used). MSG_BAD: the
// length is zero, not in its shortest form, or over `max`; said as soon as it can be known.
enum msg_status msg_get(const struct buf *in, size_t *used, size_t max, struct msg *msg);
