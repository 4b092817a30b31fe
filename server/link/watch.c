// SPDX-License-Identifier: ISC
// `mirrord watch` at work. A link is one run of ssh; its bytes become screens in linkrecv.c, which the
// view shows. Until the first screen the terminal is left as it is, for what ssh may ask; a link that
// ends later is replaced by the next, and the last screen stands meanwhile.
#include "server/link/watch.h"

#include "server/base/ssh.h"
#include "server/link/farkeys.h"
#include "server/link/linkrecv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define RETRY_FIRST_MS 250 // between a lost link and the next try, give or take half of it,
#define RETRY_MAX_MS 16000 // doubled up to this
#define NOTICE_MS 1000     // how often the notice counts on
#define FIRST_MS 30000     // for a screen to come on a link that replaces one
#define LINGER_MS 2000     // for ssh to end by itself, after it closed its end
#define READ_BYTES (64u << 10)
#define READS_AT_ONCE 16 // before others have their turn

struct watch {
	struct view *view;     // borrowed
	struct dialer *dialer; // borrowed
	struct watch_options options;
	uv_loop_t *loop; // the view's
	uv_poll_t news;
	uv_poll_t *stream, *errors; // of this link; NULL: closed
	int stream_fd, errors_fd;   // owned
	uv_timer_t ack, retry, count;
	struct linkrecv recv;
	struct buf out; // owned: to the far end, from `off` on
	size_t off;
	uint16_t rows, cols; // as the far end knows them
	struct ssh_lines lines;
	struct farkeys keys;
	char said[LIMIT_TEXT + 1]; // the far end's notice, or empty
	uint64_t lost_at;          // ms; 0: it is not
	uint32_t tries, random;
	bool running; // ssh is
	bool shown;   // a screen has come, on some link
	bool ended;
	struct view_bye bye; // how
};

static uint64_t
now_us(void)
{
	return uv_hrtime() / 1000;
}

static void
end(struct watch *watch, int status, const char *text)
{
	if (watch->ended)
		return;
	watch->ended = true;
	watch->bye.status = status;
	if (text != watch->bye.text)
		snprintf(watch->bye.text, sizeof(watch->bye.text), "%s", text);
	view_end(watch->view, status, text);
	uv_stop(watch->loop);
}

// ---- to the far end ----------------------------------------------------------------------------

static void on_stream(uv_poll_t *poll, int status, int events);
static void on_ack_due(uv_timer_t *timer);

static void
free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void
close_fd(uv_poll_t **poll, int fd)
{
	if (!*poll)
		return;
	uv_close((uv_handle_t *)*poll, free_handle);
	*poll = NULL;
	close(fd);
}

static void
write_out(struct watch *watch)
{
	while (watch->stream && watch->off < watch->out.len) {
		ssize_t sent = send(watch->stream_fd, watch->out.data + watch->off,
		    watch->out.len - watch->off, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EAGAIN) {
			uv_poll_start(watch->stream, UV_READABLE | UV_WRITABLE, on_stream);
			return;
		}
		if (sent < 0 && errno != EINTR)
			break; // reading says how it ended
		watch->off += sent > 0 ? (size_t)sent : 0;
	}
	watch->off = watch->out.len = 0;
	if (watch->stream)
		uv_poll_start(watch->stream, UV_READABLE, on_stream);
}

static void
acknowledge(struct watch *watch)
{
	uint64_t due = linkrecv_ack_due(&watch->recv), now = now_us();

	if (!watch->stream || due == UINT64_MAX || watch->out.len)
		return;
	if (due > now) {
		uv_timer_start(&watch->ack, on_ack_due, (due - now + 999) / 1000, 0);
		return;
	}
	linkrecv_ack(&watch->recv, now, &watch->out);
	write_out(watch);
}

static void
on_ack_due(uv_timer_t *timer)
{
	acknowledge(timer->data);
}

