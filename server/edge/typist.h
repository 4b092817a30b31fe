// SPDX-License-Identifier: ISC
// A viewer who has been lent the keyboard: what of their typing goes to the session, and what their
// terminal is told so that it types as the program expects. Pure: bytes and time in, bytes out.
#pragma once

#include "server/base/chord.h"
#include "vt/buf.h"
#include "vt/model.h"

struct typist {
	struct chord chord; // ^\ then d gives the keyboard back
	uint8_t held[4];    // of what may be the terminal's answer to us
	size_t held_len;
	bool given_back;
	unsigned answers; // that came, to be taken by the caller
};

void typist_init(struct typist *typist);
// Appends what goes to the session to `out`. `expects`: answers to DSR are to be found and kept.
void typist_feed(struct typist *typist, const uint8_t *data, size_t len, uint64_t now_ms,
    bool expects, struct buf *out);
// Passes on what has waited long enough; when that is, or UINT64_MAX.
void typist_tick(struct typist *typist, uint64_t now_ms, struct buf *out);
uint64_t typist_due(const struct typist *typist);

// The modes of the terminal, from nothing set. NULL: nothing is, of all that this ever sets.
void typist_put_modes(const struct input_modes *modes, struct buf *out);
