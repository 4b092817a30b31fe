// SPDX-License-Identifier: ISC
// Each row of the target that stands elsewhere on the terminal, and only once, votes for its
// distance. For the distances with most votes the best run of rows is the maximum subarray
// (Kadane) of what each row would gain: rows in between that changed as well only lower the sum,
// so a block with a few edited rows still moves as one.
#include "vt/ansi_scroll.h"

#include "vt/screen.h"

#include <stdlib.h>
#include <string.h>

#define DISTANCES_MAX 6 // looked at closely
#define GAIN_MIN 8      // bytes over the cost of the scroll itself
#define RUN_COST 4      // a move and perhaps an SGR for each run of changed cells
#define ERASE_COST 3    // EL

bool
line_equal(const struct line *a, const struct line *b)
{
	return a->reverse == b->reverse && row_equal(a->row, b->row);
}

uint32_t
line_cost(const struct line *from, const struct line *to)
{
	size_t from_used, to_used, used;
	uint32_t cost = 0;
	bool in_run = false;

	if (line_equal(from, to))
		return 0;
	from_used = row_used(from->row);
	used = to_used = row_used(to->row);
	if (from->reverse != to->reverse)
		return (uint32_t)to_used + RUN_COST;
	if (from_used > to_used + ERASE_COST)
		cost += ERASE_COST;
	else if (from_used > to_used)
		used = from_used;
	for (size_t col = 0; col < used; col++) {
		bool same = row_cell_equal(from->row, col, to->row, col);

		cost += same ? 0 : in_run ? 1 : 1 + RUN_COST;
		in_run = !same;
	}
	return cost;
}

// Where each hash stands: an open hash table of twice as many places as rows, at least.
struct place {
	uint64_t hash;
	uint16_t row;
	uint16_t count;
};
#define PLACES 2048 // over 2 * SCREEN_ROWS_MAX

static struct place *
find_place(struct place *places, uint32_t mask, uint64_t hash)
{
	uint32_t at = (uint32_t)(hash >> 7) & mask;

	while (places[at].count != 0 && places[at].hash != hash)
		at = (at + 1) & mask;
	return &places[at];
}

struct distances {
	int rows[DISTANCES_MAX];
	size_t count;
};

// The distances with most votes, most first. `votes[d + rows]` counts those for d.
static void
best_distances(const uint16_t *votes, int rows, struct distances *best)
{
	best->count = 0;
	for (int d = -rows + 1; d < rows; d++) {
		size_t at = best->count;

		if (votes[d + rows] == 0)
			continue;
		while (at > 0 && votes[best->rows[at - 1] + rows] < votes[d + rows])
			at--;
		if (at >= DISTANCES_MAX)
			continue;
		if (best->count < DISTANCES_MAX)
			best->count++;
		memmove(&best->rows[at + 1], &best->rows[at],
		    (best->count - at - 1) * sizeof(best->rows[0]));
		best->rows[at] = d;
	}
}

static void
vote(const struct line *was, const struct line *now, uint16_t rows, struct distances *best)
{
	struct place places[PLACES];
	uint16_t votes[2 * SCREEN_ROWS_MAX + 1];
	uint32_t size = 64;

	while (size < 2u * rows)
		size *= 2;
	memset(places, 0, size * sizeof(places[0]));
	memset(votes, 0, (2u * rows + 1) * sizeof(votes[0]));
	for (uint16_t i = 0; i < rows; i++) {
		struct place *place = find_place(places, size - 1, was[i].row->hash);

		place->hash = was[i].row->hash;
		place->row = i;
		place->count++;
	}
	for (uint16_t i = 0; i < rows; i++) {
		struct place *place;

		if (line_equal(&was[i], &now[i]))
			continue;
		place = find_place(places, size - 1, now[i].row->hash);
		if (place->count == 1 && place->row != i && line_equal(&was[place->row], &now[i]))
			votes[place->row - i + rows]++;
	}
	best_distances(votes, rows, best);
}

struct search {
	const struct line *was, *now, *blank;
	int rows;
	uint32_t cost[SCREEN_ROWS_MAX]; // of each row where it stands
};

