// SPDX-License-Identifier: ISC
// What may come next on a command line, for the completions of shells.
#pragma once

#include <stddef.h>

struct complete_command {
	const char *name; // NULL: hosting
	// Its usage lines, without "mirrord NAME" in the first, parted by newlines. Words in lower case stand
	// for themselves, those in upper case for what complete.c knows, A|B for one of both. NULL: it takes
	// the name of a command.
	const char *args;
	const char *help; // the options that a usage line calls OPTION, one a line; may be NULL
};

// `commands`: hosting first. `words`: those of the command line behind `mirrord`; the last is to be
// completed, and may be empty. Prints the choices, one a line. A line that begins with a colon says what the shell itself completes:
// ":files", ":hosts", ":command N" (a command of any program's, whose first word is words[N]).
void complete_print(
    const struct complete_command *commands, size_t count, char *const *words, size_t word_count);
