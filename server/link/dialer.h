// SPDX-License-Identifier: ISC
// Runs ssh for a process that is locked down and may not: a child forked before, which starts the
// same command whenever it is asked to, hands over its ends, and says how it ended. Several may run
// at once, each in a slot.
#pragma once

#include <stdbool.h>

#define DIALER_SLOTS 7
#define DIALER_ASIDE 6 // the slot of the command beside these

struct dialer {
	int fd; // owned: to the child, nonblocking, a message a packet
};

enum dialer_event {
	DIALER_NONE,
	DIALER_OPEN,   // the command runs: `stream` is its stdin and stdout, `errors` its stderr
	DIALER_FAILED, // it could not be started; `status` is an errno
	DIALER_EXIT,   // it ended; `status` as for a shell: 128 + n for a signal
	DIALER_GONE,   // the child died
};

struct dialer_news {
	unsigned slot;
	int status;
	int stream, errors; // owned by whoever takes them
};

// `first` is run the first time, with the terminal to ask questions on, and `again` the other
// times, in a session of its own so that it cannot. In the slot DIALER_ASIDE it is `aside`, as `again`.
// All are argument lists, borrowed for good.
bool dialer_start(
    struct dialer *dialer, char *const *first, char *const *again, char *const *aside);
// Starts the command in a slot; not before the last one there has ended.
void dialer_dial(struct dialer *dialer, unsigned slot);
// Ends the command that runs there, if one does: at once, or as soon as it has put away what it holds.
void dialer_kill(struct dialer *dialer, unsigned slot);
void dialer_end(struct dialer *dialer, unsigned slot);
enum dialer_event dialer_next(struct dialer *dialer, struct dialer_news *news);
// The child ends with it, and the commands with the child.
void dialer_stop(struct dialer *dialer);
