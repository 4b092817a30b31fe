// SPDX-License-Identifier: ISC
// Talking to a keeper; and the commands that need no more than that: list, stop.
#include "server/base/control.h"

#include "server/base/fdpass.h"
#include "server/base/option.h"
#include "server/base/viewproto.h"
#include "server/commands.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 10000 // a session ends within the keeper's grace time and its goodbye
#define AGAIN_MS 20   // until a process that went while it was asked is asked again

uint64_t
control_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// ---- messages ------------------------------------------------------------------------------------

void
control_adopt(struct control *control, int fd)
{
	*control = (struct control){.fd = fd};
}

void
control_close(struct control *control)
{
	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
	buf_fini(&control->in);
	control->used = 0;
}

// Waits for `events`. False when the time is up.
static bool
wait_for(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	for (;;) {
		uint64_t now = control_now_ms();

		if (poll(&poll_fd, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0) > 0)
			return true;
		if (control_now_ms() >= deadline_ms)
			return false;
	}
}

bool
control_send(struct control *control, uint8_t type, const struct buf *payload, int pass,
    uint64_t deadline_ms)
{
	struct buf out = {0};
	size_t done = 0;
	bool sent_all;

	msg_put(&out, type, payload ? payload->data : NULL, payload ? payload->len : 0);
	while (done < out.len) {
		ssize_t sent = fdpass_send(
		    control->fd, out.data + done, out.len - done, &pass, pass >= 0 ? 1 : 0);

		if (sent > 0) {
			done += (size_t)sent;
			pass = -1;
		} else if (sent == 0 || (errno != EAGAIN && errno != EINTR) ||
			   !wait_for(control->fd, POLLOUT, deadline_ms)) {
			break;
		}
	}
	sent_all = done == out.len;
	buf_fini(&out);
	return sent_all;
}

int
control_open(struct control *control, const char *path)
{
	struct buf hello = {0};
	int fd = session_connect(path);
	bool sent;

	if (fd < 0)
		return -1;
	control_adopt(control, fd);
	buf_put(&hello, PROTO_MAGIC, strlen(PROTO_MAGIC));
	buf_put_varint(&hello, PROTO_VERSION);
	sent =
	    control_send(control, CONTROL_HELLO, &hello, -1, control_now_ms() + CONTROL_ANSWER_MS);
	buf_fini(&hello);
	if (sent)
		return 0;
	control_close(control);
	errno = EAGAIN;
	return -1;
}

bool
control_fill(struct control *control)
{
	size_t room = 256u << 10;
	ssize_t len;

	buf_take(&control->in, control->used);
	control->used = 0;
	do {
		len = recv(control->fd, buf_reserve(&control->in, room), room, MSG_DONTWAIT);
	} while (len < 0 && errno == EINTR);
	if (len > 0)
		control->in.len += (size_t)len;
	return len > 0 || (len < 0 && errno == EAGAIN);
}

enum msg_status
control_next(struct control *control, struct msg *msg)
{
	return msg_get(&control->in, &control->used, MSG_MAX, msg);
}

static int
read_error(const struct msg *msg, char why[SESSION_WHY])
{
	struct reader reader = msg_reader(msg);
	uint32_t status = reader_bounded(&reader, 255);
	size_t len = 0;
	const uint8_t *text = reader_bytes(&reader, &len, LIMIT_TEXT);

	if (reader.bad)
		return EX_PROTOCOL;
	snprintf(why, SESSION_WHY, "%.*s", (int)len, (const char *)text);
	return (int)status;
}

int
control_wait(struct control *control, uint64_t deadline_ms, struct msg *msg, char why[SESSION_WHY])
{
	for (;;) {
		enum msg_status status = control_next(control, msg);

		if (status == MSG_ONE)
			return msg->type == CONTROL_ERROR ? read_error(msg, why) : EX_OK;
		if (status == MSG_BAD) {
			snprintf(why, SESSION_WHY, "the session's keeper speaks another protocol");
			return EX_PROTOCOL;
		}
		if (!wait_for(control->fd, POLLIN, deadline_ms)) {
			snprintf(why, SESSION_WHY, "the session's keeper does not answer");
			return EX_TEMPFAIL;
		}
		if (!control_fill(control)) {
			snprintf(why, SESSION_WHY, "the session has ended");
			return EX_UNAVAILABLE;
		}
	}
}

static void
read_string(struct reader *reader, char *out, size_t size)
{
	size_t len = 0;
	const uint8_t *text = reader_bytes(reader, &len, size - 1);

	if (text)
		memcpy(out, text, len);
	out[text ? len : 0] = 0;
	for (char *c = out; *c && !view_text_clean(out, strlen(out)); c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?'; // for a terminal, and for JSON
	}
}

static bool
read_info(const struct msg *msg, struct control_info *info)
{
	struct reader reader = msg_reader(msg);

	read_string(&reader, info->name, sizeof(info->name));
	info->keeper = (pid_t)reader_bounded(&reader, INT32_MAX);
	info->child = (pid_t)reader_bounded(&reader, INT32_MAX);
	info->start = (int64_t)reader_varint(&reader);
	info->rows = (uint16_t)reader_bounded(&reader, UINT16_MAX);
	info->cols = (uint16_t)reader_bounded(&reader, UINT16_MAX);
	info->attached = reader_bounded(&reader, 1);
	info->viewers = reader_bounded(&reader, UINT32_MAX);
	read_string(&reader, info->command, sizeof(info->command));
	return !reader.bad && msg->type == CONTROL_INFO_IS;
}

