// SPDX-License-Identifier: ISC
// The edge's end of the view socket.
#include "server/base/viewclient.h"
#include "server/base/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)  // one recv; about what a unix socket holds
#define READ_CALLS 4            // at most so many before messages are looked at
#define KEEP_BYTES (256u << 10) // a larger buffer is given back once it is empty
#define DIAL_AGAIN_MS 50        // between two tries at a full backlog

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
fail(struct view_bye *bye, int status, const char *text)
{
	bye->status = status;
	snprintf(bye->text, sizeof(bye->text), "%s", text);
}

// The first word of sshd's SSH_CONNECTION: the guest's address.
static void
address_of_guest(char *to, size_t size)
{
	const char *connection = getenv("SSH_CONNECTION");
	size_t len = connection ? strcspn(connection, " ") : 0;

	if (len >= size || !view_text_clean(connection ? connection : "", len))
		len = 0;
	memcpy(to, connection ? connection : "", len);
	to[len] = '\0';
}

void
viewclient_hello(struct view_hello *hello, uint8_t role, uint16_t rows, uint16_t cols)
{
	memset(hello, 0, sizeof(*hello));
	hello->version = PROTO_VERSION;
	hello->role = role;
	hello->rows = rows;
	hello->cols = cols;
	address_of_guest(hello->from, sizeof(hello->from));
	strcpy(hello->via, *hello->from ? "ssh" : "local");
}

int
viewclient_dial(struct viewclient *client, const char *path, const struct view_hello *hello)
{
	struct buf out = {0};
	bool sent;

	*client = (struct viewclient){.fd = session_connect(path)};
	if (client->fd < 0)
		return -1;
	view_hello_put(&out, hello);
	sent = viewclient_send(client, &out); // a new socket has room for it
	buf_fini(&out);
	if (!sent) {
		viewclient_close(client);
		errno = ECONNRESET;
		return -1;
	}
	return 0;
}

void
viewclient_close(struct viewclient *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	buf_fini(&client->in);
	client->used = 0;
}

bool
viewclient_send(struct viewclient *client, const struct buf *message)
{
	// Whole or not at all: requests are far smaller than a socket's buffer, and one that
	// was cut ends the connection, for nothing after it would make sense.
	ssize_t sent = send(client->fd, message->data, message->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0 && (size_t)sent < message->len)
		shutdown(client->fd, SHUT_RDWR);
	return sent >= 0 && (size_t)sent == message->len;
}

static void
drop_used(struct viewclient *client)
{
	buf_take(&client->in, client->used);
	client->used = 0;
	if (client->in.len == 0 && client->in.cap > KEEP_BYTES)
		buf_fini(&client->in);
}

void
viewclient_read(struct viewclient *client)
{
	drop_used(client);
	for (int i = 0; i < READ_CALLS; i++) {
		uint8_t *to = buf_reserve(&client->in, READ_BYTES);
		ssize_t got = recv(client->fd, to, READ_BYTES, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { // what came before the end is still to be looked at
			client->ended = got == 0 || errno != EAGAIN;
			return;
		}
		client->in.len += (size_t)got;
		if ((size_t)got < READ_BYTES)
			return;
	}
}

static enum viewclient_event
welcome(struct viewclient *client, const struct msg *msg, struct view_bye *bye)
{
	if (msg->type != VIEW_WELCOME || !view_welcome_get(msg, &client->welcome)) {
		fail(bye, EX_PROTOCOL, "what listens there does not speak mirrord's protocol");
		return VIEWCLIENT_BYE;
	}
	if (client->welcome.version != PROTO_VERSION) {
		bye->status = EX_PROTOCOL;
		snprintf(bye->text, sizeof(bye->text),
		    "the session speaks version %llu of the protocol, this mirrord version %d; "
		    "install the same mirrord on both sides",
		    (unsigned long long)client->welcome.version, PROTO_VERSION);
		return VIEWCLIENT_BYE;
	}
	client->welcomed = true;
	return VIEWCLIENT_MSG;
}

enum viewclient_event
viewclient_next(struct viewclient *client, struct msg *msg, struct view_bye *bye)
{
	switch (msg_get(&client->in, &client->used, MSG_MAX, msg)) {
	case MSG_NONE: return client->ended ? VIEWCLIENT_LOST : VIEWCLIENT_NONE;
	case MSG_BAD:
		fail(bye, EX_PROTOCOL, "what listens there does not speak mirrord's protocol");
		return VIEWCLIENT_BYE;
	case MSG_ONE: break;
	}
	if (msg->type == VIEW_BYE) {
		if (!view_bye_get(msg, bye))
			fail(bye, EX_PROTOCOL, "the session said goodbye in a way unheard of");
		return VIEWCLIENT_BYE;
	}
	return client->welcomed ? VIEWCLIENT_MSG : welcome(client, msg, bye);
}

// ---- waiting -----------------------------------------------------------------------------------

static void
fail_to_connect(struct view_bye *bye, const char *path, int error)
{
	bool gone = error == ENOENT || error == ECONNREFUSED;

	bye->status = error == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
	snprintf(bye->text, sizeof(bye->text), "cannot connect to %.*s: %s", LIMIT_NAME * 2, path,
	    gone ? "the session is gone" : strerrordesc_np(error));
}

// The next message; waits for it until `deadline`.
static enum viewclient_event
next_before(struct viewclient *client, uint64_t deadline, struct msg *msg, struct view_bye *bye)
{
	for (;;) {
		enum viewclient_event event = viewclient_next(client, msg, bye);
		struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};
		uint64_t now = now_ms();

		if (event != VIEWCLIENT_NONE)
			return event;
		if (now >= deadline) {
			fail(bye, EX_UNAVAILABLE, "the session does not answer");
			return VIEWCLIENT_BYE;
		}
		if (poll(&pollfd, 1, (int)(deadline - now)) > 0)
			viewclient_read(client);
	}
}

