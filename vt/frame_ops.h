// SPDX-License-Identifier: ISC
// The operations that frames are made of; docs/protocol.md, "Frame", says what each does. Bytes that
// begin a printable UTF-8 character are that glyph; the others are these.
#pragma once

#include "vt/canvas.h"

enum frame_op {
	// Position
	FRAME_NEXT = 0x01, // first column of the next row
	FRAME_DOWN =
	    0x02, // next row, at the column where the last row that was written began to be
	FRAME_GOTO = 0x03, // row, col
	FRAME_COL = 0x04,  // col
	FRAME_HOME = 0x05, // where the base's cursor is
	// Cells
	FRAME_ERASE = 0x06,        // the rest of the row
	FRAME_REPEAT = 0x07,       // count - 1: the glyph to the left
	FRAME_FLIP_WRAPPED = 0x08, // of this row
	FRAME_MARK = 0x09,         // UTF-8: a combining code point on the glyph to the left
	FRAME_WIDTH = 0x0a,        // the next glyph has not the width that frame_width() says
	FRAME_RESTYLE = 0x0b,      // one cell takes the pen
	FRAME_RESTYLE_RUN = 0x0c,  // count - 1
	FRAME_COPY = 0x0d,         // count - 1, from where the last copy took its cells
	FRAME_COPY_ROW = 0x0e,     // signed rows, count - 1
	FRAME_COPY_COL = 0x0f,     // signed columns, count - 1
	FRAME_HREF = 0x9e,         // count - 1, length, URI or nothing: these cells lead there
	// Pen. There is none at first: glyphs keep the style of the cell they replace.
	FRAME_DEFAULT = 0x10, // default style
	FRAME_LEFT = 0x11,    // the style of the cell to the left
	FRAME_FG = 0x12,      // u8: indexed colour
	FRAME_BG = 0x13,      // u8
	FRAME_FG_RGB = 0x14,  // 3 bytes: red, green, blue
	FRAME_BG_RGB = 0x15,  // 3 bytes
	FRAME_FG_DEFAULT = 0x16,
	FRAME_BG_DEFAULT = 0x17,
	FRAME_UNDERLINE = 0x18, // colour: 0 default, 1 + index, or 257 + 0xRRGGBB
	FRAME_ATTRS = 0x19,     // all of ATTR_LOOK
	FRAME_FLIP_BOLD = 0x1a,
	FRAME_FLIP_REVERSE = 0x1b,
	FRAME_FLIP_ITALIC = 0x1c,
	FRAME_FLIP_UNDERLINE = 0x1d, // none to single and back
	// Head: before any of the above
	FRAME_MOVE = 0x1e,  // rows after the last move, count - 1, signed shift
	FRAME_STATE = 0x1f, // u8: enum frame_state
	FRAME_TITLE = 0x9c, // length, UTF-8
	FRAME_SIZE = 0x9d,  // rows, cols; only as the first
	// Ranges, where the operand is in the byte
	FRAME_SKIP_FIRST = 0x80, // 1 to 24 columns on
	FRAME_SKIP_LAST = 0x97,
	FRAME_BACK_FIRST = 0x98, // 1 to 4 columns back
	FRAME_BACK_LAST = 0x9b,
	FRAME_FG_FIRST = 0xa0, // indexed colours 0 to 15
	FRAME_FG_LAST = 0xaf,
	FRAME_BG_FIRST = 0xb0,
	FRAME_BG_LAST = 0xbf,
};

enum frame_state {
	FRAME_STATE_SHAPE = 3 << 0, // enum cursor_shape
	FRAME_STATE_BLINK = 1 << 2,
	FRAME_STATE_VISIBLE = 1 << 3,
	FRAME_STATE_REVERSE = 1 << 4,
	FRAME_STATE_ALT = 1 << 5,
	FRAME_STATE_BELL_SHIFT = 6, // two bits: struct screen's bell
};

// How many cells a frame may write for each cell of the screen: encoders need 3 at most (erased,
// overwritten, and half of a wide glyph), and it bounds what a hostile frame can cost.
#define FRAME_WRITES_MAX 8

// The width that a glyph has unless FRAME_WIDTH comes before it. Part of the protocol, so it never
// changes; that Unicode's does costs a byte here and there.
static inline uint8_t
frame_width(uint32_t cp)
{
	static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf},
	    {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff01, 0xff60},
	    {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
	    {0x20000, 0x3fffd}};

	if (cp < wide[0][0])
		return 1;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (cp >= wide[i][0] && cp <= wide[i][1])
			return 2;
	return 1;
}
