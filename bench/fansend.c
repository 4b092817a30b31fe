// SPDX-License-Identifier: ISC
// fansend [--fps=N] VIEW SOCKET: an edge that serves frames to many, as a gateway does, without one's
// HTTP: a fan (server/link/fan.h) between a session's view socket and readers that connect to SOCKET.
//
// Each message goes out behind its varint length; a reader's ACK is a message of type 02: varint seq,
// varint held_us. It ends with its stdin. bench/fanout charges it for every reader.
#include "server/edge/upstream.h"
#include "server/link/fan.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define ACK 0x02
#define ACK_BYTES 32
#define BACKLOG 4096
#define READERS_MAX 4096

struct sending;

struct reader_conn {
	struct sending *sending; // borrowed
	uv_poll_t poll;
	int fd;
	bool full; // the socket: `out` waits
	struct fan_viewer viewer;
	struct fan_message *out; // a reference, or NULL
	size_t off;              // of what is sent of it, from its header on
	struct buf in;           // owned
};

struct sending {
	uv_loop_t loop;
	uv_poll_t listener, input;
	uv_timer_t due;
	uint64_t due_at;
	int listening;
	struct upstream up;
	struct fan *fan;
	struct screen *screen; // a reference: to be shown when the rate allows, or NULL
	uint64_t gap_us, shown_at;
	struct reader_conn *readers[READERS_MAX];
	size_t count;
};

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

// ---- readers -----------------------------------------------------------------------------------

static void on_reader(uv_poll_t *poll, int status, int events);
static void on_due(uv_timer_t *timer);

static void
free_reader(uv_handle_t *handle)
{
	free(handle->data);
}

static void
drop(struct reader_conn *reader)
{
	struct sending *sending = reader->sending;
	size_t i = 0;

	while (sending->readers[i] != reader)
		i++;
	sending->readers[i] = sending->readers[--sending->count];
	fan_viewer_fini(sending->fan, &reader->viewer);
	fan_message_unref(reader->out);
	buf_fini(&reader->in);
	uv_poll_stop(&reader->poll);
	close(reader->fd);
	uv_close((uv_handle_t *)&reader->poll, free_reader);
}

// The length in front of the message, in its headroom. All readers' is the same.
static size_t
put_header(struct fan_message *message)
{
	uint8_t *head = fan_message_head(message);
	size_t len = 1;

	for (uint32_t rest = message->len; rest >= 0x80; rest >>= 7)
		len++;
	for (size_t i = 0; i < len; i++)
		*(head - len + i) =
		    (uint8_t)((message->len >> (7 * i) & 0x7f) | (i + 1 < len ? 0x80 : 0));
	return len;
}

// Sends what there is to be sent now. False: the reader is gone.
static bool
pump(struct reader_conn *reader)
{
	struct sending *sending = reader->sending;
	uint64_t now = now_us();

	while (reader->out || (reader->out = fan_next(sending->fan, &reader->viewer, now))) {
		struct fan_message *message = reader->out;
		size_t head = put_header(message), all = head + message->len;
		ssize_t sent = send(reader->fd, message->data - head + reader->off,
		    all - reader->off, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0)
			reader->off += (size_t)sent;
		if (reader->off < all) {
			if (!reader->full)
				uv_poll_start(&reader->poll, UV_READABLE | UV_WRITABLE, on_reader);
			reader->full = true;
			return true;
		}
		fan_message_unref(message);
		reader->out = NULL;
		reader->off = 0;
	}
	if (reader->full)
		uv_poll_start(&reader->poll, UV_READABLE, on_reader);
	reader->full = false;
	return true;
}

static void
wake_at(struct sending *sending, uint64_t at, uint64_t now)
{
	if (at >= sending->due_at)
		return;
	sending->due_at = at;
	uv_timer_start(&sending->due, on_due, at > now ? (at - now + 999) / 1000 : 0, 0);
}

static void
serve(struct sending *sending, struct reader_conn *reader)
{
	uint64_t now = now_us();

	if (reader->full)
		return;
	if (fan_due(sending->fan, &reader->viewer, now) <= now && !pump(reader)) {
		drop(reader);
		return;
	}
	if (!reader->full)
		wake_at(sending, fan_due(sending->fan, &reader->viewer, now), now);
}

static bool
take_acks(struct reader_conn *reader)
{
	size_t used = 0;
	struct msg msg;

	for (;;) {
		struct reader payload;
		uint64_t seq, held_us;

		switch (msg_get(&reader->in, &used, ACK_BYTES, &msg)) {
		case MSG_BAD: return false;
		case MSG_NONE: buf_take(&reader->in, used); return true;
		case MSG_ONE: break;
		}
		payload = msg_reader(&msg);
		seq = reader_varint(&payload);
		held_us = reader_varint(&payload);
		if (msg.type != ACK || !reader_done(&payload) ||
		    !fan_ack(&reader->viewer, now_us(), seq, held_us))
			return false;
	}
}

