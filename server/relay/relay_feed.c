// SPDX-License-Identifier: ISC
// One link from a publisher, in the process that serves its session: what comes on it becomes the
// screen once it is the live one.
#include "server/relay/relay_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)
#define READS_AT_ONCE 16        // before others have their turn
#define UNSENT_MAX (512u << 10) // to a publisher that does not read: its link is as good as lost
#define BYE_MS 2000             // for a publisher to read how it ended
#define FIRST_ROWS 24           // what HELLO says without a screen; nothing hangs on it
#define FIRST_COLS 80

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

// ---- to the publisher --------------------------------------------------------------------------

static void on_out(uv_poll_t *poll, int status, int events);

static void
write_out(struct feed *feed)
{
	while (!feed->closed && feed->off < feed->bytes.len) {
		ssize_t wrote =
		    write(feed->out_fd, feed->bytes.data + feed->off, feed->bytes.len - feed->off);

		if (wrote < 0 && errno == EAGAIN && feed->bytes.len - feed->off < UNSENT_MAX) {
			uv_poll_start(&feed->out, UV_WRITABLE, on_out);
			return;
		}
		if (wrote < 0 && errno != EINTR) {
			feed_close(feed);
			return;
		}
		feed->off += wrote > 0 ? (size_t)wrote : 0;
	}
	if (feed->closed)
		return;
	feed->off = feed->bytes.len = 0;
	uv_poll_stop(&feed->out);
	if (feed->closing)
		feed_close(feed);
}

static void
on_out(uv_poll_t *poll, int status, int events)
{
	struct feed *feed = poll->data;
	struct relay *relay = feed->relay;

	(void)events;
	relay_clock(relay);
	if (status < 0)
		feed_close(feed);
	else
		write_out(feed);
	relay_schedule(relay);
}

void
feed_bye(struct feed *feed, int status, const char *text)
{
	link_bye_put(&feed->bytes, status, text);
	feed->closing = true;
	feed->close_at = feed->relay->now + BYE_MS;
	write_out(feed);
}

size_t
feed_guests(struct feed *feed, uint64_t serial, const struct view_person *people, size_t count)
{
	size_t put = view_guests_put(&feed->bytes, LINK_GUESTS, serial, people, count);

	write_out(feed);
	return put;
}

void
feed_ask(struct feed *feed, const struct view_history_ask *ask)
{
	view_history_ask_put(&feed->bytes, LINK_HISTORY, ask);
	write_out(feed);
}

uint64_t
feed_due(const struct feed *feed)
{
	uint64_t due = linkrecv_ack_due(&feed->recv), now = now_us();

	if (feed->closing && !feed->closed)
		return feed->close_at;
	if (due == UINT64_MAX || feed->closed)
		return UINT64_MAX;
	return feed->relay->now + (due > now ? (due - now + 999) / 1000 : 0);
}

void
feed_act(struct feed *feed)
{
	if (feed->closing) {
		feed_close(feed);
		return;
	}
	linkrecv_ack(&feed->recv, now_us(), &feed->bytes);
	write_out(feed);
}

// ---- from the publisher ------------------------------------------------------------------------

static void
on_event(struct feed *feed, enum linkrecv_event event, const struct view_bye *bye)
{
	struct relay *relay = feed->relay;

	switch (event) {
	case LINKRECV_NONE: break;
	case LINKRECV_WELCOME: relay_chosen(relay, feed); break;
	case LINKRECV_SCREEN: relay_show(relay, feed->recv.screen); break;
	case LINKRECV_NOTICE:
		memcpy(relay->said, bye->text, sizeof(relay->said));
		relay_tell(relay);
		break;
	case LINKRECV_CUT:
		if (relay->viewers)
			viewers_cut(relay->viewers, &feed->recv.cut);
		break;
	case LINKRECV_DOOR: relay_door(relay, &feed->recv.door); break;
	case LINKRECV_BYE: relay_end(relay, bye->status, bye->text); break;
	case LINKRECV_HISTORY:
		if (relay_history_take(relay, &feed->recv.history))
			break;
		// fall through
	case LINKRECV_GRANT: // no publisher says that
	case LINKRECV_BROKEN: feed_bye(feed, EX_PROTOCOL, "the publisher broke the protocol");
	}
}

