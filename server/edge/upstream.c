// SPDX-License-Identifier: ISC
// An edge's way to its session.
#include "server/edge/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define STATUS_MS 1000     // no more than one VIEW_STATUS in so long
#define REDIAL_FIRST_MS 20 // between tries to reach the mirror's successor,
#define REDIAL_MAX_MS 500  // doubled up to this
#define NOTICE_MS 1000     // without a mirror for so long: say so
#define LOST_MS 10000      // for so long: give up
#define GONE_MS 2000       // nobody listens for so long: the session is over

static void
end(struct upstream *up, int status, const char *sentence)
{
	if (up->ended)
		return;
	up->ended = true;
	up->sink.end(up->sink.user, status, sentence);
}

// ---- what the mirror is told about us ----------------------------------------------------------

static void
on_status_due(uv_timer_t *timer)
{
	struct upstream *up = timer->data;

	upstream_tell(up, &up->now);
}

// At once only if the last time is long ago.
void
upstream_tell(struct upstream *up, const struct view_status *status)
{
	uint64_t now = uv_now(up->loop);
	struct view_status since = *status;
	struct buf out = {0};

	up->now = *status;
	if (!up->socket || !up->client->welcomed || uv_is_active((uv_handle_t *)&up->status) ||
	    (status->rows == up->told.rows && status->cols == up->told.cols &&
		status->bytes == up->told.bytes && !status->lag_us == !up->told.lag_us))
		return;
	if (up->told_at && now - up->told_at < STATUS_MS) {
		uv_timer_start(&up->status, on_status_due, STATUS_MS - (now - up->told_at), 0);
		return;
	}
	since.bytes -= up->before.bytes;
	since.frames -= up->before.frames;
	view_status_put(&out, &since);
	viewclient_send(up->client, &out); // if the socket is full, a later one tells
	buf_fini(&out);
	up->told = *status;
	up->told_at = now;
}

static void
were_let_in(struct upstream *up)
{
	up->told_guests.len = 0;
	buf_put(&up->told_guests, up->guests.data, up->guests.len);
}

// If the socket is full, the next list tells.
static void
tell_guests(struct upstream *up)
{
	if (viewclient_send(up->client, &up->guests) && !up->shut)
		were_let_in(up);
}

size_t
upstream_guests(
    struct upstream *up, uint64_t serial, const struct view_person *people, size_t count)
{
	size_t put;

	up->guests.len = 0;
	up->serial = serial;
	put = view_guests_put(&up->guests, VIEW_GUESTS, serial, people, count);
	if (up->socket && up->client->welcomed)
		tell_guests(up);
	return put;
}

void
upstream_ask(struct upstream *up, const struct view_history_ask *ask)
{
	struct buf out = {0};

	if (!up->socket || !up->client->welcomed)
		return;
	view_history_ask_put(&out, VIEW_HISTORY, ask);
	viewclient_send(up->client, &out);
	buf_fini(&out);
}

// ---- the connection ----------------------------------------------------------------------------

static void on_socket(uv_poll_t *poll, int status, int events);
static void redial(struct upstream *up);

static void
on_socket_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
drop_socket(struct upstream *up)
{
	if (up->socket)
		uv_close((uv_handle_t *)up->socket, on_socket_closed);
	up->socket = NULL;
	if (up->client)
		viewclient_close(up->client);
}

static bool
watch_socket(struct upstream *up)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(up->loop, poll, up->client->fd) != 0) {
		free(poll);
		return false;
	}
	poll->data = up;
	up->socket = poll;
	uv_poll_start(poll, UV_READABLE, on_socket);
	return true;
}

// The mirror died, or broke off. Its successor listens on the same socket, in whose backlog we wait.
static void
lost(struct upstream *up)
{
	drop_socket(up);
	if (!up->lost_at) {
		up->lost_at = uv_now(up->loop);
		up->redial_ms = REDIAL_FIRST_MS;
	}
	redial(up);
}

