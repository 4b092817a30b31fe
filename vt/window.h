// SPDX-License-Identifier: ISC
// Fits a host's screen to a viewer's terminal: clipped with a badge, or framed. Pure composition:
// the result is a screen of the viewer's size.
#pragma once

#include "vt/screen.h"

struct window {
	uint16_t rows, cols; // the viewer's terminal
	bool follow;         // keep the cursor in sight; else `top`, `left` stand (panned)
	uint16_t top, left;  // the host's cell at the viewer's top left
	const char *notice;  // one line over the last row, or NULL; borrowed
};

// Starts following, at the top left.
void window_init(struct window *window, uint16_t rows, uint16_t cols);
// Moves by cells and stops following; clamped so that no more than the screen's edge is reached.
void window_pan(struct window *window, const struct screen *host, int rows, int cols);
// The host's screen as this window shows it; a new reference (to `host` itself when the sizes are
// equal and there is no notice). Moves the window first if it follows the cursor.
// A smaller terminal carries a badge such as "120x40 seen through 80x24" in its bottom right, in
// reverse (panned, one that names the key to follow again); a larger one is framed.
struct screen *window_compose(struct window *window, struct screen *host);
