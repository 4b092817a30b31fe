// SPDX-License-Identifier: ISC
// A viewer's way to the keyboard that was lent to them: the connection to the keeper, or a key line to a
// machine from where there is one. On the edge's loop.
#pragma once

#include "server/edge/typist.h"
#include "server/link/keyline.h"

#include <uv.h>

struct typing {
	uv_loop_t *loop; // borrowed
	uv_poll_t *poll; // NULL: it is not ours
	uv_timer_t due;
	int fd;
	bool far, welcomed;    // a key line: WELCOME has come
	struct keytyper typer; // of one
	struct buf in;         // owned: what came on it, but for `used`
	size_t used;
	struct typist typist;
	struct buf out;           // owned: messages for the other end
	uint64_t over_ms;         // when it was taken back, or 0
	void *user;               // for
	void (*on)(void *user);   // from now on what is typed goes there
	void (*over)(void *user); // it is not ours any more
};

void typing_init(struct typing *typing, uv_loop_t *loop, void (*on)(void *user),
    void (*over)(void *user), void *user);
// The mirror says that it is lent to us: connects to the keyboard's socket. False if it cannot be had.
bool typing_begin(struct typing *typing, const char *path, const uint8_t token[GRANT_TOKEN]);
// The same over a key line, whose end `fd` is taken.
bool typing_begin_far(struct typing *typing, int fd, const struct keyline_claim *claim);
// Whether what is typed goes there.
bool typing_is_on(const struct typing *typing);
// What was typed, as view_options.typed has it: false if it is the viewer's own.
bool typing_take(struct typing *typing, const uint8_t *data, size_t len, bool expects,
    uint64_t stale_us, unsigned *answers);
// Gives it back, if it was ours; then over() is called.
void typing_end(struct typing *typing);
// Closes what it opened; run the loop once more after this.
void typing_stop(struct typing *typing);
