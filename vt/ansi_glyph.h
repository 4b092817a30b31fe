// SPDX-License-Identifier: ISC
// Which code points may go to a guest's terminal, and what stands in for the others.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GLYPH_REPLACEMENT 0xfffdu

enum glyph_mark {
	GLYPH_MARK_SHOW,    // an accent or the like
	GLYPH_MARK_DROP,    // invisible, and safe to leave out: joiners, variation selectors
	GLYPH_MARK_HOSTILE, // changes how other text is shown, or hides text: bidi controls, tags
};

// `cp` if it shows as a glyph of its own wherever it is printed, else U+FFFD.
uint32_t ansi_glyph(uint32_t cp);
enum glyph_mark ansi_glyph_mark(uint32_t cp);
// What comes nearest to `cp` in ASCII; '?' if nothing does.
uint32_t ansi_glyph_ascii(uint32_t cp);
// Every terminal gives this glyph `width` columns: for two it must have been wide since before emoji.
// (Those that are set to draw "ambiguous" characters wide are left out of account.)
bool ansi_glyph_width_agreed(uint32_t cp, uint8_t width);
// We count one column, but some terminals two: bad in the last column.
bool ansi_glyph_may_be_wide(uint32_t cp);
