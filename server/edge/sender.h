// SPDX-License-Identifier: ISC
// What goes to a guest's terminal and when: the newest screen, through a window of the terminal's
// size, painted from what was painted last. Holds one frame's bytes at most; touches no fd.
#pragma once

#include "server/edge/pace.h"
#include "vt/ansi.h"
#include "vt/window.h"

#define SENDER_NOTICE 257 // bytes of a line shown over the last row, with its NUL

struct sender {
	struct ansi *ansi; // owned
	struct window window;
	struct pace pace;
	struct screen *screen; // a reference: the newest, or NULL
	struct screen *page;   // a reference: what is shown in its place, or NULL,
	struct window live;    // and where the window stood before
	struct buf out;        // owned: the bytes not yet taken by the terminal, from `sent` on
	size_t sent;
	size_t held_from;       // where the frame begins that waits for an answer (pace.held)
	uint64_t bytes, frames; // taken by the terminal, painted
	bool noticed;
	char notice[SENDER_NOTICE];
	char line[SENDER_NOTICE]; // goes before the notice while it is not empty
};

void sender_init(struct sender *sender, const struct ansi_caps *caps,
    const struct pace_limits *limits, uint16_t rows, uint16_t cols);
void sender_fini(struct sender *sender);

// Enters: to be written before the first frame, and again when something else may have written to
// the terminal meanwhile. Leaves: the terminal is as it was before once all is written.
void sender_enter(struct sender *sender);
void sender_leave(struct sender *sender);

void sender_show(struct sender *sender, struct screen *screen);
void sender_resize(struct sender *sender, uint16_t rows, uint16_t cols);
void sender_pan(struct sender *sender, int rows, int cols);
void sender_follow(struct sender *sender);
void sender_notice(struct sender *sender, const char *text); // NULL: none
// Shows this (NULL: the newest screen again), with a line of its own over the last row (NULL: none).
void sender_page(struct sender *sender, struct screen *page, const char *line);

// Makes the frame that is due: call when pace_next() says PACE_PAINT.
void sender_paint(struct sender *sender, uint64_t now_us);
// An answer of the terminal's is missing: call when pace_next() says PACE_GIVE_UP.
void sender_give_up(struct sender *sender, uint64_t now_us);
// The bytes to be written; how many were is told with sender_wrote().
const uint8_t *sender_peek(const struct sender *sender, size_t *len);
void sender_wrote(struct sender *sender, uint64_t now_us, size_t len);
