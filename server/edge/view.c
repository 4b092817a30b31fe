// SPDX-License-Identifier: ISC
// A guest's terminal at work: the newest screen to the terminal, at the terminal's own pace. Nothing
// the guest does goes further than this process.
#include "server/edge/view.h"

#include "server/base/until.h"
#include "server/edge/keys.h"
#include "server/edge/scroll.h"
#include "server/edge/sender.h"
#include "server/edge/typist.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <uv.h>

#define LEAVE_MS 500     // for a slow terminal to take the last bytes
#define KEYS_BYTES 1024  // one read of what is typed
#define READS_AT_ONCE 16 // before others have their turn
#define ESCAPE_MS 50     // an ESC that nothing follows for so long is the key

static const int watched_signals[] = {SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGQUIT};
#define SIGNALS (sizeof(watched_signals) / sizeof(watched_signals[0]))

struct view {
	uv_loop_t loop;
	uv_poll_t terminal;
	int terminal_events;
	uv_timer_t pace, scroll_due, escape;
	uv_signal_t signals[SIGNALS];
	struct until until;
	struct guest_tty *tty; // borrowed
	struct view_options options;
	struct sender sender;
	struct keys keys;
	struct scroll scroll;
	struct buf leave;         // what a crash writes
	struct view_bye bye;      // how it ended
	struct input_modes modes; // of the terminal, if
	bool moded;               // they were set
	bool entered, leaving;
};

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

static void
leave(struct view *view, int status, const char *text)
{
	if (view->leaving)
		return;
	view->leaving = true;
	view->bye.status = status;
	if (text != view->bye.text)
		snprintf(view->bye.text, sizeof(view->bye.text), "%s", text);
	uv_stop(&view->loop);
}

// ---- to the terminal ---------------------------------------------------------------------------

static void on_terminal(uv_poll_t *poll, int status, int events);
static void on_pace(uv_timer_t *timer);

// Writes what the terminal takes. False: it takes no more now.
static bool
write_out(struct view *view)
{
	for (;;) {
		size_t len;
		const uint8_t *data = sender_peek(&view->sender, &len);
		ssize_t wrote;

		if (!len)
			return true;
		wrote = write(view->tty->fd, data, len);
		if (wrote >= 0) {
			sender_wrote(&view->sender, now_us(), (size_t)wrote);
			continue;
		}
		if (errno == EAGAIN)
			return false;
		if (errno != EINTR) {
			leave(view, 128 + SIGHUP, "");
			return false;
		}
	}
}

static void
wait_for_terminal(struct view *view, bool writable)
{
	int events = UV_READABLE | (writable ? UV_WRITABLE : 0);

	if (events != view->terminal_events)
		uv_poll_start(&view->terminal, events, on_terminal);
	view->terminal_events = events;
}

static void tell_status(struct view *view);

// Looks at what stands between us and the guest's terminal, as far as can be seen from here.
static void
look(struct view *view)
{
	const struct sockq *sockq = view->options.sockq;
	struct pace_link link = {0};
	struct sockq_state state;

	if (sockq && sockq_ask(sockq, &state))
		link = (struct pace_link){.queued = state.queued,
		    .counts = state.counts,
		    .acked = state.acked,
		    .rtt_us = state.rtt_us,
		    .rtt_min_us = state.rtt_min_us};
	link.queued += guest_tty_queued(view->tty);
	pace_queue(&view->sender.pace, now_us(), &link);
}

// Does all there is to do for the terminal now, and arranges to be called when there is more.
static void
pump(struct view *view)
{
	bool writable = write_out(view);
	enum pace_step step = PACE_IDLE;
	uint64_t at = PACE_NEVER;

	while (writable && !view->leaving) {
		step = pace_next(&view->sender.pace, now_us(), &at);
		if (step == PACE_ASK)
			look(view);
		else if (step == PACE_PAINT)
			sender_paint(&view->sender, now_us());
		else if (step == PACE_GIVE_UP)
			sender_give_up(&view->sender, now_us());
		else
			break;
		writable = write_out(view);
	}
	if (view->leaving)
		return;
	wait_for_terminal(view, !writable);
	if (writable && step == PACE_WAIT) {
		uint64_t now = now_us(), wait_us = at > now ? at - now : 0;

		uv_timer_start(&view->pace, on_pace, (wait_us + 999) / 1000, 0);
	} else {
		uv_timer_stop(&view->pace);
	}
	tell_status(view);
}