// One try at the whole greeting, or at what is left of it if it is dialled already.
static enum viewclient_event
greet(struct viewclient *client, const char *path, const struct view_hello *hello,
    uint64_t deadline, struct view_bye *bye)
{
	enum viewclient_event event;
	struct msg msg;

	if (client->fd < 0 && viewclient_dial(client, path, hello) != 0) {
		int error = errno;

		fail_to_connect(bye, path, error);
		return error == EAGAIN || error == ECONNRESET ? VIEWCLIENT_LOST : VIEWCLIENT_BYE;
	}
	event = next_before(client, deadline, &msg, bye);
	if (event != VIEWCLIENT_MSG)
		viewclient_close(client);
	return event;
}

bool
viewclient_greet(struct viewclient *client, const char *path, const struct view_hello *hello,
    int timeout_ms, struct view_bye *bye)
{
	uint64_t deadline = now_ms() + (uint64_t)timeout_ms;

	for (;;) {
		switch (greet(client, path, hello, deadline, bye)) {
		case VIEWCLIENT_MSG: return true;
		case VIEWCLIENT_LOST: // a mirror died with us in its hands: its successor answers
			if (now_ms() < deadline)
				break;
			fail(bye, EX_UNAVAILABLE, "the session does not answer");
			return false;
		default: return false;
		}
		poll(NULL, 0, DIAL_AGAIN_MS);
	}
}

bool
viewclient_open(struct viewclient *client, const char *path, const struct view_hello *hello,
    int timeout_ms, struct view_bye *bye)
{
	client->fd = -1;
	return viewclient_greet(client, path, hello, timeout_ms, bye);
}

bool
viewclient_wait(struct viewclient *client, uint8_t ask, uint8_t answer, int timeout_ms,
    struct msg *msg, struct view_bye *bye)
{
	uint64_t deadline = now_ms() + (uint64_t)timeout_ms;
	struct buf out = {0};
	bool sent = true;

	if (ask) {
		msg_put(&out, ask, NULL, 0);
		sent = viewclient_send(client, &out);
		buf_fini(&out);
	}
	for (enum viewclient_event event = VIEWCLIENT_MSG; sent && event == VIEWCLIENT_MSG;) {
		event = next_before(client, deadline, msg, bye);
		if (event == VIEWCLIENT_MSG && msg->type == answer)
			return true;
		if (event == VIEWCLIENT_BYE)
			return false;
	}
	fail(bye, EX_TEMPFAIL, "the connection to the session was lost");
	return false;
}

bool
viewclient_ask(struct viewclient *client, const char *path, uint8_t ask, uint8_t answer,
    struct msg *msg, struct view_bye *bye)
{
	uint64_t deadline = now_ms() + VIEWCLIENT_ANSWER_MS;
	struct view_hello hello;

	viewclient_hello(&hello, VIEW_ROLE_QUERY, 0, 0);
	do {
		if (!viewclient_open(client, path, &hello, VIEWCLIENT_ANSWER_MS, bye))
			return false;
		if (viewclient_wait(client, ask, answer, VIEWCLIENT_ANSWER_MS, msg, bye))
			return true;
		viewclient_close(client);
	} while (bye->status == EX_TEMPFAIL && now_ms() < deadline);
	return false;
}

// One try.
static bool
cut_once(
    struct viewclient *client, const struct view_cut *cut, uint32_t *count, struct view_bye *bye)
{
	struct reader reader;
	struct buf out = {0};
	struct msg msg;
	bool sent;

	view_cut_put(&out, VIEW_CUT, cut);
	sent = viewclient_send(client, &out);
	buf_fini(&out);
	if (!sent) {
		fail(bye, EX_TEMPFAIL, "the connection to the session was lost");
		return false;
	}
	if (!viewclient_wait(client, 0, VIEW_CUT_IS, VIEWCLIENT_ANSWER_MS, &msg, bye))
		return false;
	reader = msg_reader(&msg);
	*count = reader_bounded(&reader, LIMIT_VIEWERS);
	if (reader_done(&reader))
		return true;
	fail(bye, EX_PROTOCOL, "the session sent a malformed answer");
	return false;
}

bool
viewclient_cut(const char *path, const struct view_cut *cut, uint32_t *count, struct view_bye *bye)
{
	uint64_t deadline = now_ms() + VIEWCLIENT_ANSWER_MS;
	struct viewclient client;
	struct view_hello hello;
	bool done;

	viewclient_hello(&hello, VIEW_ROLE_QUERY, 0, 0);
	do {
		if (!viewclient_open(&client, path, &hello, VIEWCLIENT_ANSWER_MS, bye))
			return false;
		done = cut_once(&client, cut, count, bye);
		viewclient_close(&client);
	} while (!done && bye->status == EX_TEMPFAIL && now_ms() < deadline);
	return done;
}