static void
on_reader(uv_poll_t *poll, int status, int events)
{
	struct reader_conn *reader = poll->data;
	uint8_t data[512];
	ssize_t got = 1;

	if (status < 0) {
		drop(reader);
		return;
	}
	if (events & UV_READABLE) {
		got = recv(reader->fd, data, sizeof(data), MSG_DONTWAIT);
		if (got > 0)
			buf_put(&reader->in, data, (size_t)got);
		if (got == 0 || (got < 0 && errno != EAGAIN) || !take_acks(reader)) {
			drop(reader);
			return;
		}
	}
	if ((events & UV_WRITABLE) && !pump(reader))
		drop(reader);
	else
		serve(reader->sending, reader);
}

static void
on_connection(uv_poll_t *poll, int status, int events)
{
	struct sending *sending = poll->data;
	struct reader_conn *reader;
	int fd;

	(void)status;
	(void)events;
	while (sending->count < READERS_MAX &&
	       (fd = accept4(sending->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		reader = calloc(1, sizeof(*reader));
		if (!reader)
			abort();
		reader->sending = sending;
		reader->fd = fd;
		uv_poll_init(&sending->loop, &reader->poll, fd);
		reader->poll.data = reader;
		uv_poll_start(&reader->poll, UV_READABLE, on_reader);
		fan_viewer_init(sending->fan, &reader->viewer, now_us(), 0, 0);
		sending->readers[sending->count++] = reader;
		serve(sending, reader);
	}
}

// ---- the session -------------------------------------------------------------------------------

static void
serve_all(struct sending *sending)
{
	uint64_t now = now_us();

	if (sending->screen && now - sending->shown_at >= sending->gap_us) {
		fan_show(sending->fan, sending->screen);
		screen_unref(sending->screen);
		sending->screen = NULL;
		sending->shown_at = now;
	}
	for (size_t i = sending->count; i-- > 0;)
		serve(sending, sending->readers[i]);
	if (sending->screen)
		wake_at(sending, sending->shown_at + sending->gap_us, now);
}

static void
on_due(uv_timer_t *timer)
{
	struct sending *sending = timer->data;

	sending->due_at = UINT64_MAX;
	serve_all(sending);
}

static void
on_screen(void *user, struct screen *screen)
{
	struct sending *sending = user;
	struct screen *old = sending->screen;

	sending->screen = screen_ref(screen);
	screen_unref(old);
}

static void
on_turn(void *user)
{
	serve_all(user);
}

static void
on_notice(void *user, const char *text)
{
	(void)user;
	(void)text;
}

static void
on_end(void *user, int status, const char *text)
{
	(void)status;
	if (*text)
		warnx("%s", text);
	uv_stop(&((struct sending *)user)->loop);
}

static void
on_input(uv_poll_t *poll, int status, int events)
{
	char ignored[64];

	(void)status;
	(void)events;
	if (read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
		uv_stop(poll->loop);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		errx(EX_USAGE, "%s: too long a path", path);
	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, BACKLOG) != 0)
		err(EX_OSERR, "%s", path);
	return fd;
}

static void
run(struct sending *sending, const char *view)
{
	const struct upstream_sink sink = {.user = sending,
	    .screen = on_screen,
	    .notice = on_notice,
	    .end = on_end,
	    .turn = on_turn};
	struct viewclient client;
	struct view_hello hello;
	struct view_bye bye;

	viewclient_hello(&hello, VIEW_ROLE_VIEW, 0, 0);
	upstream_init(&sending->up, &sending->loop, view, &hello, &sink);
	if (!viewclient_open(&client, view, &hello, VIEWCLIENT_ANSWER_MS, &bye))
		errx(bye.status, "%s", bye.text);
	if (!upstream_start(&sending->up, &client))
		err(EX_OSERR, "cannot wait for the session");
	uv_run(&sending->loop, UV_RUN_DEFAULT);
}

int
main(int argc, char **argv)
{
	static struct sending sending;
	unsigned long fps = 0;

	if (argc > 1 && strncmp(argv[1], "--fps=", 6) == 0) {
		fps = strtoul(argv[1] + 6, NULL, 10);
		argv++;
		argc--;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: fansend [--fps=N] VIEW SOCKET\n");
		return EX_USAGE;
	}
	uv_loop_init(&sending.loop);
	sending.fan = fan_new(1);
	sending.gap_us = fps ? 1000000 / fps : 0;
	sending.due_at = UINT64_MAX;
	sending.listening = listen_at(argv[2]);
	uv_poll_init(&sending.loop, &sending.listener, sending.listening);
	uv_poll_init(&sending.loop, &sending.input, STDIN_FILENO);
	uv_timer_init(&sending.loop, &sending.due);
	sending.listener.data = sending.input.data = sending.due.data = &sending;
	uv_poll_start(&sending.listener, UV_READABLE, on_connection);
	uv_poll_start(&sending.input, UV_READABLE, on_input);
	run(&sending, argv[1]);
	return EX_OK; // what is left goes with the process
}
