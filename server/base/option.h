// SPDX-License-Identifier: ISC
// What commands say about options that are wrong.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// For what getopt_long() returned for such an option (optstring ":", opterr 0): prints one line.
// `command` is NULL for hosting. Returns EX_USAGE.
int option_bad(const char *command, int option, char **argv);

// A time such as 90, 30s, 5m or 2h, in seconds: 1 to a day. False: it is none.
bool option_seconds(const char *text, uint32_t *seconds);
// The values of --max-fps and --budget. False: out of range, and a line has said what is allowed.
bool option_max_fps(const char *text, uint32_t *fps);
bool option_budget(const char *text, uint64_t *bytes_per_s);

// The value of --size, COLSxROWS: 0 means 80x24, and what is larger than a screen can be is cut, with a
// warning. False: it is no size, and a line has said so.
bool option_size(const char *text, uint16_t *rows, uint16_t *cols);
