// SPDX-License-Identifier: ISC
// Length-prefixed messages over any byte stream.
#include "server/base/msg.h"

#include <string.h>

#define LENGTH_BYTES_MAX 5 // a varint of 35 bits: more than any length that is allowed

static size_t
length_put(uint8_t *to, size_t len)
{
	size_t count = 0;

	while (len >= 0x80) {
		to[count++] = (uint8_t)(len | 0x80);
		len >>= 7;
	}
	to[count++] = (uint8_t)len;
	return count;
}

void
msg_put(struct buf *out, uint8_t type, const void *data, size_t len)
{
	uint8_t length[10];

	buf_put(out, length, length_put(length, len + 1));
	buf_put_u8(out, type);
	if (len)
		buf_put(out, data, len);
}

// One byte is kept for the length; msg_end() moves the payload if more are needed, so that every
// length is written in its shortest form.
size_t
msg_begin(struct buf *out, uint8_t type)
{
	size_t begin = out->len;

	buf_put_u8(out, 0);
	buf_put_u8(out, type);
	return begin;
}

void
msg_end(struct buf *out, size_t begin)
{
	uint8_t length[10];
	size_t body = out->len - begin - 1;
	size_t count = length_put(length, body);

	buf_reserve(out, count - 1);
	memmove(out->data + begin + count, out->data + begin + 1, body);
	memcpy(out->data + begin, length, count);
	out->len += count - 1;
}

// The length at the start of `data`, and how many bytes it takes. It is judged as soon as its bytes
// say so: a peer cannot make us wait for the rest of what would be refused.
static enum msg_status
length_get(const uint8_t *data, size_t avail, size_t max, uint64_t *len, size_t *count)
{
	*len = 0;
	for (size_t i = 0; i < avail && i < LENGTH_BYTES_MAX; i++) {
		*len |= (uint64_t)(data[i] & 0x7f) << (7 * i);
		if (*len > max)
			return MSG_BAD;
		if (data[i] & 0x80)
			continue;
		*count = i + 1;
		return data[i] == 0 ? MSG_BAD : MSG_ONE; // zero, or not the shortest form
	}
	return avail < LENGTH_BYTES_MAX ? MSG_NONE : MSG_BAD;
}

enum msg_status
msg_get(const struct buf *in, size_t *used, size_t max, struct msg *msg)
{
	size_t avail = in->len - *used;
	const uint8_t *data;
	enum msg_status status;
	uint64_t len;
	size_t count;

	if (!avail)
		return MSG_NONE;
	data = in->data + *used;
	status = length_get(data, avail, max, &len, &count);
	if (status != MSG_ONE)
		return status;
	if (avail - count < len)
		return MSG_NONE;
	msg->type = data[count];
	msg->data = data + count + 1;
	msg->len = (size_t)len - 1;
	*used += count + (size_t)len;
	return MSG_ONE;
}

struct reader
msg_reader(const struct msg *msg)
{
	return (struct reader){.data = msg->data, .len = msg->len};
}
