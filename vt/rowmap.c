// SPDX-License-Identifier: ISC
// Rows are compared by hash. First each row that is not where it was takes the longest run of equal
// rows of the base, in the direction of its neighbour if that fits. Then rows that are nobody's copy
// (a prompt with new text, say) join the shift of a neighbour where that makes them cheaper. Runs
// that do not pay for the operation that names them are dropped.
#include "vt/rowmap.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 2048      // of hashes of rows; a power of two over SCREEN_ROWS_MAX
#define CANDIDATES_MAX 16 // rows of equal hash that are looked at; blanks and borders repeat
#define RUN_MAX 64        // rows compared to choose between candidates
#define MOVE_COST 5       // bytes a move takes in a frame
#define BRIDGE 2          // equal cells that are written rather than skipped
#define SKIP_COST 3       // bytes; a skip also ends a match for deflate
#define NONE UINT16_MAX

struct index {
	uint16_t head[BUCKETS];
	uint16_t next[SCREEN_ROWS_MAX];
};

struct search {
	const struct screen *base, *target;
	uint16_t *source;
	bool found[SCREEN_ROWS_MAX]; // source[i] is equal to the target's row
};

static size_t
bucket(const struct row *row)
{
	return (row->hash >> 16) % BUCKETS;
}

static void
index_fill(struct index *index, const struct screen *screen)
{
	memset(index->head, 0xff, sizeof(index->head));
	for (size_t i = screen->rows; i-- > 0;) {
		size_t b = bucket(screen->row[i]);

		index->next[i] = index->head[b];
		index->head[b] = (uint16_t)i;
	}
}

uint32_t
rowmap_cost(const struct row *from, const struct row *to, size_t col)
{
	static const struct style none;
	uint32_t gap = BRIDGE + 1; // equal cells since the last that differs
	uint32_t cost = 0;
	size_t end = row_end(to);

	if (from == to)
		return 0;
	if (from != NULL && row_end(from) > end)
		end = row_end(from);
	for (; col < end; col++) {
		const struct cell *cell = &to->cells[col];

		if (from != NULL ? rowmap_cell_equal(from, to, col) : cell_is_blank(cell)) {
			gap++;
			continue;
		}
		cost += (cell->cp < 0x80 ? 1u : 2u) + (gap <= BRIDGE ? gap : SKIP_COST);
		gap = 0;
		if (col > 0 &&
		    !rowmap_look_equal(
			&cell->style, from != NULL ? &from->cells[col].style : &none) &&
		    !rowmap_look_equal(&cell->style, &to->cells[col - 1].style))
			cost += 2;
	}
	return cost;
}

// Rows from `from` of the base and `to` of the target that are equal, up to RUN_MAX.
static size_t
run_len(const struct search *search, size_t from, size_t to)
{
	size_t rows = search->base->rows, len = 0;

	while (len < RUN_MAX && from + len < rows && to + len < rows &&
	       row_equal(search->base->row[from + len], search->target->row[to + len]))
		len++;
	return len;
}

static uint16_t
best_candidate(const struct search *search, const struct index *index, size_t row)
{
	size_t best_len = 0, best_far = 0;
	uint16_t best = NONE;
	int left = CANDIDATES_MAX;

	for (uint16_t i = index->head[bucket(search->target->row[row])]; i != NONE && left-- > 0;
	     i = index->next[i]) {
		size_t len = run_len(search, i, row);
		size_t far = i > row ? i - row : row - i;

		if (len > best_len || (len > 0 && len == best_len && far < best_far)) {
			best = i;
			best_len = len;
			best_far = far;
		}
	}
	return best;
}

// False if every row is where it was.
static bool
find_equal(struct search *search)
{
	const struct screen *base = search->base, *target = search->target;
	struct index index;
	bool filled = false;
	int shift = 0; // of the row above

	for (size_t i = 0; i < target->rows; i++) {
		int likely = (int)i + shift;
		uint16_t from = NONE;

		search->source[i] = (uint16_t)i;
		search->found[i] = row_equal(base->row[i], target->row[i]);
		if (search->found[i]) {
			shift = 0;
			continue;
		}
		if (row_used(target->row[i]) == 0) // erasing costs less than finding a blank row
			continue;
		if (!filled)
			index_fill(&index, base);
		filled = true;
		if (shift != 0 && likely >= 0 && likely < target->rows &&
		    row_equal(base->row[likely], target->row[i]))
			from = (uint16_t)likely;
		else
			from = best_candidate(search, &index, i);
		if (from == NONE)
			continue;
		search->source[i] = from;
		search->found[i] = true;
		shift = from - (int)i;
	}
	return filled;
}

// Lets row `i` share the shift of its neighbour `by` if that makes it cheaper.
static void
join(struct search *search, size_t i, size_t by)
{
	int shift = search->source[by] - (int)by, from = (int)i + shift;
	const struct row *row = search->target->row[i];

	if (search->found[i] || shift == 0 || from < 0 || from >= search->target->rows ||
	    from == search->source[i])
		return;
	if (rowmap_cost(search->base->row[from], row, 0) <
	    rowmap_cost(search->base->row[search->source[i]], row, 0))
		search->source[i] = (uint16_t)from;
}

static void
drop_unpaid(struct search *search)
{
	const struct screen *base = search->base, *target = search->target;

	for (size_t i = 0, end; i < target->rows; i = end) {
		int shift = search->source[i] - (int)i;
		uint32_t saved = 0;

		for (end = i + 1; end < target->rows && search->source[end] - (int)end == shift;)
			end++;
		if (shift == 0)
			continue;
		for (size_t k = i; k < end && saved <= MOVE_COST; k++) {
			const struct row *row = target->row[k];
			uint32_t in_place = rowmap_cost(base->row[k], row, 0);
			uint32_t afresh = rowmap_cost(NULL, row, 0) + 1;
			uint32_t moved = rowmap_cost(base->row[search->source[k]], row, 0);

			in_place = in_place < afresh ? in_place : afresh;
			saved += in_place > moved ? in_place - moved : 0;
		}
		for (size_t k = i; k < end && saved <= MOVE_COST; k++)
			search->source[k] = (uint16_t)k;
	}
}

void
rowmap_find(const struct screen *base, const struct screen *target, uint16_t *source)
{
	struct search search = {.base = base, .target = target, .source = source};
	size_t rows = target->rows;

	if (!find_equal(&search))
		return;
	for (size_t i = 1; i < rows; i++)
		join(&search, i, i - 1);
	for (size_t i = rows - 1; i-- > 0;)
		join(&search, i, i + 1);
	drop_unpaid(&search);
}
