// SPDX-License-Identifier: ISC
// Those who watch through an edge that serves others: a relay, or browsers. The edge tells who they
// are, for `mirrord who`, and is told whom to cut.
#include "server/mirror/viewers_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

void
viewers_left_edge(struct viewers *viewers, struct viewer *viewer)
{
	struct viewers_edge *left = &viewers->left;

	free(left->guests);
	*left = (struct viewers_edge){.guests = viewer->guests, .guest_count = viewer->guest_count};
	memcpy(left->name, viewer->person->name, sizeof(left->name));
	memcpy(left->via, viewer->person->via, sizeof(left->via));
	viewer->guests = NULL;
}

// Whether it comes in the place of the last that went.
static bool
is_next(const struct viewer *viewer)
{
	const struct viewers_edge *left = &viewer->viewers->left;

	return left->guests && strcmp(left->name, viewer->person->name) == 0 &&
	       strcmp(left->via, viewer->person->via) == 0;
}

void
viewer_judge_guests(struct viewer *viewer, const struct view_person *before, size_t count)
{
	struct viewers *viewers = viewer->viewers;
	const struct viewers_edge *left = &viewers->left;

	if (!viewer->serves && is_next(viewer))
		viewers_judge_guests(viewer, left->guests, left->guest_count, true);
	else
		viewers_judge_guests(viewer, before, count, viewer->serves);
	viewer->serves = true;
	if (viewers->shut && !viewers->far)
		viewer_tell_door(viewer, viewer->guests_serial);
}

// The host's own edges alone: what others say of people is not believed.
void
viewer_on_guests(struct viewer *viewer, const struct msg *msg)
{
	bool watches = viewer->state == VIEWER_VIEW || viewer->state == VIEWER_ASKED;
	struct view_person *guests;
	uint64_t serial;
	size_t count;

	if (!watches || !view_guests_get(msg, &serial, &guests, &count)) {
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
	} else if (!viewer->host) {
		free(guests);
		viewer_bye(viewer, EX_NOPERM, "only the host's edges may serve others");
	} else {
		struct view_person *old = viewer->guests;
		size_t old_count = viewer->guest_count;

		viewer->guests = guests;
		viewer->guest_count = count;
		viewer->guests_serial = serial;
		if (viewer->state == VIEWER_VIEW) // else once it is let in
			viewer_judge_guests(viewer, old, old_count);
		free(old);
		viewers_lend_guests(viewer->viewers, viewer);
		if (viewer->viewers->source.guests)
			viewer->viewers->source.guests(viewer->viewers->source.user);
	}
}

size_t
viewers_cut_guests(struct viewers *viewers, const struct view_cut *cut)
{
	size_t all = 0;

	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		size_t count = 0;

		next = viewer->next;
		for (size_t i = 0; i < viewer->guest_count; i++)
			count += view_cut_matches(cut, &viewer->guests[i]);
		if (!count || viewer->state != VIEWER_VIEW)
			continue;
		all += count;
		view_cut_put(&viewer->orders, VIEW_GUEST_CUT, cut);
		if (viewer->orders.len > VIEWERS_ORDERS_MAX)
			viewer_close(viewer);
		else if (!viewer->pending)
			viewer_drained(viewer);
	}
	return all;
}

// ---- the door -----------------------------------------------------------------------------------

void
viewer_tell_door(struct viewer *viewer, uint64_t serial)
{
	const struct view_door door = {.open = !viewer->viewers->shut, .serial = serial};

	if (!viewer->host || (viewer->state != VIEWER_VIEW && viewer->state != VIEWER_ASKED))
		return;
	view_door_put(&viewer->orders, VIEW_DOOR, &door);
	if (viewer->orders.len > VIEWERS_ORDERS_MAX)
		viewer_close(viewer);
	else if (!viewer->pending)
		viewer_drained(viewer);
}

void
viewers_tell_door(struct viewers *viewers)
{
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		viewer_tell_door(
		    viewer, viewer->serves && !viewers->far ? viewer->guests_serial : 0);
	}
}

void
viewers_door(struct viewers *viewers, bool open)
{
	bool same = viewers->far && viewers->shut == !open;

	viewers->far = true;
	viewers->shut = !open;
	if (!same)
		viewers_tell_door(viewers);
	for (struct viewer *viewer = viewers->first, *next; open && viewer; viewer = next) {
		next = viewer->next;
		if (viewer->state == VIEWER_ASKED)
			viewer_admit(viewer);
	}
}

