// SPDX-License-Identifier: ISC
// A publisher's ways to its relay. A *way* is one run of ssh; the one that carries frames is
// *live*. When nothing is acknowledged on it, others are tried beside it, and the first that opens
// is the next live one: TCP notices that a network is back long after it is.
#include "server/relay/publish_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define TRY_MS 1000        // at most between two tries, and at least half of it,
#define TRY_SOON_MS 300000 // for so long; then
#define TRY_MAX_MS 30000   // this
#define WAY_MIN_MS 2000    // that a try is given, or
#define WAY_SHARE 4        // so often what the last one took to open,
#define WAY_MAX_MS 15000   // up to this
#define READ_BYTES 4096    // one read of what the relay says
#define READS_AT_ONCE 16   // before others have their turn

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

// xorshift (Marsaglia 2003), from 0 to `max`.
static uint64_t
random_to(struct publish *publish, uint64_t max)
{
	publish->random ^= publish->random << 13;
	publish->random ^= publish->random >> 17;
	publish->random ^= publish->random << 5;
	return publish->random % (max + 1);
}

// ---- ways --------------------------------------------------------------------------------------

static void
free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void
close_poll(uv_poll_t **poll, int fd)
{
	if (!*poll)
		return;
	uv_close((uv_handle_t *)*poll, free_handle);
	*poll = NULL;
	close(fd);
}

static void
way_close(struct way *way)
{
	struct publish *publish = way->publish;

	close_poll(&way->stream, way->stream_fd);
	if (way->said)
		publink_fini(&way->link);
	way->said = false;
	if (publish->live == way)
		publish->live = NULL;
}

// It is of no use any more; ssh's end is told later.
static void
way_drop(struct way *way)
{
	way_close(way);
	if (way->running && !way->dropped)
		dialer_kill(&way->publish->dialer, way->slot);
	way->dropped = true;
}

static void
drop_others(struct publish *publish, const struct way *keep)
{
	for (unsigned i = 0; i < DIALER_ASIDE; i++) {
		if (&publish->way[i] != keep)
			way_drop(&publish->way[i]);
	}
}

static void on_stream(uv_poll_t *poll, int status, int events);

void
way_write(struct way *way)
{
	size_t len;

	while (way->stream) {
		const uint8_t *data = publink_peek(&way->link, &len);
		ssize_t sent;

		if (!len)
			break;
		sent = send(way->stream_fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN) {
			uv_poll_start(way->stream, UV_READABLE | UV_WRITABLE, on_stream);
			return;
		}
		if (sent < 0 && errno != EINTR)
			break; // reading says how it ended
		publink_wrote(&way->link, sent > 0 ? (size_t)sent : 0);
	}
	if (way->stream)
		uv_poll_start(way->stream, UV_READABLE, on_stream);
}

// ---- what the relay says -----------------------------------------------------------------------

static void
found(struct publish *publish)
{
	publish->lost_us = 0;
	publish->try_ms = PUBLISH_TRY_LATER_MS;
}

// The first that opens is the way from now on.
static void
on_open(struct way *way)
{
	struct publish *publish = way->publish;
	struct linksend *send = &way->link.send;

	publish->opened_us = now_us() - way->dialled_us;
	publish->live = way;
	drop_others(publish, way);
	found(publish);
	publish->beat_us = LIMIT_PUBLISH_BEAT_MS * 1000u;
	publish->sent_us = now_us();
	publish->guests = 0;
	publish_history_restart(publish);
	if (publish->shut) // before the first frame, which says else that it is open
		linksend_door(send, &(struct view_door){0});
	if (publish->screen)
		linksend_show(send, publish->screen);
	if (*publish->notice)
		linksend_notice(send, publish->notice);
	if (publish->end_us)
		linksend_bye(send, publish->bye.status, publish->bye.text);
	if (!publish->published)
		publish_opened(publish, way);
	publish->published = true;
}

