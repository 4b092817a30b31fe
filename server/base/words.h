// SPDX-License-Identifier: ISC
// Splits a command line into words as a shell does, without anything that a shell would expand.
#pragma once

#include <stddef.h>

// At most `max` words of `line`, into `words`, each to be freed. Blanks part them; '...', "..." and
// backslash quote. Returns their number, or 0 if there is none, are too many, or a quote is left open.
size_t words_split(const char *line, char **words, size_t max);
