// SPDX-License-Identifier: ISC
// A growing byte buffer, varints, and a reader that survives any bytes.
#include "vt/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_CAP 64

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

void
buf_take(struct buf *buf, size_t len)
{
	if (len > buf->len)
		abort();
	buf->len -= len;
	if (buf->len > 0)
		memmove(buf->data, buf->data + len, buf->len);
}

uint8_t *
buf_reserve(struct buf *buf, size_t len)
{
	if (len > buf->cap - buf->len || !buf->data) {
		if (len > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4)
			abort();
		size_t cap = buf->cap > 0 ? buf->cap : BUF_FIRST_CAP;
		while (cap < buf->len + len)
			cap *= 2;
		buf->data = realloc(buf->data, cap);
		if (!buf->data)
			abort();
		buf->cap = cap;
	}
	return buf->data + buf->len;
}

void
buf_put(struct buf *buf, const void *data, size_t len)
{
	if (len == 0) // `data` may be NULL then
		return;
	memcpy(buf_reserve(buf, len), data, len);
	buf->len += len;
}

void
buf_put_u8(struct buf *buf, uint8_t value)
{
	*buf_reserve(buf, 1) = value;
	buf->len++;
}

void
buf_put_varint(struct buf *buf, uint64_t value)
{
	uint8_t *to = buf_reserve(buf, 10);
	while (value >= 0x80) {
		*to++ = (uint8_t)(value | 0x80);
		buf->len++;
		value >>= 7;
	}
	*to = (uint8_t)value;
	buf->len++;
}

void
buf_put_bytes(struct buf *buf, const void *data, size_t len)
{
	buf_put_varint(buf, len);
	buf_put(buf, data, len);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		abort();
	char *to = (char *)buf_reserve(buf, (size_t)len + 1); // vsnprintf ends with a NUL
	vsnprintf(to, (size_t)len + 1, format, again);
	va_end(again);
	buf->len += (size_t)len;
}

void
buf_put_utf8(struct buf *buf, uint32_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		cp = 0xfffd;
	if (cp < 0x80) {
		buf_put_u8(buf, (uint8_t)cp);
		return;
	}
	uint8_t *to = buf_reserve(buf, 4);
	if (cp < 0x800) {
		*to++ = (uint8_t)(0xc0 | cp >> 6);
	} else {
		if (cp < 0x10000) {
			*to++ = (uint8_t)(0xe0 | cp >> 12);
		} else {
			*to++ = (uint8_t)(0xf0 | cp >> 18);
			*to++ = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
		}
		*to++ = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
	}
	*to++ = (uint8_t)(0x80 | (cp & 0x3f));
	buf->len = (size_t)(to - buf->data);
}

static void
reader_fail(struct reader *reader)
{
	reader->bad = true;
	reader->len = 0;
}

const uint8_t *
reader_raw(struct reader *reader, size_t len)
{
	if (reader->bad || len > reader->len) {
		reader_fail(reader);
		return NULL;
	}
	const uint8_t *data = reader->data;
	if (len > 0) { // NULL + 0 is undefined
		reader->data += len;
		reader->len -= len;
	}
	return data;
}

bool
reader_done(const struct reader *reader)
{
	return !reader->bad && reader->len == 0;
}

uint8_t
reader_u8(struct reader *reader)
{
	const uint8_t *data = reader_raw(reader, 1);
	return data ? *data : 0;
}

uint64_t
reader_varint(struct reader *reader)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = reader_u8(reader);
		if (shift == 63 && byte > 1)
			break; // past 64 bits
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return reader->bad ? 0 : value;
	}
	reader_fail(reader);
	return 0;
}

uint32_t
reader_bounded(struct reader *reader, uint32_t max)
{
	uint64_t value = reader_varint(reader);
	if (value > max) {
		reader_fail(reader);
		return 0;
	}
	return (uint32_t)value;
}

const uint8_t *
reader_bytes(struct reader *reader, size_t *len, size_t max)
{
	uint64_t want = reader_varint(reader);
	*len = 0;
	if (reader->bad || want > max || want > reader->len) {
		reader_fail(reader);
		return NULL;
	}
	*len = (size_t)want;
	return reader_raw(reader, *len);
}

bool
utf8_printable(uint32_t cp)
{
	return cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0) && !(cp >= 0xd800 && cp < 0xe000) &&
	       cp <= 0x10ffff;
}

uint32_t
reader_utf8(struct reader *reader)
{
	static const struct {
		uint8_t mask, bits;
		uint32_t min;
	} lead[] = {
	    {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	uint8_t first = reader_u8(reader);

	for (size_t i = 0; i < sizeof(lead) / sizeof(lead[0]); i++) {
		uint32_t cp = (uint32_t)(first & ~lead[i].mask);

		if ((first & lead[i].mask) != lead[i].bits)
			continue;
		for (size_t k = 0; k < i; k++) {
			uint8_t next = reader_u8(reader);

			if ((next & 0xc0) != 0x80)
				return 0;
			cp = cp << 6 | (next & 0x3f);
		}
		return !reader->bad && cp >= lead[i].min && utf8_printable(cp) ? cp : 0;
	}
	return 0;
}
