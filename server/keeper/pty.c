// SPDX-License-Identifier: ISC
// Opening a pseudo terminal, and running a program on it.
#include "server/keeper/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

// What a terminal of today is, for a child that starts without one to copy.
static struct termios
plain_termios(void)
{
	struct termios plain = {
	    .c_iflag = ICRNL | IXON | IUTF8,
	    .c_oflag = OPOST | ONLCR,
	    .c_cflag = CREAD | CS8 | B38400,
	    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	    .c_cc = {[VINTR] = 3,
		[VQUIT] = 28,
		[VERASE] = 127,
		[VKILL] = 21,
		[VEOF] = 4,
		[VSTART] = 17,
		[VSTOP] = 19,
		[VSUSP] = 26,
		[VREPRINT] = 18,
		[VDISCARD] = 15,
		[VWERASE] = 23,
		[VLNEXT] = 22,
		[VMIN] = 1},
	};

	return plain;
}

int
pty_open(struct pty *pty, uint16_t rows, uint16_t cols, const struct termios *termios)
{
	struct termios plain = plain_termios();
	struct winsize size = {.ws_row = rows, .ws_col = cols};
	struct termios copy = termios ? *termios : plain;

	pty->child = 0;
	if (openpty(&pty->master, &pty->slave, NULL, &copy, &size) < 0)
		return -1;
	fcntl(pty->master, F_SETFD, FD_CLOEXEC);
	fcntl(pty->slave, F_SETFD, FD_CLOEXEC);
	return fcntl(pty->master, F_SETFL, O_RDWR | O_NONBLOCK);
}

void
pty_default_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
run_child(struct pty *pty, char *const argv[], const char *session, int report)
{
	int error;

	pty_default_signals();
	if (setsid() >= 0 && ioctl(pty->slave, TIOCSCTTY, 0) == 0 && dup2(pty->slave, 0) == 0 &&
	    dup2(pty->slave, 1) == 1 && dup2(pty->slave, 2) == 2 &&
	    setenv("MIRRORD_SESSION", session, 1) == 0) {
		if (!getenv("TERM"))
			setenv("TERM", "xterm-256color", 1);
		execvp(argv[0], argv);
	}
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

// The errno that the child reported, or 0 once its end closed because a program runs.
static int
await_exec(int report)
{
	int error = 0;
	ssize_t len;

	do {
		len = read(report, &error, sizeof(error));
	} while (len < 0 && errno == EINTR);
	return len == (ssize_t)sizeof(error) ? error : 0;
}

int
pty_spawn(struct pty *pty, char *const argv[], const char *session)
{
	int report[2], error;

	if (pipe2(report, O_CLOEXEC) < 0)
		return errno;
	pty->child = fork();
	if (pty->child == 0)
		run_child(pty, argv, session, report[1]);
	error = errno;
	close(report[1]);
	if (pty->child > 0) {
		error = await_exec(report[0]);
		if (error)
			waitpid(pty->child, NULL, 0);
	}
	close(report[0]);
	return error;
}

int
pty_resize(struct pty *pty, uint16_t rows, uint16_t cols)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};

	return ioctl(pty->master, TIOCSWINSZ, &size);
}

void
pty_signal(struct pty *pty, int signal)
{
	pid_t front = tcgetpgrp(pty->master);

	if (pty->child > 0)
		kill(-pty->child, signal);
	if (front > 1 && front != pty->child)
		kill(-front, signal);
}

void
pty_nudge(struct pty *pty)
{
	pid_t front = tcgetpgrp(pty->master);

	if (front > 1)
		kill(-front, SIGWINCH);
}

// Line by line without echo: getpass(), sudo, ssh, `read -s`. Key by key without echo is what editors,
// pagers and shells do all the time. Of those who read a secret that way two are told from them by what
// else they have changed of a terminal that is otherwise as for lines: `read -s -n 1` of bash takes ECHOK
// away with ECHO, and sudo's pwfeedback takes IEXTEN. (less clears ECHOK and ECHOE, vim also ISIG.)
// zsh's `read -s -k 1` leaves a terminal as more(1) does: no badge.
bool
pty_termios_hides(const struct termios *modes)
{
	const tcflag_t input = ICRNL | INLCR, as_for_lines = ISIG | ECHOE, marks = ECHOK | IEXTEN;

	if (modes->c_lflag & ECHO)
		return false;
	return (modes->c_lflag & ICANON) ||
	       ((modes->c_iflag & input) == ICRNL && (modes->c_oflag & OPOST) &&
		   (modes->c_lflag & as_for_lines) == as_for_lines &&
		   (modes->c_lflag & marks) != marks);
}

bool
pty_hides_typing(const struct pty *pty)
{
	struct termios now;

	return tcgetattr(pty->master, &now) == 0 && pty_termios_hides(&now);
}
