// SPDX-License-Identifier: ISC
// Runs a program of the system's and keeps what it says.
#include "server/base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_PATH "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
#define RUN_TURN_MS 20 // between two looks at a program whose output says nothing about its end

static void
run_child(const struct run *run, int in, int out)
{
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(RUN_NOT_FOUND);
	if (!run->users) {
		setenv("PATH", RUN_PATH, 1);
		setenv("LC_ALL", "C", 1);
	}
	execvp(run->argv[0], run->argv);
	_exit(RUN_NOT_FOUND);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// What there is to read; what does not fit is let go. False: the end.
static bool
take(int fd, char *text, size_t size, size_t *len)
{
	char rest[4096];
	bool room = *len + 1 < size;
	ssize_t got = read(fd, room ? text + *len : rest, room ? size - 1 - *len : sizeof(rest));

	if (got > 0 && room) {
		*len += (size_t)got;
		text[*len] = 0;
	}
	return got > 0 || (got < 0 && errno == EINTR);
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

// Reads until the end of the output, or of the program where others may hold that open. False: time is up.
static bool
collect(const struct run *run, pid_t pid, int *in, int fd, char *text, size_t size)
{
	int64_t end = now_ms() + run->timeout_ms;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	size_t len = 0;

	for (;;) {
		int64_t left = run->timeout_ms ? end - now_ms() : 1000;
		siginfo_t info = {0};
		int ready;

		if (left <= 0)
			return false;
		ready =
		    poll(&poll_fd, 1, run->holds && left > RUN_TURN_MS ? RUN_TURN_MS : (int)left);
		if (ready > 0 && !take(fd, text, size, &len))
			return true;
		if (ready > 0)
			close_fd(in);
		if (ready == 0 && run->holds &&
		    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid)
			return true;
	}
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return RUN_NOT_FOUND;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
run(const struct run *run, char *text, size_t size)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, status = RUN_NOT_FOUND;
	bool ended = true;
	pid_t pid = -1;

	if (size)
		*text = 0;
	if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
	    (!run->input_len || write(in[1], run->input, run->input_len) >= 0))
		pid = fork();
	if (pid == 0)
		run_child(run, in[0], out[1]);
	close_fd(&in[0]);
	if (!run->lingers)
		close_fd(&in[1]);
	close_fd(&out[1]);
	if (pid > 0) {
		ended = collect(run, pid, &in[1], out[0], text, size);
		if (!ended)
			kill(pid, SIGKILL);
		status = wait_for(pid);
	}
	close_fd(&in[1]);
	close_fd(&out[0]);
	return ended ? status : RUN_TIMEOUT;
}

int
run_program(char *const argv[], char *text, size_t size)
{
	const struct run program = {.argv = argv};

	return run(&program, text, size);
}
