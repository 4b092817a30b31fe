// SPDX-License-Identifier: ISC
// The keyboard, lent to a guest of a relay. The session's mirror says to whom; a second ssh to the relay,
// the key line, has it lent there, and brings what is typed; it goes to the keyboard's socket with the
// token that the mirror gave. Nothing that comes on the links of the frames gets here.
#include "server/relay/publish_parts.h"

#include "server/base/keyboard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 4096
#define OUT_MAX 4096 // modes that a relay does not read: then it is not lent there any more

static void on_line(uv_poll_t *poll, int status, int events);
static void on_keyboard(uv_poll_t *poll, int status, int events);

static uint64_t
now_ms(void)
{
	return uv_hrtime() / 1000000;
}

// ---- the two ends ----------------------------------------------------------------------------------

static void
free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void
close_end(uv_poll_t **poll, int fd)
{
	if (!*poll)
		return;
	uv_close((uv_handle_t *)*poll, free_handle);
	*poll = NULL;
	close(fd);
}

static uv_poll_t *
open_end(struct publish *publish, int fd)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(&publish->loop, poll, fd) != 0)
		abort(); // a socket of our own
	poll->data = publish;
	return poll;
}

// Both ends, and ssh, which might only notice when the network does.
static void
hang_up(struct publish *publish)
{
	struct pubkeys *keys = &publish->keys;

	close_end(&keys->line, keys->line_fd);
	close_end(&keys->keyboard, keys->keyboard_fd);
	keygiver_fini(&keys->giver);
	buf_fini(&keys->out);
	buf_fini(&keys->typed);
	if (keys->running)
		dialer_end(&publish->dialer, DIALER_ASIDE);
}

void
publish_take_back(struct publish *publish)
{
	publish->keys.due = publish->keys.grant.lent = false;
	hang_up(publish);
	publish->keys.welcomed = publish->keys.taken = false;
}

