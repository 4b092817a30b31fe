// SPDX-License-Identifier: ISC
// Finds which rows of one screen come from which rows of another: scrolls of any region, in both
// directions, several at once.
#pragma once

#include "vt/screen.h"

// Sets source[i] to the row of `base` that row i of `target` is best made from. Screens are of the
// same size and published.
void rowmap_find(const struct screen *base, const struct screen *target, uint16_t *source);

// About how many bytes it takes to make row `to` from `from` (NULL: from default blanks), from
// column `col` on.
uint32_t rowmap_cost(const struct row *from, const struct row *to, size_t col);

// As row_cell_equal() for two rows at the same column, and fast where there are no marks.
static inline bool
rowmap_cell_equal(const struct row *a, const struct row *b, size_t col)
{
	const struct cell *x = &a->cells[col], *y = &b->cells[col];

	if (x->cp != y->cp || x->style.fg != y->style.fg || x->style.bg != y->style.bg ||
	    x->width != y->width || x->style.ul != y->style.ul ||
	    ((x->style.attrs ^ y->style.attrs) & ATTR_LOOK) != 0)
		return false;
	return (x->marks == 0 && y->marks == 0) || row_cell_equal(a, col, b, col);
}

static inline bool
rowmap_look_equal(const struct style *a, const struct style *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->ul == b->ul &&
	       ((a->attrs ^ b->attrs) & ATTR_LOOK) == 0;
}
