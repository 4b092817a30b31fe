// SPDX-License-Identifier: ISC
// The control socket of a published session: takes links over from `mirrord relay`, and answers
// `list` and `stop` as a keeper does. For the account's own uid, and root.
#include "server/relay/relay_parts.h"

#include "server/base/fdpass.h"
#include "server/base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define SILENT_MS 5000   // a client that asks nothing for so long is let go
#define REQUEST_MAX 4200 // bytes of a message, as the keeper has it
#define READ_BYTES 4096

struct relay_conn {
	struct relay *relay; // borrowed
	uv_poll_t poll;
	int fd;                 // owned
	struct buf in;          // owned
	int passed[FDPASS_MAX]; // owned: came with the newest piece
	size_t passed_count;
	struct feed *feed; // whose link this connection stands for, or NULL
	uint64_t due;
	bool greeted, closed;
};

static void
on_closed(uv_handle_t *handle)
{
	struct relay_conn *conn = handle->data;

	buf_fini(&conn->in);
	free(conn);
}

static void
drop_passed(struct relay_conn *conn)
{
	while (conn->passed_count)
		close(conn->passed[--conn->passed_count]);
}

static void
conn_close(struct relay_conn *conn)
{
	struct feed *feed = conn->feed;

	if (conn->closed)
		return;
	conn->closed = true;
	for (size_t i = 0; i < RELAY_CONNS; i++) {
		if (conn->relay->conn[i] == conn)
			conn->relay->conn[i] = NULL;
	}
	drop_passed(conn);
	uv_close((uv_handle_t *)&conn->poll, on_closed);
	close(conn->fd);
	if (conn->relay->lender == conn) {
		conn->relay->lender = NULL;
		viewers_keyboard(conn->relay->viewers, NULL, NULL);
	}
	conn->feed = NULL;
	if (feed) // the process at sshd is gone, and the link with it
		feed_close(feed);
}

void
relay_control_take_back(struct relay *relay)
{
	if (relay->lender)
		conn_close(relay->lender);
}

void
relay_control_release(struct relay *relay, const struct feed *feed)
{
	for (size_t i = 0; i < RELAY_CONNS; i++) {
		struct relay_conn *conn = relay->conn[i];

		if (!conn || conn->feed != feed)
			continue;
		conn->feed = NULL;
		conn_close(conn);
	}
}

static void
reply(struct relay_conn *conn, struct buf *out)
{
	// far smaller than a socket's buffer, and nobody asks without reading
	if (send(conn->fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)out->len)
		conn_close(conn);
	buf_fini(out);
}

static void
refuse(struct relay_conn *conn, int status, const char *text)
{
	struct buf out = {0};
	size_t begin = msg_begin(&out, CONTROL_ERROR);

	buf_put_varint(&out, (uint64_t)status);
	buf_put_bytes(&out, text, strlen(text));
	msg_end(&out, begin);
	reply(conn, &out);
	conn_close(conn);
}

// ---- requests ----------------------------------------------------------------------------------

static void
on_info(struct relay_conn *conn, const struct msg *msg)
{
	const struct relay *relay = conn->relay;
	const struct relay_claim *claim = relay->claim;
	char text[LIMIT_TEXT + 1];
	struct buf out = {0};
	size_t begin = msg_begin(&out, CONTROL_INFO_IS);

	(void)msg;
	snprintf(text, sizeof(text), "published by %.200s%s", claim->who.origin,
	    relay->lost_at ? " (link lost)" : "");
	buf_put_bytes(&out, claim->session.name, strlen(claim->session.name));
	buf_put_varint(&out, (uint64_t)claim->keeper);
	buf_put_varint(&out, 0); // it has no child here
	buf_put_varint(&out, claim->who.start);
	buf_put_varint(&out, relay->screen ? relay->screen->rows : 0);
	buf_put_varint(&out, relay->screen ? relay->screen->cols : 0);
	buf_put_varint(&out, relay->lost_at == 0);
	buf_put_varint(&out, relay->watched);
	buf_put_bytes(&out, text, strlen(text));
	msg_end(&out, begin);
	reply(conn, &out);
}

