// SPDX-License-Identifier: ISC
// A viewer's first words: who it is, and whether it comes in.
#include "server/mirror/viewers_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

static void
refuse_version(struct viewer *viewer, uint64_t version)
{
	char text[LIMIT_TEXT];

	snprintf(text, sizeof(text),
	    "the viewer speaks version %llu of the protocol, the session version %d; "
	    "install the same mirrord on both sides",
	    (unsigned long long)version, PROTO_VERSION);
	viewers_tell_version(viewer->viewers, text);
	viewer_bye(viewer, EX_PROTOCOL, text);
}

bool
viewer_is_believed(const struct viewer *viewer)
{
	return viewer->host || viewer->gid == viewer->viewers->session.guests;
}

// Who it is. The name and what sshd's environment said are believed only from the host's account
// and from guest accounts: their forced command said so, and they can run nothing else.
static void
introduce(struct viewer *viewer, const struct view_hello *hello)
{
	struct view_person *person = calloc(1, sizeof(*person));

	if (!person)
		abort();
	if (viewer_is_believed(viewer)) {
		memcpy(person->name, hello->name, sizeof(person->name));
		memcpy(person->from, hello->from, sizeof(person->from));
		memcpy(person->via, hello->via, sizeof(person->via));
		memcpy(person->key, hello->key, sizeof(person->key));
	} else if (*hello->key) { // but its account may cut it by that
		viewer->claimed = strdup(hello->key);
		if (!viewer->claimed)
			abort();
	}
	person->uid = viewer->uid;
	person->pid = (uint32_t)viewer->pid;
	person->since = (uint64_t)time(NULL);
	person->status.rows = hello->rows;
	person->status.cols = hello->cols;
	viewer->person = person;
}

static void
welcome(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;
	struct view_welcome words = {.version = PROTO_VERSION, .start = viewers->session.start};
	struct buf out = {0};

	snprintf(words.session, sizeof(words.session), "%s", viewers->session.name);
	snprintf(words.host, sizeof(words.host), "%s", viewers->session.host);
	view_welcome_put(&out, &words);
	viewer_answer(viewer, &out);
}

uint64_t
viewer_query_due(const struct viewer *viewer)
{
	return uv_now(viewer->viewers->loop) + LIMIT_QUERY_MS;
}

void
viewer_admit(struct viewer *viewer)
{
	viewer->printed = viewers_printed(viewer->viewers);
	fps_note(&viewer->fps, uv_now(viewer->viewers->loop), 0);
	viewer_set_state(viewer, VIEWER_VIEW);
	viewer->behind = true; // it has no frame yet
	viewer->unaware = viewer->viewers->notice != NULL;
	if (viewer->viewers->shut)
		viewer_tell_door(viewer, 0);
	if (viewer->guests)
		viewer_judge_guests(viewer, NULL, 0);
	if (viewer->state == VIEWER_VIEW && !viewer->pending)
		viewer_drained(viewer);
	viewers_lend(viewer->viewers);
}

static void
wait_for_host(struct viewer *viewer)
{
	viewer_set_state(viewer, VIEWER_ASKED);
	viewer->due = uv_now(viewer->viewers->loop) + LIMIT_ASK_MS;
	viewer->behind = true;
	viewers_tell(viewer->viewers, EVENT_ASKS, viewer);
	viewer_tell_door(viewer, 0); // its own guests have to wait as well
	if (!viewer->pending)
		viewer_drained(viewer);
}

// As the host has ordered. That it was in before is believed of those whose name is: they run our
// program and nothing else.
static void
come_in(struct viewer *viewer, uint8_t flags)
{
	uint8_t role = flags & (uint8_t)~VIEW_ROLE_PAIR;
	bool was_in = role == VIEW_ROLE_BACK && viewer_is_believed(viewer);
	enum orders_verdict verdict = viewers_judge(viewer->viewers, viewer, was_in);

	viewer->back = was_in;
	viewer->person->pair = (flags & VIEW_ROLE_PAIR) && viewer_is_believed(viewer);
	viewer->outside =
	    verdict != VERDICT_IN && !viewer_is_believed(viewer) && role == VIEW_ROLE_QUERY;
	if (verdict == VERDICT_ASK && role != VIEW_ROLE_QUERY) {
		wait_for_host(viewer);
	} else if (verdict != VERDICT_IN && !viewer->outside) {
		viewers_refuse(viewer->viewers, viewer, verdict);
	} else if (role == VIEW_ROLE_QUERY) {
		viewer_set_state(viewer, VIEWER_QUERY);
		viewer->due = viewer_query_due(viewer);
	} else {
		viewer_admit(viewer);
	}
}

void
viewer_on_hello(struct viewer *viewer, const struct msg *msg)
{
	struct view_hello hello;

	if (msg->type != VIEW_HELLO || !view_hello_get(msg, &hello)) {
		viewer_close(viewer);
		return;
	}
	if (hello.version != PROTO_VERSION) {
		refuse_version(viewer, hello.version);
		return;
	}
	if (viewer
		->refused) { // not before: a BYE that crosses the HELLO is lost with the connection
		viewer_bye(viewer, EX_UNAVAILABLE, "the session has as many viewers as it takes");
		return;
	}
	introduce(viewer, &hello);
	welcome(viewer);
	if (viewer->state == VIEWER_DEAD)
		return;
	come_in(viewer, hello.role);
	viewers_schedule(viewer->viewers); // its deadline is met, or another begins
	viewer_update_events(viewer);
}
