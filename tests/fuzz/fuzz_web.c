// SPDX-License-Identifier: ISC
// The gateway against any browser: the real one, libwebsockets and all, with this file for its porter and for
// a session. An even first byte: the input is what a connection sends. An odd one: it opens a
// WebSocket as a page does, and the input is its messages, each behind a byte with its length; behind
// 255, a length and bytes that are put on the wire as they are. The gateway must go on serving others.
#include "vt/frame.h"
#include "web/channel.h"
#include "web/gateway_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS 6        // until what was sent has had its effect
#define CHECK_EACH 64u // inputs between two looks whether others are served
#define CHECK_TURNS 200
#define SESSIONS 8 // two at work, and as many offered, at any time

static struct gateway gateway;
static int porter, dial;       // the other ends of its channels
static int sessions[SESSIONS]; // ends of its connections to sessions, or of those it gets next
static struct buf asked;       // by the gateway, of the porter
static struct sockaddr_in address;

// ---- the session -------------------------------------------------------------------------------

static void
put_frame(struct buf *out)
{
	struct screen *screen = screen_blank(24, 80);
	size_t begin = msg_begin(out, VIEW_FRAME);

	buf_put_u8(out, VIEW_FRAME_KEY);
	frame_encode(NULL, screen, out);
	msg_end(out, begin);
	screen_unref(screen);
}

// A connection that the gateway can have when it asks for one.
static void
offer_session(void)
{
	const struct view_welcome welcome = {
	    .version = PROTO_VERSION, .session = "s", .host = "host", .start = 1};
	static unsigned next;
	struct buf out = {0};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		abort();
	view_welcome_put(&out, &welcome);
	put_frame(&out);
	if (send(fds[0], out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
		abort();
	buf_fini(&out);
	channel_dial_answer(dial, 0, fds[1]);
	close(fds[1]);
	if (sessions[next % SESSIONS])
		close(sessions[next % SESSIONS]);
	sessions[next++ % SESSIONS] = fds[0];
}

// Answers questions for rows that scrolled away, with two; and shows something new.
static void
answer_history(int fd)
{
	struct view_history history = {.oldest = 3, .end = 9, .first = 5};
	uint8_t said[512];
	struct buf out = {0};

	if (recv(fd, said, sizeof(said), 0) <= 0)
		return;
	history.rows = screen_blank(2, 80);
	view_history_put(&out, &history);
	screen_unref(history.rows);
	put_frame(&out);
	send(fd, out.data, out.len, MSG_NOSIGNAL);
	buf_fini(&out);
}

static void
be_sessions(void)
{
	char name[LIMIT_NAME + 1];

	while (channel_dial_asked(dial, name))
		offer_session();
	for (size_t i = 0; i < SESSIONS; i++) {
		if (sessions[i])
			answer_history(sessions[i]);
	}
}

// ---- the porter --------------------------------------------------------------------------------

// Tokens that begin with A are good.
static void
answer(const struct msg *msg, struct buf *out)
{
	struct reader reader = msg_reader(msg);
	uint64_t serial = reader_varint(&reader);
	size_t len, begin;
	const uint8_t *token = reader_bytes(&reader, &len, LIMIT_NAME);
	bool good = token && len && token[0] == 'A';

	if (msg->type != CHANNEL_ADMIT)
		return;
	begin = msg_begin(out, good ? CHANNEL_ADMITTED : CHANNEL_REFUSED);
	buf_put_varint(out, serial);
	if (good) {
		buf_put_varint(out, serial);
		buf_put_bytes(out, token, len);
		buf_put_bytes(out, "bob", 3);
		buf_put_bytes(out, "s", len > 1);
	} else {
		buf_put_bytes(out, "no", 2);
	}
	msg_end(out, begin);
}

static void
be_porter(void)
{
	struct buf out = {0};
	struct msg msg;
	size_t used = 0;
	ssize_t got = recv(porter, buf_reserve(&asked, 65536), 65536, MSG_DONTWAIT);

	asked.len += got > 0 ? (size_t)got : 0;
	while (msg_get(&asked, &used, CHANNEL_MAX, &msg) == MSG_ONE)
		answer(&msg, &out);
	buf_take(&asked, used);
	if (out.len && send(porter, out.data, out.len, MSG_NOSIGNAL) < 0)
		abort();
	buf_fini(&out);
}

static void
tell_sessions(void)
{
	static const char *const names[] = {"s", "t"};
	struct buf out = {0};
	size_t begin = msg_begin(&out, CHANNEL_SESSIONS);

	buf_put_varint(&out, 2);
	for (size_t i = 0; i < 2; i++) {
		buf_put_bytes(&out, names[i], 1);
		buf_put_bytes(&out, "host", 4);
		buf_put_varint(&out, 1);
	}
	msg_end(&out, begin);
	if (send(porter, out.data, out.len, MSG_NOSIGNAL) < 0)
		abort();
	buf_fini(&out);
}

// ---- the gateway and a browser -----------------------------------------------------------------

static void
turn(int times)
{
	for (int i = 0; i < times; i++) {
		gateway_turn(&gateway);
		be_porter();
		be_sessions();
		gateway_turn(&gateway);
		lws_service(gateway.context, -1); // without waiting
	}
	if (gateway.ended)
		abort();
}

static void
start(void)
{
	static char *hosts[] = {"localhost"};
	static struct gateway_options options = {.hosts = hosts, .hosts_len = 1};
	socklen_t len = sizeof(address);
	int channels[2], dials[2];

	options.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(options.listen_fd, (struct sockaddr *)&address, len) != 0 ||
	    listen(options.listen_fd, 64) != 0 ||
	    getsockname(options.listen_fd, (struct sockaddr *)&address, &len) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channels) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, dials) != 0)
		abort();
	porter = channels[1];
	dial = dials[1];
	gateway.options = &options;
	gateway.channel = channels[0];
	gateway.dial = dials[0];
	if (!gateway_start(&gateway))
		abort();
	lws_set_log_level(0, NULL);
	for (int i = 0; i < SESSIONS / 2; i++)
		offer_session();
	tell_sessions();
	turn(2);
}

