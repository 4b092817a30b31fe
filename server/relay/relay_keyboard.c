// SPDX-License-Identifier: ISC
// `mirrord relay --keyboard`: the relay's end of a publisher's key line. Has the process that serves the
// session lend the keyboard to one of its guests, and carries what that guest types. For the guest's
// `view` it stands where a session's keeper does: it makes the socket, and a token of its own.
//
//   sshd --- child (locked down) --- NAME.keyboard --- view
//            parent waits, and takes the socket's name away
#include "server/relay/relay.h"

#include "server/base/control.h"
#include "server/base/keyboard.h"
#include "server/base/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <uv.h>

#define READ_BYTES 4096
#define WAITING_MAX (64u << 10) // typed, and not taken by the link: then nothing more is read

struct lender {
	uv_loop_t loop;
	uv_poll_t in, out, listener, control;
	uv_poll_t *guest; // NULL: nobody is there
	uv_timer_t unused;
	int listener_fd, guest_fd, control_fd;
	uid_t host;
	gid_t guests;
	uint8_t token[GRANT_TOKEN];
	bool proven; // the guest has shown it
	struct keytyper typer;
	struct buf from_host, from_guest; // owned, but for
	size_t host_used, guest_used;
	struct buf to_host; // owned
};

static uint64_t
now_ms(void)
{
	return uv_hrtime() / 1000000;
}

// Everything ends with it: there is one grant, and one guest.
static void
end(struct lender *lender)
{
	uv_stop(&lender->loop);
}

static bool
is_over(ssize_t moved)
{
	return moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR);
}

// ---- to the host -----------------------------------------------------------------------------------

static void on_out(uv_poll_t *poll, int status, int events);
static void on_guest(uv_poll_t *poll, int status, int events);

static void
flush(struct lender *lender)
{
	while (lender->to_host.len) {
		ssize_t wrote = write(STDOUT_FILENO, lender->to_host.data, lender->to_host.len);

		if (wrote < 0 && is_over(wrote))
			end(lender);
		if (wrote < 0)
			break;
		buf_take(&lender->to_host, (size_t)wrote);
	}
	if (lender->to_host.len)
		uv_poll_start(&lender->out, UV_WRITABLE, on_out);
	else
		uv_poll_stop(&lender->out);
	if (lender->guest)
		uv_poll_start(lender->guest,
		    lender->to_host.len > WAITING_MAX ? UV_DISCONNECT : UV_READABLE, on_guest);
}

static void
on_out(uv_poll_t *poll, int status, int events)
{
	(void)events;
	if (status < 0)
		end(poll->data);
	flush(poll->data);
}

// ---- from the guest --------------------------------------------------------------------------------

static void
on_guest_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
drop_guest(struct lender *lender)
{
	if (lender->guest) {
		uv_close((uv_handle_t *)lender->guest, on_guest_closed);
		close(lender->guest_fd);
	}
	lender->guest = NULL;
	lender->from_guest.len = lender->guest_used = 0;
}

static bool
take_typed(struct lender *lender, const struct msg *msg)
{
	if (lender->proven && msg->type == KEYBOARD_INPUT) {
		keytyper_put(&lender->typer, now_ms(), msg->data, msg->len, &lender->to_host);
		return true;
	}
	if (lender->proven || !keyboard_hello_is(msg, lender->token))
		return false;
	lender->proven = true;
	uv_poll_stop(&lender->listener); // nobody else
	close(lender->listener_fd);
	uv_timer_stop(&lender->unused);
	msg_put(&lender->to_host, KEYLINE_TAKEN, NULL, 0);
	return true;
}

static bool
read_guest(struct lender *lender)
{
	uint8_t data[READ_BYTES];
	ssize_t got = recv(lender->guest_fd, data, sizeof(data), MSG_DONTWAIT);
	enum msg_status status;
	struct msg msg;

	if (got <= 0)
		return !is_over(got);
	buf_put(&lender->from_guest, data, (size_t)got);
	while ((status = msg_get(&lender->from_guest, &lender->guest_used, LIMIT_KEYBOARD_BYTES,
		    &msg)) == MSG_ONE) {
		if (!take_typed(lender, &msg))
			return false;
	}
	buf_take(&lender->from_guest, lender->guest_used);
	lender->guest_used = 0;
	return status != MSG_BAD;
}

