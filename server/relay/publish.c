// SPDX-License-Identifier: ISC
// Starts a publisher in the background, and waits until the relay has taken the session: until then
// ssh may ask on the terminal, and what it says is printed here.
#include "server/relay/publish_parts.h"

#include "server/base/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_BYTES 4096 // of the reports, at once

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
in_background(const struct publish_options *options, const struct dialer *dialer, int report_fd)
{
	static struct publish publish; // for the leak checker; nothing else names it

	daemon_begin(MIRRORD_NAME "-publish", report_fd, dialer->fd);
	publish.options = options;
	publish.dialer = *dialer;
	publish.report_fd = report_fd;
	if (!publish_prepare(&publish))
		_exit(EX_OSERR);
	publish_run(&publish);
	dialer_stop(&publish.dialer);
	_exit(EX_OK);
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
				snprintf(publishing->name, sizeof(publishing->name), "%.*s",
				    (int)msg.len, (const char *)msg.data);
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
	    !dialer_start(&dialer, options->first, options->again) || (pid = fork()) < 0) {
		snprintf(text, LIMIT_TEXT + 1, "cannot start publishing: %s", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0)
		in_background(options, &dialer, pair[1]);
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
