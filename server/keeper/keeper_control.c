// SPDX-License-Identifier: ISC
// The keeper's control socket: the attached front and short requests, from the host's uid only.
#include "server/keeper/keeper_parts.h"

#include "server/base/session.h"
#include "server/base/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

static void
conn_init(struct keeper *k, struct conn *conn, int fd)
{
	conn->fd = fd;
	conn->passed = -1;
	conn->hello = conn->closing = conn->taken = conn->listens = false;
	conn->ordered = 0;
	conn->deadline_ms = k->now_ms + LIMIT_HELLO_MS;
	conn->tx = (struct tx){0};
	conn->rx_len = conn->rx_used = conn->input_len = 0;
}

static void
listen_from_now(struct keeper *k, struct conn *conn)
{
	conn->listens = true;
	conn->heard = k->events;
}

void
control_init(struct keeper *k)
{
	struct conn *first = &k->conn[0];

	for (size_t i = 0; i < KEEPER_CONNS; i++)
		k->conn[i].fd = -1;
	k->tty = -1;
	conn_init(k, first, k->options->first);
	first->hello = true;
	if (k->options->tty < 0)
		return;
	first->deadline_ms = 0;
	k->front = first;
	k->front_phase = FRONT_LIVE;
	listen_from_now(k, first);
	k->tty = k->options->tty;
	k->tty_saved = k->options->termios;
}

// ---- leaving -------------------------------------------------------------------------------------

// Lets go of the front. `restored`: it has put its terminal back itself.
static void
front_drop(struct keeper *k, bool restored)
{
	if (k->tty >= 0) {
		if (!restored)
			tty_rescue(k->tty, &k->tty_saved);
		close(k->tty);
	}
	k->front->deadline_ms = k->now_ms + KEEPER_IDLE_MS; // should it linger
	k->tty = -1;
	k->front = NULL;
	k->front_phase = FRONT_NONE;
	k->front_ms = 0;
	event_tell(k, EVENT_DETACHED);
	keeper_drop(k);
}

