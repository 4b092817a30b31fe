// SPDX-License-Identifier: ISC
// `mirrord events`: what happens in a session, as JSON lines; and the hook that runs a command for each.
#include "server/host/events_cmd.h"

#include "server/base/option.h"
#include "server/commands.h"
#include "server/host/event.h"
#include "server/keeper/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define TIME_DIGITS 13        // of unix time in seconds: to the millisecond
#define HOOK_MS 30000         // for one run of the command; then it is killed
#define BEHIND_MAX (1u << 20) // bytes of events that wait for it; then the keeper lets go of us

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

// ---- the hook ----------------------------------------------------------------------------------

struct hook {
	const char *command; // NULL: lines go to standard output
	pid_t pid;           // of the one that runs, or 0
	int pidfd;
	uint64_t due_ms;
};

// A line is far less than a pipe holds, so that this does not block.
static int
pipe_with(const char *line, size_t len)
{
	int ends[2];
	ssize_t put;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	put = write(ends[1], line, len);
	close(ends[1]);
	if (put == (ssize_t)len)
		return ends[0];
	close(ends[0]);
	return -1;
}

static void
hook_start(struct hook *hook, const char *line, size_t len)
{
	int input = pipe_with(line, len);

	if (input < 0)
		return;
	hook->pid = fork();
	if (hook->pid == 0) {
		setsid();
		pty_default_signals();
		dup2(input, STDIN_FILENO);
		execl("/bin/sh", "sh", "-c", hook->command, (char *)NULL);
		_exit(127);
	}
	close(input);
	if (hook->pid < 0) {
		hook->pid = 0;
		return;
	}
	hook->pidfd = pidfd_open(hook->pid, 0);
	hook->due_ms = control_now_ms() + HOOK_MS;
}

static void
hook_end(struct hook *hook, bool late)
{
	if (late || hook->pidfd < 0)
		kill(-hook->pid, SIGKILL);
	waitpid(hook->pid, NULL, 0);
	if (hook->pidfd >= 0)
		close(hook->pidfd);
	hook->pid = 0;
}

// ---- events ------------------------------------------------------------------------------------

int
events_open(const struct session *session, struct control *control, char why[SESSION_WHY])
{
	uint64_t deadline_ms = control_now_ms() + CONTROL_ANSWER_MS;
	struct msg msg;

	if (control_open(control, session->control) < 0) {
		snprintf(why, SESSION_WHY, "session \"%s\": %s", session->name, strerror(errno));
		return EX_UNAVAILABLE;
	}
	if (!control_send(control, CONTROL_EVENTS, NULL, -1, deadline_ms)) {
		snprintf(why, SESSION_WHY, "session \"%s\" does not answer", session->name);
		return EX_TEMPFAIL;
	}
	return control_wait(control, deadline_ms, &msg, why);
}

static bool
print_line(const char *line, size_t len)
{
	return fwrite(line, 1, len, stdout) == len && fflush(stdout) == 0;
}

// False if nobody reads.
static bool
tell(struct hook *hook, const struct msg *msg, bool *ended)
{
	struct event_told event;
	json_t *json;
	char *line;
	size_t len;
	bool told = true;

	if (msg->type != CONTROL_EVENT || !event_get(msg, &event))
		return true;
	*ended = event.kind == EVENT_ENDED;
	json = event_json(&event);
	line =
	    json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(TIME_DIGITS));
	json_decref(json);
	if (!line)
		return true;
	len = strlen(line);
	line[len++] = '\n'; // in place of its NUL
	if (hook->command)
		hook_start(hook, line, len);
	else
		told = print_line(line, len);
	free(line);
	return told;
}

// One command runs at a time, in the order of events; what comes meanwhile waits.
static int
wait_ms(const struct hook *hook)
{
	uint64_t now = control_now_ms();

	if (!hook->pid)
		return -1;
	return hook->due_ms > now ? (int)(hook->due_ms - now) : 0;
}

int
events_run(struct control *control, const char *command)
{
	struct hook hook = {.command = command, .pidfd = -1};
	bool open = true, ended = false;

	for (;;) {
		struct msg msg;

		while (!hook.pid && control_next(control, &msg) == MSG_ONE) {
			if (!tell(&hook, &msg, &ended))
				return EX_OK;
		}
		if (!open && !hook.pid)
			return ended ? EX_OK : EX_UNAVAILABLE;

		struct pollfd fds[] = {
		    {.fd = open && control->in.len < BEHIND_MAX ? control->fd : -1,
			.events = POLLIN},
		    {.fd = hook.pid ? hook.pidfd : -1, .events = POLLIN},
		};
		int ready = poll(fds, 2, wait_ms(&hook));

		if (hook.pid && (ready == 0 || hook.pidfd < 0 || fds[1].revents))
			hook_end(&hook, ready == 0);
		if (ready > 0 && fds[0].revents)
			open = control_fill(control);
	}
}

int
cmd_events(int argc, char **argv)
{
	static const struct option options[] = {{"exec", required_argument, NULL, 'e'}, {0}};
	const char *command = NULL;
	char why[SESSION_WHY];
	struct session session;
	struct control control = {.fd = -1};
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'e')
			return option_bad("events", option, argv);
		command = optarg;
	}
	if (argc - optind > 1)
		return fail(EX_USAGE, "events takes one session's name");
	status = session_find_own(argv[optind], &session, why);
	if (status == EX_OK)
		status = events_open(&session, &control, why);
	if (status != EX_OK)
		return fail(status, why);
	status = events_run(&control, command);
	control_close(&control);
	return status == EX_OK ? EX_OK : fail(status, "the session has let go of this listener");
}
