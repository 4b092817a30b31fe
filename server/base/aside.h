// SPDX-License-Identifier: ISC
// The path of this program, and commands that are programs of their own, for what they link would cost every other command memory:
// docs/decisions/programs.md.
#pragma once

#include <limits.h>

// The last part of this program's path: it may have been copied to another name than MIRRORD_NAME.
const char *aside_own_name(char path[PATH_MAX]);

// Becomes `mirrord-NAME`, or whatever this program is called, which stands beside it. Returns a status, and has said why, only if
// that is not there.
int aside_run(const char *name, char **argv);