// What was to bring the typing does not. Shows the token, if nobody has, and goes: the host is told at once.
static void
give_back(struct publish *publish)
{
	struct pubkeys *keys = &publish->keys;
	int fd = keys->taken ? -1 : session_connect(publish->options->keyboard);
	struct buf hello = {0};

	keyboard_hello_put(&hello, keys->grant.token);
	if (fd >= 0) {
		send(fd, hello.data, hello.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
	}
	buf_fini(&hello);
	publish_take_back(publish);
}

// False: nobody is there.
static bool
send_some(int fd, struct buf *bytes)
{
	while (bytes->len) {
		ssize_t sent = send(fd, bytes->data, bytes->len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		buf_take(bytes, (size_t)sent);
	}
	return true;
}

// Sends what the ends take, and waits for more. What the session does not take is not read from the relay
// either, and is too old later.
static void
flush(struct publish *publish)
{
	struct pubkeys *keys = &publish->keys;

	if (!keys->line)
		return;
	if (!send_some(keys->line_fd, &keys->out) ||
	    (keys->keyboard && !send_some(keys->keyboard_fd, &keys->typed))) {
		give_back(publish);
		return;
	}
	uv_poll_start(keys->line,
	    (keys->typed.len ? UV_DISCONNECT : UV_READABLE) | (keys->out.len ? UV_WRITABLE : 0),
	    on_line);
	if (keys->keyboard)
		uv_poll_start(
		    keys->keyboard, UV_READABLE | (keys->typed.len ? UV_WRITABLE : 0), on_keyboard);
}

// ---- what comes ------------------------------------------------------------------------------------

// The keeper says nothing there: what can be read is the end.
static void
on_keyboard(uv_poll_t *poll, int status, int events)
{
	struct publish *publish = poll->data;
	uint8_t byte;

	if (status < 0 || ((events & UV_READABLE) &&
			      recv(publish->keys.keyboard_fd, &byte, 1, MSG_DONTWAIT) >= 0))
		publish_take_back(publish);
	flush(publish);
}

// The relay's guest has come: from now on what they type goes to the session.
static bool
connect_keyboard(struct publish *publish)
{
	struct pubkeys *keys = &publish->keys;
	int fd = session_connect(publish->options->keyboard);

	if (fd < 0)
		return false;
	keys->taken = true;
	keys->keyboard_fd = fd;
	keys->keyboard = open_end(publish, fd);
	keyboard_hello_put(&keys->typed, keys->grant.token);
	return send_some(fd, &keys->typed);
}

static bool
on_message(struct publish *publish, const struct msg *msg)
{
	struct pubkeys *keys = &publish->keys;
	uint64_t version;

	if (!keys->welcomed) {
		keys->welcomed = link_welcome_get(msg, &version) && version == LINK_VERSION;
		return keys->welcomed;
	}
	return msg->type == KEYLINE_TAKEN && !msg->len && !keys->taken && connect_keyboard(publish);
}

// Whoever does not see what the session shows does not type into it.
static bool
is_seen(const struct publish *publish)
{
	return publish->keys.taken && publish->live && !publish->lost_us;
}

// False: it is over.
static bool
take_messages(struct publish *publish)
{
	struct pubkeys *keys = &publish->keys;
	struct msg msg;

	for (;;) {
		switch (keygiver_next(&keys->giver, now_ms(), &msg, &keys->typed, &keys->out)) {
		case KEYGIVER_NONE:
			return keys->welcomed ||
			       link_like_welcome(&keys->giver.in, keys->giver.used);
		case KEYGIVER_MSG:
			if (!on_message(publish, &msg))
				return false;
			break;
		case KEYGIVER_TYPED:
			if (!is_seen(publish))
				return false;
			break;
		default: return false;
		}
	}
}

static void
on_line(uv_poll_t *poll, int status, int events)
{
	struct publish *publish = poll->data;
	struct pubkeys *keys = &publish->keys;
	bool gone = status < 0 || (events & UV_DISCONNECT);

	if (events & UV_READABLE) {
		uint8_t data[READ_BYTES];
		ssize_t got = recv(keys->line_fd, data, sizeof(data), MSG_DONTWAIT);

		if (got > 0)
			keygiver_feed(&keys->giver, data, (size_t)got);
		gone |= got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
	}
	if (gone || !take_messages(publish))
		give_back(publish);
	flush(publish);
}

// ---- ssh -------------------------------------------------------------------------------------------

// Once for each grant: if it fails, nobody comes, and the host is told that.
static void
dial(struct publish *publish)
{
	struct pubkeys *keys = &publish->keys;

	if (!keys->due || keys->running)
		return;
	keys->due = false;
	keys->running = true;
	dialer_dial(&publish->dialer, DIALER_ASIDE);
}

void
publish_lend(struct publish *publish, const struct view_grant *grant)
{
	struct pubkeys *keys = &publish->keys;
	bool same = grant->lent && keys->grant.lent &&
		    memcmp(grant->token, keys->grant.token, GRANT_TOKEN) == 0;

	if (same) {
		keys->grant = *grant;
		if (keys->line)
			keyline_modes_put(&keys->out, &grant->modes);
		if (keys->out.len > OUT_MAX)
			give_back(publish);
		flush(publish);
		return;
	}
	publish_take_back(publish);
	keys->grant = *grant;
	keys->due = grant->lent && publish->live;
	if (grant->lent && !publish->live)
		give_back(publish);
	dial(publish);
}

static void
on_open(struct publish *publish, const struct dialer_news *news)
{
	const struct link_publish *who = &publish->options->who;
	struct pubkeys *keys = &publish->keys;
	struct keyline_lend lend = {.modes = keys->grant.modes};

	keys->errors_fd = news->errors;       // unread
	if (keys->due || !keys->grant.lent) { // that was before
		close(news->stream);
		dialer_end(&publish->dialer, DIALER_ASIDE);
		return;
	}
	keys->line_fd = news->stream;
	keys->line = open_end(publish, news->stream);
	memcpy(lend.session, who->name, sizeof(lend.session));
	memcpy(lend.token, who->token, PUBLISH_TOKEN);
	memcpy(lend.who.key, keys->grant.key, sizeof(lend.who.key));
	memcpy(lend.who.name, keys->grant.name, sizeof(lend.who.name));
	keyline_lend_put(&keys->out, &lend);
	keygiver_start(&keys->giver, now_ms(), &keys->out);
	flush(publish);
}

void
publish_on_keyline(struct publish *publish, enum dialer_event event, const struct dialer_news *news)
{
	struct pubkeys *keys = &publish->keys;

	if (event == DIALER_OPEN) {
		on_open(publish, news);
	} else if (event == DIALER_EXIT || event == DIALER_FAILED) {
		keys->running = false;
		if (keys->errors_fd >= 0)
			close(keys->errors_fd);
		keys->errors_fd = -1;
		if (keys->grant.lent && !keys->due)
			give_back(publish);
		dial(publish);
	}
}