// What it costs when the rows that come in, from the edge of the moved ones, are painted.
static int
exposed_cost(const struct search *search, int first, int count)
{
	int cost = 0;

	for (int i = first; i < first + count; i++)
		cost += (int)line_cost(search->blank, &search->now[i]) - (int)search->cost[i];
	return cost;
}

// The run [first, end) of target rows that gain most when they are moved from `distance` below.
static int
best_run(const struct search *search, int distance, int *first, int *end)
{
	int best = 0, sum = 0, start = 0;
	int low = distance < 0 ? -distance : 0;
	int high = distance < 0 ? search->rows : search->rows - distance;

	for (int i = low; i < high; i++) {
		if (sum <= 0) {
			sum = 0;
			start = i;
		}
		sum += (int)search->cost[i] -
		       (int)line_cost(&search->was[i + distance], &search->now[i]);
		if (sum > best) {
			best = sum;
			*first = start;
			*end = i + 1;
		}
	}
	return best;
}

// DECSTBM, a move and the line feeds.
static int
scroll_cost(const struct search *search, const struct scroll *scroll)
{
	bool whole = scroll->top == 0 && scroll->bottom == search->rows - 1;

	return (whole ? 4 : 12) + (scroll->count > 0 ? scroll->count : -2 * scroll->count);
}

// What the scroll saves, without its own cost, if the target rows [first, end) come from `distance` below.
static int
run_gain(const struct search *search, int distance, int first, int end)
{
	int gain = 0;

	for (int i = first; i < end; i++)
		gain += (int)search->cost[i] -
			(int)line_cost(&search->was[i + distance], &search->now[i]);
	return gain - (distance > 0 ? exposed_cost(search, end, distance)
				    : exposed_cost(search, first + distance, -distance));
}

static int
try_run(const struct search *search, int distance, int first, int end, struct scroll *scroll)
{
	*scroll = (struct scroll){.count = distance,
	    .top = (uint16_t)(distance > 0 ? first : first + distance),
	    .bottom = (uint16_t)(distance > 0 ? end + distance - 1 : end - 1)};
	return run_gain(search, distance, first, end) - scroll_cost(search, scroll);
}

// The best run, or all rows: without margins to set a scroll may be cheaper though less of it is right.
static int
try_distance(const struct search *search, int distance, struct scroll *scroll)
{
	struct scroll whole;
	int first = 0, end = 0, gain, all;

	if (best_run(search, distance, &first, &end) <= 0)
		return 0;
	gain = try_run(search, distance, first, end, scroll);
	all = distance > 0 ? try_run(search, distance, 0, search->rows - distance, &whole)
			   : try_run(search, distance, -distance, search->rows, &whole);
	if (all < gain)
		return gain;
	*scroll = whole;
	return all;
}

bool
scroll_find(const struct line *was, const struct line *now, uint16_t rows, const struct line *blank,
    struct scroll *scroll)
{
	struct distances distances;
	struct search search = {.was = was, .now = now, .blank = blank, .rows = rows};
	int best = GAIN_MIN - 1;
	bool found = false;

	vote(was, now, rows, &distances);
	if (distances.count == 0)
		return false;
	for (uint16_t i = 0; i < rows; i++)
		search.cost[i] = line_cost(&was[i], &now[i]);
	for (size_t i = 0; i < distances.count; i++) {
		struct scroll candidate;
		int gain = try_distance(&search, distances.rows[i], &candidate);

		if (gain <= best)
			continue;
		best = gain;
		*scroll = candidate;
		found = true;
	}
	return found;
}

void
scroll_apply(struct line *lines, const struct line *blank, const struct scroll *scroll)
{
	size_t height = (size_t)(scroll->bottom - scroll->top + 1);
	size_t count = (size_t)abs(scroll->count);
	struct line *top = &lines[scroll->top];

	if (scroll->count > 0)
		memmove(top, top + count, (height - count) * sizeof(*top));
	else
		memmove(top + count, top, (height - count) * sizeof(*top));
	for (size_t i = 0; i < count; i++)
		top[scroll->count > 0 ? height - count + i : i] = *blank;
}