static void
on_pace(uv_timer_t *timer)
{
	pump(timer->data);
}

// ---- what to show, from wherever it comes ---------------------------------------------------------

uv_loop_t *
view_loop(struct view *view)
{
	return &view->loop;
}

void
view_show(struct view *view, struct screen *screen)
{
	sender_show(&view->sender, screen);
}

void
view_notice(struct view *view, const char *text)
{
	sender_notice(&view->sender, text);
}

void
view_end(struct view *view, int status, const char *text)
{
	leave(view, status, text);
}

void
view_turn(struct view *view)
{
	if (view->entered && !view->leaving)
		pump(view);
}

struct view_status
view_status(const struct view *view)
{
	return (struct view_status){.rows = view->sender.window.rows,
	    .cols = view->sender.window.cols,
	    .rtt_us = pace_rtt(&view->sender.pace),
	    .lag_us = view->sender.pace.lag_us,
	    .bytes = view->sender.bytes,
	    .frames = view->sender.frames};
}

static void
tell_status(struct view *view)
{
	struct view_status status = view_status(view);

	if (view->options.painted)
		view->options.painted(view->options.user, &status);
}

// ---- what has scrolled away ----------------------------------------------------------------------

static uint32_t
page_rows(const struct view *view)
{
	const struct sender *sender = &view->sender;

	return scroll_rows(
	    sender->window.rows, sender->screen ? sender->screen->rows : sender->window.rows);
}

static void on_scroll_due(uv_timer_t *timer);

static void
ask_history(struct view *view)
{
	uint64_t now = now_us(), due = scroll_due(&view->scroll, now);
	struct view_history_ask ask;

	uv_timer_stop(&view->scroll_due);
	if (due == SCROLL_NEVER)
		return;
	if (due > now) {
		uv_timer_start(&view->scroll_due, on_scroll_due, (due - now + 999) / 1000, 0);
		return;
	}
	ask = scroll_ask(&view->scroll, now, page_rows(view));
	view->options.ask(view->options.user, &ask);
}

static void
on_scroll_due(uv_timer_t *timer)
{
	ask_history(timer->data);
}

static void
show_scroll(struct view *view)
{
	const struct scroll *scroll = &view->scroll;

	sender_page(&view->sender, scroll->page, scroll->on ? scroll->line : NULL);
	ask_history(view);
}

void
view_history(struct view *view, const struct view_history *history)
{
	scroll_take(&view->scroll, history);
	show_scroll(view);
}

static void
put_modes(struct view *view)
{
	typist_put_modes(view->moded ? &view->modes : NULL, &view->sender.out);
	pace_wrote_other(&view->sender.pace);
}

void
view_modes(struct view *view, const struct input_modes *modes)
{
	if (!modes && !view->moded)
		return;
	view->moded = modes;
	if (modes)
		view->modes = *modes;
	if (modes && scroll_key(&view->scroll, KEY_END, page_rows(view)))
		show_scroll(view); // who types sees what they type into
	put_modes(view);
}

// ---- the guest ---------------------------------------------------------------------------------

static void
on_key(struct view *view, enum key key)
{
	if (key != KEY_NONE && scroll_key(&view->scroll, key, page_rows(view))) {
		show_scroll(view);
		return;
	}
	switch (key) {
	case KEY_LEAVE:
	case KEY_BACK: leave(view, EX_OK, ""); break;
	case KEY_UP: sender_pan(&view->sender, -1, 0); break;
	case KEY_DOWN: sender_pan(&view->sender, 1, 0); break;
	case KEY_LEFT: sender_pan(&view->sender, 0, -1); break;
	case KEY_RIGHT: sender_pan(&view->sender, 0, 1); break;
	case KEY_FOLLOW: sender_follow(&view->sender); break;
	case KEY_ANSWER:
		if (view->sender.pace.proof.count)
			look(view); // what the queue says may be old
		pace_answer(&view->sender.pace, now_us());
		break;
	default: break;
	}
}

