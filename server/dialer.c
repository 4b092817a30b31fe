// SPDX-License-Identifier: ISC
// Runs ssh for a process that may not. The child holds nothing that a peer sent: it reads one-byte
// orders from the locked-down process, which choose among two command lines that were fixed before.
#include "server/dialer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum order { ORDER_DIAL = 'd', ORDER_KILL = 'k' };

struct packet {
	enum dialer_event event;
	int status;
};

struct launcher {
	int fd;             // to the other process
	char *const *argv;  // what is run next
	char *const *again; // what is run after that
	pid_t pid;          // of the command; 0: none runs
	int pidfd;
	bool dialled; // not the first
};

// ---- the child ---------------------------------------------------------------------------------

static void
report(struct launcher *launcher, enum dialer_event event, int status, const int fds[2])
{
	struct packet packet = {.event = event, .status = status};
	struct iovec iov = {.iov_base = &packet, .iov_len = sizeof(packet)};
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	if (fds) {
		struct cmsghdr *header;

		msg.msg_control = control.data;
		msg.msg_controllen = sizeof(control.data);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(header), fds, 2 * sizeof(int));
	}
	if (sendmsg(launcher->fd, &msg, MSG_NOSIGNAL) < 0)
		_exit(1);
}

// The command with `io` as stdin and stdout and `errors` as stderr. An errno, or 0.
static int
spawn(struct launcher *launcher, int io, int errors)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int error;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(
	    &attr, (short)(POSIX_SPAWN_SETSIGMASK | (launcher->dialled ? POSIX_SPAWN_SETSID : 0)));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, io, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, io, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	error = posix_spawnp(
	    &launcher->pid, launcher->argv[0], &actions, &attr, launcher->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return error;
}

static void
launch(struct launcher *launcher)
{
	int stream[2] = {-1, -1}, errors[2] = {-1, -1}, ends[2], error = EMFILE;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) == 0 &&
	    pipe2(errors, O_CLOEXEC) == 0)
		error = spawn(launcher, stream[1], errors[1]);
	if (error) {
		launcher->pid = 0;
		report(launcher, DIALER_FAILED, error, NULL);
	} else {
		launcher->pidfd = pidfd_open(launcher->pid, 0);
		ends[0] = stream[0];
		ends[1] = errors[0];
		report(launcher, DIALER_OPEN, 0, ends);
		launcher->argv = launcher->again;
		launcher->dialled = true;
	}
	for (int i = 0; i < 2; i++) {
		close(stream[i]);
		close(errors[i]);
	}
}

static void
obey(struct launcher *launcher)
{
	char order;
	ssize_t got = recv(launcher->fd, &order, 1, 0);

	if (got <= 0) { // the watcher is gone
		if (launcher->pid)
			kill(launcher->pid, SIGTERM);
		_exit(0);
	}
	if (order == ORDER_DIAL && !launcher->pid)
		launch(launcher);
	else if (order == ORDER_KILL && launcher->pid)
		kill(launcher->pid, SIGKILL);
}

static void
reap(struct launcher *launcher)
{
	int status;

	if (waitpid(launcher->pid, &status, WNOHANG) != launcher->pid)
		return;
	close(launcher->pidfd);
	launcher->pid = 0;
	report(launcher, DIALER_EXIT,
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), NULL);
}

static _Noreturn void
serve(struct launcher *launcher)
{
	signal(SIGPIPE, SIG_DFL);
	for (;;) {
		struct pollfd pollfds[] = {{.fd = launcher->fd, .events = POLLIN},
		    {.fd = launcher->pid ? launcher->pidfd : -1, .events = POLLIN}};

		if (poll(pollfds, 2, -1) < 0)
			continue;
		if (pollfds[1].revents)
			reap(launcher);
		if (pollfds[0].revents)
			obey(launcher);
	}
}

// ---- the parent --------------------------------------------------------------------------------

bool
dialer_start(struct dialer *dialer, char *const *first, char *const *again)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		struct launcher launcher = {.fd = fds[1], .argv = first, .again = again};

		close(fds[0]);
		serve(&launcher);
	}
	close(fds[1]);
	dialer->fd = fds[0];
	return pid > 0;
}

static void
order(struct dialer *dialer, enum order what)
{
	char byte = (char)what;

	send(dialer->fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT); // if it died, DIALER_GONE says so
}

void
dialer_dial(struct dialer *dialer)
{
	order(dialer, ORDER_DIAL);
}

void
dialer_kill(struct dialer *dialer)
{
	order(dialer, ORDER_KILL);
}

enum dialer_event
dialer_next(struct dialer *dialer, struct dialer_news *news)
{
	struct packet packet;
	struct iovec iov = {.iov_base = &packet, .iov_len = sizeof(packet)};
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.data,
	    .msg_controllen = sizeof(control.data)};
	struct cmsghdr *header;
	int fds[2];
	ssize_t got = recvmsg(dialer->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return DIALER_NONE;
	if (got != sizeof(packet))
		return DIALER_GONE;
	news->status = packet.status;
	if (packet.event != DIALER_OPEN)
		return packet.event;
	header = CMSG_FIRSTHDR(&msg);
	if (!header || header->cmsg_len != CMSG_LEN(sizeof(fds))) // out of descriptors
		return DIALER_GONE;
	memcpy(fds, CMSG_DATA(header), sizeof(fds));
	news->stream = fds[0];
	news->errors = fds[1];
	return DIALER_OPEN;
}

void
dialer_stop(struct dialer *dialer)
{
	if (dialer->fd >= 0)
		close(dialer->fd);
	dialer->fd = -1;
}