static void
on_stop(struct relay_conn *conn, const struct msg *msg)
{
	struct buf out = {0};

	msg_put(&out, CONTROL_OK, msg->data, 0);
	reply(conn, &out);
	relay_end(conn->relay, EX_OK, "the session was ended on the relay");
}

static void
on_attach(struct relay_conn *conn, const struct msg *msg)
{
	(void)msg;
	refuse(
	    conn, EX_UNAVAILABLE, "this session is published from elsewhere: its shell is there");
}

// A name belongs to who had it first, for as long as it is served; among that one's own, to the
// newest that is there (a clock may have gone back meanwhile).
static bool
may_publish(struct relay_conn *conn, const struct link_publish *who)
{
	const struct relay *relay = conn->relay;
	const struct relay_claim *claim = relay->claim;
	char text[LIMIT_TEXT + 1];

	if (!secret_equal(who->token, claim->who.token, PUBLISH_TOKEN)) {
		snprintf(text, sizeof(text),
		    "the name \"%s\" is taken there: it is published by %.120s",
		    claim->session.name, claim->who.origin);
		refuse(conn, EX_CANTCREAT, text);
		return false;
	}
	if (who->since < relay->since && relay->live) {
		refuse(conn, EX_UNAVAILABLE, "the session is published by another process now");
		return false;
	}
	return true;
}

static void
on_publish(struct relay_conn *conn, const struct msg *msg)
{
	struct msg publish = {.type = LINK_PUBLISH, .data = msg->data, .len = msg->len};
	struct link_publish who;
	struct buf out = {0};

	if (conn->passed_count != 2 || conn->feed || !link_publish_get(&publish, &who) ||
	    who.version != LINK_VERSION) {
		conn_close(conn);
		return;
	}
	if (!may_publish(conn, &who))
		return;
	conn->feed = feed_new(conn->relay, conn->passed[0], conn->passed[1], who.since);
	if (!conn->feed) {
		refuse(conn, EX_TEMPFAIL, "too many links are being tried at once");
		return;
	}
	conn->passed_count = 0; // the feed's now
	msg_put(&out, CONTROL_OK, NULL, 0);
	reply(conn, &out);
	if (conn->feed)
		feed_hello(conn->feed);
}

// The publisher's key line has its own token for it, which goes to one guest's connection. A newer one takes
// the older one's place.
static void
on_lend(struct relay_conn *conn, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);
	struct relay *relay = conn->relay;
	const uint8_t *token = reader_raw(&reader, PUBLISH_TOKEN), *keyboard;
	struct input_modes modes = {0};
	struct order_who who;
	struct buf out = {0};

	orders_who_get(&reader, &who);
	keyboard = reader_raw(&reader, GRANT_TOKEN);
	if (!view_modes_get(&reader, &modes) || !reader_done(&reader) || conn == relay->lender) {
		conn_close(conn);
		return;
	}
	if (!secret_equal(token, relay->claim->who.token, PUBLISH_TOKEN)) {
		refuse(conn, EX_NOPERM, "another one has published the session");
		return;
	}
	relay_control_take_back(relay);
	if (relay->lost_at || !relay->viewers) {
		refuse(conn, EX_UNAVAILABLE, "the session's link is lost");
		return;
	}
	viewers_modes(relay->viewers, &modes);
	relay->lender = conn;
	if (!viewers_keyboard(relay->viewers, &who, keyboard)) {
		refuse(conn, EX_NOUSER, "nobody watches there who is called that and may type");
		return;
	}
	msg_put(&out, CONTROL_OK, NULL, 0);
	reply(conn, &out);
}

static void
on_modes(struct relay_conn *conn, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);
	struct input_modes modes = {0};

	if (conn == conn->relay->lender && view_modes_get(&reader, &modes) && reader_done(&reader))
		viewers_modes(conn->relay->viewers, &modes);
	else
		conn_close(conn);
}

static void
on_hello(struct relay_conn *conn, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);
	const uint8_t *magic = reader_raw(&reader, strlen(PROTO_MAGIC));

	if (!magic || memcmp(magic, PROTO_MAGIC, strlen(PROTO_MAGIC)) != 0)
		conn_close(conn);
	else if (reader_varint(&reader) != PROTO_VERSION)
		refuse(conn, EX_PROTOCOL, "the session's process is of another version of mirrord");
	conn->greeted = true;
}