static bool
is_told_of(const struct viewer *viewer)
{
	return viewer->state == VIEWER_VIEW ||
	       (viewer->state == VIEWER_ASKED && viewer->viewers->far);
}

// In the order of viewers_people().
void
viewers_named(struct viewers *viewers, size_t count)
{
	for (struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
		if (!is_told_of(viewer))
			continue;
		viewer->named = count > 0;
		count -= viewer->named;
		if (viewer->state != VIEWER_VIEW || count < viewer->guest_count)
			viewer->named_serial = 0; // the next list is to tell of them
		else
			viewer->named_serial = viewer->guests_serial;
		count -= count < viewer->guest_count ? count : viewer->guest_count;
	}
}

void
viewers_let_in(struct viewers *viewers)
{
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->state == VIEWER_ASKED && viewer->named)
			viewer_admit(viewer);
		else if (viewer->serves && viewer->named_serial)
			viewer_tell_door(viewer, viewer->named_serial);
	}
}

// ---- cuts ---------------------------------------------------------------------------------------

// Who has no name is cut by that by which the host knows them.
static bool
is_called(const struct viewer *viewer, const struct view_cut *cut)
{
	const struct viewers_source *source = &viewer->viewers->source;
	struct view_person person = *viewer->person;

	if (!*person.name && !viewer->host && source->call)
		source->call(source->user, &person);
	return view_cut_matches(cut, &person);
}

// An edge that serves others is told whom to cut, and stays itself unless it is named.
static bool
is_meant(const struct viewer *viewer, const struct view_cut *cut)
{
	bool watches = (viewer->state == VIEWER_VIEW && (!viewer->serves || *cut->name)) ||
		       viewer->state == VIEWER_ASKED;
	bool asks = viewer->state == VIEWER_QUERY && !viewer->host;

	return (watches || asks) && is_called(viewer, cut);
}

size_t
viewers_cut(struct viewers *viewers, const struct view_cut *cut)
{
	size_t count = 0;

	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (!is_meant(viewer, cut))
			continue;
		count += viewer->state != VIEWER_QUERY;
		viewer_bye(viewer, EX_NOPERM,
		    viewer->state == VIEWER_ASKED
			? "the host lets nobody else in, or is being asked: try again in a minute"
			: "the host has ended your access");
	}
	return count + viewers_cut_guests(viewers, cut);
}

size_t
viewers_cut_own(struct viewers *viewers, uid_t uid, const struct view_cut *cut)
{
	size_t count = 0;

	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->uid != uid || !viewer->claimed ||
		    strcmp(cut->key, viewer->claimed) != 0 ||
		    (viewer->state != VIEWER_VIEW && viewer->state != VIEWER_ASKED))
			continue;
		viewer_bye(viewer, EX_NOPERM, "your access has ended");
		count++;
	}
	return count;
}

// What an edge's guest types has a way here if the edge says so of itself.
static struct view_person
person_of(
    const struct viewers *viewers, const struct viewer *viewer, const struct view_person *guest)
{
	struct view_person person = guest ? *guest : *viewer->person;

	person.pair = person.pair && (guest ? viewer->person->pair : !viewer->serves);
	person.holds = person.pair && viewers_holds(viewers, viewer, guest);
	return person;
}

struct view_person *
viewers_people(const struct viewers *viewers, size_t *count)
{
	uint64_t now = uv_now(viewers->loop), printed = viewers_printed(viewers);
	struct view_person *people = calloc(LIMIT_PEOPLE, sizeof(*people));

	if (!people)
		abort();
	*count = 0;
	for (const struct viewer *viewer = viewers->first; viewer; viewer = viewer->next) {
		if (!is_told_of(viewer) || *count == LIMIT_PEOPLE)
			continue;
		people[*count] = person_of(viewers, viewer, NULL);
		people[*count].fps10 = fps_tenths(&viewer->fps, now);
		people[(*count)++].printed = printed - viewer->printed;
		for (size_t i = 0; i < viewer->guest_count && *count < LIMIT_PEOPLE; i++)
			people[(*count)++] = person_of(viewers, viewer, &viewer->guests[i]);
	}
	return people;
}
