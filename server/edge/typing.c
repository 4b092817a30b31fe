// SPDX-License-Identifier: ISC
// A viewer's way to the keyboard that was lent to them.
#include "server/edge/typing.h"

#include "server/base/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_BYTES 1024        // in one message
#define WAITING_MAX (64u << 10) // typed, and not taken by the program: then no more

static void on_socket(uv_poll_t *poll, int status, int events);

void
typing_init(
    struct typing *typing, uv_loop_t *loop, const char *path, void (*over)(void *user), void *user)
{
	*typing = (struct typing){.loop = loop, .path = path, .fd = -1, .over = over, .user = user};
	uv_timer_init(loop, &typing->due);
	typing->due.data = typing;
}

bool
typing_is_on(const struct typing *typing)
{
	return typing->poll != NULL;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
hang_up(struct typing *typing)
{
	if (typing->poll)
		uv_close((uv_handle_t *)typing->poll, on_closed);
	typing->poll = NULL;
	if (typing->fd >= 0)
		close(typing->fd);
	typing->fd = -1;
	uv_timer_stop(&typing->due);
	buf_fini(&typing->out);
}

void
typing_end(struct typing *typing)
{
	if (!typing_is_on(typing))
		return;
	hang_up(typing);
	typing->over(typing->user);
}

void
typing_stop(struct typing *typing)
{
	hang_up(typing);
	uv_close((uv_handle_t *)&typing->due, NULL);
}

// False if the keeper is gone, or has taken it back.
static bool
flush(struct typing *typing)
{
	while (typing->out.len) {
		ssize_t sent = send(
		    typing->fd, typing->out.data, typing->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < 0)
			break;
		buf_take(&typing->out, (size_t)sent);
	}
	uv_poll_start(typing->poll, UV_READABLE | (typing->out.len ? UV_WRITABLE : 0), on_socket);
	return typing->out.len <= WAITING_MAX;
}

// The keeper says nothing there: what can be read is the end.
static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct typing *typing = poll->data;
	uint8_t byte;

	if (status < 0 ||
	    ((events & UV_READABLE) && recv(typing->fd, &byte, 1, MSG_DONTWAIT) >= 0) ||
	    !flush(typing))
		typing_end(typing);
}

bool
typing_begin(struct typing *typing, const uint8_t token[GRANT_TOKEN])
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	size_t begin;

	typing->fd = session_connect(typing->path);
	if (!poll || typing->fd < 0 || uv_poll_init(typing->loop, poll, typing->fd) != 0) {
		free(poll);
		hang_up(typing);
		return false;
	}
	poll->data = typing;
	typing->poll = poll;
	typist_init(&typing->typist);
	begin = msg_begin(&typing->out, KEYBOARD_HELLO);
	buf_put(&typing->out, PROTO_MAGIC, strlen(PROTO_MAGIC));
	buf_put_varint(&typing->out, PROTO_VERSION);
	buf_put(&typing->out, token, GRANT_TOKEN);
	msg_end(&typing->out, begin);
	if (flush(typing))
		return true;
	hang_up(typing);
	return false;
}

static void
send_typed(struct typing *typing, const struct buf *typed)
{
	for (size_t at = 0; at < typed->len; at += INPUT_BYTES) {
		size_t left = typed->len - at;

		msg_put(&typing->out, KEYBOARD_INPUT, typed->data + at,
		    left < INPUT_BYTES ? left : INPUT_BYTES);
	}
	if (!flush(typing) || typing->typist.given_back)
		typing_end(typing);
}

static void on_due(uv_timer_t *timer);

static void
schedule(struct typing *typing)
{
	uint64_t due = typist_due(&typing->typist), now = uv_now(typing->loop);

	if (due == UINT64_MAX)
		uv_timer_stop(&typing->due);
	else
		uv_timer_start(&typing->due, on_due, due > now ? due - now : CHORD_PARTIAL_MS, 0);
}

static void
on_due(uv_timer_t *timer)
{
	struct typing *typing = timer->data;
	struct buf typed = {0};

	typist_tick(&typing->typist, uv_now(typing->loop), &typed);
	send_typed(typing, &typed);
	buf_fini(&typed);
	if (typing_is_on(typing))
		schedule(typing);
}

unsigned
typing_take(struct typing *typing, const uint8_t *data, size_t len, bool expects)
{
	struct buf typed = {0};
	unsigned answers;

	typist_feed(&typing->typist, data, len, uv_now(typing->loop), expects, &typed);
	answers = typing->typist.answers;
	typing->typist.answers = 0;
	send_typed(typing, &typed);
	buf_fini(&typed);
	if (typing_is_on(typing))
		schedule(typing);
	return answers;
}
