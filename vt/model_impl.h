// SPDX-License-Identifier: ISC
// The inside of a model, shared by the files that make it up: model.c (life, screens), print.c
// (text), motion.c (cursor), csi.c, esc.c, osc.c, sgr.c, modes.c (control functions), dump.c.
// All state of the terminal stands here; libvterm, behind the editor, holds none.
#pragma once

#include "vt/editor.h"
#include "vt/model.h"
#include "vt/parser.h"

#define TITLE_STACK_MAX 10
#define KITTY_STACK_MAX 16

enum charset { CHARSET_ASCII, CHARSET_DRAWING, CHARSET_UK, CHARSET_COUNT };

// Bits of model->modes; modes.c has their numbers.
enum mode_bit {
	MODE_CURSOR_KEYS = 1 << 0,
	MODE_REVERSE = 1 << 1,
	MODE_ORIGIN = 1 << 2,
	MODE_AUTOWRAP = 1 << 3,
	MODE_REVERSE_WRAP = 1 << 4,
	MODE_KEYPAD = 1 << 5,
	MODE_MARGINS = 1 << 6, // DECLRMM
	MODE_FOCUS = 1 << 7,
	MODE_ALT_SCROLL = 1 << 8,
	MODE_PASTE = 1 << 9,
	MODE_SYNC = 1 << 10,
	MODE_BLINK = 1 << 11,
	MODE_VISIBLE = 1 << 12,
	MODE_INSERT = 1 << 13,
	MODE_NEWLINE = 1 << 14,
	MODE_MOUSE_X10 = 1 << 15,
	MODE_MOUSE_CLICK = 1 << 16,
	MODE_MOUSE_DRAG = 1 << 17,
	MODE_MOUSE_MOVE = 1 << 18,
	MODE_MOUSE_ANY = MODE_MOUSE_X10 | MODE_MOUSE_CLICK | MODE_MOUSE_DRAG | MODE_MOUSE_MOVE,
	MODE_CODING_UTF8 = 1 << 19,
	MODE_CODING_SGR = 1 << 20,
	MODE_CODING_URXVT = 1 << 21,
	MODE_CODING_PIXEL = 1 << 22,
	MODE_CODING_ANY =
	    MODE_CODING_UTF8 | MODE_CODING_SGR | MODE_CODING_URXVT | MODE_CODING_PIXEL,
	MODE_ALL = (1 << 23) - 1,
	MODE_DEFAULT = MODE_AUTOWRAP | MODE_BLINK | MODE_VISIBLE | MODE_ALT_SCROLL,
};

// What DECSC saves.
struct saved_cursor {
	uint16_t row, col;
	bool pending_wrap, origin;
	struct style pen;
	uint8_t charset[4]; // enum charset of G0..G3
	uint8_t gl;
};

struct buffer {
	struct grid grid;
	struct saved_cursor saved;
	uint8_t kitty[KITTY_STACK_MAX]; // keyboard flags; the last is in force
	uint8_t kitty_len;
};

struct model {
	struct model_events events;
	struct parser parser;
	struct parser_sink sink;
	struct editor *editor; // owned
	struct buffer main, alt;
	struct buffer *now; // &main or &alt
	struct history history;
	uint16_t rows, cols;
	int row, col; // the cursor, always on the screen
	bool pending_wrap;
	uint8_t shape;               // enum cursor_shape
	struct style pen;            // ATTR_PROTECTED included
	struct href *href;           // owned: where text leads that is printed now (OSC 8), or NULL
	struct rect margins;         // DECSTBM, DECSLRM
	uint32_t modes, saved_modes; // enum mode_bit; XTSAVE
	uint8_t charset[4];
	uint8_t gl;           // which of them text goes through
	uint8_t single_shift; // the one for the next character, or 0
	uint8_t modify_other_keys;
	uint8_t bell;        // as in struct screen
	uint32_t last_glyph; // what REP repeats, or 0
	uint8_t tabs[(SCREEN_COLS_MAX + 7) / 8];
	char title[SCREEN_TITLE_MAX + 1];
	char title_stack[TITLE_STACK_MAX][SCREEN_TITLE_MAX + 1];
	uint8_t title_stack_len;
	bool dirty;           // something changed since `shown`
	struct screen *shown; // owned: the last screen given out, or NULL
	struct screen *held;  // owned: shown while a synchronized update is open, or NULL
};

// model.c
void model_soft_reset(struct model *model); // DECSTR
void model_hard_reset(struct model *model); // RIS
void model_reply(struct model *model, enum reply_kind kind, uint32_t a, uint32_t b);
void model_pen_changed(struct model *model);

// print.c
void print_text(struct model *model, const uint8_t *ascii, size_t len);
void print_glyph(struct model *model, uint32_t cp);
void print_repeat(struct model *model, uint32_t count);
void print_designate(struct model *model, size_t slot, uint8_t final);

// motion.c: all clamp, and all but tab stops cancel a pending wrap
void move_to(struct model *model, int row, int col);      // on the screen
void move_address(struct model *model, int row, int col); // as CUP: DECOM counts; -1 keeps one
void move_up(struct model *model, uint32_t count);
void move_down(struct model *model, uint32_t count);
void move_right(struct model *model, uint32_t count);
void move_left(struct model *model, uint32_t count);
void move_return(struct model *model);
void move_index(struct model *model); // down, scrolling at the bottom margin
void move_reverse_index(struct model *model);
void move_tabs(struct model *model, int count);
void move_backspace(struct model *model);
void move_save(struct model *model, struct saved_cursor *saved);
void move_restore(struct model *model, const struct saved_cursor *saved);
int move_right_edge(const struct model *model); // first column past where text wraps
int move_left_edge(const struct model *model);  // where it goes on
bool move_in_margins(const struct model *model);
void margins_reset(struct model *model);
void tabs_reset(struct model *model);
void tab_set(struct model *model, int col, bool on);

// csi.c, esc.c, osc.c, sgr.c, modes.c
void csi_dispatch(struct model *model, const struct sequence *seq);
void esc_dispatch(struct model *model, const struct sequence *seq);
void esc_control(struct model *model, uint8_t c0);
void osc_dispatch(struct model *model, const uint8_t *data, size_t len);
void osc_set_href(struct model *model, const void *uri, size_t len); // not href_ok(): nowhere
void osc_title_push(struct model *model);
void osc_title_pop(struct model *model);
void sgr_apply(struct style *pen, const struct sequence *seq);
void mode_set_private(struct model *model, uint32_t number, bool on);
void mode_set_ansi(struct model *model, uint32_t number, bool on);
void mode_save_private(struct model *model, uint32_t number);
void mode_restore_private(struct model *model, uint32_t number);
uint32_t mode_report_private(const struct model *model, uint32_t number); // as in DECRPM
uint32_t mode_report_ansi(const struct model *model, uint32_t number);
void mode_sync_end(struct model *model);
void screen_switch(struct model *model, bool alt);
