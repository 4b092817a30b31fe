// SPDX-License-Identifier: ISC
// The front's loop: keys to the keeper but for the detach chord, output to the terminal untouched.
//
// It writes to the terminal what came before it reads more from the keeper, so a slow terminal slows
// the program as it would without us. Typing is read ahead, so that the chord works even while the
// program does not read.
#include "server/host/front.h"

#include "server/base/orders.h"
#include "server/base/tty.h"
#include "server/host/event.h"
#include "server/host/typed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define TYPED_MAX (1u << 20) // typing and pastes that the keeper has not taken yet
#define INPUT_MAX 4096       // bytes in one CONTROL_INPUT
#define WRITE_MAX 4096       // bytes written at once to a terminal that may block
#define LEAVE_MS 1000        // for the terminal to take the last bytes

// What ended it.
enum ending {
	RUNNING,
	ENDED,    // the child
	DETACHED, // the chord
	TAKEN,    // by another terminal
	HUNG_UP,  // the terminal is gone
	LOST,     // the keeper is gone
	KILLED,   // a signal
};

struct loop {
	struct front *front;
	int signal_fd;
	bool blocking;      // the terminal's open file is not ours alone: it cannot be nonblocking
	const uint8_t *out; // in control.in: what the terminal has yet to take
	size_t out_len;
	struct buf typed;      // owned: messages for the keeper
	struct buf notice;     // owned: ours for the terminal; `out` when it is being written
	bool lent;             // the keyboard, to a viewer
	struct order_who asks; // the last who asked to watch, if the host can say yes or no
	enum ending ending;
	int status; // of the child, or a signal's number
};

bool
front_key(struct front *front, const char *key, char why[SESSION_WHY])
{
	const char *from = key ? key : getenv("MIRRORD_DETACH_KEY");

	if (!from || !*from)
		from = FRONT_KEY_DEFAULT;
	if (chord_init(&front->chord, from))
		return true;
	snprintf(why, SESSION_WHY,
	    "\"%.32s\" cannot be the detach key: use ^A to ^_ (not ^[ and ^M), or none", from);
	return false;
}

bool
front_notify(struct front *front, const char *way, char why[SESSION_WHY])
{
	front->notify.way = tty_understands() ? NOTIFY_OSC9 : NOTIFY_NONE;
	if (!way || notify_way_of(way, &front->notify.way))
		return true;
	snprintf(why, SESSION_WHY, "\"%.32s\" is no way to notify: use osc9, title or none", way);
	return false;
}

int
front_init(struct front *front, const char *key, char why[SESSION_WHY])
{
	*front = (struct front){.tty = -1, .control = {.fd = -1}};
	if (!front_key(front, key, why))
		return EX_USAGE;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		snprintf(why, SESSION_WHY, "standard %s is not a terminal",
		    isatty(STDIN_FILENO) ? "output" : "input");
		return EX_USAGE;
	}
	front->tty = tty_open(STDIN_FILENO);
	if (front->tty < 0 || tcgetattr(front->tty, &front->saved) < 0) {
		snprintf(why, SESSION_WHY, "cannot use the terminal: %s", strerror(errno));
		return EX_OSERR;
	}
	front->cut = tty_size(front->tty, &front->rows, &front->cols);
	return EX_OK;
}

void
front_fini(struct front *front)
{
	control_close(&front->control);
	if (front->tty >= 0)
		close(front->tty);
	front->tty = -1;
	notify_fini(&front->notify);
}

// Writes all, for as long as the terminal takes something now and then.
static void
write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
		ssize_t written;

		if (poll(&poll_fd, 1, LEAVE_MS) <= 0 || !(poll_fd.revents & POLLOUT))
			return;
		written = write(fd, text, len);
		if (written < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (written > 0) {
			text += written;
			len -= (size_t)written;
		}
	}
}

void
front_enter(struct front *front, bool blank)
{
	struct termios raw = tty_raw(&front->saved);

	tty_set(front->tty, &raw);
	if (!blank || !tty_understands())
		return;
	for (unsigned row = 0; row < front->rows; row++)
		write_all(front->tty, "\r\n");
	write_all(front->tty, "\033[H\033[J");
}

void
front_leave(struct front *front, bool layout)
{
	if (tty_understands()) {
		write_all(front->tty, tty_reset_modes);
		if (layout)
			write_all(front->tty, tty_reset_layout);
	}
	tty_set(front->tty, &front->saved);
}

// ---- from the keeper -----------------------------------------------------------------------------

// Who asks last is who is answered; whoever else asked before can be admitted by name.
static void
on_event(struct loop *loop, const struct msg *msg)
{
	struct front *front = loop->front;
	struct event_told event;
	char text[LIMIT_TEXT];

	if (!event_get(msg, &event))
		return;
	if (event.kind == EVENT_GRANTED || event.kind == EVENT_REVOKED)
		loop->lent = event.kind == EVENT_GRANTED;
	if (event.kind == EVENT_ASKS)
		front->chord.asked = orders_who_of(&event.person, &loop->asks);
	event_sentence(&event, text, sizeof(text));
	if (*text)
		notify_say(&front->notify, text, control_now_ms());
}