void
watch_painted(struct watch *watch, const struct view_status *status)
{
	if (!watch->recv.welcomed || watch->out.len ||
	    (status->rows == watch->rows && status->cols == watch->cols))
		return;
	watch->rows = status->rows;
	watch->cols = status->cols;
	link_size_put(&watch->out, watch->rows, watch->cols);
	write_out(watch);
}

void
watch_ask(struct watch *watch, const struct view_history_ask *ask)
{
	if (!watch->recv.welcomed || !watch->stream || watch->out.len)
		return;
	view_history_ask_put(&watch->out, LINK_HISTORY, ask);
	write_out(watch);
}

bool
watch_typed(struct watch *watch, const uint8_t *data, size_t len, bool expects, uint64_t stale_us,
    unsigned *answers)
{
	return typing_take(&watch->keys.typing, data, len, expects, stale_us, answers);
}

// ---- a lost link -------------------------------------------------------------------------------

static void
tell_lost(struct watch *watch)
{
	char text[SSH_LINE_BYTES + 64];
	uint64_t waited_s = (uv_now(watch->loop) - watch->lost_at) / 1000;

	snprintf(text, sizeof(text), "link lost, retrying (%llu s)%s%s",
	    (unsigned long long)waited_s, *watch->lines.line ? ": " : "", watch->lines.line);
	view_notice(watch->view, text);
	view_turn(watch->view);
}

static void
on_count(uv_timer_t *timer)
{
	tell_lost(timer->data);
}

static void
on_retry(uv_timer_t *timer)
{
	struct watch *watch = timer->data;

	if (watch->running) // it closed its end and stays, or nothing comes
		dialer_kill(watch->dialer, 0);
	else
		dialer_dial(watch->dialer, 0);
}

// xorshift (Marsaglia 2003): enough to keep a hundred watchers from coming back in step.
static uint32_t
random_next(struct watch *watch)
{
	watch->random ^= watch->random << 13;
	watch->random ^= watch->random >> 17;
	watch->random ^= watch->random << 5;
	return watch->random;
}

static void
retry(struct watch *watch)
{
	uint32_t wait_ms = RETRY_MAX_MS;

	if (watch->tries < 16 && RETRY_FIRST_MS << watch->tries < RETRY_MAX_MS)
		wait_ms = (uint32_t)RETRY_FIRST_MS << watch->tries;
	watch->tries++;
	wait_ms += random_next(watch) % (wait_ms + 1) - wait_ms / 2;
	uv_timer_start(&watch->retry, on_retry, wait_ms, 0);
	if (watch->lost_at)
		return;
	watch->lost_at = uv_now(watch->loop);
	uv_timer_start(&watch->count, on_count, NOTICE_MS, NOTICE_MS);
	tell_lost(watch);
}

static void
found(struct watch *watch)
{
	watch->tries = 0;
	*watch->lines.line = '\0';
	if (!watch->lost_at)
		return;
	watch->lost_at = 0;
	uv_timer_stop(&watch->retry);
	uv_timer_stop(&watch->count);
	view_notice(watch->view, *watch->said ? watch->said : NULL);
}

// ---- from the far end --------------------------------------------------------------------------

// Nothing more comes on this link; how ssh ends decides what that means.
static void
close_stream(struct watch *watch)
{
	close_fd(&watch->stream, watch->stream_fd);
	farkeys_over(&watch->keys);
	uv_timer_stop(&watch->ack);
	watch->off = watch->out.len = 0;
	if (watch->running && !watch->ended)
		uv_timer_start(&watch->retry, on_retry, LINGER_MS, 0);
}

static void
on_screen(struct watch *watch)
{
	view_show(watch->view, watch->recv.screen);
	found(watch);
	if (!watch->shown)
		uv_stop(watch->loop); // the terminal is ours from here on
	watch->shown = true;
}

