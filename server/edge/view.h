// SPDX-License-Identifier: ISC
// A guest's terminal at work: shows the newest screen that it is given, takes the guest's keys.
// `mirrord view` gives it what a mirror sends (upstream.h), `mirrord watch` what comes over a link.
#pragma once

#include "server/base/viewproto.h"
#include "server/edge/guest_tty.h"
#include "server/edge/pace.h"
#include "server/edge/sockq.h"
#include "vt/ansi.h"

#include <uv.h>

struct view_options {
	uint16_t rows, cols;          // of the terminal
	const struct ansi_caps *caps; // borrowed
	const struct sockq *sockq;    // borrowed: sshd's connection, or NULL
	struct pace_limits limits;
	uint64_t until; // unix seconds; 0: for ever
	void *user;     // for
	// What was typed, while it is the session's: false if it is not, but the viewer's own. `expects`
	// answers of the terminal, to be counted in *answers; the guest's screen is so old.
	bool (*typed)(void *user, const uint8_t *data, size_t len, bool expects, uint64_t stale_us,
	    unsigned *answers);
	void (*painted)(void *user, const struct view_status *status); // after each turn; or NULL
	// The guest wants lines that have scrolled away: view_history() takes the answer.
	void (*ask)(void *user, const struct view_history_ask *ask);
};

// Makes all that needs what the sandbox forbids. `tty` is open, and borrowed. NULL if the environment
// gives too little (errno).
struct view;
struct view *view_new(struct guest_tty *tty, const struct view_options *options);
// The loop that view_run() runs; whatever gives the screens lives on it too.
uv_loop_t *view_loop(struct view *view);
// What to show, what to say over its last row (NULL: nothing), and that it is over. They take effect
// with view_turn().
void view_show(struct view *view, struct screen *screen);
void view_notice(struct view *view, const char *text);
void view_history(struct view *view, const struct view_history *history);
// How the terminal types, from now on; NULL: as it did.
void view_modes(struct view *view, const struct input_modes *modes);
void view_end(struct view *view, int status, const char *text);
void view_turn(struct view *view);
struct view_status view_status(const struct view *view);
// Makes the terminal raw and shows until the guest leaves or view_end(), then puts it back. Returns
// the exit status; `text` is a last sentence to print, or empty.
int view_run(struct view *view, char text[LIMIT_TEXT + 1]);
void view_free(struct view *view); // and closes all handles that are left on its loop