static const struct {
	uint8_t type;
	void (*on)(struct relay_conn *conn, const struct msg *msg);
} requests[] = {
    {CONTROL_HELLO, on_hello},
    {CONTROL_INFO, on_info},
    {CONTROL_STOP, on_stop},
    {CONTROL_ATTACH, on_attach},
    {CONTROL_PUBLISH, on_publish},
    {CONTROL_LEND, on_lend},
    {CONTROL_MODES, on_modes},
};

static void
on_request(struct relay_conn *conn, const struct msg *msg)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].type == msg->type &&
		    (msg->type == CONTROL_HELLO) != conn->greeted) {
			requests[i].on(conn, msg);
			return;
		}
	}
	if (conn->greeted)
		refuse(conn, EX_UNAVAILABLE,
		    "this session is published from elsewhere: that can be "
		    "done there alone");
	else
		conn_close(conn);
}

static void
on_conn(uv_poll_t *poll, int status, int events)
{
	struct relay_conn *conn = poll->data;
	struct relay *relay = conn->relay;
	uint8_t data[READ_BYTES];
	struct msg msg;
	size_t used = 0, count;
	ssize_t got;
	int fds[FDPASS_MAX];

	(void)events;
	relay_clock(relay);
	got = fdpass_recv(conn->fd, data, sizeof(data), fds, &count);
	if (count) {
		drop_passed(conn);
		memcpy(conn->passed, fds, count * sizeof(int));
		conn->passed_count = count;
	}
	if (status < 0 || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		conn_close(conn);
	} else if (got > 0) {
		conn->due = relay->now + SILENT_MS;
		buf_put(&conn->in, data, (size_t)got);
	}
	while (!conn->closed) {
		enum msg_status found = msg_get(&conn->in, &used, REQUEST_MAX, &msg);

		if (found == MSG_NONE)
			break;
		if (found == MSG_BAD)
			conn_close(conn);
		else
			on_request(conn, &msg);
	}
	buf_take(&conn->in, used);
	relay_schedule(relay);
}

// ---- coming and going --------------------------------------------------------------------------

static bool
is_own(const struct relay *relay, int fd)
{
	uid_t uid = session_peer(fd, NULL);

	return uid == relay->claim->session.owner || uid == 0;
}

static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct relay *relay = poll->data;
	int fd = accept4(relay->claim->control_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct relay_conn *conn;
	size_t slot = 0;

	(void)status;
	(void)events;
	relay_clock(relay);
	if (fd < 0)
		return;
	while (slot < RELAY_CONNS && relay->conn[slot])
		slot++;
	conn = slot < RELAY_CONNS && is_own(relay, fd) ? calloc(1, sizeof(*conn)) : NULL;
	if (!conn || uv_poll_init(&relay->loop, &conn->poll, fd) != 0) {
		free(conn);
		close(fd);
		return;
	}
	conn->relay = relay;
	conn->fd = fd;
	conn->poll.data = conn;
	conn->due = relay->now + SILENT_MS;
	relay->conn[slot] = conn;
	uv_poll_start(&conn->poll, UV_READABLE, on_conn);
	relay_schedule(relay);
}

bool
relay_control_start(struct relay *relay)
{
	relay->listener.data = relay;
	return uv_poll_init(&relay->loop, &relay->listener, relay->claim->control_fd) == 0 &&
	       uv_poll_start(&relay->listener, UV_READABLE, on_listener) == 0;
}

// One that stands for a link, or for a key line, need not say anything.
static bool
is_silent(const struct relay *relay, const struct relay_conn *conn)
{
	return !conn->feed && conn != relay->lender;
}

uint64_t
relay_control_due(const struct relay *relay)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < RELAY_CONNS; i++) {
		const struct relay_conn *conn = relay->conn[i];

		if (conn && is_silent(relay, conn) && conn->due < due)
			due = conn->due;
	}
	return due;
}

void
relay_control_tick(struct relay *relay)
{
	for (size_t i = 0; i < RELAY_CONNS; i++) {
		struct relay_conn *conn = relay->conn[i];

		if (conn && is_silent(relay, conn) && conn->due <= relay->now)
			conn_close(conn);
	}
}
