// SPDX-License-Identifier: ISC
// Starts a publisher in the background, and waits until the relay has taken the session: until then
// ssh may ask on the terminal, and what it says is printed here.
#include "server/relay/publish_parts.h"

#include "server/base/control.h"
#include "server/base/daemon.h"
#include "server/setup/invite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_BYTES 4096 // of the reports, at once
#define DEATHS_MAX 5    // of the process that publishes,
#define DEATHS_MS 60000 // within so long: then it is given up

void
publish_report(struct publish *publish, uint8_t type, const void *data, size_t len)
{
	struct buf out = {0};

	if (publish->report_fd < 0)
		return;
	msg_put(&out, type, data, len);
	if (send(publish->report_fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		publish->over = !publish->published;
	buf_fini(&out);
}

void
publish_opened(struct publish *publish, const struct way *way)
{
	char text[LIMIT_NAME + LIMIT_TEXT + 2];
	char *invite = publish->stay->invite;

	invite_address(publish->options->relay, &way->link.invite, invite);
	memcpy(publish->up.hello.from, invite, sizeof(publish->up.hello.from));
	snprintf(text, sizeof(text), "%s\n%s", way->link.name, invite);
	publish_report(publish, REPORT_OPEN, text, strlen(text));
}

// For good, and before there was anything to see.
void
publish_fail(struct publish *publish, int status, const char *text)
{
	struct buf out = {0};

	buf_put_varint(&out, (uint64_t)status);
	buf_put_bytes(&out, text, strlen(text));
	publish_report(publish, REPORT_FAILED, out.data, out.len);
	buf_fini(&out);
	publish_stop(publish);
}

static _Noreturn void
at_work(const struct publish_options *options, const struct dialer *dialer, int report_fd,
    struct publish_stay *stay)
{
	static struct publish publish; // for the leak checker; nothing else names it

	prctl(PR_SET_NAME, MIRRORD_NAME "-publish");
	publish.options = options;
	publish.dialer = *dialer;
	publish.report_fd = report_fd;
	publish.stay = stay;
	publish.published = stay->going;
	if (!publish_prepare(&publish))
		_exit(EX_OSERR);
	publish_run(&publish);
	dialer_stop(&publish.dialer);
	_exit(publish.broken ? EX_OSERR : EX_OK);
}

// Waits for the end of one process. Whether another one is to go on with its work.
static bool
is_cut_short(pid_t pid, const struct publish_stay *stay)
{
	int status = 0;
	pid_t ended;

	do { // dialers are our children too
		ended = waitpid(-1, &status, 0);
	} while (ended != pid && (ended > 0 || errno == EINTR));
	return ended == pid && stay->going && !(WIFEXITED(status) && WEXITSTATUS(status) == EX_OK);
}

// Has another process publish when one is killed, with another dialer. Looks at nothing that comes from
// anywhere.
static _Noreturn void
stand_by(const struct publish_options *options, const struct dialer *first, int report_fd)
{
	struct publish_stay *stay =
	    mmap(NULL, sizeof(*stay), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct dialer dialer = *first;
	uint64_t first_ms = 0;
	unsigned deaths = 0;
	pid_t pid;

	daemon_begin(MIRRORD_NAME "-standby", report_fd, dialer.fd);
	if (stay == MAP_FAILED)
		_exit(EX_OSERR);
	for (;;) {
		pid = fork();
		if (pid == 0)
			at_work(options, &dialer, report_fd, stay);
		dialer_stop(&dialer); // it ends with the process that it dials for
		if (report_fd >= 0)
			close(report_fd);
		report_fd = -1;
		if (pid < 0 || !is_cut_short(pid, stay))
			break;
		if (!deaths || control_now_ms() - first_ms > DEATHS_MS) {
			first_ms = control_now_ms();
			deaths = 0;
		}
		if (++deaths == DEATHS_MAX ||
		    !dialer_start(&dialer, options->again, options->again, options->aside))
			break;
	}
	_exit(EX_OK);
}

// A name, and how guests come there, on a line each.
static void
take_opened(struct publishing *publishing, const struct msg *msg)
{
	const char *text = (const char *)msg->data, *end = memchr(text, '\n', msg->len);
	size_t len = end ? (size_t)(end - text) : msg->len;

	snprintf(publishing->name, sizeof(publishing->name), "%.*s", (int)len, text);
	if (end)
		snprintf(publishing->invite, sizeof(publishing->invite), "%.*s",
		    (int)(msg->len - len - 1), end + 1);
}

// Prints what ssh says until there is a result.
static int
wait_for_result(struct publishing *publishing, char text[LIMIT_TEXT + 1])
{
	struct buf in = {0};
	struct view_bye bye = {.status = EX_OSERR, .text = "the process that publishes is gone"};
	int status = -1;

	while (status < 0) {
		ssize_t got = recv(publishing->fd, buf_reserve(&in, READ_BYTES), READ_BYTES, 0);
		size_t used = 0;
		struct msg msg;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		in.len += (size_t)got;
		while (status < 0 && msg_get(&in, &used, READ_BYTES, &msg) == MSG_ONE) {
			if (msg.type == REPORT_LINE)
				fprintf(stderr, "%.*s\n", (int)msg.len, (const char *)msg.data);
			else if (msg.type == REPORT_OPEN)
				status = EX_OK;
			else if (view_bye_get(&msg, &bye))
				status = bye.status;
			if (msg.type == REPORT_OPEN)
				take_opened(publishing, &msg);
		}
		buf_take(&in, used);
	}
	buf_fini(&in);
	memcpy(text, bye.text, sizeof(bye.text));
	return status < 0 ? bye.status : status;
}

int
publish_start(
    const struct publish_options *options, struct publishing *publishing, char text[LIMIT_TEXT + 1])
{
	struct dialer dialer;
	int pair[2], status;
	pid_t pid;

	*publishing = (struct publishing){.fd = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    !dialer_start(&dialer, options->first, options->again, options->aside) ||
	    (pid = fork()) < 0) {
		snprintf(text, LIMIT_TEXT + 1, "cannot start publishing: %s", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0)
		stand_by(options, &dialer, pair[1]);
	close(pair[1]);
	dialer_stop(&dialer);
	publishing->fd = pair[0];
	status = wait_for_result(publishing, text);
	if (status != EX_OK)
		publish_abort(publishing);
	return status;
}

void
publish_go(struct publishing *publishing)
{
	struct buf go = {0};

	msg_put(&go, REPORT_GO, NULL, 0);
	if (send(publishing->fd, go.data, go.len, MSG_NOSIGNAL) < 0)
		errno = 0; // it ended meanwhile, and the relay knows
	buf_fini(&go);
	publish_abort(publishing);
}

void
publish_abort(struct publishing *publishing)
{
	if (publishing->fd >= 0)
		close(publishing->fd);
	publishing->fd = -1;
}
