// SPDX-License-Identifier: ISC
// Those who watch, as a set: the listener, the broadcast, the one timer.
#include "server/mirror/viewers_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define ACCEPT_AT_ONCE 16    // connections taken before others have their turn
#define ASKED_MS 250         // guests' queries share a key frame for so long
#define HISTORY_AGAIN_MS 50  // until the next look at who waits for a turn to read history
#define ACCEPT_AGAIN_MS 1000 // until the next try when there was no fd or memory for one

// ---- blobs -------------------------------------------------------------------------------------

struct blob *
blob_new(struct buf *bytes)
{
	struct blob *blob = malloc(sizeof(*blob));

	if (!blob)
		abort();
	*blob = (struct blob){.refs = 1, .bytes = *bytes};
	*bytes = (struct buf){0};
	return blob;
}

struct blob *
blob_ref(struct blob *blob)
{
	blob->refs++;
	return blob;
}

void
blob_unref(struct blob *blob)
{
	if (!blob || --blob->refs)
		return;
	buf_fini(&blob->bytes);
	free(blob);
}

// ---- frames ------------------------------------------------------------------------------------

struct blob *
blob_frame(struct screen *base, struct screen *target)
{
	struct buf out = {0};
	size_t begin = msg_begin(&out, VIEW_FRAME), before;

	buf_put_u8(&out, base ? 0 : VIEW_FRAME_KEY);
	before = out.len;
	frame_encode(base, target, &out);
	if (base && out.len == before) {
		buf_fini(&out);
		return NULL;
	}
#ifdef MIRRORD_SANITIZED // every frame proves itself
	const char *why = "";
	struct screen *proof = frame_apply(base, out.data + before, out.len - before, &why);

	assert(proof && screen_equal(proof, target));
	screen_unref(proof);
#endif
	msg_end(&out, begin);
	return blob_new(&out);
}

static void
set_shown(struct viewers *viewers, struct screen *screen)
{
	struct screen *old = viewers->shown;

	viewers->shown = screen ? screen_ref(screen) : NULL;
	screen_unref(old);
	blob_unref(viewers->key);
	viewers->key = NULL;
}

struct blob *
viewers_key(struct viewers *viewers)
{
	if (!viewers->shown)
		viewers->shown = viewers->source.screen(viewers->source.user);
	if (!viewers->key)
		viewers->key = blob_frame(NULL, viewers->shown);
	return viewers->key;
}

// However many ask and do not read, what is held for them are a few of these.
struct blob *
viewers_asked(struct viewers *viewers)
{
	uint64_t now = uv_now(viewers->loop);
	struct screen *screen;

	if (viewers->asked && now - viewers->asked_at < ASKED_MS)
		return viewers->asked;
	screen = viewers->source.screen(viewers->source.user);
	blob_unref(viewers->asked);
	viewers->asked = blob_frame(NULL, screen);
	viewers->asked_at = now;
	screen_unref(screen);
	return viewers->asked;
}

bool
viewers_show(struct viewers *viewers, struct screen *screen)
{
	struct blob *blob;

	if (!viewers->shown || screen == viewers->shown)
		return false;
	blob = blob_frame(viewers->shown, screen);
	if (!blob)
		return false;
	set_shown(viewers, screen);
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->state != VIEWER_VIEW)
			continue;
		if (viewer->pending || viewer->behind || viewer->orders.len)
			viewer->behind = true;
		else
			viewer_send(viewer, blob);
	}
	blob_unref(blob);
	return true;
}

void
viewers_notice(struct viewers *viewers, const char *text)
{
	struct buf out = {0};

	view_notice_put(&out, text ? text : "");
	blob_unref(viewers->notice);
	viewers->notice = blob_new(&out);
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->state != VIEWER_VIEW)
			continue;
		viewer->unaware = true;
		if (!viewer->pending)
			viewer_drained(viewer);
	}
}

// ---- coming and going --------------------------------------------------------------------------

void
viewers_add(struct viewers *viewers, struct viewer *viewer)
{
	viewer->prev = viewers->last;
	if (viewers->last)
		viewers->last->next = viewer;
	else
		viewers->first = viewer;
	viewers->last = viewer;
	viewers->connections++;
	viewers_schedule(viewers);
}

static void on_listener(uv_poll_t *poll, int status, int events);

void
viewers_listen(struct viewers *viewers, bool listen)
{
	viewers->full = false;
	if (listen && !viewers->farewell)
		uv_poll_start(&viewers->listener, UV_READABLE, on_listener);
	else
		uv_poll_stop(&viewers->listener);
}

void
viewers_remove(struct viewers *viewers, struct viewer *viewer)
{
	*(viewer->prev ? &viewer->prev->next : &viewers->first) = viewer->next;
	*(viewer->next ? &viewer->next->prev : &viewers->last) = viewer->prev;
	viewers->connections--;
	if (viewers->full)
		viewers_listen(viewers, true);
}

