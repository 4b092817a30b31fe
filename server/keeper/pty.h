// SPDX-License-Identifier: ISC
// A pseudo terminal and the child on it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

struct pty {
	int master; // nonblocking
	int slave;  // held open, so that the master never reports a hang-up while the child lives
	pid_t child;
};

// -1 with errno. `termios`: the line discipline to start with, or NULL for a plain one.
int pty_open(struct pty *pty, uint16_t rows, uint16_t cols, const struct termios *termios);
// Starts `argv` (looked up in PATH) with the slave as its controlling terminal, MIRRORD_SESSION set
// to `session` and nothing else inherited. 0, or the errno of what failed. Waits until the program
// has been executed.
int pty_spawn(struct pty *pty, char *const argv[], const char *session);
int pty_resize(struct pty *pty, uint16_t rows, uint16_t cols);
// To the child's process group and the one in the foreground.
void pty_signal(struct pty *pty, int signal);
// Asks the program in the foreground to paint again.
void pty_nudge(struct pty *pty);
// Whether a program reads what the host types without showing it: a password, as a rule.
bool pty_hides_typing(const struct pty *pty);
// Whether these are the modes of one that does.
bool pty_termios_hides(const struct termios *modes);

// Every signal as a new program expects it.
void pty_default_signals(void);