static void
on_message(struct loop *loop, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);

	switch (msg->type) {
	case CONTROL_OUTPUT:
		loop->out = msg->data;
		loop->out_len = msg->len;
		notify_follow(&loop->front->notify, msg->data, msg->len);
		break;
	case CONTROL_EVENT: on_event(loop, msg); break;
	case CONTROL_EXIT:
		loop->ending = ENDED;
		loop->status = (int)reader_bounded(&reader, 255);
		break;
	case CONTROL_TAKEN: loop->ending = TAKEN; break;
	default: break; // of a later version: not needed to go on
	}
}

// Takes messages until one brings output: the terminal gets that first.
static void
take_messages(struct loop *loop)
{
	struct msg msg;

	while (loop->ending == RUNNING && !loop->out_len) {
		loop->notice.len = 0;
		if (notify_take(&loop->front->notify, &loop->notice)) {
			loop->out = loop->notice.data;
			loop->out_len = loop->notice.len;
			return;
		}
		switch (control_next(&loop->front->control, &msg)) {
		case MSG_ONE: on_message(loop, &msg); break;
		case MSG_BAD: loop->ending = LOST; return;
		case MSG_NONE: return;
		}
	}
}

// As much as the terminal takes now; a piece if it might block.
static void
write_output(struct loop *loop)
{
	do {
		size_t len =
		    loop->blocking && loop->out_len > WRITE_MAX ? WRITE_MAX : loop->out_len;
		ssize_t written = write(loop->front->tty, loop->out, len);

		if (written < 0 && errno != EAGAIN && errno != EINTR)
			loop->ending = HUNG_UP;
		if (written <= 0)
			return;
		loop->out += written;
		loop->out_len -= (size_t)written;
		take_messages(loop);
	} while (loop->out_len && !loop->blocking && loop->ending == RUNNING);
}

static void
read_keeper(struct loop *loop)
{
	bool more = control_fill(&loop->front->control);

	take_messages(loop);
	if (loop->out_len && !loop->blocking)
		write_output(loop);
	if (!more && !loop->out_len && loop->ending == RUNNING)
		loop->ending = LOST; // after its last words
}

// ---- from the terminal ---------------------------------------------------------------------------

static void
send_order(struct loop *loop, enum order order, const struct order_who *who)
{
	struct buf payload = {0};

	buf_put_u8(&payload, (uint8_t)order);
	if (who)
		orders_who_put(&payload, who);
	msg_put(&loop->typed, CONTROL_ORDER, payload.data, payload.len);
	buf_fini(&payload);
}

// The host takes the keyboard back by using it.
static void
send_input(struct loop *loop, const uint8_t *data, size_t len)
{
	if (loop->lent && typed_by_hand(data, len)) {
		send_order(loop, ORDER_REVOKE, NULL);
		loop->lent = false;
	}
	for (size_t part; len; data += part, len -= part) {
		part = len < INPUT_MAX ? len : INPUT_MAX;
		msg_put(&loop->typed, CONTROL_INPUT, data, part);
	}
}

static void
on_action(struct loop *loop, enum chord_action action)
{
	struct front *front = loop->front;

	switch (action) {
	case CHORD_NONE: break;
	case CHORD_DETACH: loop->ending = DETACHED; break;
	case CHORD_PAUSE: send_order(loop, ORDER_TOGGLE, NULL); break;
	case CHORD_YES:
	case CHORD_NO:
		send_order(loop, action == CHORD_YES ? ORDER_ADMIT : ORDER_BAN, &loop->asks);
		front->chord.asked = false;
		break;
	}
}

static void
read_terminal(struct loop *loop)
{
	uint8_t in[INPUT_MAX], out[INPUT_MAX + CHORD_ROOM];
	ssize_t len = read(loop->front->tty, in, sizeof(in));
	struct chord *chord = &loop->front->chord;
	enum chord_action action;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		loop->ending = HUNG_UP;
		return;
	}
	for (size_t at = 0; at < (size_t)len && loop->ending == RUNNING; at += chord->used) {
		send_input(loop, out,
		    chord_feed(chord, in + at, (size_t)len - at, control_now_ms(), out, &action));
		on_action(loop, action);
	}
}

static void
tick(struct loop *loop)
{
	uint8_t out[CHORD_ROOM];

	send_input(loop, out, chord_tick(&loop->front->chord, control_now_ms(), out));
	notify_tick(&loop->front->notify, control_now_ms());
	if (!loop->out_len)
		take_messages(loop);
}

static void
flush_typed(struct loop *loop)
{
	ssize_t sent;

	if (!loop->typed.len)
		return;
	sent = send(loop->front->control.fd, loop->typed.data, loop->typed.len,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0)
		buf_take(&loop->typed, (size_t)sent);
	// An error shows when reading, after the keeper's last words.
}

