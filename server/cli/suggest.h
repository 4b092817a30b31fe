// SPDX-License-Identifier: ISC
// Tells a slip of the pen from the name of a program.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Whether execvp(3) would find something under this name, if only to fail in running it.
bool suggest_is_program(const char *word);
// Which of the names was probably meant: `word` has two slips in it at most. NULL: none.
const char *suggest_name(const char *word, const char *const *names, size_t count);