static void
on_guests(struct way *way)
{
	struct publish *publish = way->publish;
	struct publink *link = &way->link;

	if (link->guest_count && !publish->guests) // the relay waits for a sign of life
		publish->beat_us = LIMIT_PUBLISH_BEAT_MS * 1000u;
	publish->guests = link->guest_count;
	for (size_t i = 0; i < link->guest_count; i++)
		strcpy(link->guests[i].via, "relay");
	if (!publish->end_us)
		upstream_guests(&publish->up, link->serial, link->guests, link->guest_count);
}

// The relay has spoken for good: it lets the session go, or takes it from nobody here. Unless it
// only had no place for one more try.
static void
on_bye(struct way *way, const struct view_bye *bye)
{
	struct publish *publish = way->publish;

	if (publish->published && bye->status == EX_TEMPFAIL)
		way_drop(way);
	else if (publish->published)
		publish_stop(publish);
	else
		publish_fail(publish, bye->status ? bye->status : EX_UNAVAILABLE, bye->text);
}

// False: the way is closed.
static bool
take_messages(struct way *way)
{
	struct publish *publish = way->publish;
	struct view_bye bye;

	for (;;) {
		switch (publink_next(&way->link, now_us(), &bye)) {
		case PUBLINK_NONE: return true;
		case PUBLINK_WELCOME:
		case PUBLINK_INVITED: break;
		case PUBLINK_OPEN: on_open(way); break;
		case PUBLINK_ACK:
			if (way == publish->live && publish->lost_us) { // it was only slow
				drop_others(publish, way);
				found(publish);
			}
			break;
		case PUBLINK_GUESTS: on_guests(way); break;
		case PUBLINK_ASKED: break; // publish_act() looks
		case PUBLINK_BYE: on_bye(way, &bye); return false;
		case PUBLINK_BROKEN:
			if (!publish->published)
				publish_fail(publish, bye.status, bye.text);
			way_drop(way);
			return false;
		}
	}
}

static void
read_stream(struct way *way)
{
	uint8_t data[READ_BYTES];

	for (int i = 0; i < READS_AT_ONCE && way->stream && !way->publish->over; i++) {
		ssize_t got = recv(way->stream_fd, data, sizeof(data), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			way_drop(way);
			return;
		}
		publink_feed(&way->link, data, (size_t)got);
		if (!take_messages(way))
			return;
	}
}

static void
on_stream(uv_poll_t *poll, int status, int events)
{
	struct way *way = poll->data;

	if (status < 0 || (events & UV_READABLE))
		read_stream(way);
	if (status < 0)
		way_drop(way);
	publish_act(way->publish);
}

// ---- what ssh says -----------------------------------------------------------------------------

static void
on_line(struct way *way)
{
	struct ssh_lines *lines = &way->lines;
	size_t len = strlen(lines->part);

	if (!way->publish->published && len &&
	    !strstr(lines->part, ssh_remote_name(&way->publish->options->way)))
		publish_report(way->publish, REPORT_LINE, lines->part, len);
	*lines->part = '\0';
}

static void
read_errors(struct way *way)
{
	char data[1024];

	for (int i = 0; i < READS_AT_ONCE && way->errors; i++) {
		ssize_t got = read(way->errors_fd, data, sizeof(data));

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0)
			close_poll(&way->errors, way->errors_fd);
		for (ssize_t k = 0; k < got; k++) {
			if (ssh_lines_put(&way->lines, data[k]))
				on_line(way);
		}
	}
}

static void
on_errors(uv_poll_t *poll, int status, int events)
{
	struct way *way = poll->data;

	(void)events;
	if (status < 0)
		close_poll(&way->errors, way->errors_fd);
	else
		read_errors(way);
}

// ---- ssh begins and ends -----------------------------------------------------------------------

static uv_poll_t *
watch_fd(struct way *way, int fd, uv_poll_cb callback)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(&way->publish->loop, poll, fd) != 0)
		abort(); // a socket and a pipe of our own
	poll->data = way;
	uv_poll_start(poll, UV_READABLE, callback);
	return poll;
}

static void
on_started(struct way *way, const struct dialer_news *news)
{
	way->stream_fd = news->stream;
	way->errors_fd = news->errors;
	way->stream = watch_fd(way, news->stream, on_stream);
	way->errors = watch_fd(way, news->errors, on_errors);
	way->lines = (struct ssh_lines){0};
	publink_init(&way->link, &way->publish->options->who);
	way->said = true;
	way_write(way);
}