static int
connect_browser(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct linger at_once = {.l_onoff = 1}; // thousands of ports would wait

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("connect");
		abort();
	}
	return fd;
}

static void
say(int fd, const void *data, size_t len)
{
	send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT); // if it was closed, that is the answer
}

// A final binary message, with a mask of zeros.
static void
say_message(int fd, const uint8_t *data, uint8_t len)
{
	uint8_t frame[4 + 4 + 255] = {0x82, len < 126 ? 0x80 | len : 0x80 | 126, 0, len};
	size_t head = len < 126 ? 2 : 4;

	memset(frame + head, 0, 4);
	memcpy(frame + head + 4, data, len);
	say(fd, frame, head + 4 + len);
}

static void
be_page(int fd, const uint8_t *data, size_t size)
{
	static const char upgrade[] =
	    "GET /watch HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	    "Sec-WebSocket-Protocol: mirrord.1\r\n\r\n";

	say(fd, upgrade, sizeof(upgrade) - 1);
	turn(TURNS);
	while (size) {
		uint8_t len = *data++;
		bool raw = len == 255 && size > 1;

		size--;
		if (raw) {
			len = *data++;
			size--;
		}
		if (len > size)
			len = (uint8_t)size;
		if (raw)
			say(fd, data, len);
		else
			say_message(fd, data, len);
		data += len;
		size -= len;
		turn(2);
	}
}

static void
others_are_served(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	char got[12] = "";
	int fd = connect_browser();

	say(fd, request, sizeof(request) - 1);
	for (int i = 0; i < CHECK_TURNS && !got[0]; i++) {
		turn(1);
		recv(fd, got, sizeof(got), MSG_DONTWAIT);
	}
	if (memcmp(got, "HTTP/1.1 200", sizeof(got)) != 0)
		abort();
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned count;
	int fd;

	if (!gateway.context)
		start();
	if (!size || size > 65536)
		return 0;
	fd = connect_browser();
	if (data[0] & 1)
		be_page(fd, data + 1, size - 1);
	else
		say(fd, data + 1, size - 1);
	turn(TURNS);
	close(fd);
	turn(2);
	if (++count % CHECK_EACH == 1)
		others_are_served();
	return 0;
}
