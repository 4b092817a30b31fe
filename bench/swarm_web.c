// SPDX-License-Identifier: ISC
// A browser's socket, as far as bench/swarm needs one.
#include "bench/swarm_web.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO 0x01
#define VERSION 1
#define FINAL_BINARY 0x82 // RFC 6455, 5.2
#define MASKED 0x80
#define LENGTH_16 126
#define LENGTH_64 127
#define ANSWER_MAX 4096

static int
dial(const char *port)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	int fd;

	if (getaddrinfo("127.0.0.1", port, &hints, &found) != 0) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

// The rest of what came with the answer stays in `in`.
static bool
read_answer(int fd, struct buf *in)
{
	char *end;

	for (;;) {
		ssize_t got = recv(fd, buf_reserve(in, ANSWER_MAX), ANSWER_MAX, 0);

		if (got <= 0)
			return false;
		in->len += (size_t)got;
		end = memmem(in->data, in->len, "\r\n\r\n", 4);
		if (end)
			break;
	}
	if (in->len < 13 || memcmp(in->data, "HTTP/1.1 101 ", 13) != 0)
		return false;
	buf_take(in, (size_t)((uint8_t *)end - in->data) + 4);
	return true;
}

int
swarm_web_open(const char *port, const char *token, struct buf *in)
{
	static const uint8_t nothing[10]; // session, epoch, seq
	struct buf out = {0}, hello = {0};
	int fd = dial(port);
	bool sent;

	if (fd < 0)
		return -1;
	// the key is one of RFC 6455's examples: nobody but a proxy would mind that it is always the same
	buf_printf(&out,
	    "GET /watch HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nOrigin: http://127.0.0.1:%s\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "
	    "mirrord.1\r\n\r\n",
	    port, port);
	sent = send(fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
	out.len = 0;
	buf_put_u8(&hello, HELLO);
	buf_put_varint(&hello, VERSION);
	buf_put_bytes(&hello, token, strlen(token));
	buf_put(&hello, nothing, sizeof(nothing));
	swarm_web_put(&out, hello.data, hello.len);
	if (!sent || !read_answer(fd, in) ||
	    send(fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len) {
		close(fd);
		fd = -1;
		errno = EPROTO;
	}
	buf_fini(&out);
	buf_fini(&hello);
	return fd;
}

const uint8_t *
swarm_web_get(const struct buf *in, size_t *used, size_t *len, bool *bad)
{
	struct reader reader = {.data = in->data + *used, .len = in->len - *used};
	uint8_t first = reader_u8(&reader);
	uint64_t length = reader_u8(&reader);
	int more = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
	const uint8_t *data;

	if (more)
		length = 0;
	for (; more > 0; more--)
		length = length << 8 | reader_u8(&reader);
	*bad = !reader.bad && first != FINAL_BINARY;
	data = reader_raw(&reader, length);
	if (reader.bad || *bad)
		return NULL;
	*used = (size_t)(data - in->data) + length;
	*len = length;
	return data;
}

void
swarm_web_put(struct buf *out, const uint8_t *data, size_t len)
{
	static const uint8_t mask[4] = {0}; // hides nothing from anybody

	buf_put_u8(out, FINAL_BINARY);
	buf_put_u8(out, (uint8_t)(MASKED | len));
	buf_put(out, mask, sizeof(mask));
	buf_put(out, data, len);
}
