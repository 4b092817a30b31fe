// SPDX-License-Identifier: ISC
// What a viewer tells and asks once it has come in; most of it only the host may.
#include "server/mirror/viewers_impl.h"

#include <stdlib.h>
#include <sysexits.h>

static void
take_status(struct viewer *viewer, const struct view_status *status)
{
	viewer->person->status = *status;
	fps_note(&viewer->fps, uv_now(viewer->viewers->loop), status->frames);
}

static void
on_status(struct viewer *viewer, const struct msg *msg)
{
	struct view_status status;

	if (viewer->state == VIEWER_QUERY || !view_status_get(msg, &status))
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
	else
		take_status(viewer, &status);
}

static void
on_key(struct viewer *viewer, const struct msg *msg)
{
	struct viewers *viewers = viewer->viewers;
	struct screen *screen;
	struct blob *blob;

	(void)msg;
	if (viewer->state != VIEWER_QUERY) {
		viewer->behind = true;
		if (!viewer->pending)
			viewer_drained(viewer);
		return;
	}
	if (!viewer->host) {
		viewer_send(viewer, viewers_asked(viewers));
		return;
	}
	screen = viewers->source.screen(viewers->source.user);
	blob = blob_frame(NULL, screen);
	screen_unref(screen);
	viewer_send(viewer, blob);
	blob_unref(blob);
}

// Whether this peer may ask what only the host may.
static bool
is_host(struct viewer *viewer)
{
	if (viewer->host && viewer->state == VIEWER_QUERY)
		return true;
	viewer_bye(viewer, EX_NOPERM, "only the host of the session may ask for that");
	return false;
}

static void
on_who(struct viewer *viewer, const struct msg *msg)
{
	struct viewers *viewers = viewer->viewers;
	struct view_person *people;
	struct screen *screen;
	struct buf out = {0};
	size_t begin, count;

	(void)msg;
	if (!is_host(viewer))
		return;
	screen = viewers->source.screen(viewers->source.user);
	people = viewers_people(viewers, &count);
	begin = msg_begin(&out, VIEW_WHO_IS);
	buf_put_varint(&out, screen->rows);
	buf_put_varint(&out, screen->cols);
	buf_put_varint(&out, count);
	for (size_t i = 0; i < count; i++)
		view_person_put(&out, &people[i]);
	msg_end(&out, begin);
	free(people);
	screen_unref(screen);
	viewer_answer(viewer, &out);
}

static void
on_cut(struct viewer *viewer, const struct msg *msg)
{
	struct buf out = {0};
	struct view_cut cut;
	size_t begin, count;

	// An account of guests that is no other's business may end what it lets them see, and no more.
	if ((viewer_is_believed(viewer) || viewer->state != VIEWER_QUERY) && !is_host(viewer))
		return;
	if (!view_cut_get(msg, &cut)) {
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
		return;
	}
	count = viewer->host ? viewers_cut(viewer->viewers, &cut)
			     : viewers_cut_own(viewer->viewers, viewer->uid, &cut);
	begin = msg_begin(&out, VIEW_CUT_IS);
	buf_put_varint(&out, count);
	msg_end(&out, begin);
	viewer_answer(viewer, &out);
}

static void
on_dump(struct viewer *viewer, const struct msg *msg)
{
	struct viewers *viewers = viewer->viewers;
	struct buf out = {0};
	size_t begin;

	(void)msg;
	if (!is_host(viewer))
		return;
	if (!viewers->source.dump) {
		viewer_bye(viewer, EX_UNAVAILABLE,
		    "the session is published from elsewhere, and that is kept there alone");
		return;
	}
	begin = msg_begin(&out, VIEW_DUMP_IS);
	viewers->source.dump(viewers->source.user, &out);
	msg_end(&out, begin);
	viewer_answer(viewer, &out);
}

// The newest request counts: who asks again before the answer has changed its mind.
static void
on_history(struct viewer *viewer, const struct msg *msg)
{
	if (!view_history_ask_get(msg, &viewer->ask)) {
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
		return;
	}
	viewer->asks = true;
	viewer->seeks = 0;
	if (!viewer->pending)
		viewer_drained(viewer);
}

static const struct {
	uint8_t type;
	void (*on)(struct viewer *viewer, const struct msg *msg);
} requests[] = {
    {VIEW_STATUS, on_status},
    {VIEW_KEY, on_key},
    {VIEW_WHO, on_who},
    {VIEW_DUMP, on_dump},
    {VIEW_CUT, on_cut},
    {VIEW_HISTORY, on_history},
    {VIEW_GUESTS, viewer_on_guests},
};

void
viewer_on_request(struct viewer *viewer, const struct msg *msg)
{
	if (viewer->outside && msg->type != VIEW_CUT) {
		viewers_refuse(viewer->viewers, viewer, VERDICT_LOCKED);
		return;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].type == msg->type) {
			requests[i].on(viewer, msg);
			return;
		}
	}
	viewer_bye(viewer, EX_PROTOCOL, "a message that this version does not know");
}
