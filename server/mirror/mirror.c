// SPDX-License-Identifier: ISC
// `mirrord mirror`: the process that holds the model. It is fed the PTY's bytes by the keeper on fd 3
// and serves viewers on fd 4. It is treated as exposed: sandboxed before it reads the first byte.
#include "server/base/sandbox.h"
#include "server/commands.h"
#include "server/mirror/curtain.h"
#include "server/mirror/cut.h"
#include "server/mirror/viewers.h"
#include "vt/model.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define CHANNEL_FD 3
#define LISTENER_FD 4
#define READ_BYTES (128u << 10) // one recv from the keeper
#define OUT_MAX (1u << 20)      // more unsent than this, and no more is read
#define GOODBYE_MS 1000         // for viewers to take their last frame
#define FDS_WANTED (LIMIT_VIEWERS + 64)
#define PAUSED_TEXT "the host has paused"
#define FIRST_ROWS 24 // until the keeper says
#define FIRST_COLS 80

struct mirror {
	uv_loop_t loop;
	uv_poll_t channel;
	uv_timer_t timer; // the next frame, or the end
	int events;       // what `channel` waits for
	struct model *model;
	uint64_t offset; // of the stream: bytes in the model
	bool ack_due;
	struct buf in, out; // of the channel
	struct cut cut;
	struct viewers *viewers;
	struct orders orders;   // the host's
	bool drawn;             // the curtain: viewers see nothing of the model's
	struct screen *curtain; // what they see then; NULL: none yet
	bool ended;             // the session is over
};

