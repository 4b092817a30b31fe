// SPDX-License-Identifier: ISC
// A viewer's own terminal: opened apart from the shell's descriptor, made raw, and put back whatever
// happens.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

struct guest_tty {
	int fd;      // owned: nonblocking, of the terminal on stdout
	bool shared; // fd is stdout itself, whose flags are to be put back
	bool raw;
	struct termios saved; // the modes before
};

// Opens the terminal that stdout is. False with errno (ENOTTY: it is none).
bool guest_tty_open(struct guest_tty *tty);
void guest_tty_close(struct guest_tty *tty);
void guest_tty_size(const struct guest_tty *tty, uint16_t *rows, uint16_t *cols);
bool guest_tty_raw(struct guest_tty *tty);
// Puts the modes back; what was typed and not read is dropped.
void guest_tty_restore(struct guest_tty *tty);
// Bytes that stand in the terminal's queue. (On a PTY Linux always says 0.)
size_t guest_tty_queued(const struct guest_tty *tty);
// From here on a crash of this process writes `leave` and puts the modes back first. Both are
// borrowed for the life of the process.
void guest_tty_guard(const struct guest_tty *tty, const void *leave, size_t len);