static void
take_keys(struct view *view, const uint8_t *data, size_t len)
{
	keys_read(&view->keys, len);
	while (len && !view->leaving) {
		size_t used;

		on_key(view, keys_next(&view->keys, data, len, &used));
		data += used;
		len -= used;
	}
}

// The guest's typing goes to the session while the keyboard is lent; but for the terminal's answers.
static bool
take_typed(struct view *view, const uint8_t *data, size_t len)
{
	const struct pace *pace = &view->sender.pace;
	uint64_t stale_us = pace->phase == PACE_CLEAR ? 0 : now_us() - pace->painted_at;
	unsigned answers = 0;

	if (!view->options.typed || !view->options.typed(view->options.user, data, len,
					pace->proof.count > 0, stale_us, &answers))
		return false;
	while (answers--)
		on_key(view, KEY_ANSWER);
	return true;
}

static void
read_terminal(struct view *view)
{
	uint8_t data[KEYS_BYTES];

	for (int i = 0; i < READS_AT_ONCE && !view->leaving; i++) {
		ssize_t got = read(view->tty->fd, data, sizeof(data));

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) { // hung up
			leave(view, 128 + SIGHUP, "");
			return;
		}
		if (!take_typed(view, data, (size_t)got))
			take_keys(view, data, (size_t)got);
	}
}

static void
on_escape(uv_timer_t *timer)
{
	struct view *view = timer->data;

	on_key(view, keys_pause(&view->keys));
	if (!view->leaving)
		pump(view);
}

static void
on_terminal(uv_poll_t *poll, int status, int events)
{
	struct view *view = poll->data;

	if (status < 0) {
		leave(view, 128 + SIGHUP, "");
		return;
	}
	if (events & UV_READABLE)
		read_terminal(view);
	if (view->keys.state == KEYS_ESCAPE)
		uv_timer_start(&view->escape, on_escape, ESCAPE_MS, 0);
	if (!view->leaving)
		pump(view);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	struct view *view = handle->data;
	uint16_t rows, cols;

	if (number != SIGWINCH && number != SIGCONT) {
		leave(view, 128 + number, "");
		return;
	}
	guest_tty_size(view->tty, &rows, &cols);
	if (rows != view->sender.window.rows || cols != view->sender.window.cols)
		sender_resize(&view->sender, rows, cols);
	if (number == SIGCONT) { // whoever had the terminal meanwhile may have left anything
		guest_tty_raw(view->tty);
		sender_enter(&view->sender);
		if (view->moded)
			put_modes(view);
	}
	pump(view);
}

// ---- start and end -----------------------------------------------------------------------------

// What to write if we crash: that which leaves from a state just entered.
static void
prepare_crash(struct view *view, const struct ansi_caps *caps)
{
	struct ansi *ansi = ansi_new(caps);
	struct buf enter = {0};

	ansi_enter(ansi, &enter);
	if (view->options.typed)
		typist_put_modes(NULL, &view->leave);
	ansi_leave(ansi, &view->leave);
	ansi_free(ansi);
	buf_fini(&enter);
	guest_tty_guard(view->tty, view->leave.data, view->leave.len);
}

static void
on_over(void *user)
{
	leave(user, EX_NOPERM, UNTIL_TEXT);
}

static bool
start_loop(struct view *view)
{
	if (uv_poll_init(&view->loop, &view->terminal, view->tty->fd) != 0)
		return false;
	view->terminal.data = view;
	uv_timer_init(&view->loop, &view->pace);
	uv_timer_init(&view->loop, &view->scroll_due);
	uv_timer_init(&view->loop, &view->escape);
	view->pace.data = view->scroll_due.data = view->escape.data = view;
	for (size_t i = 0; i < SIGNALS; i++) {
		uv_signal_init(&view->loop, &view->signals[i]);
		view->signals[i].data = view;
	}
	return until_open(&view->until, view->options.until) &&
	       until_start(&view->until, &view->loop, on_over, view);
}

