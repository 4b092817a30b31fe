// SPDX-License-Identifier: ISC
// The far end of `mirrord watch`: frames from the mirror to a replica, from there to standard output,
// as the watcher acknowledges them. Nothing the watcher says goes further than this process.
#include "server/link/frames.h"

#include "server/base/sandbox.h"
#include "server/base/ssh.h"
#include "server/base/until.h"
#include "server/edge/upstream.h"
#include "server/link/sight.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#define BYE_MS 2000      // for a slow link to take the last bytes
#define READ_BYTES 4096  // one read of what the watcher says
#define READS_AT_ONCE 16 // before others have their turn

struct serving {
	struct frames *frames; // borrowed
	uv_loop_t loop;
	uv_poll_t in, out;
	uv_timer_t due;
	struct until until;
	struct upstream up;
	struct sight sight;
	struct pace_limits limits; // whoever forces the command set these
	struct view_bye bye;       // how it ended
	bool ended, gone;          // gone: nobody is left to be told
};

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

bool
frames_wanted(void)
{
	const char *command = getenv("SSH_ORIGINAL_COMMAND"); // raw from the guest

	return ssh_asks_for(command, LINK_COMMAND);
}

// Writes what standard output takes. False: it takes no more now, or nobody is there (`*gone`).
static bool
write_out(struct linksend *send, bool *gone)
{
	for (;;) {
		size_t len;
		const uint8_t *data = linksend_peek(send, &len);
		ssize_t wrote;

		if (!len)
			return true;
		wrote = write(STDOUT_FILENO, data, len);
		if (wrote >= 0) {
			linksend_wrote(send, (size_t)wrote);
		} else if (errno != EINTR) {
			*gone = errno != EAGAIN;
			return false;
		}
	}
}

// ---- before and after: waiting for one thing ---------------------------------------------------

static bool
wait_for(int fd, short events, uint64_t deadline_us)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	uint64_t now = now_us();

	return now < deadline_us && poll(&pollfd, 1, (int)((deadline_us - now + 999) / 1000)) > 0;
}

static void
write_all(struct linksend *send, uint64_t deadline_us)
{
	bool gone = false;

	while (!write_out(send, &gone) && !gone && wait_for(STDOUT_FILENO, POLLOUT, deadline_us))
		;
}

int
frames_bye(struct frames *frames, int status, const char *text)
{
	linksend_bye(&frames->send, status, text);
	write_all(&frames->send, now_us() + BYE_MS * 1000);
	linksend_fini(&frames->send);
	return status;
}

