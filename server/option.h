// SPDX-License-Identifier: ISC
// What commands say about options that are wrong.
#pragma once

// For what getopt_long() returned for such an option (optstring ":", opterr 0): prints one line.
// `command` is NULL for hosting. Returns EX_USAGE.
int option_bad(const char *command, int option, char **argv);
