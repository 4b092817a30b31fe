// SPDX-License-Identifier: ISC
// One deflate stream for the life of a connection: each message is flushed (Z_SYNC_FLUSH) and its
// 4-byte end marker 00 00 ff ff left out, to be put back by the reader.
#pragma once

#include "vt/buf.h"

struct deflater; // state of the writing end
struct inflater; // state of the reading end

struct deflater *deflater_new(void);
void deflater_free(struct deflater *deflater);
// Appends `data` compressed to `out`.
void deflater_put(struct deflater *deflater, const uint8_t *data, size_t len, struct buf *out);

struct inflater *inflater_new(void);
void inflater_free(struct inflater *inflater);
// Appends one message inflated to `out`. False if the bytes are malformed or would inflate to more
// than `max` bytes; the stream is then dead.
bool inflater_put(
    struct inflater *inflater, const uint8_t *data, size_t len, size_t max, struct buf *out);