static void
found(struct upstream *up)
{
	up->lost_at = 0;
	uv_timer_stop(&up->redial);
	if (up->noticed)
		up->sink.notice(up->sink.user, *up->said ? up->said : NULL);
	up->noticed = false;
}

static void
on_notice(struct upstream *up, const struct msg *msg)
{
	if (!view_notice_get(msg, up->said))
		end(up, EX_PROTOCOL, "the session sent a broken notice");
	else if (!up->noticed)
		up->sink.notice(up->sink.user, *up->said ? up->said : NULL);
}

static void
on_grant(struct upstream *up, const struct msg *msg)
{
	struct view_grant grant;

	if (!view_grant_get(msg, &grant))
		end(up, EX_PROTOCOL, "the session lent the keyboard in a way unheard of");
	else if (up->sink.grant)
		up->sink.grant(up->sink.user, &grant);
}

static void
ask_for_key(struct upstream *up)
{
	struct buf out = {0};

	msg_put(&out, VIEW_KEY, NULL, 0);
	if (!viewclient_send(up->client, &out))
		lost(up);
	buf_fini(&out);
}

static void
take_door(struct upstream *up, const struct view_door *door)
{
	if (up->shut && up->guests.len && (door->open || door->serial == up->serial))
		were_let_in(up);
	up->heard = true;
	up->shut = !door->open;
	if (up->sink.door)
		up->sink.door(up->sink.user, door);
}

static void
on_door(struct upstream *up, const struct msg *msg)
{
	struct view_door door;

	if (!view_door_get(msg, &door))
		end(up, EX_PROTOCOL, "the session sent a broken message");
	else
		take_door(up, &door);
}

// A mirror that shuts its door says so before its first frame.
static void
on_frame(struct upstream *up, const struct msg *msg)
{
	if (!up->heard)
		take_door(up, &(struct view_door){.open = true});
	switch (replica_apply(&up->replica, msg)) {
	case REPLICA_CHANGED:
		if (up->lost_at)
			found(up);
		up->sink.screen(up->sink.user, up->replica.screen);
		break;
	case REPLICA_ASK: ask_for_key(up); break;
	case REPLICA_BROKEN: end(up, EX_PROTOCOL, "the session sent a broken frame"); break;
	case REPLICA_SKIPPED: break;
	}
}

static void
on_cut(struct upstream *up, const struct msg *msg)
{
	struct view_cut cut;

	if (!view_cut_get(msg, &cut))
		end(up, EX_PROTOCOL, "the session sent a broken message");
	else if (up->sink.cut)
		up->sink.cut(up->sink.user, &cut);
}

// To a mirror that does not know yet: it believes that all of the first list were in before. That is so of
// those whom the mirror before knew, and not of who came since.
static void
on_welcome(struct upstream *up, const struct msg *msg)
{
	(void)msg;
	if (up->told_guests.len)
		viewclient_send(up->client, &up->told_guests);
	if (up->guests.len)
		tell_guests(up);
}

static void
on_history(struct upstream *up, const struct msg *msg)
{
	if (up->sink.history)
		up->sink.history(up->sink.user, msg);
}

static void
on_message(struct upstream *up, const struct msg *msg)
{
	static const struct {
		uint8_t type;
		void (*on)(struct upstream *up, const struct msg *msg);
	} messages[] = {{VIEW_WELCOME, on_welcome}, {VIEW_FRAME, on_frame},
	    {VIEW_NOTICE, on_notice}, {VIEW_GRANT, on_grant}, {VIEW_HISTORY_IS, on_history},
	    {VIEW_GUEST_CUT, on_cut}, {VIEW_DOOR, on_door}};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].type == msg->type)
			messages[i].on(up, msg);
	}
}