// One more piece of what the watcher says, behind what there is. False if it ended.
static bool
read_some(struct buf *in, uint64_t deadline_us)
{
	ssize_t got;

	if (!wait_for(STDIN_FILENO, POLLIN, deadline_us))
		return false;
	got = read(STDIN_FILENO, buf_reserve(in, READ_BYTES), READ_BYTES);
	if (got > 0)
		in->len += (size_t)got;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

// HELLO into `*hello`. The bytes after it stay for later.
static enum msg_status
read_hello(struct frames *frames, struct link_hello *hello, uint64_t deadline_us)
{
	enum msg_status status;
	struct buf in = {0};
	struct msg msg;
	size_t used = 0;

	do
		status = msg_get(&in, &used, LIMIT_LINK_HELLO_BYTES, &msg);
	while (status == MSG_NONE && read_some(&in, deadline_us));
	if (status == MSG_ONE && !link_hello_get(&msg, hello))
		status = MSG_BAD;
	if (status == MSG_ONE && hello->version == LINK_VERSION) {
		linksend_hello(&frames->send, hello);
		buf_put(&frames->send.in, in.data + used, in.len - used);
	}
	hello->hashes = NULL;
	buf_fini(&in);
	return status;
}

bool
frames_greet(struct frames *frames, struct link_hello *hello, int *status)
{
	uint64_t now = now_us(), deadline_us = now + LIMIT_LINK_HELLO_MS * 1000u;
	int nonblocking = 1;

	ioctl(STDIN_FILENO, FIONBIO, &nonblocking);
	ioctl(STDOUT_FILENO, FIONBIO, &nonblocking);
	signal(SIGPIPE, SIG_IGN);
	linksend_init(&frames->send, now);
	write_all(&frames->send, deadline_us);
	switch (read_hello(frames, hello, deadline_us)) {
	case MSG_NONE: *status = EX_OK; break;
	case MSG_BAD:
		*status = frames_bye(
		    frames, EX_PROTOCOL, "the watcher does not speak mirrord's protocol");
		return false;
	case MSG_ONE:
		if (hello->version == LINK_VERSION)
			return true;
		*status = frames_bye(frames, EX_PROTOCOL,
		    "the watcher speaks another version of the protocol; install the same mirrord "
		    "on "
		    "both sides");
		return false;
	}
	linksend_fini(&frames->send);
	return false;
}

// ---- at work -----------------------------------------------------------------------------------

static void pump(struct serving *serving);

static void
end(struct serving *serving, int status, const char *text)
{
	if (serving->ended)
		return;
	serving->ended = true;
	serving->bye.status = status;
	snprintf(serving->bye.text, sizeof(serving->bye.text), "%s", text);
	uv_stop(&serving->loop);
}

static void
leave(struct serving *serving)
{
	serving->gone = true;
	end(serving, EX_OK, "");
}

static void
on_due(uv_timer_t *timer)
{
	pump(timer->data);
}

static void
on_writable(uv_poll_t *poll, int status, int events)
{
	struct serving *serving = poll->data;

	(void)events;
	if (status < 0)
		leave(serving);
	else
		pump(serving);
}

static void
tell_mirror(struct serving *serving)
{
	const struct linksend *send = &serving->frames->send;
	struct view_status status = {.rows = send->rows,
	    .cols = send->cols,
	    .rtt_us = sight_rtt(&serving->sight, send),
	    .lag_us = sight_lag(&serving->sight, send),
	    .bytes = sight_bytes(&serving->sight, send),
	    .frames = send->frames};

	upstream_tell(&serving->up, &status);
}

// Does all there is to do now, and arranges to be called when there is more.
static void
pump(struct serving *serving)
{
	struct linksend *send = &serving->frames->send;
	uint64_t now = now_us(), due = LINKPACE_NEVER;

	while (write_out(send, &serving->gone)) {
		size_t before = send->out.len;

		sight_written(&serving->sight, now);
		due = sight_due(&serving->sight, send, now);
		if (due > now)
			break;
		linksend_frame(send, now);
		sight_made(&serving->sight, now, send->out.len - before);
	}
	if (serving->gone) {
		leave(serving);
		return;
	}
	if (send->off < send->out.len)
		uv_poll_start(&serving->out, UV_WRITABLE, on_writable);
	else
		uv_poll_stop(&serving->out);
	if (due == LINKPACE_NEVER)
		uv_timer_stop(&serving->due);
	else
		uv_timer_start(&serving->due, on_due, (due - now + 999) / 1000, 0);
	tell_mirror(serving);
}

// The lower of two limits, of which 0 is none.
static uint64_t
lower(uint64_t a, uint64_t b)
{
	return a && (a < b || !b) ? a : b;
}

// What the watcher said beside ACKs.
static void
obey(struct serving *serving)
{
	struct linksend *send = &serving->frames->send;
	struct pace_limits *limits = &serving->sight.pace.limits;

	limits->max_fps = (uint32_t)lower(serving->limits.max_fps, send->limits.max_fps);
	limits->budget = lower(serving->limits.budget, send->limits.budget);
	if (send->asked)
		upstream_ask(&serving->up, &send->ask);
	send->asked = false;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct serving *serving = poll->data;
	uint64_t acked = serving->frames->send.pace.acked;
	uint8_t data[READ_BYTES];

	(void)events;
	for (int i = 0; i < READS_AT_ONCE && !serving->ended; i++) {
		ssize_t got = status < 0 ? 0 : read(STDIN_FILENO, data, sizeof(data));

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0)
			leave(serving);
		else if (!linksend_feed(&serving->frames->send, now_us(), data, (size_t)got))
			end(serving, EX_PROTOCOL, "the watcher broke the protocol");
	}
	if (serving->frames->send.pace.acked != acked)
		sight_acked(&serving->sight, &serving->frames->send, now_us());
	obey(serving);
	if (!serving->ended)
		pump(serving);
}