// While the link was lost, that is what is shown.
static void
on_notice(struct watch *watch, const char *text)
{
	snprintf(watch->said, sizeof(watch->said), "%s", text);
	if (!watch->lost_at)
		view_notice(watch->view, *text ? text : NULL);
}

static void
take_messages(struct watch *watch)
{
	struct view_bye bye;

	while (!watch->ended) {
		switch (linkrecv_next(&watch->recv, now_us(), &bye)) {
		case LINKRECV_NONE: return;
		case LINKRECV_WELCOME: break;
		case LINKRECV_SCREEN: on_screen(watch); break;
		case LINKRECV_NOTICE: on_notice(watch, bye.text); break;
		case LINKRECV_CUT: // only a publisher says these, and this end is no relay
		case LINKRECV_DOOR: break;
		case LINKRECV_GRANT: farkeys_grant(&watch->keys, &watch->recv.grant); break;
		case LINKRECV_HISTORY: view_history(watch->view, &watch->recv.history); break;
		case LINKRECV_BYE:
		case LINKRECV_BROKEN: end(watch, bye.status, bye.text); return;
		}
	}
}

static void
read_stream(struct watch *watch)
{
	uint8_t *data = malloc(READ_BYTES);

	if (!data)
		abort();
	for (int i = 0; i < READS_AT_ONCE && watch->stream && !watch->ended; i++) {
		ssize_t got = recv(watch->stream_fd, data, READ_BYTES, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0) {
			close_stream(watch);
			break;
		}
		linkrecv_feed(&watch->recv, data, (size_t)got);
		take_messages(watch);
	}
	free(data);
	acknowledge(watch);
	view_turn(watch->view);
}

static void
on_stream(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;

	if (status < 0) { // it closed without reading all of ours; what it wrote stands there still
		read_stream(watch);
		close_stream(watch);
		return;
	}
	if (events & UV_WRITABLE)
		write_out(watch);
	if (events & UV_READABLE)
		read_stream(watch);
}

// ---- what ssh says -----------------------------------------------------------------------------

// Before the first screen ssh's words are the guest's; not the program's there, for which we have our own.
static void
on_line(struct watch *watch)
{
	if (!watch->shown && *watch->lines.part &&
	    !strstr(watch->lines.part, ssh_remote_name(&watch->options.way)))
		fprintf(stderr, "%s\n", watch->lines.part);
	*watch->lines.part = '\0';
}

static void
read_errors(struct watch *watch)
{
	char data[1024];
	ssize_t got = 0;

	for (int i = 0; i < READS_AT_ONCE && watch->errors; i++) {
		got = read(watch->errors_fd, data, sizeof(data));
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0)
			close_fd(&watch->errors, watch->errors_fd);
		for (ssize_t k = 0; k < got; k++) {
			if (ssh_lines_put(&watch->lines, data[k]))
				on_line(watch);
		}
	}
}

static void
on_errors(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;

	(void)events;
	if (status < 0)
		close_fd(&watch->errors, watch->errors_fd);
	else
		read_errors(watch);
}

// ---- a link begins and ends --------------------------------------------------------------------

static uv_poll_t *
watch_fd(struct watch *watch, int fd, uv_poll_cb callback)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll || uv_poll_init(watch->loop, poll, fd) != 0)
		abort(); // a socket and a pipe of our own
	poll->data = watch;
	uv_poll_start(poll, UV_READABLE, callback);
	return poll;
}

static void
on_open(struct watch *watch, const struct dialer_news *news)
{
	struct view_status status = view_status(watch->view);

	watch->running = true;
	watch->stream_fd = news->stream;
	watch->errors_fd = news->errors;
	watch->stream = watch_fd(watch, news->stream, on_stream);
	watch->errors = watch_fd(watch, news->errors, on_errors);
	*watch->lines.part = *watch->said = '\0';
	if (watch->lost_at)
		uv_timer_start(&watch->retry, on_retry, FIRST_MS, 0);
	watch->rows = status.rows;
	watch->cols = status.cols;
	linkrecv_start(&watch->recv, watch->rows, watch->cols, watch->options.session, &watch->out);
	if (watch->options.limits.max_fps || watch->options.limits.budget)
		link_limits_put(&watch->out, &watch->options.limits);
	write_out(watch);
}

