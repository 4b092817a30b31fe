// SPDX-License-Identifier: ISC
// The keeper's loop, and what it does with the PTY and the child.
//
//   child <-> PTY --read--> ring --+--> front (keeper_control.c)      raw, at most 256 KiB behind
//              ^                   +--> mirror (keeper_mirror.c)      acknowledged, dumped, replayed
//              +---- the front's typing; answers from a table (keeper_io.c)
//
// The ring is the only buffer: nothing is copied, and each reader is a place in it. Memory is asked
// for once, at the start. Nothing in here ends the session but the child's end.
#include "server/keeper/keeper_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MAX (1u << 20) // bytes read after the child's end: others may go on printing for ever

static uint64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

// ---- the stream ----------------------------------------------------------------------------------

void
keeper_drop(struct keeper *k)
{
	uint64_t keep = k->mirror.dumped.offset;

	keep = keep > KEEPER_KEEP_BYTES ? keep - KEEPER_KEEP_BYTES : 0;
	if (k->front && k->front_sent < keep)
		keep = k->front_sent;
	// What is on its way to the front is in the ring too.
	if (k->front && k->front->tx.body_len && k->front_sent - k->front->tx.body_len < keep)
		keep = k->front_sent - k->front->tx.body_len;
	ring_drop(&k->ring, keep, k->mirror.dumped.mark);
}

bool
keeper_reading(const struct keeper *k)
{
	bool front_takes =
	    k->front_phase == FRONT_NONE ||
	    (k->front_phase == FRONT_LIVE && k->ring.end - k->front_sent < LIMIT_FRONT_BYTES);

	return !k->drained && front_takes && k->ring.end - k->ring.start < k->ring.cap;
}

// Reads what is there, a chunk at most so that everybody gets a turn. After the child's end this
// finds the end of its output: the kernel hands over all that was written before it says EAGAIN.
static void
pty_read(struct keeper *k)
{
	size_t total = 0, room;

	while (total < KEEPER_CHUNK && keeper_reading(k)) {
		uint8_t *to = ring_room(&k->ring, &room);
		ssize_t len = read(k->pty.master, to, room);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0) {
			k->drained = k->ended;
			return;
		}
		ring_wrote(&k->ring, (size_t)len);
		total += (size_t)len;
		orders_stir(k);
	}
	if (k->ended && keeper_reading(k)) {
		k->drain_left -= total < k->drain_left ? total : k->drain_left;
		k->drained = !k->drain_left;
	}
}

// The order in the ring is the order for the mirror; the program hears of it at the same moment.
static void
apply_resize(struct keeper *k)
{
	if (!k->resize_due || !ring_resize(&k->ring, k->rows, k->cols))
		return;
	k->resize_due = false;
	pty_resize(&k->pty, k->rows, k->cols);
}

void
keeper_resize(struct keeper *k, uint16_t rows, uint16_t cols)
{
	if (rows == k->rows && cols == k->cols)
		return;
	k->rows = rows;
	k->cols = cols;
	k->resize_due = true;
	apply_resize(k);
}

// ---- the child -----------------------------------------------------------------------------------

void
keeper_stop(struct keeper *k)
{
	if (k->stopping || k->ended)
		return;
	k->stopping = true;
	k->kill_ms = k->now_ms + KEEPER_GRACE_MS;
	pty_signal(&k->pty, SIGHUP);
	pty_signal(&k->pty, SIGCONT);
}

// The name is free for another session from here on.
static void
give_up_name(const struct keeper *k)
{
	unlink(k->options->view_path);
	unlink(k->options->control_path);
	unlink(k->options->keyboard_path);
}

static void
reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k->mirror.pid)
			k->mirror.pid = 0; // another process may get that number
		if (pid != k->pty.child)
			continue;
		k->ended = true;
		k->ended_ms = k->now_ms;
		k->kill_ms = 0;
		grant_end(k, GRANT_REVOKED); // its socket has our name too
		give_up_name(k);
		k->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		event_tell_number(k, EVENT_ENDED, (uint64_t)k->status);
	}
}

