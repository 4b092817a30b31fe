// SPDX-License-Identifier: ISC
// Until when a guest may watch: an alarm by the wall clock, which holds also where that is set, or where
// the machine slept.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#define UNTIL_TEXT "the time of your access is over"

struct until {
	int fd; // owned; -1: for ever
	uv_poll_t poll;
	void (*over)(void *user);
	void *user; // borrowed
};

// Opens it before a sandbox would forbid that. `when`: unix seconds, 0: for ever. False with errno.
bool until_open(struct until *until, uint64_t when);
// Calls `over` on this loop when it is time, at once if it is past. False with errno.
bool until_start(struct until *until, uv_loop_t *loop, void (*over)(void *user), void *user);
// The loop's handle is closed by whoever ends the loop.
void until_close(struct until *until);
// Whether it is past.
bool until_over(uint64_t when);
