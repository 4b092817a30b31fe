// SPDX-License-Identifier: ISC
#include "vt/cell.h"

bool
colour_valid(uint32_t colour)
{
	switch (colour_kind(colour)) {
	case COLOUR_KIND_DEFAULT: return colour == COLOUR_DEFAULT;
	case COLOUR_KIND_INDEXED: return (colour & 0xffffff) <= 255;
	case COLOUR_KIND_RGB: return true;
	}
	return false;
}

bool
style_equal(const struct style *a, const struct style *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->ul == b->ul && a->attrs == b->attrs;
}