// A socket that lingers would hold up close().
static void
passed_close(struct conn *conn)
{
	const struct linger none = {0};

	if (conn->passed < 0)
		return;
	setsockopt(conn->passed, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(conn->passed);
	conn->passed = -1;
}

static void
conn_close(struct keeper *k, struct conn *conn)
{
	if (conn->fd < 0)
		return;
	if (conn == k->front)
		front_drop(k, k->exit_sent);
	close(conn->fd);
	conn->fd = -1;
	passed_close(conn);
}

static void
say(struct conn *conn, uint8_t type)
{
	tx_begin(&conn->tx, type);
	tx_end(&conn->tx, NULL, 0);
}

static void
say_error(struct conn *conn, int status, const char *text)
{
	tx_begin(&conn->tx, CONTROL_ERROR);
	tx_varint(&conn->tx, (uint64_t)status);
	tx_string(&conn->tx, text);
	tx_end(&conn->tx, NULL, 0);
	conn->closing = true;
}

// ---- what clients say ----------------------------------------------------------------------------

static bool
on_hello(struct conn *conn, struct reader *reader)
{
	const uint8_t *magic = reader_raw(reader, strlen(PROTO_MAGIC));
	uint32_t version = reader_bounded(reader, UINT32_MAX);
	char text[80];

	if (reader->bad || memcmp(magic, PROTO_MAGIC, strlen(PROTO_MAGIC)) != 0)
		return false;
	conn->hello = true;
	if (version != PROTO_VERSION) {
		snprintf(text, sizeof(text),
		    "the session speaks version %d of the protocol, not %lu", PROTO_VERSION,
		    (unsigned long)version);
		say_error(conn, EX_PROTOCOL, text);
	}
	return true;
}

static bool
on_info(struct keeper *k, struct conn *conn)
{
	struct tx *tx = &conn->tx;

	tx_begin(tx, CONTROL_INFO_IS);
	tx_string(tx, k->options->name);
	tx_varint(tx, (uint64_t)getpid());
	tx_varint(tx, (uint64_t)k->pty.child);
	tx_varint(tx, (uint64_t)k->started);
	tx_varint(tx, k->rows);
	tx_varint(tx, k->cols);
	tx_varint(tx, k->front != NULL);
	tx_varint(tx, k->mirror.viewers);
	tx_string(tx, k->options->argv[0]);
	tx_end(tx, NULL, 0);
	return true;
}

// Answered once it has been carried out. The front's are not: it hears of what came of them.
static bool
on_order(struct keeper *k, struct conn *conn, struct reader *reader)
{
	switch (orders_give(k, conn == k->front, reader)) {
	case ORDER_MALFORMED: return false;
	case ORDER_FAILED:
		if (conn != k->front)
			say_error(conn, EX_CANTCREAT, "cannot make the keyboard's socket");
		return true;
	case ORDER_NOBODY:
		if (conn != k->front)
			say_error(conn, EX_NOUSER,
			    "nobody of that name has asked to watch, or is shut out");
		conn->closing = false; // it may be known otherwise
		return true;
	case ORDER_FULL:
		if (conn != k->front)
			say_error(conn, EX_UNAVAILABLE,
			    "as many people are shut out as the session can remember");
		return true;
	default:
		if (conn != k->front)
			conn->ordered = k->orders_number;
		return true;
	}
}

static bool
on_events(struct keeper *k, struct conn *conn)
{
	size_t listeners = 0;

	for (size_t i = 0; i < KEEPER_CONNS; i++)
		listeners += k->conn[i].fd >= 0 && k->conn[i].listens;
	if (listeners >= KEEPER_LISTENERS) {
		say_error(conn, EX_UNAVAILABLE, "as many listen as the session serves");
		return true;
	}
	listen_from_now(k, conn);
	conn->deadline_ms = 0;
	say(conn, CONTROL_OK);
	return true;
}

static bool
on_stop(struct keeper *k, struct conn *conn)
{
	keeper_stop(k);
	say(conn, CONTROL_OK);
	conn->deadline_ms = 0; // it waits for the end
	return true;
}

// The front that was there is told, and its connection ends when it has read that.
static void
front_replace(struct keeper *k)
{
	struct conn *old = k->front;

	if (!old)
		return;
	front_drop(k, true);
	old->closing = old->taken = true;
	old->input_len = 0;
}

static bool
on_attach(struct keeper *k, struct conn *conn, struct reader *reader)
{
	uint32_t rows = reader_bounded(reader, TTY_SIZE_MAX),
		 cols = reader_bounded(reader, TTY_SIZE_MAX);
	const uint8_t *saved = reader_raw(reader, sizeof(k->tty_saved));

	if (reader->bad || !rows || !cols || conn == k->front)
		return false;
	if (k->ended) {
		say_error(conn, EX_UNAVAILABLE, "the session has just ended");
		return true;
	}
	if (conn->passed < 0 || !isatty(conn->passed)) {
		say_error(conn, EX_USAGE, "attaching needs a terminal");
		return true;
	}
	front_replace(k);
	memcpy(&k->tty_saved, saved, sizeof(k->tty_saved));
	k->tty = conn->passed;
	conn->passed = -1;
	conn->deadline_ms = 0;
	k->front = conn;
	k->front_phase = FRONT_WAITING;
	event_tell(k, EVENT_ATTACHED);
	listen_from_now(k, conn);
	k->front_ms = k->now_ms + KEEPER_ATTACH_MS;
	k->front_sent = k->ring.end;
	keeper_resize(k, (uint16_t)rows, (uint16_t)cols);
	return true;
}

static bool
on_ready(struct keeper *k, struct reader *reader)
{
	uint64_t again = reader_varint(reader);

	if (reader->bad || k->front_phase != FRONT_PAINTING)
		return false;
	if (again > k->ring.end - k->ring.start)
		again = k->ring.end - k->ring.start;
	k->front_sent = k->ring.end - again;
	k->front_phase = FRONT_LIVE;
	k->front_ms = 0;
	return true;
}

static bool
on_resize(struct keeper *k, struct reader *reader)
{
	uint32_t rows = reader_bounded(reader, TTY_SIZE_MAX),
		 cols = reader_bounded(reader, TTY_SIZE_MAX);

	if (reader->bad || !rows || !cols)
		return false;
	if (rows == k->rows && cols == k->cols)
		pty_nudge(&k->pty); // its terminal shows something else: it was stopped
	keeper_resize(k, (uint16_t)rows, (uint16_t)cols);
	return true;
}

static bool
on_request(struct keeper *k, struct conn *conn, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);
	bool is_front = conn == k->front;

	if (!conn->hello)
		return msg->type == CONTROL_HELLO && on_hello(conn, &reader);
	if (!is_front)
		conn->deadline_ms = k->now_ms + KEEPER_IDLE_MS;
	switch (msg->type) {
	case CONTROL_INFO: return !is_front && on_info(k, conn);
	case CONTROL_STOP: return !is_front && on_stop(k, conn);
	case CONTROL_ORDER: return on_order(k, conn, &reader);
	case CONTROL_EVENTS: return !is_front && on_events(k, conn);
	case CONTROL_ATTACH: return on_attach(k, conn, &reader);
	case CONTROL_READY: return is_front && on_ready(k, &reader);
	case CONTROL_RESIZE: return is_front && on_resize(k, &reader);
	case CONTROL_INPUT: conn->input_len = is_front ? msg->len : 0; return is_front;
	case CONTROL_DETACH:
		if (is_front)
			front_drop(k, true);
		conn->closing = true;
		return is_front;
	default: return false;
	}
}