static void
on_history(void *user, const struct msg *msg)
{
	linksend_history(&((struct serving *)user)->frames->send, now_us(), msg);
}

static void
on_screen(void *user, struct screen *screen)
{
	linksend_show(&((struct serving *)user)->frames->send, screen);
}

static void
on_notice(void *user, const char *text)
{
	linksend_notice(&((struct serving *)user)->frames->send, text);
}

// What is typed comes on a link of its own (lent.c), to which this is the key.
static void
on_grant(void *user, const struct view_grant *grant)
{
	linksend_grant(&((struct serving *)user)->frames->send, grant);
}

static void
on_end(void *user, int status, const char *text)
{
	end(user, status, text);
}

static void
on_turn(void *user)
{
	struct serving *serving = user;

	if (!serving->ended)
		pump(serving);
}

static void
on_over(void *user)
{
	end(user, EX_NOPERM, UNTIL_TEXT);
}

static bool
start(struct serving *serving, uint64_t until)
{
	if (uv_poll_init(&serving->loop, &serving->in, STDIN_FILENO) != 0 ||
	    uv_poll_init(&serving->loop, &serving->out, STDOUT_FILENO) != 0)
		return false;
	uv_timer_init(&serving->loop, &serving->due);
	serving->in.data = serving->out.data = serving->due.data = serving;
	return uv_poll_start(&serving->in, UV_READABLE, on_readable) == 0 &&
	       until_open(&serving->until, until) &&
	       until_start(&serving->until, &serving->loop, on_over, serving);
}

static void
serve(struct serving *serving, const struct pass *pass)
{
	struct viewclient client;
	struct sandbox_state sandbox;
	struct view_bye bye;

	if (!pass_dial(pass, serving->up.path, &serving->up.hello, &client, &bye)) {
		end(serving, bye.status, bye.text);
	} else if (!sandbox_enter(SANDBOX_VIEW, &sandbox)) {
		end(serving, EX_OSERR, "the far end cannot lock itself down");
	} else if (!viewclient_greet(
		       &client, serving->up.path, &serving->up.hello, VIEWCLIENT_ANSWER_MS, &bye)) {
		end(serving, bye.status, bye.text);
	} else {
		// what came with HELLO is still to be looked at
		if (!linksend_feed(&serving->frames->send, now_us(), NULL, 0))
			end(serving, EX_PROTOCOL, "the watcher broke the protocol");
		obey(serving);
		if (!upstream_start(&serving->up, &client))
			end(serving, EX_OSERR, "the far end cannot wait for the session");
		if (!serving->ended)
			uv_run(&serving->loop, UV_RUN_DEFAULT);
		upstream_stop(&serving->up);
	}
}

int
frames_run(struct frames *frames, const char *path, const struct view_hello *hello,
    const struct pace_limits *limits, const struct pass *pass)
{
	struct serving serving = {.frames = frames, .limits = *limits};
	const struct upstream_sink sink = {.user = &serving,
	    .screen = on_screen,
	    .notice = on_notice,
	    .history = on_history,
	    .grant = on_grant,
	    .end = on_end,
	    .turn = on_turn};

	if (uv_loop_init(&serving.loop) != 0 || !start(&serving, pass->until))
		return frames_bye(frames, EX_OSERR, "the far end's standard output is no pipe");
	sight_init(&serving.sight, &frames->send, getenv("SSH_CONNECTION"));
	upstream_init(&serving.up, &serving.loop, path, hello, &sink);
	serve(&serving, pass);
	upstream_fini(&serving.up);
	sight_fini(&serving.sight);
	if (!serving.gone)
		return frames_bye(frames, serving.bye.status, serving.bye.text);
	linksend_fini(&frames->send);
	return serving.bye.status;
}
