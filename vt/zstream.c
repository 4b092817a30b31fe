// SPDX-License-Identifier: ISC
// One deflate stream for the life of a connection (RFC 1951), cut into messages.
#include "vt/zstream.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// Raw deflate with the largest window; measured in docs/performance.md, "Frame bytes".
#define ZSTREAM_LEVEL 6
#define ZSTREAM_WINDOW_BITS (-15)
#define ZSTREAM_MEM_LEVEL 8
#define ZSTREAM_CHUNK 16384 // bytes of output asked for at a time

// What Z_SYNC_FLUSH ends with: the length fields of an empty stored block.
static const uint8_t flush_marker[4] = {0x00, 0x00, 0xff, 0xff};

struct deflater {
	z_stream z;
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

void
deflater_put(struct deflater *deflater, const uint8_t *data, size_t len, struct buf *out)
{
	z_stream *z = &deflater->z;

	assert(len <= UINT_MAX);
	if (len == 0) // zlib flushes nothing twice: there would be no marker to leave out
		return;
	z->next_in = (Bytef *)data;
	z->avail_in = (uInt)len;
	do {
		z->next_out = buf_reserve(out, ZSTREAM_CHUNK);
		z->avail_out = ZSTREAM_CHUNK;
		deflate(z, Z_SYNC_FLUSH);
		out->len += ZSTREAM_CHUNK - z->avail_out;
	} while (z->avail_out == 0);
	assert(z->avail_in == 0 && out->len >= sizeof(flush_marker));
	out->len -= sizeof(flush_marker);
	assert(memcmp(out->data + out->len, flush_marker, sizeof(flush_marker)) == 0);
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
	if (inflate_all(&inflater->z, data, len, &room, out) &&
	    inflate_all(&inflater->z, flush_marker, sizeof(flush_marker), &room, out))
		return true;
	out->len = before;
	inflater->dead = true;
	return false;
}
