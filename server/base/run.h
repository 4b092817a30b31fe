// SPDX-License-Identifier: ISC
// Runs a program of the system's and keeps what it says.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RUN_NOT_FOUND 127 // as shells have it
#define RUN_TIMEOUT (-1)

struct run {
	char *const *argv;
	const void *input; // borrowed: what it reads, then the end; NULL: nothing
	size_t input_len;  // not more than a pipe holds: 4 KiB
	bool lingers;      // the input ends only when the program has said something
	int timeout_ms;    // then it is killed; 0: it takes its time
	bool users;        // found by the user's PATH, not where root's programs are
	bool holds; // a child of its own that stays may hold its output open: only its end counts
};

// What it prints on standard output and error, as far as it fits with a NUL, goes to `text`. Returns its
// exit status, 128+n for a signal, RUN_NOT_FOUND if there is no such program, RUN_TIMEOUT.
int run(const struct run *run, char *text, size_t size);
// A program of root's, without input or limit.
int run_program(char *const argv[], char *text, size_t size);
