// SPDX-License-Identifier: ISC
// The command lines of ssh, what it says on standard error, and what its end means.
#pragma once

#include "server/base/viewproto.h"

#include <stdbool.h>
#include <stddef.h>

#define SSH_WORDS_MAX 64   // of a command line, with its NULL
#define SSH_LINE_BYTES 200 // of what ssh says

struct ssh_argv {
	char *first[SSH_WORDS_MAX]; // with the terminal to ask questions on
	char *again[SSH_WORDS_MAX]; // without
	char *words[SSH_WORDS_MAX]; // owned: those of the user's
};

// Runs `remote` at `relay` by `ssh`, a command with its options as for a shell; the last two are
// borrowed. `again_options` go to the later ones alone. False: `ssh` is no command.
bool ssh_argv_init(struct ssh_argv *argv, const char *ssh, const char *relay, const char *remote,
    char *const *again_options);
void ssh_argv_fini(struct ssh_argv *argv);

// What ssh said last, line by line.
struct ssh_lines {
	char line[SSH_LINE_BYTES + 1]; // the last whole one that can be printed
	char part[SSH_LINE_BYTES + 1]; // what it is saying
};
// Takes one byte of it; true at the end of a line, which is in `part` and the caller's to empty.
// One that cannot be printed as it is is empty.
bool ssh_lines_put(struct ssh_lines *lines, char byte);

// Why nothing came of the first connection: `bye` is what to exit with and a sentence.
void ssh_explain(
    int status, const char *relay, const char *line, const char *does_not, struct view_bye *bye);
