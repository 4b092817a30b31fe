// SPDX-License-Identifier: ISC
// Runs a program of the system's and keeps what it says.
#pragma once

#include <stddef.h>

#define RUN_NOT_FOUND 127 // as shells have it

// argv[0] is looked for where root's programs are; nothing on standard input. What it prints on standard
// output and error, as far as it fits with a NUL, goes to `text`. Returns its exit status, 128+n for a
// signal, RUN_NOT_FOUND if there is no such program.
int run_program(char *const argv[], char *text, size_t size);
