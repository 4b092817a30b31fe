// SPDX-License-Identifier: ISC
// The keeper: owns the PTY and the child, copies the child's output to the front and to the mirror,
// and outlives both. Never parses output, never waits for a viewer, for the mirror 2 s at most.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct keeper_options {
	const char *name;      // of the session
	char *const *argv;     // the child's
	uint16_t rows, cols;   // the first size
	int view_fd;           // listening at view_path; the mirror inherits it
	int control_fd;        // listening at control_path
	const char *view_path; // unlinked at the end
	const char *control_path;
	const char *keyboard_path; // of the socket that is there while the keyboard is lent
	int first;                 // one end of a socket pair; the other is who starts the session
	int tty;                // the terminal of a front at that other end, or -1: none, detached
	bool ask;               // the host decides about everybody new
	struct termios termios; // of tty before it was made raw
};

// Runs a session to its end, in a process of its own (a session leader, all fds closed but those in
// the options). `first` is told CONTROL_OK when the child runs and CONTROL_ERROR if it cannot be
// run. Returns the process's exit status.
int keeper_run(const struct keeper_options *options);
