// SPDX-License-Identifier: ISC
// A publisher at work, in the background: what the session shows goes up the live way, and what is
// due is done. Locked down before it reads a byte of the relay's.
#include "server/relay/publish_parts.h"

#include "server/base/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define BYE_MS 5000        // for the relay to hear how it ended,
#define BYE_LOST_MS 300000 // or for the link to come back for that

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

void
publish_stop(struct publish *publish)
{
	publish->over = true;
	uv_stop(&publish->loop);
}

// ---- frames ------------------------------------------------------------------------------------

static bool
beats(const struct publish *publish)
{
	return publish->live && publish->live->link.guest_count;
}

static void
pump(struct publish *publish, uint64_t now)
{
	struct way *way = publish->live;
	struct linksend *send = &way->link.send;
	size_t len;

	for (;;) {
		uint64_t frames = send->frames;

		way_write(way);
		publink_peek(&way->link, &len);
		if (len || linksend_due(send, now) > now)
			break;
		linksend_frame(send, now);
		if (send->frames == frames)
			continue; // it changed nothing: none was sent
		publish->sent_us = now;
		publish->beat_us = LIMIT_PUBLISH_BEAT_MS * 1000u;
	}
	if (len || !beats(publish) || publish->sent_us + publish->beat_us > now ||
	    send->pace.sent != send->pace.acked || !send->frames)
		return;
	linksend_beat(send, now);
	publish->sent_us = now;
	publish->beat_us = publish->beat_us * 2 < LIMIT_PUBLISH_BEAT_MAX_MS * UINT64_C(1000)
			       ? publish->beat_us * 2
			       : LIMIT_PUBLISH_BEAT_MAX_MS * UINT64_C(1000);
	way_write(way);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
on_timer(uv_timer_t *timer)
{
	publish_act(timer->data);
}

static void
schedule(struct publish *publish, uint64_t now)
{
	uint64_t due = publish->end_us ? publish->end_us : PUBLISH_NEVER;

	if (publish->live) {
		const struct linksend *send = &publish->live->link.send;

		due = earlier(due, linksend_due(send, now));
		if (!publish->lost_us)
			due = earlier(due, linkpace_stalled(&send->pace));
		if (beats(publish) && send->pace.sent == send->pace.acked && send->frames)
			due = earlier(due, publish->sent_us + publish->beat_us);
	}
	due = earlier(due, publish_history_due(publish));
	if (publish->lost_us) {
		due = earlier(due, publish->try_us);
		for (unsigned i = 0; i < DIALER_ASIDE; i++)
			due = earlier(due, way_expires(&publish->way[i]));
	}
	if (due == PUBLISH_NEVER)
		uv_timer_stop(&publish->timer);
	else
		uv_timer_start(
		    &publish->timer, on_timer, due > now ? (due - now + 999) / 1000 : 1, 0);
}

static void
tell_mirror(struct publish *publish)
{
	const struct linksend *send = publish->live ? &publish->live->link.send : NULL;
	struct view_status status = publish->up.now;

	if (!publish->screen || publish->end_us)
		return;
	status.rows = publish->screen->rows;
	status.cols = publish->screen->cols;
	if (send) {
		status.rtt_us = send->pace.srtt_us;
		status.lag_us = send->pace.lag_us;
		status.bytes = send->bytes;
		status.frames = send->frames;
	}
	upstream_tell(&publish->up, &status);
}

// Does all there is to do now, and arranges to be called when there is more.
void
publish_act(struct publish *publish)
{
	uint64_t now = now_us();

	uv_update_time(&publish->loop);
	if (publish->over)
		return;
	if (publish->end_us && !publish->left) { // not from within its callbacks
		upstream_stop(&publish->up);
		publish->left = true;
	}
	if (publish->end_us && publish->end_us <= now) {
		publish_stop(publish);
		return;
	}
	for (unsigned i = 0; i < DIALER_ASIDE; i++) {
		if (publish->way[i].stream && &publish->way[i] != publish->live)
			way_write(&publish->way[i]);
	}
	if (publish->live)
		pump(publish, now);
	publish_history_ask(publish, now);
	publish_keep_trying(publish, now);
	schedule(publish, now);
	tell_mirror(publish);
}

// ---- from the session --------------------------------------------------------------------------

static void
on_screen(void *user, struct screen *screen)
{
	struct publish *publish = user;
	struct screen *old = publish->screen;

	publish->screen = screen_ref(screen);
	screen_unref(old);
	if (publish->live)
		linksend_show(&publish->live->link.send, screen);
}

static void
on_notice(void *user, const char *text)
{
	struct publish *publish = user;

	snprintf(publish->notice, sizeof(publish->notice), "%s", text ? text : "");
	if (publish->live)
		linksend_notice(&publish->live->link.send, text);
}

static void
on_cut(void *user, const struct view_cut *cut)
{
	struct publish *publish = user;

	if (publish->live)
		linksend_cut(&publish->live->link.send, cut);
}

static void
on_door(void *user, const struct view_door *door)
{
	struct publish *publish = user;

	if (publish->live && (publish->shut || !door->open))
		linksend_door(&publish->live->link.send, door);
	publish->shut = !door->open;
}

static void
on_history(void *user, const struct msg *msg)
{
	publish_history_take(user, msg);
}

static void
on_grant(void *user, const struct view_grant *grant)
{
	publish_lend(user, grant);
}

// The relay is to know how it ended; its guests leave with that. If there is no link now, there may
// be one in a while.
static void
on_end(void *user, int status, const char *text)
{
	struct publish *publish = user;

	publish_take_back(publish);
	publish->bye.status = status ? EX_UNAVAILABLE : EX_OK;
	snprintf(publish->bye.text, sizeof(publish->bye.text), "%s",
	    status ? "the host has stopped publishing" : text);
	publish->end_us = now_us() + (publish->live ? BYE_MS : BYE_LOST_MS) * UINT64_C(1000);
	if (publish->live) {
		if (linksend_due(&publish->live->link.send, PUBLISH_NEVER - 1) != PUBLISH_NEVER)
			linksend_frame(&publish->live->link.send, now_us()); // the last words
		linksend_bye(&publish->live->link.send, publish->bye.status, publish->bye.text);
	}
}

static void
on_turn(void *user)
{
	publish_act(user);
}

// ---- start and end -----------------------------------------------------------------------------

static void
open_session(struct publish *publish)
{
	if (!viewclient_open(&publish->client, publish->up.path, &publish->up.hello,
		VIEWCLIENT_ANSWER_MS, &publish->bye) ||
	    !upstream_start(&publish->up, &publish->client))
		on_end(publish, EX_UNAVAILABLE, "");
}

// Who started us says GO, or is gone.
static void
on_report(uv_poll_t *poll, int status, int events)
{
	struct publish *publish = poll->data;
	uint8_t go[3];

	(void)events;
	if (status < 0 || recv(publish->report_fd, go, sizeof(go), MSG_DONTWAIT) <= 0) {
		publish_stop(publish);
		return;
	}
	uv_poll_stop(&publish->report);
	close(publish->report_fd);
	publish->report_fd = -1;
	publish->stay->going = true;
	open_session(publish);
	publish_act(publish);
}

bool
publish_prepare(struct publish *publish)
{
	const struct upstream_sink sink = {.user = publish,
	    .screen = on_screen,
	    .notice = on_notice,
	    .history = on_history,
	    .cut = on_cut,
	    .door = on_door,
	    .grant = on_grant,
	    .end = on_end,
	    .turn = on_turn};
	struct view_hello hello;

	if (uv_loop_init(&publish->loop) != 0 ||
	    uv_poll_init(&publish->loop, &publish->news, publish->dialer.fd) != 0)
		return false;
	if (publish->report_fd >= 0 &&
	    (uv_poll_init(&publish->loop, &publish->report, publish->report_fd) != 0 ||
		uv_poll_start(&publish->report, UV_READABLE, on_report) != 0))
		return false;
	tzset(); // its file cannot be read later, when a time is written down
	uv_timer_init(&publish->loop, &publish->timer);
	publish->news.data = publish->report.data = publish->timer.data = publish;
	uv_poll_start(&publish->news, UV_READABLE, publish_on_news);
	for (unsigned i = 0; i < DIALER_ASIDE; i++)
		publish->way[i] = (struct way){.publish = publish, .slot = i};
	if (getrandom(&publish->random, sizeof(publish->random), 0) < 0)
		publish->random = (uint32_t)getpid();
	publish->random |= 1;
	publish->try_ms = PUBLISH_TRY_LATER_MS;
	publish->keys.errors_fd = -1;
	// PAIR: for those who watch there.
	viewclient_hello(&hello,
	    VIEW_ROLE_PAIR | (publish->stay->going ? VIEW_ROLE_BACK : VIEW_ROLE_VIEW), 0, 0);
	snprintf(hello.name, sizeof(hello.name), "%.*s", LIMIT_NAME, publish->options->relay);
	strcpy(hello.via, "publish");
	memcpy(hello.from, publish->stay->invite, sizeof(hello.from));
	upstream_init(&publish->up, &publish->loop, publish->options->path, &hello, &sink);
	upstream_guests(&publish->up, 0, NULL, 0); // says that there may be some
	return true;
}

void
publish_run(struct publish *publish)
{
	struct sandbox_state sandbox;

	if (!sandbox_enter(SANDBOX_PUBLISH, &sandbox)) {
		publish_fail(publish, EX_OSERR, "cannot lock this process down");
		return;
	}
	if (publish->published) { // in the place of one that was killed
		open_session(publish);
		publish_act(publish);
	} else {
		publish_dial(publish);
	}
	uv_run(&publish->loop, UV_RUN_DEFAULT);
}
