// SPDX-License-Identifier: ISC
// The live screen: takes the bytes that programs print, gives screens. The safe way to libvterm.
#pragma once

#include "vt/buf.h"
#include "vt/screen.h"

struct model; // opaque

// What a program asked the terminal for. The model only names the answer; who owns the PTY formats
// it (DSR: ECMA-48 8.3.35; DA, DECRQM: xterm ctlseqs).
enum reply_kind {
	REPLY_DSR_OK,   // CSI 5 n
	REPLY_CPR,      // CSI 6 n: a row, b column, from 1
	REPLY_DECXCPR,  // CSI ? 6 n: likewise
	REPLY_DA1,      // CSI c
	REPLY_DA2,      // CSI > c
	REPLY_DECRPM,   // CSI ? a $ p: a mode, b state (0 unknown, 1 set, 2 reset)
	REPLY_ANSI_RPM, // CSI a $ p: likewise for an ANSI mode
	REPLY_KIND_COUNT,
};

// Callbacks during model_feed(). Any may be NULL. `offset`: how many bytes of this feed have been
// consumed when it happened (the byte that completed the sequence included).
struct model_events {
	void (*reply)(void *user, enum reply_kind kind, uint32_t a, uint32_t b, size_t offset);
	void *user; // borrowed
};

// What a program asked of its terminal's input and that a re-attached terminal must be told again.
enum mouse_mode {
	MOUSE_OFF,
	MOUSE_X10,
	MOUSE_CLICK,
	MOUSE_DRAG,
	MOUSE_MOVE
}; // ?9 ?1000 ?1002 ?1003
enum mouse_coding {
	MOUSE_CODING_X10,
	MOUSE_CODING_UTF8,
	MOUSE_CODING_SGR,
	MOUSE_CODING_URXVT,
	MOUSE_CODING_SGR_PIXEL
}; // ?1005 ?1006 ?1015 ?1016
struct input_modes {
	uint8_t mouse;             // enum mouse_mode
	uint8_t mouse_coding;      // enum mouse_coding
	bool cursor_keys;          // DECCKM ?1
	bool keypad;               // DECNKM / DECKPAM
	bool bracketed_paste;      // ?2004
	bool focus;                // ?1004
	bool alt_scroll;           // ?1007
	uint8_t modify_other_keys; // CSI > 4 ; n m: 0..2
	uint8_t kitty_keyboard;    // flags of the active entry, CSI > n u: 0..31
};

// Sizes are clamped to 1..SCREEN_ROWS_MAX/COLS_MAX.
struct model *model_new(uint16_t rows, uint16_t cols, const struct model_events *events);
void model_free(struct model *model);
// Any bytes, cut anywhere. Never fails; memory is bounded.
void model_feed(struct model *model, const void *data, size_t len);
void model_resize(struct model *model, uint16_t rows, uint16_t cols);

// The screen to show now; the caller owns a reference. The same pointer as the last time if nothing
// changed. While a synchronized update (mode 2026) is open it is the screen from before it.
struct screen *model_screen(struct model *model);
// A synchronized update is open; the caller ends one that takes too long.
bool model_sync_open(const struct model *model);
void model_sync_end(struct model *model);
void model_input_modes(const struct model *model, struct input_modes *modes);
// Bytes at the end of what was fed that belong to a sequence or character not yet complete.
size_t model_partial(const struct model *model);

// Lines that left the top of the main screen, oldest first; bounded by HISTORY_MAX lines.
#define HISTORY_MAX 2000
size_t model_history_len(const struct model *model);
const struct row *model_history_row(const struct model *model, size_t index); // borrowed
// Lines are numbered in the order in which they left, from 0 for the first that this model saw go (or
// was restored with): the number of the next one.
uint64_t model_history_end(const struct model *model);

// A dump is no larger. Where a screen of the largest size is full of marks it goes without them, and
// old lines of history go before that.
#define MODEL_DUMP_MAX (48u << 20)
// Appends canonical bytes that bring a new model to the same state: both screens, history, modes,
// saved cursors, and what is half received. docs/protocol.md, "Dump".
void model_dump(const struct model *model, struct buf *out);
// NULL if the bytes are not a dump of this version. Untrusted bytes are safe.
struct model *model_restore(const uint8_t *data, size_t len, const struct model_events *events);