static void
on_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM)
			keeper_stop(k);
	}
	reap(k);
}

// ---- the loop ------------------------------------------------------------------------------------

static bool
is_over(const struct keeper *k)
{
	uint64_t waited = k->now_ms - k->ended_ms;

	if (!k->ended)
		return false;
	if (k->front && waited < KEEPER_LAST_WORDS_MS)
		return false; // it leaves once it has been told
	if (!k->drained)
		return waited >= KEEPER_LAST_WORDS_MS;
	return k->mirror.fd < 0 || waited >= KEEPER_GOODBYE_MS;
}

static uint64_t
end_due(const struct keeper *k)
{
	if (!k->ended)
		return k->kill_ms ? k->kill_ms : UINT64_MAX;
	return k->ended_ms + (k->front || !k->drained ? KEEPER_LAST_WORDS_MS : KEEPER_GOODBYE_MS);
}

static void
tick(struct keeper *k)
{
	if (k->kill_ms && k->now_ms >= k->kill_ms) {
		k->kill_ms = 0;
		pty_signal(&k->pty, SIGKILL);
	}
	if (k->ended && !k->drained)
		pty_read(k);
	apply_resize(k);
	orders_tick(k);
	grant_tick(k);
	mirror_tick(k);
	mirror_flush(k);
	control_tick(k);
	control_flush(k);
}

static int
wait_ms(const struct keeper *k)
{
	uint64_t due = end_due(k), other = mirror_due(k);

	due = other < due ? other : due;
	other = control_due(k);
	due = other < due ? other : due;
	other = orders_due(k);
	due = other < due ? other : due;
	other = grant_due(k);
	due = other < due ? other : due;
	if (due == UINT64_MAX)
		return -1;
	return due <= k->now_ms ? 0 : (int)(due - k->now_ms);
}

enum {
	POLL_SIGNAL,
	POLL_ACCEPT,
	POLL_PTY,
	POLL_MIRROR,
	POLL_GRANT,
	POLL_KEYBOARD,
	POLL_CONN,
	POLL_COUNT = POLL_CONN + KEEPER_CONNS
};

