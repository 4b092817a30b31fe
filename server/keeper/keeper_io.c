// SPDX-License-Identifier: ISC
// Messages out of the keeper, without asking for memory; and the words it may type by itself.
#include "server/keeper/keeper_parts.h"

#include "vt/model.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define LENGTH_MAX 10 // bytes of a varint

bool
tx_idle(const struct tx *tx)
{
	return tx->pos == tx->len && !tx->body_len;
}

static size_t
varint_put(uint8_t *to, uint64_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		to[len++] = (uint8_t)(value | 0x80);
	to[len++] = (uint8_t)value;
	return len;
}

// The length is put before the type by tx_end(), when it is known.
void
tx_begin(struct tx *tx, uint8_t type)
{
	tx->pos = LENGTH_MAX;
	tx->head[LENGTH_MAX] = type;
	tx->len = LENGTH_MAX + 1;
}

void
tx_varint(struct tx *tx, uint64_t value)
{
	if (TX_HEAD - tx->len >= LENGTH_MAX)
		tx->len += varint_put(tx->head + tx->len, value);
}

void
tx_string(struct tx *tx, const char *text)
{
	size_t len = strlen(text);
	size_t room = TX_HEAD - tx->len;

	if (len > LIMIT_TEXT)
		len = LIMIT_TEXT;
	if (room < LENGTH_MAX)
		return;
	if (len > room - LENGTH_MAX)
		len = room - LENGTH_MAX;
	tx_varint(tx, len);
	memcpy(tx->head + tx->len, text, len);
	tx->len += len;
}

void
tx_raw(struct tx *tx, const void *data, size_t len)
{
	if (len > TX_HEAD - tx->len)
		return;
	memcpy(tx->head + tx->len, data, len);
	tx->len += len;
}

void
tx_end(struct tx *tx, const uint8_t *body, size_t body_len)
{
	uint8_t length[LENGTH_MAX];
	size_t count = varint_put(length, tx->len - tx->pos + body_len);

	tx->pos -= count;
	memcpy(tx->head + tx->pos, length, count);
	tx->body = body;
	tx->body_len = body_len;
}

enum tx_status
tx_flush(struct tx *tx, int fd)
{
	while (!tx_idle(tx)) {
		struct iovec parts[2] = {
		    {.iov_base = tx->head + tx->pos, .iov_len = tx->len - tx->pos},
		    {.iov_base = (void *)(uintptr_t)tx->body, .iov_len = tx->body_len}};
		struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
		ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		size_t head;

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN || errno == ENOBUFS ? TX_AGAIN : TX_DEAD;
		head = (size_t)sent < parts[0].iov_len ? (size_t)sent : parts[0].iov_len;
		tx->pos += head;
		if ((size_t)sent > head) {
			tx->body += (size_t)sent - head;
			tx->body_len -= (size_t)sent - head;
		}
	}
	tx->pos = tx->len = 0;
	return TX_DONE;
}

// What a VT220 with colour says (ECMA-48 8.3.35, xterm ctlseqs "CSI Ps n", "CSI Ps c", DECRPM).
// \1 and \2 stand for the numbers. This table is all that can be typed on a program's behalf.
static const struct {
	const char *text;
	uint32_t a_min, a_max, b_min, b_max;
} replies[REPLY_KIND_COUNT] = {
    [REPLY_DSR_OK] = {"\033[0n", 0, UINT32_MAX, 0, UINT32_MAX},
    [REPLY_CPR] = {"\033[\1;\2R", 1, 1000, 1, 1000},
    [REPLY_DECXCPR] = {"\033[?\1;\2R", 1, 1000, 1, 1000},
    [REPLY_DA1] = {"\033[?62;22c", 0, UINT32_MAX, 0, UINT32_MAX},
    [REPLY_DA2] = {"\033[>1;10;0c", 0, UINT32_MAX, 0, UINT32_MAX},
    [REPLY_DECRPM] = {"\033[?\1;\2$y", 0, 65535, 0, 4},
    [REPLY_ANSI_RPM] = {"\033[\1;\2$y", 0, 65535, 0, 4},
};

static size_t
decimal_put(char *to, uint32_t value)
{
	char digits[10];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (size_t i = 0; i < count; i++)
		to[i] = digits[count - 1 - i];
	return count;
}

size_t
reply_format(uint32_t kind, uint32_t a, uint32_t b, char out[REPLY_MAX])
{
	size_t len = 0;

	if (kind >= REPLY_KIND_COUNT || a < replies[kind].a_min || a > replies[kind].a_max ||
	    b < replies[kind].b_min || b > replies[kind].b_max)
		return 0;
	for (const char *c = replies[kind].text; *c; c++) {
		if (*c == '\1' || *c == '\2')
			len += decimal_put(out + len, *c == '\1' ? a : b);
		else
			out[len++] = *c;
	}
	return len;
}
