// SPDX-License-Identifier: ISC
#include "vt/history.h"

#include "vt/model.h"

#include <assert.h>
#include <stdlib.h>

void
history_clear(struct history *history)
{
	for (size_t i = 0; i < history->len; i++)
		row_unref(history->row[(history->first + i) % history->cap]);
	history->first = history->len = 0;
}

void
history_fini(struct history *history)
{
	history_clear(history);
	free(history->row);
	*history = (struct history){0};
}

// Before it is full the ring is a plain array that grows.
static void
grow(struct history *history)
{
	size_t cap = history->cap == 0 ? 64 : history->cap * 2;

	assert(history->first == 0);
	if (cap > HISTORY_MAX)
		cap = HISTORY_MAX;
	history->row = realloc(history->row, cap * sizeof(struct row *));
	if (history->row == NULL)
		abort();
	history->cap = cap;
}

struct row *
history_push(struct history *history, struct row *row)
{
	struct row *oldest;

	history->pushed++;
	if (history->len < HISTORY_MAX) {
		if (history->len == history->cap)
			grow(history);
		history->row[history->len++] = row;
		return NULL;
	}
	oldest = history->row[history->first];
	history->row[history->first] = row;
	history->first = (history->first + 1) % history->cap;
	return oldest;
}

const struct row *
history_row(const struct history *history, size_t index)
{
	assert(index < history->len);
	return history->row[(history->first + index) % history->cap];
}
