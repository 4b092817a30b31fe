// SPDX-License-Identifier: ISC
// `mirrord attach`: takes a session back as its host. docs/architecture.md, "Attach".
//
// The keeper holds the stream still while this asks the mirror for its model at that very place, and
// brings the terminal to where the program left its own (vt/resume.c); then the stream flows on. No
// byte of the mirror's reaches the terminal as it is.
#include "server/base/caps.h"
#include "server/base/option.h"
#include "server/base/tty.h"
#include "server/base/viewclient.h"
#include "server/commands.h"
#include "server/host/front.h"
#include "vt/resume.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PAUSE_MS 12000          // the keeper gives a mirror 5 s to catch up
#define VIEW_MS 3000            // for the picture: then we go on without
#define PARTIAL_MAX (32u << 10) // bytes of an unfinished sequence that the keeper still has
#define PAINT_MS 5000           // for the terminal to take the picture

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

// ---- the picture ---------------------------------------------------------------------------------

// Fetches the state of the program's terminal. NULL without a mirror that answers.
static struct model *
fetch(const struct session *session, const struct front *front)
{
	struct viewclient client = {.fd = -1};
	struct model *model = NULL;
	struct view_hello hello;
	struct view_bye bye;
	struct msg msg;

	viewclient_hello(&hello, VIEW_ROLE_QUERY, front->rows, front->cols);
	if (!viewclient_open(&client, session->view, &hello, VIEW_MS, &bye))
		return NULL;
	if (viewclient_wait(&client, VIEW_DUMP, VIEW_DUMP_IS, VIEW_MS, &msg, &bye))
		model = model_restore(msg.data, msg.len, NULL);
	viewclient_close(&client);
	return model;
}

static void
put_picture(struct model *model, struct buf *out)
{
	struct ansi_caps caps = caps_from_environment();

	model_resume(model, &caps, out);
}