// What a link says that is not the live one any more counts for nothing.
static bool
is_heard(const struct feed *feed)
{
	return !feed->closed && !feed->closing &&
	       (!feed->recv.welcomed || feed == feed->relay->live);
}

static void
read_in(struct feed *feed)
{
	static uint8_t data[READ_BYTES];

	for (int i = 0; i < READS_AT_ONCE && !feed->closed; i++) {
		ssize_t got = read(feed->in_fd, data, sizeof(data));
		enum linkrecv_event event = LINKRECV_WELCOME;
		struct view_bye bye = {0};

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			feed_close(feed);
			return;
		}
		if (is_heard(feed)) // else it would pile up until the publisher reads its BYE
			linkrecv_feed(&feed->recv, data, (size_t)got);
		while (is_heard(feed) && event != LINKRECV_NONE) {
			event = linkrecv_next(&feed->recv, now_us(), &bye);
			on_event(feed, event, &bye);
		}
	}
}

static void
on_in(uv_poll_t *poll, int status, int events)
{
	struct feed *feed = poll->data;
	struct relay *relay = feed->relay;

	(void)events;
	relay_clock(relay);
	read_in(feed);
	if (status < 0)
		feed_close(feed);
	relay_schedule(relay);
}

// ---- coming and going --------------------------------------------------------------------------

static void
on_closed(uv_handle_t *handle)
{
	struct feed *feed = handle->data;

	if (--feed->handles)
		return;
	linkrecv_fini(&feed->recv);
	buf_fini(&feed->bytes);
	free(feed);
}

// What of it is on the stack is good until the loop turns.
void
feed_close(struct feed *feed)
{
	struct relay *relay = feed->relay;

	if (feed->closed)
		return;
	feed->closed = true;
	for (size_t i = 0; i < RELAY_FEEDS; i++) {
		if (relay->feed[i] == feed)
			relay->feed[i] = NULL;
	}
	uv_close((uv_handle_t *)&feed->in, on_closed);
	uv_close((uv_handle_t *)&feed->out, on_closed);
	close(feed->in_fd);
	close(feed->out_fd);
	relay_control_release(relay, feed);
	if (relay->live == feed)
		relay->live = NULL;
	relay_left(relay);
}

void
feed_hello(struct feed *feed)
{
	struct relay *relay = feed->relay;
	const struct relay_claim *claim = relay->claim;
	uint16_t rows = relay->screen ? relay->screen->rows : FIRST_ROWS;
	uint16_t cols = relay->screen ? relay->screen->cols : FIRST_COLS;
	char name[LIMIT_NAME * 2 + 2];

	snprintf(name, sizeof(name), "%s/%s", claim->host, claim->session.name);
	feed->recv.relay = true;
	feed->recv.screen = relay->screen ? screen_ref(relay->screen) : NULL;
	linkrecv_start(&feed->recv, rows, cols,
	    *claim->host && strlen(name) <= LIMIT_NAME ? name : claim->session.name, &feed->bytes);
	write_out(feed);
}

struct feed *
feed_new(struct relay *relay, int in_fd, int out_fd, uint64_t since)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	size_t slot = 0;

	while (slot < RELAY_FEEDS && relay->feed[slot])
		slot++;
	if (!feed || slot == RELAY_FEEDS) {
		free(feed);
		return NULL;
	}
	*feed = (struct feed){.relay = relay, .in_fd = in_fd, .out_fd = out_fd, .since = since};
	feed->in.data = feed->out.data = feed;
	feed->handles = 2;
	if (uv_poll_init(&relay->loop, &feed->in, in_fd) != 0) { // a file, not a stream
		free(feed);
		return NULL;
	}
	if (uv_poll_init(&relay->loop, &feed->out, out_fd) != 0) {
		feed->handles = 1;
		uv_close((uv_handle_t *)&feed->in, on_closed);
		return NULL;
	}
	relay->feed[slot] = feed;
	uv_poll_start(&feed->in, UV_READABLE, on_in);
	return feed;
}