// ---- signals -------------------------------------------------------------------------------------

// The same size again makes the program paint again.
static void
on_winch(struct loop *loop, bool again)
{
	struct front *front = loop->front;
	uint16_t rows, cols;
	struct buf size = {0};

	tty_size(front->tty, &rows, &cols);
	if (rows == front->rows && cols == front->cols && !again)
		return;
	front->rows = rows;
	front->cols = cols;
	buf_put_varint(&size, rows);
	buf_put_varint(&size, cols);
	msg_put(&loop->typed, CONTROL_RESIZE, size.data, size.len);
	buf_fini(&size);
}

static void
on_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			on_winch(loop, false);
		} else if (info.ssi_signo == SIGCONT) {
			front_enter(loop->front, false); // whoever stopped us may have undone it
			on_winch(loop, true);
		} else if (loop->ending == RUNNING) {
			loop->ending = info.ssi_signo == SIGHUP ? HUNG_UP : KILLED;
			loop->status = (int)info.ssi_signo;
		}
	}
}

// They arrive in the loop and nowhere else. Stopping is not for us: ^Z goes to the program.
static int
watch_signals(void)
{
	static const int caught[] = {SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGQUIT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaddset(&set, caught[i]);
		signal(caught[i], SIG_DFL); // what is ignored never arrives
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGTSTP, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// ---- the loop ------------------------------------------------------------------------------------

static int
wait_ms(const struct loop *loop)
{
	uint64_t due = chord_due(&loop->front->chord), now = control_now_ms();
	uint64_t notice = notify_due(&loop->front->notify);

	if (notice < due)
		due = notice;
	if (due == UINT64_MAX)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

static void
turn(struct loop *loop)
{
	struct front *front = loop->front;
	short from_tty = loop->typed.len < TYPED_MAX ? POLLIN : 0;
	short to_tty = loop->out_len ? POLLOUT : 0;
	short from_keeper = loop->out_len ? 0 : POLLIN;
	short to_keeper = loop->typed.len ? POLLOUT : 0;
	struct pollfd fds[] = {
	    {.fd = front->tty, .events = (short)(from_tty | to_tty)},
	    {.fd = loop->out_len && !to_keeper ? -1 : front->control.fd,
		.events = (short)(from_keeper | to_keeper)},
	    {.fd = loop->signal_fd, .events = POLLIN},
	};

	if (poll(fds, 3, wait_ms(loop)) < 0)
		return;
	tick(loop);
	if (fds[2].revents)
		on_signals(loop);
	if (fds[0].revents & POLLOUT)
		write_output(loop);
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && loop->ending == RUNNING)
		read_terminal(loop);
	if (from_keeper && !loop->out_len && (fds[1].revents & (POLLIN | POLLHUP | POLLERR)))
		read_keeper(loop);
	flush_typed(loop);
}

static int
describe(const struct loop *loop, const char *name, char what[SESSION_WHY])
{
	*what = 0;
	switch (loop->ending) {
	case ENDED: return loop->status;
	case DETACHED:
		snprintf(what, SESSION_WHY,
		    "detached; `" MIRRORD_NAME " attach %s` takes the session back", name);
		return EX_OK;
	case TAKEN:
		snprintf(
		    what, SESSION_WHY, "session \"%s\" was taken over by another terminal", name);
		return EX_OK;
	case LOST:
		snprintf(what, SESSION_WHY, "session \"%s\" has lost its keeper and ended", name);
		return EX_SOFTWARE;
	case HUNG_UP: return 128 + SIGHUP;
	default:
		snprintf(what, SESSION_WHY,
		    "stopped by a signal; `" MIRRORD_NAME " attach %s` takes the session back",
		    name);
		return 128 + loop->status;
	}
}

// The terminal is ours to put back, unless another front has it now: that may be the same terminal.
static void
leave(struct loop *loop)
{
	bool layout = loop->ending != ENDED;

	if (loop->front->notify.titled)
		write_all(loop->front->tty, notify_title_back);
	front_leave(loop->front, layout);
	if (loop->ending != ENDED && loop->ending != LOST && loop->ending != TAKEN) {
		msg_put(&loop->typed, CONTROL_DETACH, NULL, 0);
		flush_typed(loop);
	}
}

int
front_run(struct front *front, const char *name, char what[SESSION_WHY])
{
	// Whether it is lent already nobody has told: the first key takes it back.
	struct loop loop = {.front = front, .signal_fd = watch_signals(), .lent = true};

	loop.blocking = !(fcntl(front->tty, F_GETFL) & O_NONBLOCK);
	on_winch(&loop, false); // it may have changed since it was measured
	take_messages(&loop);
	while (loop.ending == RUNNING)
		turn(&loop);
	leave(&loop);
	close(loop.signal_fd);
	buf_fini(&loop.typed);
	buf_fini(&loop.notice);
	return describe(&loop, name, what);
}
