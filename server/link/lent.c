// SPDX-License-Identifier: ISC
// The far end of a watcher's key line. It decides nothing: without a grant there is no socket to connect
// to, and who shows the wrong token there is let go.
#include "server/link/lent.h"

#include "server/base/control.h"
#include "server/base/keyboard.h"
#include "server/base/sandbox.h"
#include "server/base/session.h"
#include "server/base/ssh.h"
#include "server/link/linkproto.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_BYTES 4096

bool
lent_wanted(void)
{
	const char *command = getenv("SSH_ORIGINAL_COMMAND"); // raw from the guest

	return ssh_asks_for(command, KEYLINE_COMMAND);
}

static bool
is_over(ssize_t moved)
{
	return moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR);
}

// Writes what standard output takes. False: nobody is there.
static bool
write_out(struct lent *lent)
{
	while (lent->out.len) {
		ssize_t wrote = write(STDOUT_FILENO, lent->out.data, lent->out.len);

		if (wrote < 0)
			return !is_over(wrote);
		buf_take(&lent->out, (size_t)wrote);
	}
	return true;
}

// The same for the keyboard's socket, to which a session that reads slowly may be slow.
static bool
write_typed(struct lent *lent)
{
	while (lent->typed.len) {
		ssize_t sent = send(
		    lent->keyboard, lent->typed.data, lent->typed.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return !is_over(sent);
		buf_take(&lent->typed, (size_t)sent);
	}
	return true;
}

static bool
read_in(struct lent *lent)
{
	uint8_t data[READ_BYTES];
	ssize_t got = read(STDIN_FILENO, data, sizeof(data));

	if (got > 0)
		keygiver_feed(&lent->giver, data, (size_t)got);
	return !is_over(got);
}

// ---- the claim -------------------------------------------------------------------------------------

bool
lent_greet(struct lent *lent, struct keyline_claim *claim)
{
	uint64_t deadline_ms = control_now_ms() + LIMIT_LINK_HELLO_MS, now;
	enum keygiver_event event;
	int nonblocking = 1;
	struct msg msg;

	*lent = (struct lent){.keyboard = -1};
	ioctl(STDIN_FILENO, FIONBIO, &nonblocking);
	ioctl(STDOUT_FILENO, FIONBIO, &nonblocking);
	signal(SIGPIPE, SIG_IGN);
	link_welcome_put(&lent->out);
	while ((event = keygiver_next(&lent->giver, 0, &msg, &lent->typed, &lent->out)) ==
	       KEYGIVER_NONE) {
		struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		    {.fd = lent->out.len ? STDOUT_FILENO : -1, .events = POLLOUT}};

		now = control_now_ms();
		if (now >= deadline_ms || poll(fds, 2, (int)(deadline_ms - now)) < 0 ||
		    (fds[0].revents && !read_in(lent)) || !write_out(lent))
			return false;
	}
	return event == KEYGIVER_MSG && keyline_claim_get(&msg, claim);
}

// ---- at work ---------------------------------------------------------------------------------------

static bool
take_typed(struct lent *lent)
{
	struct msg msg;

	for (;;) {
		switch (
		    keygiver_next(&lent->giver, control_now_ms(), &msg, &lent->typed, &lent->out)) {
		case KEYGIVER_NONE: return true;
		case KEYGIVER_TYPED: break;
		default: return false;
		}
	}
}

// Until one of both ends closes: the keeper says nothing, so what can be read from it is its end. What it
// does not take is not read from the watcher either, and is too old later.
static void
serve(struct lent *lent)
{
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = lent->typed.len ? -1 : STDIN_FILENO, .events = POLLIN},
		    {.fd = lent->keyboard,
			.events = (short)(POLLIN | (lent->typed.len ? POLLOUT : 0))},
		    {.fd = lent->out.len ? STDOUT_FILENO : -1, .events = POLLOUT}};

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return;
		if ((fds[1].revents & ~POLLOUT) || (fds[0].revents && !read_in(lent)) ||
		    !take_typed(lent) || !write_typed(lent) || !write_out(lent))
			return;
	}
}

int
lent_run(struct lent *lent, const char *path, const struct keyline_claim *claim)
{
	struct sandbox_state sandbox;
	int status = EX_OK;

	// The token follows the connection at once: until it is shown the next to come takes its place.
	if (!sandbox_enter(SANDBOX_VIEW, &sandbox)) {
		status = EX_OSERR;
	} else if ((lent->keyboard = session_connect(path)) < 0) {
		fprintf(stderr, MIRRORD_NAME ": the keyboard is lent to nobody there\n");
		status = EX_NOPERM;
	} else {
		keyboard_hello_put(&lent->typed, claim->token);
		keygiver_start(&lent->giver, control_now_ms(), &lent->out);
		if (take_typed(lent) && write_typed(lent) && write_out(lent))
			serve(lent);
	}
	if (lent->keyboard >= 0)
		close(lent->keyboard);
	keygiver_fini(&lent->giver);
	buf_fini(&lent->typed);
	buf_fini(&lent->out);
	return status;
}
