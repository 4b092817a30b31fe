// SPDX-License-Identifier: ISC
// Lines that have scrolled away, for guests of the relay: the relay asks, the mirror answers. In pieces that
// take the link so long at most as a frame may, and a quarter of it in the long run: frames go on.
#include "server/relay/publish_parts.h"

#define AGAIN_US 5000000u // the mirror may have been replaced: ask the next
#define PIECE_SHARE 3 / 8 // of what the link carries in a second, before it is deflated to a third
#define PIECE_MIN_BYTES 512      // however slow it is,
#define PIECE_UNKNOWN_BYTES 8192 // or as long as that is not known
#define PAUSE_TIMES 4            // what a piece takes: the next begins so long after it
#define PAUSE_MIN_US 20000u

static size_t
piece_bytes(const struct linkpace *pace)
{
	uint64_t bytes = pace->rate * PIECE_SHARE;

	if (!pace->rate)
		return PIECE_UNKNOWN_BYTES;
	bytes = bytes < LIMIT_HISTORY_BYTES ? bytes : LIMIT_HISTORY_BYTES;
	return (size_t)(bytes > PIECE_MIN_BYTES ? bytes : PIECE_MIN_BYTES);
}

static bool
has_room(const struct publish *publish)
{
	const struct linksend *send = &publish->live->link.send;

	return send->off == send->out.len && !linkpace_full(&send->pace);
}

void
publish_history_restart(struct publish *publish)
{
	publish->history.stale = publish->history.asked;
}

static void
ask_mirror(struct publish *publish, uint64_t now_us)
{
	publish->history.asked = true;
	publish->history.again_us = now_us + AGAIN_US;
	upstream_ask(&publish->up, &publish->history.ask);
}

void
publish_history_ask(struct publish *publish, uint64_t now_us)
{
	struct publish_history *history = &publish->history;
	struct linksend *send = publish->live ? &publish->live->link.send : NULL;

	if (publish->end_us)
		return;
	if (history->asked && history->again_us <= now_us) {
		if (history->stale)
			*history = (struct publish_history){0};
		else
			ask_mirror(publish, now_us);
	}
	if (!send || !send->asked || history->asked || history->next_us > now_us ||
	    !has_room(publish))
		return;
	send->asked = false;
	history->ask = send->ask;
	ask_mirror(publish, now_us);
}

uint64_t
publish_history_due(const struct publish *publish)
{
	const struct publish_history *history = &publish->history;

	if (publish->end_us)
		return PUBLISH_NEVER;
	if (history->asked)
		return history->again_us;
	// without room an ACK, or the socket, calls
	return publish->live && publish->live->link.send.asked && has_room(publish)
		   ? history->next_us
		   : PUBLISH_NEVER;
}

// Whether it was too much for the link, and less is asked for.
static bool
asks_for_less(
    struct publish *publish, const struct view_history *answer, size_t len, uint64_t now_us)
{
	struct publish_history *history = &publish->history;
	size_t max = piece_bytes(&publish->live->link.send.pace);
	uint16_t rows = answer->rows ? answer->rows->rows : 0;

	if (len <= max || rows < 2)
		return false;
	history->ask.first = answer->first; // the same lines: of the newest they would be others
	history->ask.count = (uint32_t)(rows * max / len);
	if (!history->ask.count)
		history->ask.count = 1;
	ask_mirror(publish, now_us);
	return true;
}

void
publish_history_take(struct publish *publish, const struct msg *msg)
{
	struct publish_history *history = &publish->history;
	uint64_t now_us = uv_hrtime() / 1000;
	struct view_history answer;
	struct linksend *send;
	uint64_t busy_us;

	if (!history->asked)
		return;
	history->asked = false;
	if (history->stale || !publish->live) {
		history->stale = false;
		return;
	}
	if (!view_history_get(msg, &answer)) {
		publish->broken = true; // a mirror of ours does not
		publish_stop(publish);
		return;
	}
	send = &publish->live->link.send;
	if (!asks_for_less(publish, &answer, msg->len, now_us)) {
		linksend_history(send, now_us, msg);
		busy_us = send->pace.busy_until > now_us ? send->pace.busy_until - now_us : 0;
		history->next_us = now_us + PAUSE_TIMES * busy_us + PAUSE_MIN_US;
		way_write(publish->live);
	}
	screen_unref(answer.rows);
}
