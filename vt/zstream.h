// SPDX-License-Identifier: ISC
// One raw deflate stream (RFC 1951) for the life of a connection. What one message makes ends at a
// whole byte with every bit of its data in it, so the reader inflates what it got and has the
// message. Nothing is put back or taken away.
#pragma once

#include "vt/buf.h"

struct deflater; // state of the writing end
struct inflater; // state of the reading end

struct deflater *deflater_new(void);
void deflater_free(struct deflater *deflater);
// Appends `data` compressed to `out`.
void deflater_put(struct deflater *deflater, const uint8_t *data, size_t len, struct buf *out);
// Begins a new stream, as a new deflater would.
void deflater_reset(struct deflater *deflater);
// Appends what brings the stream to the beginning of a byte, if it is not there: an empty stored
// block. Bits that were held back go out with it.
void deflater_align(struct deflater *deflater, struct buf *out);
// Appends the data that the stream can still refer to, 32 KiB at most: a reader that inflates them
// somehow, and then what is put after an alignment, has what other readers have.
void deflater_window(struct deflater *deflater, struct buf *out);

struct inflater *inflater_new(void);
void inflater_free(struct inflater *inflater);
// Appends one message inflated to `out`. False if the bytes are malformed or would inflate to more
// than `max` bytes; the stream is then dead.
bool inflater_put(
    struct inflater *inflater, const uint8_t *data, size_t len, size_t max, struct buf *out);
