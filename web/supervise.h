// SPDX-License-Identifier: ISC
// Keeps a part of the program running: one that is killed is started again.
#pragma once

#include <stdint.h>

// Runs run(data) in a child, and again whenever a signal has ended it, until it returns or somebody ends us.
// What tells us to end (SIGINT, SIGTERM, SIGHUP) goes on to it; with us it ends, too. Returns its status.
int supervise(int (*run)(void *data), void *data);

// How long to wait before what has died is started again.
struct again {
	uint64_t started_ms, pause_ms; // of CLOCK_MONOTONIC; zero at first
};
void again_started(struct again *again, uint64_t now_ms);
uint64_t again_wait_ms(struct again *again, uint64_t now_ms);