// Takes whole messages, one by one: while an answer is on its way or typing waits, the next stays.
static void
conn_parse(struct keeper *k, struct conn *conn)
{
	struct buf in = {.data = conn->rx, .len = conn->rx_len};
	struct msg msg;

	while (conn->fd >= 0 && !conn->closing && !conn->input_len && !conn->ordered &&
	       (conn == k->front || tx_idle(&conn->tx))) {
		size_t max = conn->hello ? CONTROL_MAX : LIMIT_HELLO_BYTES;
		enum msg_status status = msg_get(&in, &conn->rx_used, max, &msg);

		if (status == MSG_NONE)
			break;
		if (status == MSG_BAD || !on_request(k, conn, &msg)) {
			conn_close(k, conn);
			return;
		}
		if (conn->input_len)
			input_flush(k);
	}
	if (!conn->input_len && conn->rx_used) {
		conn->rx_len -= conn->rx_used;
		memmove(conn->rx, conn->rx + conn->rx_used, conn->rx_len);
		conn->rx_used = 0;
	}
}

// ---- bytes in ------------------------------------------------------------------------------------

// Keeps the last fd that came; more than one at a time, or unasked for, are closed.
static void
take_fds(struct conn *conn, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len < CMSG_LEN(sizeof(fd)))
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		passed_close(conn);
		conn->passed = fd;
	}
}

static ssize_t
conn_receive(struct conn *conn)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {
	    .iov_base = conn->rx + conn->rx_len, .iov_len = sizeof(conn->rx) - conn->rx_len};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = CMSG_LEN(sizeof(int))}; // not CMSG_SPACE: that may hold two
	ssize_t len = recvmsg(conn->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len >= 0)
		take_fds(conn, &message);
	return len;
}

bool
control_wants_read(const struct keeper *k, const struct conn *conn)
{
	return conn->rx_len < sizeof(conn->rx) && !conn->closing && !conn->input_len &&
	       !conn->ordered && (conn == k->front || tx_idle(&conn->tx));
}

void
control_read(struct keeper *k, struct conn *conn)
{
	// A hang-up is reported even if nothing was asked for; then what it still had to say is lost.
	ssize_t len = control_wants_read(k, conn) ? conn_receive(conn) : 0;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		conn_close(k, conn);
		return;
	}
	conn->rx_len += (size_t)len;
	conn_parse(k, conn);
}

// A free slot; else that of whoever has been silent longest without a hello; else NULL.
static struct conn *
conn_slot(struct keeper *k)
{
	struct conn *silent = NULL;

	for (size_t i = 0; i < KEEPER_CONNS; i++) {
		struct conn *conn = &k->conn[i];

		if (conn->fd < 0)
			return conn;
		if (!conn->hello && (!silent || conn->deadline_ms < silent->deadline_ms))
			silent = conn;
	}
	if (silent)
		conn_close(k, silent);
	return silent;
}