// EX_NOHOST: nobody listens. EX_UNAVAILABLE: who listened has gone, or has no room for us now.
static int
ask_info_once(
    const char *path, uint64_t deadline_ms, struct control_info *info, char why[SESSION_WHY])
{
	struct control control;
	struct msg msg;
	int status;

	if (control_open(&control, path) < 0) {
		bool gone = errno == ECONNREFUSED || errno == ENOENT;

		snprintf(why, SESSION_WHY, "%s",
		    gone ? "the session has ended" : "the session's keeper does not answer");
		return gone ? EX_NOHOST : errno == EAGAIN ? EX_UNAVAILABLE : EX_TEMPFAIL;
	}
	control_send(&control, CONTROL_INFO, NULL, -1, deadline_ms);
	status = control_wait(&control, deadline_ms, &msg, why);
	if (status == EX_OK && !read_info(&msg, info)) {
		snprintf(why, SESSION_WHY, "the session's keeper speaks another protocol");
		status = EX_PROTOCOL;
	}
	control_close(&control);
	return status;
}

// A session that ends closes its socket first, with us in the backlog; one that is published has
// another process there soon.
int
control_ask_info(const char *path, struct control_info *info, char why[SESSION_WHY])
{
	uint64_t deadline_ms = control_now_ms() + CONTROL_ANSWER_MS;
	int status;

	*info = (struct control_info){0};
	while ((status = ask_info_once(path, deadline_ms, info, why)) == EX_UNAVAILABLE) {
		if (control_now_ms() >= deadline_ms) {
			snprintf(why, SESSION_WHY, "the session's keeper does not answer");
			return EX_TEMPFAIL;
		}
		poll(NULL, 0, AGAIN_MS);
	}
	if (status == EX_OK)
		*why = 0;
	return status;
}

// ---- mirrord list --------------------------------------------------------------------------------

static void
format_time(int64_t when, char *out, size_t size)
{
	time_t seconds = (time_t)when;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(out, size, "%b %e %H:%M", &tm))
		snprintf(out, size, "?");
}

static void
print_info(const struct session *session, const struct control_info *info, const char *why)
{
	char since[32];

	if (*why) {
		printf("%-16s %s (%s)\n", session->name, why, session->control);
		return;
	}
	format_time(info->start, since, sizeof(since));
	printf("%-12s %7d %4ux%-4u %-8s %2u viewer%s %s  %s\n", session->name, (int)info->keeper,
	    (unsigned)info->cols, (unsigned)info->rows, info->attached ? "attached" : "detached",
	    (unsigned)info->viewers, info->viewers == 1 ? " " : "s", since, info->command);
}

static json_t *
json_info(const struct session *session, const struct control_info *info, const char *why)
{
	if (*why)
		return json_pack("{s:s, s:s, s:s}", "name", session->name, "control",
		    session->control, "error", why);
	return json_pack("{s:s, s:i, s:i, s:s, s:i, s:i, s:b, s:i, s:I, s:s}", "name",
	    session->name, "keeper", (int)info->keeper, "child", (int)info->child, "command",
	    info->command, "cols", (int)info->cols, "rows", (int)info->rows, "attached",
	    (int)info->attached, "viewers", (int)info->viewers, "since", (json_int_t)info->start,
	    "directory", session->dir);
}

static int
list_sessions(bool as_json)
{
	char why[SESSION_WHY], unsafe[SESSION_WHY];
	json_t *array = json_array();
	size_t count, shown = 0;
	struct session *list = session_list(SESSION_OWN, &count, unsafe);

	for (size_t i = 0; i < count; i++) {
		struct control_info info;

		*why = 0;
		if (control_ask_info(list[i].control, &info, why) == EX_NOHOST)
			continue; // left behind by one that was killed
		shown++;
		if (as_json)
			json_array_append_new(array, json_info(&list[i], &info, why));
		else
			print_info(&list[i], &info, why);
	}
	if (as_json) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!shown) {
		fprintf(stderr, MIRRORD_NAME ": you have no session running\n");
	}
	if (*unsafe)
		fprintf(stderr, MIRRORD_NAME ": %s\n", unsafe);
	json_decref(array);
	free(list);
	return EX_OK;
}

int
cmd_list(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	bool as_json = false;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != 'j')
			return option_bad("list", option, argv);
		as_json = true;
	}
	if (optind < argc) {
		fprintf(stderr, MIRRORD_NAME ": list takes no names\n");
		return EX_USAGE;
	}
	return list_sessions(as_json);
}

// ---- mirrord stop --------------------------------------------------------------------------------

static int
stop_session(const struct session *session, char why[SESSION_WHY])
{
	uint64_t deadline_ms = control_now_ms() + STOP_MS;
	struct control control;
	struct msg msg;
	int status;

	if (control_open(&control, session->control) < 0) {
		snprintf(why, SESSION_WHY, "session \"%s\": %s", session->name, strerror(errno));
		return EX_UNAVAILABLE;
	}
	control_send(&control, CONTROL_STOP, NULL, -1, deadline_ms);
	status = control_wait(&control, control_now_ms() + CONTROL_ANSWER_MS, &msg, why);
	while (status == EX_OK)
		status = control_wait(&control, deadline_ms, &msg, why);
	control_close(&control);
	return status == EX_UNAVAILABLE ? EX_OK
					: status; // the end of the session ends the connection
}

int
cmd_stop(int argc, char **argv)
{
	char why[SESSION_WHY] = "usage: " MIRRORD_NAME " stop [NAME]";
	struct session session;
	int status = EX_USAGE;

	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		argc--;
		argv++;
	}
	if (argc <= 2 && (argc < 2 || argv[1][0] != '-'))
		status = session_find(argc > 1 ? argv[1] : NULL, SESSION_OWN, &session, why);
	if (status == EX_OK)
		status = stop_session(&session, why);
	if (status != EX_OK)
		fprintf(stderr, MIRRORD_NAME ": %s\n", why);
	return status;
}
