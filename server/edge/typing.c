// SPDX-License-Identifier: ISC
// A viewer's way to the keyboard that was lent to them.
#include "server/edge/typing.h"

#include "server/base/keyboard.h"
#include "server/base/session.h"
#include "server/link/linkproto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_BYTES 1024        // in one message
#define WAITING_MAX (64u << 10) // typed, and not taken by the program: then no more
#define READ_BYTES 256          // of a key line's beats, at once
#define LATE_MS 1000            // in which a guest notices that the keyboard is not theirs any more

static void on_socket(uv_poll_t *poll, int status, int events);

void
typing_init(struct typing *typing, uv_loop_t *loop, void (*on)(void *user),
    void (*over)(void *user), void *user)
{
	*typing = (struct typing){.loop = loop, .fd = -1, .on = on, .over = over, .user = user};
	uv_timer_init(loop, &typing->due);
	typing->due.data = typing;
}

bool
typing_is_on(const struct typing *typing)
{
	return typing->poll && (!typing->far || typing->typer.beat);
}

// ---- the connection --------------------------------------------------------------------------------

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
	buf_fini(&typing->in);
	buf_fini(&typing->out);
	typing->used = 0;
	typing->typer = (struct keytyper){0};
}

void
typing_end(struct typing *typing)
{
	if (!typing->poll)
		return;
	if (typing_is_on(typing))
		typing->over_ms = uv_now(typing->loop);
	hang_up(typing);
	typing->over(typing->user);
}

void
typing_stop(struct typing *typing)
{
	hang_up(typing);
	uv_close((uv_handle_t *)&typing->due, NULL);
}

// False if the other end is gone, or has taken it back.
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

// Takes the fd. What is in `out` goes first.
static bool
begin(struct typing *typing, int fd, bool far)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	typing->fd = fd;
	if (!poll || fd < 0 || uv_poll_init(typing->loop, poll, fd) != 0) {
		free(poll);
		hang_up(typing);
		return false;
	}
	poll->data = typing;
	typing->poll = poll;
	typing->far = far;
	typing->welcomed = false;
	typist_init(&typing->typist);
	if (flush(typing))
		return true;
	hang_up(typing);
	return false;
}

bool
typing_begin(struct typing *typing, const char *path, const uint8_t token[GRANT_TOKEN])
{
	keyboard_hello_put(&typing->out, token);
	if (!begin(typing, session_connect(path), false))
		return false;
	typing->on(typing->user);
	return true;
}

bool
typing_begin_far(struct typing *typing, int fd, const struct keyline_claim *claim)
{
	keyline_claim_put(&typing->out, claim);
	return begin(typing, fd, true);
}

// ---- from the other end ----------------------------------------------------------------------------

// A key line says WELCOME, and then beats: with the first one it is there.
static bool
on_message(struct typing *typing, const struct msg *msg)
{
	bool was_on = typing_is_on(typing);
	uint64_t version;

	if (!typing->welcomed) {
		typing->welcomed = link_welcome_get(msg, &version) && version == LINK_VERSION;
		return typing->welcomed;
	}
	if (!keytyper_beat(&typing->typer, msg, uv_now(typing->loop)))
		return false;
	if (!was_on)
		typing->on(typing->user);
	return true;
}

static bool
take_messages(struct typing *typing)
{
	enum msg_status status;
	struct msg msg;

	while ((status = msg_get(&typing->in, &typing->used, LINK_WELCOME_MAX, &msg)) == MSG_ONE) {
		if (!on_message(typing, &msg))
			return false;
	}
	if (status == MSG_BAD ||
	    (!typing->welcomed && !link_like_welcome(&typing->in, typing->used)))
		return false;
	buf_take(&typing->in, typing->used);
	typing->used = 0;
	return true;
}

// The keeper says nothing: what can be read there is the end.
static bool
hear(struct typing *typing)
{
	uint8_t data[READ_BYTES];
	ssize_t got = recv(typing->fd, data, sizeof(data), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0 || !typing->far)
		return false;
	buf_put(&typing->in, data, (size_t)got);
	return take_messages(typing);
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct typing *typing = poll->data;

	uv_update_time(typing->loop);
	if (status < 0 || ((events & UV_READABLE) && !hear(typing)) || !flush(typing))
		typing_end(typing);
}

// ---- what is typed ---------------------------------------------------------------------------------

static void
send_typed(struct typing *typing, const struct buf *typed)
{
	if (typing->far)
		keytyper_put(
		    &typing->typer, uv_now(typing->loop), typed->data, typed->len, &typing->out);
	for (size_t at = 0; at < typed->len && !typing->far; at += INPUT_BYTES) {
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

// Whoever does not see what the session shows does not type into it. What was meant for the session and
// comes too late means nothing to us.
bool
typing_take(struct typing *typing, const uint8_t *data, size_t len, bool expects, uint64_t stale_us,
    unsigned *answers)
{
	struct buf typed = {0};

	if (typing_is_on(typing) && stale_us >= LIMIT_GRANT_LAG_MS * 1000u)
		typing_end(typing);
	if (!typing_is_on(typing))
		return typing->over_ms && !expects &&
		       uv_now(typing->loop) - typing->over_ms < LATE_MS;
	uv_update_time(typing->loop);
	typist_feed(&typing->typist, data, len, uv_now(typing->loop), expects, &typed);
	*answers = typing->typist.answers;
	typing->typist.answers = 0;
	send_typed(typing, &typed);
	buf_fini(&typed);
	if (typing_is_on(typing))
		schedule(typing);
	return true;
}
