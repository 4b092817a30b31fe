// SPDX-License-Identifier: ISC
// `mirrord view` at work: one session, one guest's terminal.
#pragma once

#include "server/guest_tty.h"
#include "server/viewclient.h"
#include "vt/ansi.h"

struct view_options {
	const char *path;               // of the view socket; borrowed
	const struct view_hello *hello; // borrowed; its size is kept up to date by the view itself
	const struct ansi_caps *caps;   // borrowed
};

// Watches until the guest leaves or the session ends. `client` has been welcomed, `tty` is open; both
// are closed and put back. The process is sandboxed already or after view_prepare(). Returns the exit
// status; `text` is a last sentence to print, or empty.
struct view;
// Makes all that needs what the sandbox forbids. NULL if the environment gives too little (errno).
struct view *view_new(struct guest_tty *tty, const struct view_options *options);
int view_run(struct view *view, struct viewclient *client, char text[LIMIT_TEXT + 1]);
void view_free(struct view *view);
