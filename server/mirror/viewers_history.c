// SPDX-License-Identifier: ISC
// Lines that have scrolled away, for viewers who ask. Bounded pieces, in turn: nobody's frames wait
// for them. docs/protocol.md, "History".
#include "server/mirror/viewers_impl.h"

#include <assert.h>

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// History has rows of all widths that the session had.
static struct screen *
screen_of(const struct model *model, size_t from, uint16_t rows, uint16_t cols)
{
	struct screen *screen = screen_alloc(rows, cols);

	for (size_t i = 0; i < rows; i++) {
		screen->row[i] = row_copy(model_history_row(model, from + i), cols);
		row_publish(screen->row[i]);
	}
	return screen;
}

static struct screen *
first_rows(const struct screen *screen, uint16_t rows)
{
	struct screen *some = screen_alloc(rows, screen->cols);

	for (uint16_t i = 0; i < rows; i++)
		some->row[i] = row_ref(screen->row[i]);
	return some;
}

// As many of the lines as fit; one does, whatever is in it.
static void
put_bounded(struct buf *out, const struct view_history *whole)
{
	struct view_history answer = *whole;
	uint16_t rows = whole->rows ? whole->rows->rows : 0;

	view_history_put(out, &answer);
	for (rows /= 2; out->len > LIMIT_HISTORY_BYTES && rows; rows /= 2) {
		answer.rows = first_rows(whole->rows, rows);
		out->len = 0;
		view_history_put(out, &answer);
		screen_unref(answer.rows);
	}
	assert(out->len <= LIMIT_HISTORY_BYTES);
}

static void
put_lines(struct buf *out, const struct viewers *viewers, const struct model *model,
    const struct view_history_ask *ask, uint16_t cols)
{
	uint64_t all = model ? model_history_len(model) : 0;
	struct view_history answer = {.end = model ? model_history_end(model) : 0};
	uint64_t len =
	    viewers->history_from < answer.end ? least(all, answer.end - viewers->history_from) : 0;
	uint64_t count =
	    least(least(ask->count, len), least(LIMIT_HISTORY_ROWS, LIMIT_HISTORY_CELLS / cols));

	answer.oldest = answer.end - len;
	answer.first = least(answer.end - count, ask->first);
	if (answer.first < answer.oldest)
		answer.first = answer.oldest;
	if (count)
		answer.rows = screen_of(
		    model, (size_t)(answer.first + all - answer.end), (uint16_t)count, cols);
	put_bounded(out, &answer);
	screen_unref(answer.rows);
}

static bool
has_turn(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;

	return viewer->host || bucket_take(&viewers->reading[viewer->uid % VIEWERS_BUCKETS],
				   uv_now(viewers->loop), LIMIT_HISTORY_BURST, LIMIT_HISTORY_PER_S);
}

void
viewers_history_from(struct viewers *viewers, uint64_t line)
{
	viewers->history_from = line;
}

void
viewer_history(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;
	const struct viewers_source *source = &viewers->source;
	const struct model *model = source->history ? source->history(source->user) : NULL;
	struct screen *screen;
	struct blob *blob;
	struct buf out = {0};

	if (!has_turn(viewer)) {
		viewers_schedule(viewers);
		return;
	}
	viewer->asks = false;
	if (source->seek) {
		viewer->seeks = ++viewers->sought;
		source->seek(source->user);
		return;
	}
	screen = source->screen(source->user);
	put_lines(&out, viewers, model, &viewer->ask, screen->cols);
	screen_unref(screen);
	blob = blob_new(&out);
	viewer_send(viewer, blob);
	blob_unref(blob);
}

// ---- from afar -----------------------------------------------------------------------------------

bool
viewers_sought(const struct viewers *viewers, struct view_history_ask *ask)
{
	const struct viewer *first = NULL;

	for (const struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
		if (viewer->seeks && (!first || viewer->seeks < first->seeks))
			first = viewer;
	}
	if (first)
		*ask = first->ask;
	return first;
}

void
viewer_give_answer(struct viewer *viewer)
{
	struct blob *blob = viewer->answer;

	viewer->answer = NULL;
	viewer_send(viewer, blob);
	blob_unref(blob);
}

// It goes when the viewer has its frames; an older one that has not gone is forgotten.
static void
give(struct viewer *viewer, struct blob *blob)
{
	viewer->seeks = 0;
	if (viewer->state != VIEWER_VIEW && viewer->state != VIEWER_QUERY)
		return;
	blob_unref(viewer->answer);
	viewer->answer = blob_ref(blob);
	if (!viewer->pending)
		viewer_drained(viewer);
}

void
viewers_answer(
    struct viewers *viewers, const struct view_history_ask *ask, const struct view_history *answer)
{
	struct buf out = {0};
	struct blob *blob;

	put_bounded(&out, answer);
	blob = blob_new(&out);
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->seeks && viewer->ask.first == ask->first &&
		    viewer->ask.count == ask->count)
			give(viewer, blob);
	}
	blob_unref(blob);
}
