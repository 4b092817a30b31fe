// SPDX-License-Identifier: ISC
// The host's terminal: raw mode, its way back, and what is said to a terminal whose program is gone.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#define TTY_SIZE_MAX 1000 // rows and columns of a session, as SCREEN_ROWS_MAX and SCREEN_COLS_MAX
#define TTY_ROWS_DEFAULT 24
#define TTY_COLS_DEFAULT 80

// The terminal that `fd` is, opened anew so that it can be nonblocking without anybody else noticing
// (O_NONBLOCK belongs to the open file, which our parent shares); a plain duplicate if that is not
// allowed. -1 if it is no terminal.
int tty_open(int fd);
// The terminal's size: 80x24 where it has none (serial lines, expect), and no more than
// TTY_SIZE_MAX. True if it had to be cut to that.
bool tty_size(int fd, uint16_t *rows, uint16_t *cols);
// Whether a size is usable, else the nearest one; 0 means the default.
bool tty_clamp(unsigned long want_rows, unsigned long want_cols, uint16_t *rows, uint16_t *cols);

// What `saved` becomes for a terminal whose every byte is somebody else's.
struct termios tty_raw(const struct termios *saved);
int tty_set(int fd, const struct termios *termios);

// Undoes what programs leave set, without moving the cursor or erasing: the attributes, scroll
// region, alternate screen, and every mode that changes what keys and mouse send.
extern const char tty_reset_modes[];
// The same when the program still runs (detached, killed front): the cursor goes to a fresh line at
// the bottom.
extern const char tty_reset_layout[];

// Whether TERM names a terminal that knows control sequences at all.
bool tty_understands(void);

// For the keeper, when a front died without putting its terminal back. Does nothing if somebody else
// has done so since. Never blocks.
void tty_rescue(int fd, const struct termios *saved);
