// SPDX-License-Identifier: ISC
// A child that goes on in the background.
#include "server/base/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

static void
keep_only(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0u, 0);
}

void
daemon_begin(const char *name, int keep_a, int keep_b)
{
	const char *err_path = getenv("MIRRORD_MIRROR_STDERR");
	int null, errors;

	keep_only(keep_a, keep_b);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	errors = err_path ? open(err_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	setsid();
	prctl(PR_SET_NAME, name);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(errors >= 0 ? errors : null, STDERR_FILENO);
	close(null);
	if (errors >= 0)
		close(errors);
	if (chdir("/") != 0)
		_exit(EX_OSERR);
}
