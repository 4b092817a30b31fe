// SPDX-License-Identifier: ISC
// The command lines of ssh, what it says on standard error, and what its end means.
#pragma once

#include "server/base/viewproto.h"

#include <stdbool.h>
#include <stddef.h>

#define SSH_WORDS_MAX 64   // of a command line, with its NULL
#define SSH_LINE_BYTES 200 // of what ssh says

// How to get to a program of ours elsewhere.
struct ssh_way {
	const char *ssh;    // a command with its options, as for a shell; NULL: ssh
	const char *remote; // what the program is called there, or its path; NULL: as here
};

struct ssh_argv {
	char remote[SSH_LINE_BYTES + 1], remote_aside[SSH_LINE_BYTES + 1];
	char *first[SSH_WORDS_MAX]; // with the terminal to ask questions on
	char *again[SSH_WORDS_MAX]; // without
	char *aside[SSH_WORDS_MAX]; // likewise, for the other command
	char *words[SSH_WORDS_MAX]; // owned: those of the user's
};

// Has the program at `relay` do `what`, and `aside` beside it. The relay's name is borrowed. `again_options`
// go to the later ones alone. False: one of the `way` is no command.
bool ssh_argv_init(struct ssh_argv *argv, const struct ssh_way *way, const char *relay,
    const char *what, const char *aside, char *const *again_options);
void ssh_argv_fini(struct ssh_argv *argv);
// Whether a command that came through ssh, raw, is for `what`, whatever the program is called to whoever
// sent it. NULL: there was none.
bool ssh_asks_for(const char *command, const char *what);
// What it is called in the lines that it prints: of a path the last part.
const char *ssh_remote_name(const struct ssh_way *way);

// What ssh said last, line by line.
struct ssh_lines {
	char line[SSH_LINE_BYTES + 1]; // the last whole one that can be printed
	char part[SSH_LINE_BYTES + 1]; // what it is saying
};
// Takes one byte of it; true at the end of a line, which is in `part` and the caller's to empty.
// One that cannot be printed as it is is empty.
bool ssh_lines_put(struct ssh_lines *lines, char byte);

// Why nothing came of the first connection: `bye` is what to exit with and a sentence.
void ssh_explain(int status, const struct ssh_way *way, const char *relay, const char *line,
    const char *does_not, struct view_bye *bye);
