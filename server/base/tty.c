// SPDX-License-Identifier: ISC
// Modes of the host's terminal.
#include "server/base/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ESC "\033"
#define CSI ESC "["

// Order matters. ?1049l moves the cursor to where the last ?1049h saved it, in some terminals (tmux)
// also when they show the main screen already; ?1049h before it saves where it is now then, and does
// nothing to the save of a program that left its own screen up. DECSTBM moves the cursor home.
// clang-format off
const char tty_reset_modes[] =
    ESC "\\"                  // ends a string (OSC, DCS ...) that was cut short
    CSI "?1049h" CSI "?1049l" // main screen
    ESC "7" CSI "r" ESC "8"   // scroll region: all
    CSI "?25h" CSI "?7h"      // cursor shown, autowrap
    CSI "4l" CSI "?5l"        // replace mode, normal video
    CSI "?1l" ESC ">"         // cursor keys, keypad: normal
    CSI "?9;1000;1001;1002;1003l"    // mouse off
    CSI "?1004;1005;1006;1015;1016l" // focus and mouse codings
    CSI "?2004l" CSI "?2026l" // bracketed paste, synchronized output
    CSI ">4;0m"               // modifyOtherKeys (xterm)
    CSI "=0u"                 // kitty keyboard: the flags in use
    CSI "0 q"                 // cursor's shape
    CSI "m" ESC "(B\017";     // attributes; ASCII
const char tty_reset_layout[] = CSI "?6l" CSI "r" CSI "999;1H\r\n";
// clang-format on

bool
tty_understands(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0;
}

int
tty_open(int fd)
{
	char name[64];
	int own;

	if (ttyname_r(fd, name, sizeof(name)) != 0) {
		if (!isatty(fd))
			return -1;
		return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	own = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static uint16_t
clamp(unsigned long want, unsigned fallback)
{
	if (!want)
		return (uint16_t)fallback;
	return (uint16_t)(want < TTY_SIZE_MAX ? want : TTY_SIZE_MAX);
}

bool
tty_clamp(unsigned long want_rows, unsigned long want_cols, uint16_t *rows, uint16_t *cols)
{
	bool none = !want_rows || !want_cols; // 0x24 is no size either

	*rows = clamp(none ? 0 : want_rows, TTY_ROWS_DEFAULT);
	*cols = clamp(none ? 0 : want_cols, TTY_COLS_DEFAULT);
	return want_rows > TTY_SIZE_MAX || want_cols > TTY_SIZE_MAX;
}

bool
tty_size(int fd, uint16_t *rows, uint16_t *cols)
{
	struct winsize size = {0};

	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		memset(&size, 0, sizeof(size));
	return tty_clamp(size.ws_row, size.ws_col, rows, cols);
}

struct termios
tty_raw(const struct termios *saved)
{
	struct termios raw = *saved;

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return raw;
}

int
tty_set(int fd, const struct termios *termios)
{
	int result;

	do {
		result = tcsetattr(fd, TCSANOW, termios);
	} while (result < 0 && errno == EINTR);
	return result;
}

// As a front leaves it: a shell's line editor keeps ISIG and OPOST.
static bool
is_raw(const struct termios *now)
{
	return !(now->c_lflag & (ICANON | ECHO | ISIG)) && !(now->c_oflag & OPOST);
}

static void
write_now(int fd, const char *text)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT)) {
		ssize_t written = write(fd, text, strlen(text));

		(void)written; // a terminal that takes no more is not helped by trying again
	}
}

void
tty_rescue(int fd, const struct termios *saved)
{
	struct termios now;

	if (tcgetattr(fd, &now) < 0 || !is_raw(&now))
		return;
	if (tty_understands()) {
		write_now(fd, tty_reset_modes);
		write_now(fd, tty_reset_layout);
	}
	tty_set(fd, saved);
}