// Before there ever was a screen: why there is none.
static void
explain(struct watch *watch, int status)
{
	struct view_bye bye;

	ssh_explain(status, &watch->options.way, watch->options.relay, watch->lines.line,
	    "does not send frames; watch with ssh -t instead", &bye);
	end(watch, bye.status, bye.text);
}

static void
on_exit_of_ssh(struct watch *watch, int status)
{
	watch->running = false;
	if (watch->stream)
		read_stream(watch); // what it wrote before its end
	if (watch->errors)
		read_errors(watch);
	close_stream(watch);
	close_fd(&watch->errors, watch->errors_fd);
	if (watch->ended)
		return;
	if (watch->shown)
		retry(watch);
	else
		explain(watch, status);
}

static void
on_failed(struct watch *watch, int error)
{
	char text[LIMIT_TEXT + 1];

	if (watch->shown) {
		retry(watch);
		return;
	}
	snprintf(text, sizeof(text), "cannot run ssh: %s", strerrordesc_np(error));
	end(watch, EX_UNAVAILABLE, text);
}

static void
on_news(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct dialer_news news = {0};
	enum dialer_event event = status < 0 ? DIALER_GONE : dialer_next(watch->dialer, &news);

	(void)events;
	if (news.slot == DIALER_ASIDE && event != DIALER_GONE) {
		farkeys_news(&watch->keys, event, &news);
		return;
	}
	switch (event) {
	case DIALER_NONE: return;
	case DIALER_OPEN: on_open(watch, &news); break;
	case DIALER_FAILED: on_failed(watch, news.status); break;
	case DIALER_EXIT: on_exit_of_ssh(watch, news.status); break;
	case DIALER_GONE:
		uv_poll_stop(&watch->news);
		end(watch, EX_OSERR, "the process that runs ssh is gone");
		break;
	}
	view_turn(watch->view);
}

// ---- start and end -----------------------------------------------------------------------------

struct watch *
watch_new(struct view *view, struct dialer *dialer, const struct watch_options *options)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	uv_timer_t *timers[3];

	if (!watch)
		abort();
	*watch = (struct watch){.view = view,
	    .dialer = dialer,
	    .options = *options,
	    .loop = view_loop(view),
	    .random = options->seed | 1};
	linkrecv_init(&watch->recv);
	farkeys_init(&watch->keys, view, dialer, watch->options.session);
	if (uv_poll_init(watch->loop, &watch->news, dialer->fd) != 0)
		abort(); // a socket of our own
	watch->news.data = watch;
	timers[0] = &watch->ack;
	timers[1] = &watch->retry;
	timers[2] = &watch->count;
	for (int i = 0; i < 3; i++) {
		uv_timer_init(watch->loop, timers[i]);
		timers[i]->data = watch;
	}
	return watch;
}

int
watch_run(struct watch *watch, char text[LIMIT_TEXT + 1])
{
	int status;

	uv_poll_start(&watch->news, UV_READABLE, on_news);
	dialer_dial(watch->dialer, 0);
	uv_run(watch->loop, UV_RUN_DEFAULT); // until there is a screen, or none will come
	if (watch->shown) {
		status = view_run(watch->view, text);
	} else {
		memcpy(text, watch->bye.text, LIMIT_TEXT + 1);
		status = watch->bye.status;
	}
	watch->ended = true;
	close_stream(watch);
	close_fd(&watch->errors, watch->errors_fd);
	farkeys_stop(&watch->keys);
	dialer_stop(watch->dialer);
	return status;
}

void
watch_free(struct watch *watch)
{
	linkrecv_fini(&watch->recv);
	buf_fini(&watch->out);
	free(watch);
}
