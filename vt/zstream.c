// SPDX-License-Identifier: ISC
// Where a message ends. Z_SYNC_FLUSH would end the block, open an empty stored one, pad to a byte and
// add 4 bytes of length: 16.5 bits on average even if the 4 bytes are left out. But a message only has
// to end with all its data bits in whole bytes. Z_BLOCK ends the block and holds back up to 7 bits,
// which go out with the next message. In a block of fixed codes these are bits of the end-of-block
// code, which is 7 bits long: 10 bits for a message, with the next block's header. In a block of
// dynamic codes the end may be shorter, so there an empty fixed block follows (Z_PARTIAL_FLUSH, 10
// bits) and is what is held back from. Of 20,563 frames of recordings 238 need that.
#include "vt/zstream.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

// Raw deflate with the largest window; measured in docs/performance.md, "Frame bytes".
#define ZSTREAM_LEVEL 6
#define ZSTREAM_WINDOW_BITS (-15)
#define ZSTREAM_MEM_LEVEL 8
#define ZSTREAM_WINDOW 32768
#define ZSTREAM_CHUNK 16384 // bytes of output asked for at a time

// A block is of one type, and a message of one block, if it has no more symbols than zlib's buffer.
#define ZSTREAM_BLOCK_MAX ((1u << (ZSTREAM_MEM_LEVEL + 6)) - 1)

struct deflater {
	z_stream z;
	int held; // bits of the last message that were held back, 0 to 7
};

struct inflater {
	z_stream z;
	bool dead;
};

struct deflater *
deflater_new(void)
{
	struct deflater *deflater = calloc(1, sizeof(*deflater));

	if (deflater == NULL)
		abort();
	if (deflateInit2(&deflater->z, ZSTREAM_LEVEL, Z_DEFLATED, ZSTREAM_WINDOW_BITS,
		ZSTREAM_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	return deflater;
}

void
deflater_free(struct deflater *deflater)
{
	if (deflater == NULL)
		return;
	deflateEnd(&deflater->z);
	free(deflater);
}

static void
deflate_all(z_stream *z, int flush, struct buf *out)
{
	do {
		z->next_out = buf_reserve(out, ZSTREAM_CHUNK);
		z->avail_out = ZSTREAM_CHUNK;
		deflate(z, flush);
		out->len += ZSTREAM_CHUNK - z->avail_out;
	} while (z->avail_out == 0);
	assert(z->avail_in == 0);
}

// Whether the block that begins after `held` bits is one of fixed codes. Its header may be held back
// itself, but only if the block is empty.
static bool
is_fixed_block(const uint8_t *data, size_t len, int held)
{
	unsigned bits = len > 0 ? data[0] : 0;

	if (len > 1)
		bits |= (unsigned)data[1] << 8;
	return (bits >> (held + 1) & 3) == 1;
}

void
deflater_put(struct deflater *deflater, const uint8_t *data, size_t len, struct buf *out)
{
	z_stream *z = &deflater->z;
	size_t begin = out->len;
	int held;

	assert(len <= UINT_MAX);
	if (len == 0)
		return;
	z->next_in = (Bytef *)data;
	z->avail_in = (uInt)len;
	deflate_all(z, Z_BLOCK, out);
	deflatePending(z, Z_NULL, &held);
	if (held > 0 && (len > ZSTREAM_BLOCK_MAX ||
			    !is_fixed_block(out->data + begin, out->len - begin, deflater->held))) {
		deflate_all(z, Z_PARTIAL_FLUSH, out);
		deflatePending(z, Z_NULL, &held);
	}
	deflater->held = held;
}

void
deflater_reset(struct deflater *deflater)
{
	deflateReset(&deflater->z);
	deflater->held = 0;
}

void
deflater_align(struct deflater *deflater, struct buf *out)
{
	if (deflater->held == 0)
		return;
	deflater->z.avail_in = 0;
	deflate_all(&deflater->z, Z_SYNC_FLUSH, out);
	deflater->held = 0;
}

void
deflater_window(struct deflater *deflater, struct buf *out)
{
	uInt len = ZSTREAM_WINDOW;

	deflateGetDictionary(&deflater->z, buf_reserve(out, len), &len);
	out->len += len;
}

struct inflater *
inflater_new(void)
{
	struct inflater *inflater = calloc(1, sizeof(*inflater));

	if (inflater == NULL)
		abort();
	if (inflateInit2(&inflater->z, ZSTREAM_WINDOW_BITS) != Z_OK)
		abort();
	return inflater;
}

void
inflater_free(struct inflater *inflater)
{
	if (inflater == NULL)
		return;
	inflateEnd(&inflater->z);
	free(inflater);
}

// Inflates all of `data`; false if malformed, or if it makes more than *room bytes.
static bool
inflate_all(z_stream *z, const uint8_t *data, size_t len, size_t *room, struct buf *out)
{
	z->next_in = (Bytef *)data;
	z->avail_in = (uInt)len;
	for (;;) {
		// one byte more than there is room for shows whether there is too much
		size_t chunk = *room < ZSTREAM_CHUNK ? *room + 1 : ZSTREAM_CHUNK;
		int status;

		z->next_out = buf_reserve(out, chunk);
		z->avail_out = (uInt)chunk;
		status = inflate(z, Z_SYNC_FLUSH);
		if (status != Z_OK && status != Z_BUF_ERROR)
			return false;
		chunk -= z->avail_out;
		if (chunk > *room)
			return false;
		out->len += chunk;
		*room -= chunk;
		if (z->avail_out > 0)
			return z->avail_in == 0;
	}
}

bool
inflater_put(
    struct inflater *inflater, const uint8_t *data, size_t len, size_t max, struct buf *out)
{
	size_t before = out->len, room = max;

	if (inflater->dead || len > UINT_MAX)
		return false;
	if (len == 0)
		return true;
	if (inflate_all(&inflater->z, data, len, &room, out))
		return true;
	out->len = before;
	inflater->dead = true;
	return false;
}
