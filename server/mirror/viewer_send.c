// SPDX-License-Identifier: ISC
// What one viewer is sent: the one message that is on its way, and what comes after it.
#include "server/mirror/curtain.h"
#include "server/mirror/viewers_impl.h"

#include <errno.h>
#include <sys/socket.h>

#define ASKED_TEXT "waiting for the host to let you in"

static void
drop_pending(struct viewer *viewer)
{
	blob_unref(viewer->pending);
	viewer->pending = NULL;
	viewer->sent = 0;
}

// Sends of `pending` what the socket takes.
static void
send_pending(struct viewer *viewer)
{
	const struct buf *bytes = &viewer->pending->bytes;

	while (viewer->sent < bytes->len) {
		ssize_t sent = send(viewer->fd, bytes->data + viewer->sent,
		    bytes->len - viewer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN) {
			viewer_close(viewer);
			return;
		}
		if (sent < 0)
			break;
		viewer->sent += (size_t)sent;
	}
	if (viewer->sent == bytes->len)
		drop_pending(viewer);
}

void
viewer_flush(struct viewer *viewer)
{
	send_pending(viewer);
	if (!viewer->pending && viewer->last) {
		viewer->pending = viewer->last;
		viewer->last = NULL;
		send_pending(viewer);
	}
	if (!viewer->pending && viewer->state == VIEWER_CLOSING)
		viewer_close(viewer);
}

// False if a viewer's socket takes nothing of it now: then it is not sent, for what counts later is
// the screen of that time.
bool
viewer_try(struct viewer *viewer, struct blob *blob)
{
	viewer->pending = blob_ref(blob);
	viewer->sent = 0;
	viewer_flush(viewer);
	if (!viewer->pending || viewer->sent || viewer->state != VIEWER_VIEW)
		return true;
	drop_pending(viewer);
	return false;
}

void
viewer_send(struct viewer *viewer, struct blob *blob)
{
	if (!viewer_try(viewer, blob))
		viewer->behind = true;
	viewer_update_events(viewer);
}

void
viewer_answer(struct viewer *viewer, struct buf *bytes)
{
	struct blob *blob = blob_new(bytes);

	viewer_send(viewer, blob);
	blob_unref(blob);
}

// For one who waits to be let in: not even the session's size.
static void
send_curtain(struct viewer *viewer)
{
	const struct view_status *status = &viewer->person->status;
	bool fits = status->rows && status->cols && status->rows <= SCREEN_ROWS_MAX &&
		    status->cols <= SCREEN_COLS_MAX;
	struct screen *screen =
	    curtain_new(fits ? status->rows : 24, fits ? status->cols : 80, ASKED_TEXT);
	struct blob *blob = blob_frame(NULL, screen);

	screen_unref(screen);
	viewer_send(viewer, blob);
	blob_unref(blob);
}

void
viewer_bye(struct viewer *viewer, int status, const char *text)
{
	struct buf out = {0};

	if (viewer->state == VIEWER_CLOSING) // its last words are on their way
		return;
	viewer_set_state(viewer, VIEWER_CLOSING);
	viewer->behind = viewer->unaware = false;
	viewer->orders.len = 0;
	viewer->due = uv_now(viewer->viewers->loop) + LIMIT_HELLO_MS;
	view_bye_put(&out, status, text);
	if (viewer->pending) // an edge that is cut off without them would come back
		viewer->last = blob_new(&out);
	else
		viewer_answer(viewer, &out);
	viewers_schedule(viewer->viewers);
}

// They wait for as long as it takes: an order is not to be lost.
static void
give_orders(struct viewer *viewer)
{
	struct blob *blob = blob_new(&viewer->orders);

	if (!viewer_try(viewer, blob)) { // nobody else holds it
		viewer->orders = blob->bytes;
		blob->bytes = (struct buf){0};
	}
	blob_unref(blob);
}

void
viewer_tell(struct viewer *viewer)
{
	if (viewer->pending)
		return;
	if (viewer->behind)
		viewer_drained(viewer);
	else
		give_orders(viewer);
	viewer_update_events(viewer);
}

bool
viewer_waits(const struct viewer *viewer)
{
	return viewer->asks && !viewer->pending && !viewer->behind &&
	       (viewer->state == VIEWER_VIEW || viewer->state == VIEWER_QUERY);
}

void
viewer_drained(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;

	// A door that is shut is so before the screen is there.
	if (viewer->orders.len && (viewer->state == VIEWER_VIEW || viewer->state == VIEWER_ASKED))
		give_orders(viewer);
	if (viewer->pending || viewer->state == VIEWER_DEAD) {
		viewer_update_events(viewer);
		return;
	}
	if (viewer->behind && !viewer->orders.len && viewer->state == VIEWER_VIEW) {
		viewer->behind = false;
		viewer_send(viewer, viewers_key(viewers));
	} else if (viewer->behind && !viewer->orders.len && viewer->state == VIEWER_ASKED) {
		viewer->behind = false;
		send_curtain(viewer);
	}
	if (viewer->unaware && !viewer->pending && !viewer->behind && viewer->state == VIEWER_VIEW)
		viewer->unaware = !viewer_try(viewer, viewers->notice);
	if (viewer->answer && !viewer->pending && !viewer->behind)
		viewer_give_answer(viewer);
	if (viewer_waits(viewer))
		viewer_history(viewer);
	if (viewers->farewell && !viewer->pending && !viewer->behind &&
	    (viewer->state == VIEWER_VIEW || viewer->state == VIEWER_ASKED ||
		viewer->state == VIEWER_QUERY)) {
		viewer_set_state(viewer, VIEWER_CLOSING);
		viewer_send(viewer, viewers->farewell);
	}
	viewer_update_events(viewer);
}