static void
take_messages(struct upstream *up)
{
	struct view_bye bye;
	struct msg msg;

	while (up->socket && !up->ended) {
		switch (viewclient_next(up->client, &msg, &bye)) {
		case VIEWCLIENT_MSG: on_message(up, &msg); break;
		case VIEWCLIENT_NONE: return;
		case VIEWCLIENT_BYE: end(up, bye.status, bye.text); return;
		case VIEWCLIENT_LOST: lost(up); return;
		}
	}
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct upstream *up = poll->data;

	(void)events;
	viewclient_read(up->client);
	take_messages(up);
	if (status < 0 && up->socket == poll && !up->ended) // not before its last words are read
		lost(up);
	up->sink.turn(up->sink.user);
}

static int
connect_once(struct upstream *up)
{
	if (!up->sink.dial)
		return viewclient_dial(up->client, up->path, &up->hello);
	*up->client = (struct viewclient){.fd = up->sink.dial(up->sink.user)};
	return up->client->fd < 0 ? -1 : 0;
}

// Once more to the view socket. False if the session is over.
static bool
dial(struct upstream *up)
{
	up->hello.role = (uint8_t)(VIEW_ROLE_BACK | (up->hello.role & VIEW_ROLE_PAIR));
	up->hello.rows = up->now.rows;
	up->hello.cols = up->now.cols;
	if (connect_once(up) == 0) {
		replica_restart(&up->replica);
		up->told = (struct view_status){0};
		up->before = up->now;
		up->heard = false;
		if (!watch_socket(up))
			viewclient_close(up->client);
		return true;
	}
	return (errno != ENOENT && errno != ECONNREFUSED) ||
	       uv_now(up->loop) - up->lost_at < GONE_MS;
}

static void
on_redial(uv_timer_t *timer)
{
	struct upstream *up = timer->data;

	// with a socket we are in the backlog, or not yet answered
	if (up->socket || dial(up))
		redial(up);
	else
		end(up, EX_UNAVAILABLE, "the session is gone");
	up->sink.turn(up->sink.user);
}

// Tries again in a while, for as long as there is no frame.
static void
redial(struct upstream *up)
{
	uint64_t waited = uv_now(up->loop) - up->lost_at;

	if (!up->lost_at || up->ended)
		return;
	if (waited >= LOST_MS) {
		end(up, EX_UNAVAILABLE, "the session does not answer any more");
		return;
	}
	if (waited >= NOTICE_MS && !up->noticed) {
		up->noticed = true;
		up->sink.notice(up->sink.user, "the session does not answer; trying again");
	}
	uv_timer_start(&up->redial, on_redial, up->redial_ms, 0);
	up->redial_ms = up->redial_ms * 2 > REDIAL_MAX_MS ? REDIAL_MAX_MS : up->redial_ms * 2;
}

// ---- start and end -----------------------------------------------------------------------------

void
upstream_init(struct upstream *up, uv_loop_t *loop, const char *path,
    const struct view_hello *hello, const struct upstream_sink *sink)
{
	*up = (struct upstream){.loop = loop, .path = path, .hello = *hello, .sink = *sink};
	up->now.rows = hello->rows;
	up->now.cols = hello->cols;
	replica_init(&up->replica);
	uv_timer_init(loop, &up->status);
	uv_timer_init(loop, &up->redial);
	up->status.data = up->redial.data = up;
}

bool
upstream_start(struct upstream *up, struct viewclient *client)
{
	up->client = client;
	if (!watch_socket(up))
		return false;
	take_messages(up);
	up->sink.turn(up->sink.user);
	return true;
}

void
upstream_open(struct upstream *up, struct viewclient *client)
{
	up->client = client;
	*client = (struct viewclient){.fd = -1};
	up->lost_at = uv_now(up->loop);
	up->redial_ms = REDIAL_FIRST_MS;
	if (dial(up))
		redial(up);
	else
		end(up, EX_UNAVAILABLE, "the session is gone");
}

void
upstream_stop(struct upstream *up)
{
	drop_socket(up);
	uv_close((uv_handle_t *)&up->status, NULL);
	uv_close((uv_handle_t *)&up->redial, NULL);
}

void
upstream_fini(struct upstream *up)
{
	replica_fini(&up->replica);
	buf_fini(&up->guests);
	buf_fini(&up->told_guests);
}
