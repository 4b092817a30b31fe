// SPDX-License-Identifier: ISC
// Paints screens on a guest's terminal, in a closed output language (docs/protocol.md, "What a
// guest's terminal receives"): nothing that a screen holds can make it say anything else.
#pragma once

#include "vt/buf.h"
#include "vt/screen.h"

// What the guest's terminal can do. From terminfo, by the caller.
struct ansi_caps {
	uint32_t colours;  // 0, 8, 16, 256 or 1 << 24
	bool attrs;        // SGR at all
	bool utf8;         // else non-ASCII becomes '?' or a line-drawing stand-in
	bool ech, rep, el; // CSI n X, CSI n b, CSI K
	bool bce;          // erasing fills with the background colour
	bool scroll;       // DECSTBM with IND / RI, or SU / SD
	bool autowrap;     // ?7: may be switched off while painting
	bool alt_screen;   // ?1049
	bool cursor_hide;  // ?25
	bool cursor_shape; // DECSCUSR
	bool sync;         // ?2026
	bool answers;      // DSR: for senders, ansi itself never asks
	bool italic, strike, overline, faint, underline_style, underline_colour;
};

// What any terminal emulator of the last ten years can do, without REP, which some that call
// themselves xterm lack.
struct ansi_caps ansi_caps_modern(void);

struct ansi; // the painter: what the terminal is believed to show, and its pen

struct ansi *ansi_new(const struct ansi_caps *caps);
void ansi_free(struct ansi *ansi);
// Enters (alternate screen, cleared) and leaves (everything as it was before). Bytes go to `out`.
// Leaving is safe wherever a frame was cut, also inside of a sequence.
void ansi_enter(struct ansi *ansi, struct buf *out);
void ansi_leave(struct ansi *ansi, struct buf *out);
// Brings the terminal, of the screen's size, from what it was last painted with to `screen`.
void ansi_paint(struct ansi *ansi, struct screen *screen, struct buf *out);
// Hands a painted terminal over as it stands to a program that expects a usual one: margins, pen
// and autowrap as after a reset, the cursor where the screen has it. The next paint starts anew.
void ansi_settle(struct ansi *ansi, struct buf *out);
// Forget what the terminal shows: the next paint starts from a clear one.
void ansi_reset(struct ansi *ansi);