static void on_channel(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

// ---- to the keeper -----------------------------------------------------------------------------

static void
put_numbers(struct mirror *mirror, uint8_t type, const uint64_t *numbers, size_t count)
{
	size_t begin = msg_begin(&mirror->out, type);

	for (size_t i = 0; i < count; i++)
		buf_put_varint(&mirror->out, numbers[i]);
	msg_end(&mirror->out, begin);
}

static void
update_events(struct mirror *mirror)
{
	int events =
	    (mirror->out.len < OUT_MAX ? UV_READABLE : 0) | (mirror->out.len ? UV_WRITABLE : 0);

	if (events != mirror->events)
		uv_poll_start(&mirror->channel, events, on_channel);
	mirror->events = events;
}

// Sends what there is. An acknowledgement waits until the rest is gone, and only the newest is sent.
static void
flush(struct mirror *mirror)
{
	ssize_t sent;

	if (mirror->ack_due && !mirror->out.len) {
		put_numbers(mirror, MIRROR_ACK, &mirror->offset, 1);
		mirror->ack_due = false;
	}
	if (mirror->out.len) {
		sent = send(
		    CHANNEL_FD, mirror->out.data, mirror->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			buf_take(&mirror->out, (size_t)sent);
		else if (errno != EAGAIN && errno != EINTR)
			uv_stop(&mirror->loop); // the keeper is gone
	}
	if (mirror->ack_due && !mirror->out.len)
		flush(mirror);
	update_events(mirror);
}

// ---- the model's events, and what viewers want -------------------------------------------------

static void
on_reply(void *user, enum reply_kind kind, uint32_t a, uint32_t b, size_t offset)
{
	struct mirror *mirror = user;
	const uint64_t numbers[] = {mirror->offset + offset, (uint64_t)kind, a, b};

	put_numbers(mirror, MIRROR_REPLY, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static struct model_events
events_of(struct mirror *mirror)
{
	return (struct model_events){.reply = on_reply, .user = mirror};
}

static void
schedule(struct mirror *mirror)
{
	uint64_t now = uv_now(&mirror->loop);
	uint64_t due = cut_due(&mirror->cut);

	if (mirror->ended)
		return;
	if (due == CUT_NEVER)
		uv_timer_stop(&mirror->timer);
	else
		uv_timer_start(&mirror->timer, on_timer, due > now ? due - now : 0, 0);
}

// What viewers see, a new reference: there is no other way for the model's screen to get to one.
static struct screen *
give_screen(void *user)
{
	struct mirror *mirror = user;
	struct screen *screen = model_screen(mirror->model);
	struct screen *old = mirror->curtain;

	if (!mirror->drawn)
		return screen;
	if (!old || old->rows != screen->rows || old->cols != screen->cols) {
		mirror->curtain = curtain_new(screen->rows, screen->cols, PAUSED_TEXT);
		mirror->curtain->bell = old ? old->bell : screen->bell; // drawing it is no ring
		screen_unref(old);
	}
	screen_unref(screen);
	return screen_ref(mirror->curtain);
}

static void
give_dump(void *user, struct buf *out)
{
	struct mirror *mirror = user;

	model_dump(mirror->model, out);
}

static uint64_t
give_printed(void *user)
{
	struct mirror *mirror = user;

	return mirror->offset;
}

// Viewers may read what has scrolled away whenever they are shown the screen.
static const struct model *
give_history(void *user)
{
	const struct mirror *mirror = user;

	return mirror->drawn ? NULL : mirror->model;
}

static void
on_event(void *user, enum event event, const struct view_person *person)
{
	struct mirror *mirror = user;
	size_t begin = msg_begin(&mirror->out, MIRROR_EVENT);

	buf_put_u8(&mirror->out, (uint8_t)event);
	view_event_put(&mirror->out, person);
	msg_end(&mirror->out, begin);
	flush(mirror);
}

static void
on_count(void *user, size_t count)
{
	struct mirror *mirror = user;
	const uint64_t number = count;

	put_numbers(mirror, MIRROR_VIEWERS, &number, 1);
	flush(mirror);
	if (count == 1) // frames were not cut before
		cut_sync(&mirror->cut, uv_now(&mirror->loop), model_sync_open(mirror->model));
	else if (!count)
		cut_init(&mirror->cut);
	cut_crowd(&mirror->cut, count);
	schedule(mirror);
}

// ---- frames ------------------------------------------------------------------------------------

static void
cut_frame(struct mirror *mirror)
{
	uint64_t now = uv_now(&mirror->loop);
	struct screen *screen;
	bool changed;

	if (cut_sync_late(&mirror->cut, now))
		model_sync_end(mirror->model);
	screen = give_screen(mirror);
	changed = viewers_show(mirror->viewers, screen);
	screen_unref(screen);
	cut_done(&mirror->cut, now, changed);
	cut_sync(&mirror->cut, now, model_sync_open(mirror->model));
}

static void
on_timer(uv_timer_t *timer)
{
	struct mirror *mirror = timer->data;

	if (mirror->ended) {
		uv_stop(&mirror->loop);
		return;
	}
	cut_frame(mirror);
	schedule(mirror);
}

// Something has happened to the model. Without viewers nobody wants to know.
static void
fed(struct mirror *mirror, size_t len, bool more)
{
	uint64_t now = uv_now(&mirror->loop);

	if (!viewers_count(mirror->viewers))
		return;
	cut_feed(&mirror->cut, now, len, more);
	cut_sync(&mirror->cut, now, model_sync_open(mirror->model));
	if (cut_due(&mirror->cut) <= now)
		cut_frame(mirror);
	schedule(mirror);
}

// ---- from the keeper ---------------------------------------------------------------------------

// Also what was printed before the host resumed is behind the curtain, and what scrolled away.
static void
move_curtain(struct mirror *mirror)
{
	const struct orders *orders = &mirror->orders;
	bool drawn = orders->paused || mirror->offset < orders->resumed_at;

	if (mirror->drawn && !drawn && orders->resumed_at)
		viewers_history_from(mirror->viewers, model_history_end(mirror->model));
	if (!drawn) {
		screen_unref(mirror->curtain);
		mirror->curtain = NULL;
	}
	mirror->drawn = drawn;
}

static void
tell_modes(struct mirror *mirror)
{
	struct input_modes modes;

	memset(&modes, 0, sizeof(modes)); // padding is compared
	model_input_modes(mirror->model, &modes);
	viewers_modes(mirror->viewers, &modes);
}

static bool
on_bytes(struct mirror *mirror, struct reader *reader)
{
	model_feed(mirror->model, reader->data, reader->len);
	mirror->offset += reader->len;
	mirror->ack_due = true;
	if (mirror->drawn)
		move_curtain(mirror);
	if (mirror->orders.granted)
		tell_modes(mirror);
	return true;
}

static bool
on_resize(struct mirror *mirror, struct reader *reader)
{
	uint32_t rows = reader_bounded(reader, UINT16_MAX);
	uint32_t cols = reader_bounded(reader, UINT16_MAX);

	if (!reader->bad)
		model_resize(mirror->model, (uint16_t)rows, (uint16_t)cols);
	return !reader->bad;
}

// The dump was made by another mirror, which may have been taken over since: untrusted bytes. None:
// the stream starts with a blank screen.
static bool
on_restore(struct mirror *mirror, struct reader *reader)
{
	const struct model_events events = events_of(mirror);
	uint64_t offset = reader_varint(reader);
	struct model *model;

	if (reader->bad)
		return false;
	model = reader->len ? model_restore(reader->data, reader->len, &events)
			    : model_new(FIRST_ROWS, FIRST_COLS, &events);
	if (!model)
		return false;
	model_free(mirror->model);
	mirror->model = model;
	mirror->offset = offset;
	mirror->ack_due = true;
	return true;
}

// The second message to a new mirror: not before this does it serve anybody.
static bool
on_orders(struct mirror *mirror, struct reader *reader)
{
	const uint64_t obeyed[] = {EVENT_OBEYED, reader_varint(reader)};

	if (!orders_get(&mirror->orders, reader))
		return false;
	move_curtain(mirror);
	tell_modes(mirror);
	viewers_order(mirror->viewers, &mirror->orders);
	cut_frame(mirror);
	schedule(mirror);
	put_numbers(mirror, MIRROR_EVENT, obeyed, sizeof(obeyed) / sizeof(obeyed[0]));
	return true;
}

static bool
on_dump(struct mirror *mirror, struct reader *reader)
{
	size_t begin = msg_begin(&mirror->out, MIRROR_DUMP);

	(void)reader;
	buf_put_varint(&mirror->out, mirror->offset);
	model_dump(mirror->model, &mirror->out);
	msg_end(&mirror->out, begin);
	return true;
}

static bool
on_ended(struct mirror *mirror, struct reader *reader)
{
	(void)reader;
	model_sync_end(mirror->model);
	cut_frame(mirror);
	mirror->ended = true;
	viewers_bye(mirror->viewers, EX_OK, "the session has ended");
	uv_timer_start(&mirror->timer, on_timer, GOODBYE_MS, 0);
	return true;
}

static bool (*const handlers[])(struct mirror *mirror, struct reader *reader) = {
    [KEEPER_RESTORE] = on_restore,
    [KEEPER_BYTES] = on_bytes,
    [KEEPER_RESIZE] = on_resize,
    [KEEPER_DUMP] = on_dump,
    [KEEPER_ENDED] = on_ended,
    [KEEPER_ORDERS] = on_orders,
};

// Handles the whole messages that have come. False if one is none of the keeper's.
static bool
process(struct mirror *mirror)
{
	enum msg_status status;
	size_t used = 0;
	struct msg msg;

	while ((status = msg_get(&mirror->in, &used, MSG_MAX, &msg)) == MSG_ONE) {
		struct reader reader = msg_reader(&msg);

		if (msg.type >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[msg.type] ||
		    !handlers[msg.type](mirror, &reader))
			return false;
	}
	buf_take(&mirror->in, used);
	return status == MSG_NONE;
}

static void
receive(struct mirror *mirror)
{
	uint8_t *to = buf_reserve(&mirror->in, READ_BYTES);
	ssize_t got = recv(CHANNEL_FD, to, READ_BYTES, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) { // the keeper is gone, and the session with it
		uv_stop(&mirror->loop);
		return;
	}
	mirror->in.len += (size_t)got;
	if (!process(mirror))
		exit(EX_PROTOCOL);
	fed(mirror, (size_t)got, (size_t)got == READ_BYTES);
}

static void
on_channel(uv_poll_t *poll, int status, int events)
{
	struct mirror *mirror = poll->data;

	(void)events;
	if (status < 0) {
		uv_stop(&mirror->loop);
		return;
	}
	if (events & UV_READABLE)
		receive(mirror);
	flush(mirror);
	if (mirror->ended && viewers_gone(mirror->viewers))
		uv_stop(&mirror->loop);
}

// ---- start -------------------------------------------------------------------------------------

// The group that may read the session's directory: the guests'.
static gid_t
group_of_directory(void)
{
	struct sockaddr_un address = {0};
	socklen_t len = sizeof(address) - 1;
	struct stat st;
	char *slash;

	if (getsockname(LISTENER_FD, (struct sockaddr *)&address, &len) != 0 ||
	    !(slash = strrchr(address.sun_path, '/')))
		return getgid();
	*slash = '\0';
	return stat(address.sun_path, &st) == 0 ? st.st_gid : getgid();
}

static const char *
login_name(void)
{
	const struct passwd *user = getpwuid(getuid());

	return user && view_text_clean(user->pw_name, strlen(user->pw_name)) ? user->pw_name : "";
}

static void
want_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FDS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < FDS_WANTED ? limit.rlim_max : FDS_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool
start(struct mirror *mirror, const char *name, uint64_t since)
{
	const struct viewers_session session = {.name = name,
	    .host = login_name(),
	    .start = since,
	    .owner = getuid(),
	    .guests = group_of_directory()};
	const struct viewers_source source = {.screen = give_screen,
	    .dump = give_dump,
	    .printed = give_printed,
	    .history = give_history,
	    .count = on_count,
	    .event = on_event,
	    .user = mirror};
	const struct model_events events = events_of(mirror);

	if (uv_loop_init(&mirror->loop) != 0 ||
	    uv_poll_init(&mirror->loop, &mirror->channel, CHANNEL_FD) != 0)
		return false;
	mirror->channel.data = mirror;
	uv_timer_init(&mirror->loop, &mirror->timer);
	mirror->timer.data = mirror;
	mirror->drawn = true; // until the host's orders are known
	cut_init(&mirror->cut);
	mirror->model = model_new(FIRST_ROWS, FIRST_COLS, &events);
	mirror->viewers = viewers_new(&mirror->loop, LISTENER_FD, &session, &source);
	if (!mirror->viewers)
		return false;
	viewers_listen(mirror->viewers, false);
	return true;
}

int
cmd_mirror(int argc, char **argv)
{
	static struct mirror mirror; // for the leak checker; nothing else names it
	struct sandbox_state sandbox;

	if (argc != 3) {
		fputs(MIRRORD_NAME ": mirror is started by " MIRRORD_NAME " itself\n", stderr);
		return EX_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	want_fds();
	if (!start(&mirror, argv[1], strtoull(argv[2], NULL, 10))) {
		fputs(MIRRORD_NAME ": mirror is started by " MIRRORD_NAME
				   " itself, with fds 3 and 4\n",
		    stderr);
		return EX_USAGE;
	}
	if (!sandbox_enter(SANDBOX_MIRROR, &sandbox)) {
		fprintf(
		    stderr, MIRRORD_NAME ": cannot lock the mirror down: %s\n", strerror(errno));
		return EX_OSERR;
	}
	put_numbers(&mirror, MIRROR_READY, NULL, 0);
	flush(&mirror);
	uv_run(&mirror.loop, UV_RUN_DEFAULT);
	return EX_OK;
}
