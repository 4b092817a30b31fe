// SPDX-License-Identifier: ISC
// A growing byte buffer, and the varints that frames and dumps are made of.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zero-initialised is empty. Running out of memory aborts: nothing that uses this runs in the
// keeper.
struct buf {
	uint8_t *data; // owned
	size_t len;    // bytes used
	size_t cap;    // bytes allocated
};

void buf_fini(struct buf *buf);
// Drops the first `len` bytes.
void buf_take(struct buf *buf, size_t len);
// Makes room for `len` more bytes and returns where they go; the caller adds to buf->len.
uint8_t *buf_reserve(struct buf *buf, size_t len);
void buf_put(struct buf *buf, const void *data, size_t len);
void buf_put_u8(struct buf *buf, uint8_t value);
// LEB128, 1 to 10 bytes.
void buf_put_varint(struct buf *buf, uint64_t value);
// varint length, then the bytes.
void buf_put_bytes(struct buf *buf, const void *data, size_t len);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
// A code point that may stand on a screen or in a title: no control (C0, DEL, C1) and no surrogate.
bool utf8_printable(uint32_t cp);
// UTF-8 of one code point (a surrogate or one past U+10FFFF becomes U+FFFD).
void buf_put_utf8(struct buf *buf, uint32_t cp);

// Reads from untrusted bytes. After a read past the end or a malformed varint `bad` is set, and
// every later read gives zero: check once, at the end of each unit.
struct reader {
	const uint8_t *data; // borrowed
	size_t len;          // bytes left
	bool bad;
};

// All was read and nothing was bad.
bool reader_done(const struct reader *reader);
uint8_t reader_u8(struct reader *reader);
uint64_t reader_varint(struct reader *reader);
// As reader_varint, but a value over `max` is bad (and gives 0).
uint32_t reader_bounded(struct reader *reader, uint32_t max);
// One character of UTF-8 (RFC 3629); 0, and perhaps bad, if it is malformed or not printable.
uint32_t reader_utf8(struct reader *reader);
// The next `len` bytes in place, or NULL and bad.
const uint8_t *reader_raw(struct reader *reader, size_t len);
// A varint length of at most `max` and as many bytes, in place.
const uint8_t *reader_bytes(struct reader *reader, size_t *len, size_t max);
