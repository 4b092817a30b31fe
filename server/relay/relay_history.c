// SPDX-License-Identifier: ISC
// Lines that have scrolled away from a published session: the host has them. What guests ask goes up to the
// publisher, one question at a time, and the answer goes to all who asked the same. It comes in pieces that
// the link has room for beside frames.
#include "server/relay/relay_parts.h"

// How many lines more the answer has room for, and the session has.
static uint32_t
missing(const struct relay_history *history)
{
	const struct view_history *got = &history->got;
	uint64_t all = got->end - got->first, max = LIMIT_HISTORY_CELLS / got->rows->cols;

	all = all < history->ask.count ? all : history->ask.count;
	max = max < LIMIT_HISTORY_ROWS ? max : LIMIT_HISTORY_ROWS;
	all = all < max ? all : max;
	return all > got->rows->rows ? (uint32_t)(all - got->rows->rows) : 0;
}

static void
ask(struct relay *relay, uint64_t first, uint32_t count)
{
	const struct view_history_ask ask = {.first = first, .count = count};

	relay->history.asked = true;
	feed_ask(relay->live, &ask);
}

static void
forget(struct relay_history *history)
{
	screen_unref(history->got.rows);
	*history = (struct relay_history){0};
}

static void
answer(struct relay *relay, const struct view_history *history)
{
	viewers_answer(relay->viewers, &relay->history.ask, history);
	forget(&relay->history);
}

void
relay_history_seek(struct relay *relay)
{
	const struct view_history away = {.away = true};
	struct relay_history *history = &relay->history;

	if (!relay->viewers)
		return;
	while (!relay->live || relay->lost_at) {
		struct view_history_ask lost;

		if (!viewers_sought(relay->viewers, &lost))
			return;
		viewers_answer(relay->viewers, &lost, &away);
	}
	if (!history->asked && viewers_sought(relay->viewers, &history->ask))
		ask(relay, history->ask.first, history->ask.count);
}

void
relay_history_restart(struct relay *relay)
{
	forget(&relay->history);
	relay_history_seek(relay);
}

// The lines behind those that are here, as far as they go on from there.
static bool
append(struct view_history *got, const struct view_history *more)
{
	struct screen *old = got->rows, *all;
	uint16_t rows = old->rows;

	if (!more->rows || more->first != got->first + rows || more->rows->cols != old->cols ||
	    rows + more->rows->rows > LIMIT_HISTORY_ROWS)
		return false;
	all = screen_alloc((uint16_t)(rows + more->rows->rows), old->cols);
	for (uint16_t i = 0; i < all->rows; i++)
		all->row[i] = row_ref(i < rows ? old->row[i] : more->rows->row[i - rows]);
	screen_unref(old);
	got->rows = all;
	got->end = more->end;
	got->oldest = more->oldest < got->first ? more->oldest : got->first;
	return true;
}

bool
relay_history_take(struct relay *relay, const struct view_history *piece)
{
	struct relay_history *history = &relay->history;
	struct view_history *got = &history->got;
	bool goes_on = true;

	if (!history->asked)
		return false;
	if (got->rows) {
		goes_on = append(got, piece);
	} else {
		*got = *piece;
		got->rows = piece->rows ? screen_ref(piece->rows) : NULL;
	}
	if (goes_on && got->rows && missing(history)) {
		ask(relay, got->first + got->rows->rows, missing(history));
		return true;
	}
	answer(relay, got);
	relay_history_seek(relay);
	return true;
}