static void
on_ended(struct way *way, int status)
{
	struct publish *publish = way->publish;
	struct view_bye bye;

	if (way->stream)
		read_stream(way); // what it wrote before its end
	if (way->errors)
		read_errors(way);
	way->running = false;
	way_close(way);
	close_poll(&way->errors, way->errors_fd);
	if (publish->published || publish->over)
		return;
	ssh_explain(status, &publish->options->way, publish->options->relay, way->lines.line,
	    "takes no sessions; install the same on both sides", &bye);
	publish_fail(publish, bye.status, bye.text);
}

static void
on_failed(struct way *way, int error)
{
	char text[LIMIT_TEXT + 1];

	way->running = false;
	snprintf(text, sizeof(text), "cannot run ssh: %s", strerrordesc_np(error));
	if (!way->publish->published)
		publish_fail(way->publish, EX_UNAVAILABLE, text);
}

void
publish_on_news(uv_poll_t *poll, int status, int events)
{
	struct publish *publish = poll->data;
	struct dialer_news news = {0};
	enum dialer_event event = status < 0 ? DIALER_GONE : dialer_next(&publish->dialer, &news);
	struct way *way = &publish->way[news.slot % DIALER_ASIDE];

	(void)events;
	if (news.slot == DIALER_ASIDE && event != DIALER_GONE) {
		publish_on_keyline(publish, event, &news);
		return;
	}
	switch (event) {
	case DIALER_NONE: return;
	case DIALER_OPEN: on_started(way, &news); break;
	case DIALER_FAILED: on_failed(way, news.status); break;
	case DIALER_EXIT: on_ended(way, news.status); break;
	case DIALER_GONE:
		uv_poll_stop(&publish->news);
		publish->broken = true;
		publish_fail(publish, EX_OSERR, "the process that runs ssh is gone");
		break;
	}
	publish_act(publish);
}

bool
publish_dial(struct publish *publish)
{
	struct way *way = publish->way;

	while (way < publish->way + DIALER_ASIDE && way->running)
		way++;
	if (way == publish->way + DIALER_ASIDE)
		return false;
	way->running = true;
	way->dropped = false;
	way->dialled_us = now_us();
	dialer_dial(&publish->dialer, way->slot);
	return true;
}

// ---- when to try -------------------------------------------------------------------------------

static bool
is_stalled(const struct publish *publish, uint64_t now)
{
	return publish->live && linkpace_stalled(&publish->live->link.send.pace) <= now;
}

static uint64_t
pause_ms(struct publish *publish, uint64_t now)
{
	uint64_t wait_ms = publish->try_ms;

	if (now - publish->lost_us < TRY_SOON_MS * UINT64_C(1000))
		return TRY_MS / 2 + random_to(publish, TRY_MS / 2);
	publish->try_ms = wait_ms * 2 < TRY_MAX_MS ? wait_ms * 2 : TRY_MAX_MS;
	return wait_ms / 2 + random_to(publish, wait_ms / 2);
}

uint64_t
way_expires(const struct way *way)
{
	uint64_t span = way->publish->opened_us * WAY_SHARE;

	span = span < WAY_MIN_MS * 1000u ? WAY_MIN_MS * 1000u : span;
	span = span < WAY_MAX_MS * 1000u ? span : WAY_MAX_MS * 1000u;
	return way->running && !way->dropped && way != way->publish->live ? way->dialled_us + span
									  : PUBLISH_NEVER;
}

void
publish_keep_trying(struct publish *publish, uint64_t now)
{
	if (!publish->published || (publish->live && !is_stalled(publish, now)))
		return;
	if (!publish->lost_us) {
		publish->lost_us = now;
		publish->try_us = publish->live ? now : now + random_to(publish, TRY_MS / 4) * 1000;
	}
	for (unsigned i = 0; i < DIALER_ASIDE; i++) {
		if (way_expires(&publish->way[i]) <= now)
			way_drop(&publish->way[i]);
	}
	if (publish->try_us <= now) {
		publish_dial(publish);
		publish->try_us = now + pause_ms(publish, now) * 1000;
	}
}