void
control_accept(struct keeper *k)
{
	int fd = accept4(k->options->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid = fd < 0 ? 0 : session_peer(fd, NULL);
	struct conn *conn;

	if (fd < 0)
		return;
	conn = uid == getuid() || uid == 0 ? conn_slot(k) : NULL;
	if (conn)
		conn_init(k, conn, fd);
	else
		close(fd);
}

// ---- bytes to the PTY ----------------------------------------------------------------------------

bool
input_waits(const struct keeper *k)
{
	return k->reply_len || (k->front && k->front->input_len) || k->grant.input_len;
}

size_t
input_write(struct keeper *k, const void *data, size_t len)
{
	ssize_t written = write(k->pty.master, data, len);

	orders_stir(k);
	return written > 0 ? (size_t)written : 0;
}

void
input_flush(struct keeper *k)
{
	struct conn *front = k->front;

	if (k->reply_len) {
		size_t done = input_write(k, k->reply, k->reply_len);

		k->reply_len -= done;
		memmove(k->reply, k->reply + done, k->reply_len);
	}
	if (!k->reply_len && front && front->input_len)
		front->input_len -=
		    input_write(k, front->rx + front->rx_used - front->input_len, front->input_len);
	if (!k->reply_len && (!front || !front->input_len))
		grant_flush(k);
}

// ---- bytes out -----------------------------------------------------------------------------------

// Puts the next message for a client on its way. False: there is none.
static bool
conn_next(struct keeper *k, struct conn *conn)
{
	struct ring_pos pos = {.offset = k->front_sent, .mark = k->ring.mark_end};
	const struct ring_mark *mark;
	const uint8_t *data;
	size_t len;

	if (conn->taken) {
		conn->taken = false;
		say(conn, CONTROL_TAKEN);
		return true;
	}
	if (conn->ordered && orders_obeyed(k, conn->ordered)) {
		conn->ordered = 0;
		say(conn, CONTROL_OK);
		return true;
	}
	if (event_next(k, conn))
		return true;
	if (conn != k->front || k->front_phase != FRONT_LIVE || k->exit_sent)
		return false;
	if (ring_peek(&k->ring, pos, KEEPER_CHUNK, &data, &len, &mark) == RING_BYTES) {
		tx_begin(&conn->tx, CONTROL_OUTPUT);
		tx_end(&conn->tx, data, len);
		k->front_sent += len;
		conn->output_end = k->front_sent;
		return true;
	}
	if (!k->drained)
		return false;
	tx_begin(&conn->tx, CONTROL_EXIT);
	tx_varint(&conn->tx, (uint64_t)k->status);
	tx_end(&conn->tx, NULL, 0);
	k->exit_sent = true;
	return true;
}

// The ring waits for the front only: who was one may find that what it was being sent has been
// written over.
static bool
output_is_gone(const struct keeper *k, const struct conn *conn)
{
	return conn->tx.body_len &&
	       k->ring.end - (conn->output_end - conn->tx.body_len) > k->ring.cap;
}

static void
conn_flush(struct keeper *k, struct conn *conn)
{
	if (output_is_gone(k, conn)) {
		conn_close(k, conn);
		return;
	}
	do {
		switch (tx_flush(&conn->tx, conn->fd)) {
		case TX_AGAIN: return;
		case TX_DEAD: conn_close(k, conn); return;
		case TX_DONE: break;
		}
	} while (conn_next(k, conn));
	if (conn->closing)
		conn_close(k, conn);
	else if (conn->rx_len) // what waits for the answer to leave or for the PTY, or did
		conn_parse(k, conn);
}

void
control_flush(struct keeper *k)
{
	for (size_t i = 0; i < KEEPER_CONNS; i++) {
		if (k->conn[i].fd >= 0)
			conn_flush(k, &k->conn[i]);
	}
}

bool
control_wants_write(const struct keeper *k, const struct conn *conn)
{
	(void)k;
	return !tx_idle(&conn->tx);
}

// ---- time ----------------------------------------------------------------------------------------

// The mirror's last dump is of this very place: what it shows now is what the front must paint.
static bool
mirror_caught_up(const struct keeper *k)
{
	return k->mirror.dump_len && ring_at_end(&k->ring, k->mirror.dumped) && !k->resize_due;
}

static void
front_tick(struct keeper *k)
{
	bool late = k->front_ms && k->now_ms >= k->front_ms;

	if (k->front_phase == FRONT_WAITING && tx_idle(&k->front->tx) &&
	    (late || mirror_caught_up(k))) {
		say(k->front, CONTROL_PAUSED);
		k->front_phase = FRONT_PAINTING;
		k->front_ms = k->now_ms + KEEPER_ATTACH_MS;
	} else if (k->front_phase != FRONT_NONE && late) {
		conn_close(k, k->front); // the session does not stand still for it
	}
}

void
control_tick(struct keeper *k)
{
	front_tick(k);
	for (size_t i = 0; i < KEEPER_CONNS; i++) {
		struct conn *conn = &k->conn[i];

		if (conn->fd >= 0 && conn->deadline_ms && k->now_ms >= conn->deadline_ms)
			conn_close(k, conn);
	}
}

uint64_t
control_due(const struct keeper *k)
{
	uint64_t due = k->front_ms ? k->front_ms : UINT64_MAX;

	for (size_t i = 0; i < KEEPER_CONNS; i++) {
		const struct conn *conn = &k->conn[i];

		if (conn->fd >= 0 && conn->deadline_ms && conn->deadline_ms < due)
			due = conn->deadline_ms;
	}
	return due;
}