static bool
write_picture(int fd, const struct buf *out)
{
	for (size_t done = 0; done < out->len;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
		size_t part = out->len - done < 4096 ? out->len - done : 4096;
		ssize_t written;

		if (poll(&poll_fd, 1, PAINT_MS) <= 0 || !(poll_fd.revents & POLLOUT))
			return false;
		written = write(fd, out->data + done, part);
		if (written < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		done += written > 0 ? (size_t)written : 0;
	}
	return true;
}

// Paints, and says how many bytes of an unfinished sequence the keeper shall send again.
static bool
paint(const struct session *session, struct front *front, uint32_t *again, bool *shown)
{
	struct model *model = fetch(session, front);
	struct buf out = {0};
	bool painted = true;

	*again = 0;
	*shown = model != NULL;
	if (!model)
		return true;
	if (tty_understands()) {
		put_picture(model, &out);
		painted = write_picture(front->tty, &out);
	}
	// More (an image) is not there to be sent again. Opening a string for its rest to vanish in
	// would make the terminal deaf on the mirror's word alone: the program paints again instead.
	if (model_partial(model) <= PARTIAL_MAX)
		*again = (uint32_t)model_partial(model);
	else
		*shown = false;
	model_free(model);
	buf_fini(&out);
	return painted;
}

// ---- the keeper ----------------------------------------------------------------------------------

static bool
send_numbers(struct front *front, uint8_t type, const uint32_t *numbers, size_t count)
{
	struct buf payload = {0};
	bool sent;

	for (size_t i = 0; i < count; i++)
		buf_put_varint(&payload, numbers[i]);
	sent =
	    control_send(&front->control, type, &payload, -1, control_now_ms() + CONTROL_ANSWER_MS);
	buf_fini(&payload);
	return sent;
}

// The terminal goes along, so that the keeper can put it back if this process is killed.
static bool
send_attach(struct front *front)
{
	struct buf payload = {0};
	bool sent;

	buf_put_varint(&payload, front->rows);
	buf_put_varint(&payload, front->cols);
	buf_put(&payload, &front->saved, sizeof(front->saved));
	sent = control_send(&front->control, CONTROL_ATTACH, &payload, front->tty,
	    control_now_ms() + CONTROL_ANSWER_MS);
	buf_fini(&payload);
	return sent;
}

// The stream stands still: paint, and let it flow.
static int
resume(const struct session *session, struct front *front, char why[SESSION_WHY])
{
	const uint32_t size[] = {front->rows, front->cols};
	uint32_t again;
	bool shown;
	int status = EX_OK;

	front_enter(front, true);
	if (!paint(session, front, &again, &shown)) {
		snprintf(why, SESSION_WHY, "the terminal does not take what is painted on it");
		status = EX_IOERR;
	} else if (!send_numbers(front, CONTROL_READY, &again, 1) ||
		   (!shown && !send_numbers(front, CONTROL_RESIZE, size, 2))) {
		snprintf(
		    why, SESSION_WHY, "the session has ended"); // the same size: paint yourself
		status = EX_UNAVAILABLE;
	}
	if (status != EX_OK)
		front_leave(front, true);
	return status;
}

static int
take_session(const struct session *session, struct front *front, char why[SESSION_WHY])
{
	uint64_t deadline_ms = control_now_ms() + PAUSE_MS;
	struct msg msg;
	int status;

	if (control_open(&front->control, session->control) < 0) {
		snprintf(why, SESSION_WHY, "session \"%s\": %s", session->name, strerror(errno));
		return EX_UNAVAILABLE;
	}
	if (!send_attach(front)) {
		snprintf(why, SESSION_WHY, "session \"%s\" does not answer", session->name);
		return EX_TEMPFAIL;
	}
	do {
		status = control_wait(&front->control, deadline_ms, &msg, why);
	} while (status == EX_OK && msg.type != CONTROL_PAUSED);
	if (status != EX_OK)
		return status;
	return resume(session, front, why);
}

// ---- the command ---------------------------------------------------------------------------------

static int
parse_options(int argc, char **argv, const char **key, const char **notify, const char **name)
{
	enum { KEY = 256, NOTIFY };
	static const struct option options[] = {{"detach-key", required_argument, NULL, KEY},
	    {"notify", required_argument, NULL, NOTIFY}, {0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option != KEY && option != NOTIFY)
			return option_bad("attach", option, argv);
		*(option == KEY ? key : notify) = optarg;
	}
	if (optind + 1 < argc)
		return fail(EX_USAGE,
		    "usage: " MIRRORD_NAME " attach [--detach-key=KEY] [--notify=WAY] [NAME]");
	*name = optind < argc ? argv[optind] : NULL;
	return EX_OK;
}

static int
attach(const char *key, const char *notify, const char *name)
{
	char why[SESSION_WHY], what[SESSION_WHY];
	struct session session;
	struct front front;
	int status = session_find(name, SESSION_OWN, &session, why);

	if (status != EX_OK)
		return fail(status, why);
	status = front_init(&front, key, why);
	if (status == EX_OK && !front_notify(&front, notify, why))
		status = EX_USAGE;
	if (status == EX_OK)
		status = take_session(&session, &front, why);
	if (status != EX_OK) {
		front_fini(&front);
		return fail(status, why);
	}
	status = front_run(&front, session.name, what);
	front_fini(&front);
	if (*what)
		fprintf(stderr, MIRRORD_NAME ": %s\n", what);
	return status;
}

int
cmd_attach(int argc, char **argv)
{
	const char *key = NULL, *notify = NULL, *name = NULL, *outer = getenv("MIRRORD_SESSION");
	int status = parse_options(argc, argv, &key, &notify, &name);

	if (status != EX_OK)
		return status;
	if (outer && *outer) {
		fprintf(stderr,
		    MIRRORD_NAME
		    ": this is inside the session \"%.64s\" already: sessions do not nest. "
		    "Attach from another terminal\n",
		    outer);
		return EX_USAGE;
	}
	return attach(key, notify, name);
}
