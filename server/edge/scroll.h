// SPDX-License-Identifier: ISC
// A guest in what has scrolled away: which lines to ask for, which to show, and how back to the live
// screen, which goes on meanwhile. Pure: the clock is given.
#pragma once

#include "server/base/viewproto.h"
#include "server/edge/keys.h"

#define SCROLL_GAP_US 200000   // between two requests: a held key gives 30 a second
#define SCROLL_LOST_US 5000000 // an answer that has not come is not waited for longer
#define SCROLL_NEVER UINT64_MAX
#define SCROLL_LINE 80 // bytes of the line shown over the last row, with its NUL

struct scroll {
	bool on; // else the live screen is shown, and nothing else here counts
	struct screen
	    *page;      // a reference: what to show, or NULL: nothing has come, or there is nothing
	uint64_t first; // number of its first line
	uint64_t want;  // the line that is to be the first
	bool due;       // it has not been asked for yet
	bool asked;     // and for `asked_for` no answer has come
	bool away;      // the last answer: nobody can be asked now
	uint64_t asked_for, asked_at;
	char line[SCROLL_LINE];
};

void scroll_fini(struct scroll *scroll);
// How many lines a terminal with so many rows shows of a screen with so many, above the line.
uint32_t scroll_rows(uint16_t terminal, uint16_t screen);
// Whether the key meant this; `rows` is a page.
bool scroll_key(struct scroll *scroll, enum key key, uint32_t rows);
// When scroll_ask() is to be called.
uint64_t scroll_due(const struct scroll *scroll, uint64_t now_us);
struct view_history_ask scroll_ask(struct scroll *scroll, uint64_t now_us, uint32_t rows);
void scroll_take(struct scroll *scroll, const struct view_history *answer);