static short
events(bool in, bool out)
{
	return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

static void
watch(const struct keeper *k, struct pollfd fds[POLL_COUNT])
{
	fds[POLL_SIGNAL] = (struct pollfd){.fd = k->signal_fd, .events = POLLIN};
	fds[POLL_ACCEPT] = (struct pollfd){.fd = k->options->control_fd, .events = POLLIN};
	fds[POLL_PTY] = (struct pollfd){
	    .fd = k->pty.master, .events = events(keeper_reading(k), input_waits(k))};
	fds[POLL_MIRROR] =
	    (struct pollfd){.fd = k->mirror.fd, .events = events(true, mirror_wants_write(k))};
	fds[POLL_GRANT] = (struct pollfd){.fd = k->grant.listener, .events = POLLIN};
	fds[POLL_KEYBOARD] =
	    (struct pollfd){.fd = k->grant.fd, .events = events(grant_wants_read(k), false)};
	for (size_t i = 0; i < KEEPER_CONNS; i++) {
		const struct conn *conn = &k->conn[i];

		fds[POLL_CONN + i] = (struct pollfd){.fd = conn->fd};
		if (conn->fd >= 0)
			fds[POLL_CONN + i].events =
			    events(control_wants_read(k, conn), control_wants_write(k, conn));
	}
}

static void
turn(struct keeper *k, const struct pollfd fds[POLL_COUNT])
{
	if (fds[POLL_SIGNAL].revents)
		on_signals(k);
	if (fds[POLL_PTY].revents & POLLOUT)
		input_flush(k);
	if (fds[POLL_PTY].revents & POLLIN)
		pty_read(k);
	if (k->mirror.fd >= 0 && (fds[POLL_MIRROR].revents & (POLLIN | POLLHUP | POLLERR)))
		mirror_read(k);
	for (size_t i = 0; i < KEEPER_CONNS; i++) {
		short got = fds[POLL_CONN + i].revents;

		if (k->conn[i].fd >= 0 && (got & (POLLIN | POLLHUP | POLLERR)))
			control_read(k, &k->conn[i]);
	}
	// After the host: what was typed into a grant that an order has just ended is lost.
	if (k->grant.fd >= 0 && k->grant.fd == fds[POLL_KEYBOARD].fd &&
	    (fds[POLL_KEYBOARD].revents & (POLLIN | POLLHUP | POLLERR)))
		grant_read(k);
	if (k->grant.listener >= 0 && k->grant.listener == fds[POLL_GRANT].fd &&
	    fds[POLL_GRANT].revents)
		grant_accept(k);
	if (fds[POLL_ACCEPT].revents)
		control_accept(k); // last: a slot freed above is not polled for its new owner
}

static int
loop(struct keeper *k)
{
	struct pollfd fds[POLL_COUNT];

	while (!is_over(k)) {
		int count;

		tick(k);
		watch(k, fds);
		count = poll(fds, POLL_COUNT, wait_ms(k));
		k->now_ms = clock_ms();
		if (count > 0)
			turn(k, fds);
	}
	return k->status;
}

// ---- start ---------------------------------------------------------------------------------------

static void
tell_first(const struct keeper *k, int error)
{
	struct tx tx = {0};
	char text[LIMIT_TEXT];

	if (!error) {
		tx_begin(&tx, CONTROL_OK);
	} else {
		snprintf(text, sizeof(text), "cannot run \"%.160s\": %s", k->options->argv[0],
		    strerror(error));
		tx_begin(&tx, CONTROL_ERROR);
		tx_varint(&tx, error == ENOENT ? 127 : 126);
		tx_string(&tx, text);
	}
	tx_end(&tx, NULL, 0);
	tx_flush(&tx, k->options->first);
}

static bool
watch_signals(struct keeper *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	signal(SIGCHLD, SIG_DFL); // ignored by who started us, children would vanish unseen
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return false;
	k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signal_fd >= 0;
}

// Everything that may fail fails here, before the child runs. 0 or errno.
static int
prepare(struct keeper *k)
{
	const struct keeper_options *o = k->options;
	const char *err_path = getenv("MIRRORD_MIRROR_STDERR"); // for sanitizers' reports

	k->now_ms = clock_ms();
	k->started = (int64_t)time(NULL);
	k->orders_number = 1;
	k->orders.ask = o->ask;
	k->rows = o->rows;
	k->cols = o->cols;
	snprintf(k->start_text, sizeof(k->start_text), "%lld", (long long)k->started);
	k->err_fd = err_path ? open(err_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	k->exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (k->exe_fd < 0 || !watch_signals(k) || !ring_init(&k->ring, LIMIT_RING_BYTES) ||
	    !mirror_init(k))
		return errno;
	control_init(k);
	grant_init(k);
	ring_resize(&k->ring, k->rows, k->cols);
	return pty_open(&k->pty, o->rows, o->cols, o->tty >= 0 ? &o->termios : NULL) < 0 ? errno
											 : 0;
}

int
keeper_run(const struct keeper_options *options)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int error = k ? 0 : ENOMEM;

	if (!k)
		return EX_OSERR;
	prctl(PR_SET_NAME, MIRRORD_NAME "-keeper");
	k->options = options;
	error = prepare(k);
	if (!error)
		error = pty_spawn(&k->pty, options->argv, options->name);
	if (error)
		give_up_name(k);
	tell_first(k, error);
	if (!error) {
		k->drain_left = DRAIN_MAX;
		if (chdir("/") == 0 && k->err_fd >= 0)
			dup2(k->err_fd, STDERR_FILENO);
		loop(k);
		mirror_end(k);
	}
	return error ? EX_OSERR : k->status;
}
