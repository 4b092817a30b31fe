// SPDX-License-Identifier: ISC
// What stands in one cell of a screen: a glyph, its width and its style.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Colours are tagged and never flattened: what "red" looks like is for the viewer's terminal.
#define COLOUR_DEFAULT 0u
#define COLOUR_INDEXED(n) (0x01000000u | (uint32_t)(n)) // n: 0..255
#define COLOUR_RGB(rgb) (0x02000000u | (uint32_t)(rgb)) // rgb: 0xRRGGBB
enum colour_kind { COLOUR_KIND_DEFAULT, COLOUR_KIND_INDEXED, COLOUR_KIND_RGB };
static inline enum colour_kind
colour_kind(uint32_t colour)
{
	return (enum colour_kind)(colour >> 24);
}
bool colour_valid(uint32_t colour);

enum attr {
	ATTR_BOLD = 1 << 0,
	ATTR_FAINT = 1 << 1,
	ATTR_ITALIC = 1 << 2,
	ATTR_BLINK = 1 << 3,
	ATTR_REVERSE = 1 << 4,
	ATTR_CONCEAL = 1 << 5,
	ATTR_STRIKE = 1 << 6,
	ATTR_OVERLINE = 1 << 7,
	ATTR_UNDERLINE_SHIFT = 8,
	ATTR_UNDERLINE_MASK = 7 << 8, // enum underline
	ATTR_PROTECTED = 1 << 11,     // DECSCA; not part of how a cell looks
	ATTR_ALL = (1 << 12) - 1,
	ATTR_LOOK = ATTR_ALL & ~ATTR_PROTECTED,
};
enum underline {
	UNDERLINE_NONE,
	UNDERLINE_SINGLE,
	UNDERLINE_DOUBLE,
	UNDERLINE_CURLY,
	UNDERLINE_DOTTED,
	UNDERLINE_DASHED,
	UNDERLINE_COUNT,
};

struct style {
	uint32_t fg, bg;
	uint32_t ul;    // colour of the underline
	uint16_t attrs; // enum attr
};

// Code points past a cell's first one, e.g. accents. A cell holds 1 + CELL_MARKS_MAX.
#define CELL_MARKS_MAX 5
struct marks {
	uint32_t cp[CELL_MARKS_MAX]; // 0-terminated unless full
};

struct cell {
	uint32_t cp; // a printable code point; ' ' when erased; 0 in the right half of a wide one
	struct style style;
	uint16_t marks; // 0, or 1 + index into row->marks
	uint8_t width;  // 1; 2: the left half of a wide one; 0: its right half
	uint8_t href;   // 0, or 1 + index into row->hrefs
};

bool style_equal(const struct style *a, const struct style *b);