// The end of one who has shown nothing is nobody's.
static void
on_guest(uv_poll_t *poll, int status, int events)
{
	struct lender *lender = poll->data;

	if (status < 0 || (events & UV_DISCONNECT) || !read_guest(lender)) {
		if (lender->proven)
			end(lender);
		drop_guest(lender);
	}
	flush(lender);
}

// One at a time; who has not shown the token makes room for the next.
static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct lender *lender = poll->data;
	int fd = accept4(lender->listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uv_poll_t *guest;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	guest =
	    keyboard_may_come(fd, lender->host, lender->guests) ? calloc(1, sizeof(*guest)) : NULL;
	if (!guest || uv_poll_init(&lender->loop, guest, fd) != 0) {
		free(guest);
		close(fd);
		return;
	}
	drop_guest(lender);
	guest->data = lender;
	lender->guest = guest;
	lender->guest_fd = fd;
	flush(lender);
}

// ---- from the host ---------------------------------------------------------------------------------

static bool
tell_server(struct lender *lender, const struct input_modes *modes)
{
	struct buf out = {0};
	size_t begin = msg_begin(&out, CONTROL_MODES);
	bool sent;

	view_modes_put(&out, modes);
	msg_end(&out, begin);
	sent = send(lender->control_fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)out.len; // far smaller than a socket's buffer
	buf_fini(&out);
	return sent;
}

// Until the first beat nothing could be typed.
static bool
take_host(struct lender *lender)
{
	enum msg_status status;
	struct input_modes modes;
	struct msg msg;

	while ((status = msg_get(&lender->from_host, &lender->host_used, LIMIT_PUBLISH_BYTES,
		    &msg)) == MSG_ONE) {
		bool first = !lender->typer.beat;

		if (keyline_modes_get(&msg, &modes)
			? !tell_server(lender, &modes)
			: !keytyper_beat(&lender->typer, &msg, now_ms()))
			return false;
		if (first && lender->typer.beat)
			uv_poll_start(&lender->listener, UV_READABLE, on_listener);
	}
	buf_take(&lender->from_host, lender->host_used);
	lender->host_used = 0;
	return status != MSG_BAD;
}

static void
on_in(uv_poll_t *poll, int status, int events)
{
	struct lender *lender = poll->data;
	uint8_t data[READ_BYTES];
	ssize_t got = status < 0 ? 0 : read(STDIN_FILENO, data, sizeof(data));

	(void)events;
	if (got > 0)
		buf_put(&lender->from_host, data, (size_t)got);
	if (is_over(got) || !take_host(lender))
		end(lender);
}

// The server says nothing more: what can be read there is the end.
static void
on_control(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	end(poll->data);
}

static void
on_unused(uv_timer_t *timer)
{
	end(timer->data);
}

// ---- the child -------------------------------------------------------------------------------------

static bool
start(struct lender *lender)
{
	if (uv_loop_init(&lender->loop) != 0 ||
	    uv_poll_init(&lender->loop, &lender->in, STDIN_FILENO) != 0 ||
	    uv_poll_init(&lender->loop, &lender->out, STDOUT_FILENO) != 0 ||
	    uv_poll_init(&lender->loop, &lender->listener, lender->listener_fd) != 0 ||
	    uv_poll_init(&lender->loop, &lender->control, lender->control_fd) != 0)
		return false;
	uv_timer_init(&lender->loop, &lender->unused);
	lender->in.data = lender->out.data = lender->listener.data = lender->control.data =
	    lender->unused.data = lender;
	uv_poll_start(&lender->in, UV_READABLE, on_in);
	uv_poll_start(&lender->control, UV_READABLE, on_control);
	uv_timer_start(&lender->unused, on_unused, LIMIT_GRANT_MS, 0);
	return true;
}