// Not before the terminal is changed: until then ^C ends us as it does any program.
static void
start_signals(struct view *view)
{
	for (size_t i = 0; i < SIGNALS; i++)
		uv_signal_start(&view->signals[i], on_signal, watched_signals[i]);
}

struct view *
view_new(struct guest_tty *tty, const struct view_options *options)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view || uv_loop_init(&view->loop) != 0) {
		free(view);
		return NULL;
	}
	view->until.fd = -1;
	view->tty = tty;
	view->options = *options;
	sender_init(&view->sender, options->caps, &options->limits, options->rows, options->cols);
	if (!start_loop(view)) {
		view_free(view);
		return NULL;
	}
	signal(SIGTSTP, SIG_IGN); // ^Z is a key like others; SIGSTOP still stops
	signal(SIGPIPE, SIG_IGN);
	prepare_crash(view, options->caps);
	return view;
}

static void
close_handle(uv_handle_t *handle, void *user)
{
	(void)user;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void
view_free(struct view *view)
{
	uv_walk(&view->loop, close_handle, NULL);
	uv_run(&view->loop, UV_RUN_DEFAULT); // lets go of the handles
	until_close(&view->until);
	uv_loop_close(&view->loop);
	sender_fini(&view->sender);
	scroll_fini(&view->scroll);
	buf_fini(&view->leave);
	free(view);
}

// What the terminal answers once we are gone would be typed into the shell.
static void
await_answers(struct view *view, uint64_t due)
{
	const struct proof *proof = &view->sender.pace.proof;

	while (proof->count && !proof->mute) {
		struct pollfd pollfd = {.fd = view->tty->fd, .events = POLLIN};
		uint8_t data[KEYS_BYTES];
		uint64_t now = now_us() / 1000;
		ssize_t got;

		if (now >= due || (poll(&pollfd, 1, (int)(due - now)) < 0 && errno != EINTR))
			return;
		got = read(view->tty->fd, data, sizeof(data));
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return;
		for (size_t at = 0, used; got > 0 && at < (size_t)got; at += used)
			if (keys_next(&view->keys, data + at, (size_t)got - at, &used) ==
			    KEY_ANSWER)
				pace_answer(&view->sender.pace, now_us());
	}
}

// Leaves the terminal as it was, as far as it takes bytes within a moment.
static void
go(struct view *view)
{
	uint64_t due = now_us() / 1000 + LEAVE_MS;
	size_t len;

	view_modes(view, NULL);
	sender_leave(&view->sender);
	for (;;) {
		const uint8_t *data = sender_peek(&view->sender, &len);
		ssize_t wrote = len ? write(view->tty->fd, data, len) : 0;
		struct pollfd pollfd = {.fd = view->tty->fd, .events = POLLOUT};
		uint64_t now = now_us() / 1000;

		if (wrote > 0)
			sender_wrote(&view->sender, now_us(), (size_t)wrote);
		else if (!len || (errno != EAGAIN && errno != EINTR) || now >= due)
			break;
		else
			poll(&pollfd, 1, (int)(due - now));
	}
	await_answers(view, due);
	guest_tty_restore(view->tty);
}

int
view_run(struct view *view, char text[LIMIT_TEXT + 1])
{
	start_signals(view);
	if (!guest_tty_raw(view->tty)) {
		snprintf(
		    text, LIMIT_TEXT + 1, "cannot use the terminal: %s", strerrordesc_np(errno));
		return EX_OSERR;
	}
	view->entered = true;
	sender_enter(&view->sender);
	view_turn(view);
	if (!view->leaving)
		uv_run(&view->loop, UV_RUN_DEFAULT);
	go(view);
	memcpy(text, view->bye.text, LIMIT_TEXT + 1);
	return view->bye.status;
}
