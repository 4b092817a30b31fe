// SPDX-License-Identifier: ISC
// A viewer's way to the keyboard that was lent to them: the connection to the keeper. On the edge's loop.
#pragma once

#include "server/base/viewproto.h"
#include "server/edge/typist.h"

#include <uv.h>

struct typing {
	uv_loop_t *loop;  // borrowed
	const char *path; // borrowed: the keyboard's socket
	uv_poll_t *poll;  // NULL: it is not ours
	uv_timer_t due;
	int fd;
	struct typist typist;
	struct buf out; // owned: messages for the keeper
	void *user;     // for
	void (*over)(void *user);
};

void typing_init(
    struct typing *typing, uv_loop_t *loop, const char *path, void (*over)(void *user), void *user);
// The mirror says that it is lent to us. False if it cannot be had.
bool typing_begin(struct typing *typing, const uint8_t token[GRANT_TOKEN]);
bool typing_is_on(const struct typing *typing);
// Sends on what was typed. `expects`: answers of the terminal's are to be found; returns how many.
unsigned typing_take(struct typing *typing, const uint8_t *data, size_t len, bool expects);
// Gives it back, if it was ours; then over() is called.
void typing_end(struct typing *typing);
// Closes what it opened; run the loop once more after this.
void typing_stop(struct typing *typing);
