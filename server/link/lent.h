// SPDX-License-Identifier: ISC
// `mirrord view --keyboard`: the far end of a watcher's key line. Whom the keyboard of a session here is
// lent to shows it the token that came with the frames; what they type goes to the keyboard's own socket.
#pragma once

#include "server/link/keyline.h"

#include <stdbool.h>

// What standard input and output are.
struct lent {
	int keyboard; // -1: not connected yet
	struct keygiver giver;
	struct buf typed, out; // owned: for the keyboard's socket, for the watcher
};

// Whether that is what a guest's ssh has asked a forced command for.
bool lent_wanted(void);
// Says WELCOME and hears the claim. False: there is none, or it is malformed.
bool lent_greet(struct lent *lent, struct keyline_claim *claim);
// Serves until either end is gone. `path`: of the keyboard's socket. Returns the exit status.
int lent_run(struct lent *lent, const char *path, const struct keyline_claim *claim);
