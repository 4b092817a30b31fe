// SPDX-License-Identifier: ISC
// The parent of `mirrord web`: it has the listening socket, opens nothing and reads nothing, so there is little
// that could end it. Browsers that come while it has no child wait in the socket's backlog.
#include "web/supervise.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_FIRST_MS 20 // before what has died is started again,
#define AGAIN_MAX_MS 5000 // doubled up to this for each time that it did not live
#define LIVED_MS 10000    // so long

void
again_started(struct again *again, uint64_t now_ms)
{
	again->started_ms = now_ms;
}

uint64_t
again_wait_ms(struct again *again, uint64_t now_ms)
{
	uint64_t wait_ms;

	if (now_ms - again->started_ms >= LIVED_MS || !again->pause_ms)
		again->pause_ms = AGAIN_FIRST_MS;
	wait_ms = again->pause_ms;
	again->pause_ms = wait_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : wait_ms * 2;
	return wait_ms;
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct ward {
	pid_t pid;
	bool told; // to end
	sigset_t signals, before;
};

static void
become(struct ward *ward, pid_t parent, int (*run)(void *data), void *data)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) // it has ended before that
		_exit(EX_SOFTWARE);
	sigprocmask(SIG_SETMASK, &ward->before, NULL);
	_exit(run(data));
}

// Until it has ended. Returns how, as waitpid() says it.
static int
wait_for(struct ward *ward)
{
	int status, signal;

	while (waitpid(ward->pid, &status, WNOHANG) != ward->pid) {
		signal = sigwaitinfo(&ward->signals, NULL);
		if (signal <= 0 || signal == SIGCHLD)
			continue;
		ward->told = true;
		kill(ward->pid, signal);
	}
	return status;
}

// False: told to end meanwhile.
static bool
pause_for(struct ward *ward, uint64_t wait_ms)
{
	uint64_t until = now_ms() + wait_ms, now;

	for (now = now_ms(); now < until; now = now_ms()) {
		struct timespec left = {.tv_sec = (time_t)((until - now) / 1000),
		    .tv_nsec = (long)((until - now) % 1000 * 1000000)};
		int signal = sigtimedwait(&ward->signals, NULL, &left);

		if (signal > 0 && signal != SIGCHLD)
			return false;
	}
	return true;
}

int
supervise(int (*run)(void *data), void *data)
{
	struct again again = {0};
	struct ward ward = {0};
	pid_t parent = getpid();
	int status;

	sigemptyset(&ward.signals);
	sigaddset(&ward.signals, SIGINT);
	sigaddset(&ward.signals, SIGTERM);
	sigaddset(&ward.signals, SIGHUP);
	sigaddset(&ward.signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ward.signals, &ward.before);
	for (;;) {
		again_started(&again, now_ms());
		ward.pid = fork();
		if (ward.pid == 0)
			become(&ward, parent, run, data);
		if (ward.pid < 0)
			return EX_OSERR;
		status = wait_for(&ward);
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (ward.told) // before it could say goodbye
			return EX_OK;
		fprintf(stderr,
		    MIRRORD_NAME
		    ": the gateway's porter has ended (signal %d); starting it again\n",
		    WTERMSIG(status));
		if (!pause_for(&ward, again_wait_ms(&again, now_ms())))
			return EX_OK;
	}
}