void
viewers_left(struct viewers *viewers)
{
	viewers->watching--;
	if (!viewers->watching)
		set_shown(viewers, NULL);
	viewers->source.count(viewers->source.user, viewers->watching);
}

void
viewers_joined(struct viewers *viewers)
{
	viewers->watching++;
	viewers->source.count(viewers->source.user, viewers->watching);
}

// Nothing to accept with. The connection stays in the backlog, and waiting for the listener would
// spin: it is waited for again when a viewer goes, or a second later.
static void
stop_listening(struct viewers *viewers)
{
	viewers->full = true;
	uv_poll_stop(&viewers->listener);
	viewers_schedule(viewers);
}

static void
on_listener(uv_poll_t *poll, int status, int events)
{
	struct viewers *viewers = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(viewers->listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			viewer_new(viewers, fd);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			stop_listening(viewers);
		return;
	}
}

// ---- deadlines ---------------------------------------------------------------------------------

static bool
has_deadline(const struct viewer *viewer)
{
	return viewer->state == VIEWER_HELLO || viewer->state == VIEWER_ASKED ||
	       viewer->state == VIEWER_QUERY || viewer->state == VIEWER_CLOSING;
}

static void
on_deadline(struct viewer *viewer)
{
	if (viewer->state != VIEWER_ASKED) {
		viewer_close(viewer);
		return;
	}
	viewers_tell(viewer->viewers, EVENT_TIMED_OUT, viewer);
	viewer_bye(viewer, EX_NOPERM, "the host has not let you in");
}

static void
on_timer(uv_timer_t *timer)
{
	struct viewers *viewers = timer->data;
	uint64_t now = uv_now(viewers->loop);

	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (has_deadline(viewer) && viewer->due <= now)
			on_deadline(viewer);
		else if (viewer_waits(viewer))
			viewer_drained(viewer);
	}
	if (viewers->full)
		viewers_listen(viewers, true);
	viewers_schedule(viewers);
}

void
viewers_schedule(struct viewers *viewers)
{
	uint64_t now = uv_now(viewers->loop);
	uint64_t due = viewers->full ? now + ACCEPT_AGAIN_MS : UINT64_MAX;

	for (const struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
		if (has_deadline(viewer) && viewer->due < due)
			due = viewer->due;
		if (viewer_waits(viewer) && now + HISTORY_AGAIN_MS < due)
			due = now + HISTORY_AGAIN_MS;
	}
	if (due == UINT64_MAX)
		uv_timer_stop(&viewers->timer);
	else
		uv_timer_start(&viewers->timer, on_timer, due > now ? due - now : 0, 0);
}

// ---- the rest ----------------------------------------------------------------------------------

struct viewers *
viewers_new(uv_loop_t *loop, int listener, const struct viewers_session *session,
    const struct viewers_source *source)
{
	struct viewers *viewers = calloc(1, sizeof(*viewers));

	if (!viewers)
		abort();
	viewers->loop = loop;
	viewers->listener_fd = listener;
	viewers->session = *session;
	viewers->source = *source;
	uv_timer_init(loop, &viewers->timer);
	viewers->timer.data = viewers;
	if (uv_poll_init(loop, &viewers->listener, listener) != 0) {
		free(viewers);
		return NULL;
	}
	viewers->listener.data = viewers;
	viewers_listen(viewers, true);
	return viewers;
}

size_t
viewers_count(const struct viewers *viewers)
{
	return viewers->watching;
}

size_t
viewers_of(const struct viewers *viewers, uid_t uid)
{
	size_t count = 0;

	for (const struct viewer *viewer = viewers->first; viewer; viewer = viewer->next)
		count += viewer->uid == uid;
	return count;
}

uint64_t
viewers_printed(const struct viewers *viewers)
{
	const struct viewers_source *source = &viewers->source;

	return source->printed ? source->printed(source->user) : 0;
}

void
viewers_tell_version(struct viewers *viewers, const char *text)
{
	char line[LIMIT_TEXT + sizeof(MIRRORD_NAME) + 8] = MIRRORD_NAME ": ";
	size_t len;

	if (viewers->told_version)
		return;
	viewers->told_version = true; // once: a guest must not be able to fill a log
	len = strlen(strncat(line, text, LIMIT_TEXT));
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; // there is nobody to tell
}

void
viewers_bye(struct viewers *viewers, int status, const char *text)
{
	struct buf out = {0};

	view_bye_put(&out, status, text);
	viewers->farewell = blob_new(&out);
	uv_poll_stop(&viewers->listener);
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->state == VIEWER_HELLO)
			viewer_close(viewer);
		else if (!viewer->pending)
			viewer_drained(viewer);
	}
}

bool
viewers_gone(const struct viewers *viewers)
{
	return !viewers->first;
}
