// SPDX-License-Identifier: ISC
// Runs ssh for a process that may not. The child holds nothing that a peer sent: it reads two-byte
// orders from the locked-down process, which choose among three command lines that were fixed before.
#include "server/link/dialer.h"

#include "server/base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum order { ORDER_DIAL = 'd', ORDER_KILL = 'k', ORDER_END = 'e' };

struct packet {
	enum dialer_event event;
	unsigned slot;
	int status;
};

struct command {
	pid_t pid; // 0: none runs
	int pidfd;
};

struct launcher {
	int fd;             // to the other process
	char *const *argv;  // what is run next
	char *const *again; // what is run after that
	char *const *aside; // and in a slot of its own
	struct command command[DIALER_SLOTS];
	bool dialled; // not the first
};

// ---- the child ---------------------------------------------------------------------------------

static void
report(
    struct launcher *launcher, unsigned slot, enum dialer_event event, int status, const int fds[2])
{
	struct packet packet = {.event = event, .slot = slot, .status = status};

	if (fdpass_send(launcher->fd, &packet, sizeof(packet), fds, fds ? 2 : 0) < 0)
		_exit(1);
}

// The command with `io` as stdin and stdout and `errors` as stderr. An errno, or 0.
static int
spawn(struct launcher *launcher, char *const *argv, pid_t *pid, int io, int errors)
{
	bool asks = argv != launcher->aside && !launcher->dialled;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int error;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(
	    &attr, (short)(POSIX_SPAWN_SETSIGMASK | (asks ? 0 : POSIX_SPAWN_SETSID)));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, io, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, io, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	error = posix_spawnp(pid, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return error;
}

// What is typed there, or hangs it up, is for the first command; and whoever waits for the end of
// our standard output does not wait for us.
static void
let_go_of_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

static void
launch(struct launcher *launcher, unsigned slot)
{
	struct command *command = &launcher->command[slot];
	char *const *argv = slot == DIALER_ASIDE ? launcher->aside : launcher->argv;
	int stream[2] = {-1, -1}, errors[2] = {-1, -1}, ends[2], error = EMFILE;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) == 0 &&
	    pipe2(errors, O_CLOEXEC) == 0)
		error = spawn(launcher, argv, &command->pid, stream[1], errors[1]);
	if (error) {
		command->pid = 0;
		report(launcher, slot, DIALER_FAILED, error, NULL);
	} else {
		command->pidfd = pidfd_open(command->pid, 0);
		ends[0] = stream[0];
		ends[1] = errors[0];
		report(launcher, slot, DIALER_OPEN, 0, ends);
		if (slot != DIALER_ASIDE) {
			launcher->argv = launcher->again;
			if (!launcher->dialled)
				let_go_of_terminal();
			launcher->dialled = true;
		}
	}
	for (int i = 0; i < 2; i++) {
		close(stream[i]);
		close(errors[i]);
	}
}

static _Noreturn void
leave(const struct launcher *launcher)
{
	for (unsigned slot = 0; slot < DIALER_SLOTS; slot++) {
		if (launcher->command[slot].pid)
			kill(launcher->command[slot].pid, SIGTERM);
	}
	_exit(0);
}

static void
obey(struct launcher *launcher)
{
	uint8_t order[2]; // what, and where
	ssize_t got = recv(launcher->fd, order, sizeof(order), 0);
	pid_t pid;

	if (got <= 0) // who gave orders is gone
		leave(launcher);
	if (got != sizeof(order) || order[1] >= DIALER_SLOTS)
		return;
	pid = launcher->command[order[1]].pid;
	if (order[0] == ORDER_DIAL && !pid)
		launch(launcher, order[1]);
	else if (order[0] == ORDER_KILL && pid)
		kill(pid, SIGKILL);
	else if (order[0] == ORDER_END && pid)
		kill(pid, SIGTERM);
}

static void
reap(struct launcher *launcher, unsigned slot)
{
	struct command *command = &launcher->command[slot];
	int status;

	if (waitpid(command->pid, &status, WNOHANG) != command->pid)
		return;
	close(command->pidfd);
	command->pid = 0;
	report(launcher, slot, DIALER_EXIT,
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), NULL);
}

static _Noreturn void
serve(struct launcher *launcher)
{
	struct pollfd pollfds[DIALER_SLOTS + 1];

	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_IGN); // for the commands too: who gives orders may outlive the terminal
	for (;;) {
		for (unsigned slot = 0; slot < DIALER_SLOTS; slot++) {
			const struct command *command = &launcher->command[slot];

			pollfds[slot] = (struct pollfd){
			    .fd = command->pid ? command->pidfd : -1, .events = POLLIN};
		}
		pollfds[DIALER_SLOTS] = (struct pollfd){.fd = launcher->fd, .events = POLLIN};
		if (poll(pollfds, DIALER_SLOTS + 1, -1) < 0)
			continue;
		for (unsigned slot = 0; slot < DIALER_SLOTS; slot++) {
			if (pollfds[slot].revents)
				reap(launcher, slot);
		}
		if (pollfds[DIALER_SLOTS].revents)
			obey(launcher);
	}
}

// ---- the parent --------------------------------------------------------------------------------

bool
dialer_start(struct dialer *dialer, char *const *first, char *const *again, char *const *aside)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		struct launcher launcher = {
		    .fd = fds[1], .argv = first, .again = again, .aside = aside};

		close_range(STDERR_FILENO + 1, (unsigned)fds[1] - 1, 0);
		close_range((unsigned)fds[1] + 1, ~0u, 0);
		serve(&launcher);
	}
	close(fds[1]);
	dialer->fd = fds[0];
	return pid > 0;
}

static void
order(struct dialer *dialer, enum order what, unsigned slot)
{
	const uint8_t bytes[2] = {(uint8_t)what, (uint8_t)slot};

	// if it died, DIALER_GONE says so
	send(dialer->fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
dialer_dial(struct dialer *dialer, unsigned slot)
{
	order(dialer, ORDER_DIAL, slot);
}

void
dialer_kill(struct dialer *dialer, unsigned slot)
{
	order(dialer, ORDER_KILL, slot);
}

void
dialer_end(struct dialer *dialer, unsigned slot)
{
	order(dialer, ORDER_END, slot);
}

enum dialer_event
dialer_next(struct dialer *dialer, struct dialer_news *news)
{
	struct packet packet;
	size_t count;
	int fds[FDPASS_MAX];
	ssize_t got = fdpass_recv(dialer->fd, &packet, sizeof(packet), fds, &count);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return DIALER_NONE;
	if (got != sizeof(packet))
		return DIALER_GONE;
	news->slot = packet.slot;
	news->status = packet.status;
	if (packet.event != DIALER_OPEN)
		return packet.event;
	if (count != 2) // out of descriptors
		return DIALER_GONE;
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