static _Noreturn void
carry(struct lender *lender)
{
	struct sandbox_state sandbox;

	prctl(PR_SET_PDEATHSIG, SIGKILL); // who takes the socket's name away
	if (!start(lender) || !sandbox_enter(SANDBOX_RELAY, &sandbox))
		_exit(EX_OSERR);
	if (take_host(lender))
		uv_run(&lender->loop, UV_RUN_DEFAULT);
	_exit(EX_OK);
}

// ---- the parent ------------------------------------------------------------------------------------

// Asks the process that serves the session.
static int
ask(struct control *control, const struct lender *lender, const struct keyline_lend *lend,
    char why[SESSION_WHY])
{
	uint64_t deadline_ms = control_now_ms() + CONTROL_ANSWER_MS;
	struct buf payload = {0};
	struct msg msg;
	int status = EX_UNAVAILABLE;

	buf_put(&payload, lend->token, PUBLISH_TOKEN);
	orders_who_put(&payload, &lend->who);
	buf_put(&payload, lender->token, GRANT_TOKEN);
	view_modes_put(&payload, &lend->modes);
	snprintf(why, SESSION_WHY, "the process that serves the session is gone");
	if (control_send(control, CONTROL_LEND, &payload, -1, deadline_ms))
		status = control_wait(control, deadline_ms, &msg, why);
	buf_fini(&payload);
	return status;
}

static ino_t
inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void
on_signal(int number)
{
	(void)number; // waitpid() returns
}

// What would end us must not leave the socket's name there.
static void
catch_signals(void)
{
	const struct sigaction ends = {.sa_handler = on_signal};

	sigaction(SIGTERM, &ends, NULL);
	sigaction(SIGHUP, &ends, NULL);
}

// Not what a newer key line has put in its place meanwhile.
static void
take_away(const struct session *session, ino_t ours)
{
	char why[SESSION_WHY];
	int lock = session_lock(session->dir, why);

	if (ours && inode_of(session->keyboard) == ours)
		unlink(session->keyboard);
	if (lock >= 0)
		close(lock);
}

static bool
listen_there(struct lender *lender, const struct session *session, ino_t *ours)
{
	char why[SESSION_WHY];
	struct stat st;
	mode_t mode = stat(session->view, &st) == 0 ? st.st_mode & 0660 : 0600;
	int lock = session_lock(session->dir, why);

	lender->listener_fd = lock < 0 ? -1 : keyboard_listen(session->keyboard, mode);
	*ours = lender->listener_fd < 0 ? 0 : inode_of(session->keyboard);
	if (lock >= 0)
		close(lock);
	return lender->listener_fd >= 0;
}

static int
wait_for_child(struct lender *lender, char why[SESSION_WHY])
{
	pid_t child = fork();
	int status;

	if (child == 0)
		carry(lender);
	close(lender->listener_fd);
	close(lender->control_fd);
	snprintf(why, SESSION_WHY, "the keyboard is lent no more");
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		kill(child, SIGKILL);
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EX_OSERR;
}

int
relay_lend(const struct session *session, const struct keyline_lend *lend, struct buf *in,
    char why[SESSION_WHY])
{
	static struct lender lender; // for the leak checker; nothing else names it
	struct control control = {.fd = -1};
	int status;
	ino_t ours;

	catch_signals();
	lender.host = getuid();
	lender.guests = session_guests(session);
	lender.from_host = *in;
	*in = (struct buf){0};
	if (control_open(&control, session->control) < 0 ||
	    session_peer(control.fd, NULL) != getuid()) {
		snprintf(why, SESSION_WHY, "\"%s\" is not published there", session->name);
		control_close(&control);
		return EX_UNAVAILABLE;
	}
	if (getrandom(lender.token, GRANT_TOKEN, 0) != GRANT_TOKEN ||
	    !listen_there(&lender, session, &ours)) {
		snprintf(
		    why, SESSION_WHY, "cannot make the keyboard's socket: %s", strerror(errno));
		control_close(&control);
		return EX_OSERR;
	}
	lender.control_fd = control.fd;
	status = ask(&control, &lender, lend, why);
	if (status == EX_OK)
		status = wait_for_child(&lender, why);
	take_away(session, ours);
	return status;
}
