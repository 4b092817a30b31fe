// SPDX-License-Identifier: ISC
// The front: the host's terminal, raw both ways between it and the keeper.
#pragma once

#include "server/base/chord.h"
#include "server/base/control.h"
#include "server/host/notify.h"

#include <termios.h>

struct front {
	struct control control; // owned; the channel to the keeper
	int tty;                // owned; the terminal, nonblocking if the system allows
	struct termios saved;   // of the terminal before
	struct chord chord;
	struct notify notify; // owned
	uint16_t rows, cols;  // of the terminal, within the limits of a session
	bool cut;             // it is larger than that
};

#define FRONT_KEY_DEFAULT "^\\"

// Sets the detach key (NULL: $MIRRORD_DETACH_KEY or the default). False with `why`: it cannot be one.
bool front_key(struct front *front, const char *key, char why[SESSION_WHY]);
// Sets how the host is told of what happens ("osc9", "title", "none"; NULL: osc9). False with `why`.
bool front_notify(struct front *front, const char *way, char why[SESSION_WHY]);
// Opens the terminal and sets the detach key. Returns EX_OK, or EX_USAGE with `why`.
int front_init(struct front *front, const char *key, char why[SESSION_WHY]);
void front_fini(struct front *front);
// Makes the terminal raw. With `blank`, what it shows is scrolled away, so that host and guests see
// the same screen.
void front_enter(struct front *front, bool blank);
// Runs until the child's end, the detach key, a signal or the loss of either side. The terminal is
// itself again when it returns the exit status; `what` is one line for the host, or empty.
int front_run(struct front *front, const char *name, char what[SESSION_WHY]);
// Puts the terminal back; front_run() has done so.
void front_leave(struct front *front, bool layout);
