// SPDX-License-Identifier: ISC
// A viewer's own terminal.
#include "server/edge/guest_tty.h"

#include "vt/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_DEFAULT 24 // a terminal that says 0x0: serial lines, expect
#define COLS_DEFAULT 80

// O_NONBLOCK belongs to the open file, which stdout shares with the shell: so it is opened anew.
static int
open_again(void)
{
	const char *name = ttyname(STDOUT_FILENO);
	int fd = name ? open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

	if (fd < 0) // e.g. after su(1): the file is another user's, but it is our terminal
		fd = open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd;
}

bool
guest_tty_open(struct guest_tty *tty)
{
	*tty = (struct guest_tty){.fd = -1};
	if (tcgetattr(STDOUT_FILENO, &tty->saved) != 0)
		return false;
	tty->fd = open_again();
	if (tty->fd < 0) {
		tty->shared = true;
		tty->fd = STDOUT_FILENO;
		fcntl(tty->fd, F_SETFL, fcntl(tty->fd, F_GETFL) | O_NONBLOCK);
	}
	return true;
}

void
guest_tty_close(struct guest_tty *tty)
{
	int blocking = 0;

	if (tty->shared)
		ioctl(tty->fd, FIONBIO, &blocking);
	else if (tty->fd >= 0)
		close(tty->fd);
	tty->fd = -1;
}

static uint16_t
clamp(uint16_t value, uint16_t otherwise, uint16_t max)
{
	return value == 0 ? otherwise : value > max ? max : value;
}

void
guest_tty_size(const struct guest_tty *tty, uint16_t *rows, uint16_t *cols)
{
	struct winsize size = {0};

	ioctl(tty->fd, TIOCGWINSZ, &size);
	*rows = clamp(size.ws_row, ROWS_DEFAULT, SCREEN_ROWS_MAX);
	*cols = clamp(size.ws_col, COLS_DEFAULT, SCREEN_COLS_MAX);
}

bool
guest_tty_raw(struct guest_tty *tty)
{
	struct termios raw = tty->saved;

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tty->raw = tcsetattr(tty->fd, TCSANOW, &raw) == 0;
	return tty->raw;
}

void
guest_tty_restore(struct guest_tty *tty)
{
	if (!tty->raw)
		return;
	tty->raw = false;
	tcflush(tty->fd, TCIFLUSH);
	tcsetattr(tty->fd, TCSANOW, &tty->saved);
}

size_t
guest_tty_queued(const struct guest_tty *tty)
{
	int len = 0;

	return ioctl(tty->fd, TIOCOUTQ, &len) == 0 && len > 0 ? (size_t)len : 0;
}

// ---- crashes -----------------------------------------------------------------------------------

static struct {
	const struct guest_tty *tty;
	const void *leave;
	size_t len;
} guarded; // a signal handler has no other way to know

// SA_RESETHAND: the signal that is raised here ends us when the handler returns.
static void
on_crash(int number)
{
	if (guarded.tty->raw && write(guarded.tty->fd, guarded.leave, guarded.len) >= 0)
		tcsetattr(guarded.tty->fd, TCSANOW, &guarded.tty->saved);
	raise(number);
}

void
guest_tty_guard(const struct guest_tty *tty, const void *leave, size_t len)
{
#ifdef MIRRORD_SANITIZED // which reports the others
	static const int crashes[] = {SIGABRT};
#else
	static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#endif
	struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

	guarded.tty = tty;
	guarded.leave = leave;
	guarded.len = len;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
}
