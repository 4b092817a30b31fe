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

// The host's own edges alone: what others say of people is not believed.
void
viewer_on_guests(struct viewer *viewer, const struct msg *msg)
{
	struct view_person *guests;
	size_t count;

	if (viewer->state != VIEWER_VIEW || !view_guests_get(msg, &guests, &count)) {
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
	} else if (!viewer->host) {
		free(guests);
		viewer_bye(viewer, EX_NOPERM, "only the host's edges may serve others");
	} else {
		struct view_person *old = viewer->guests;
		size_t old_count = viewer->guest_count;
		const struct viewers_edge *left = &viewer->viewers->left;

		viewer->guests = guests;
		viewer->guest_count = count;
		if (!viewer->serves && is_next(viewer))
			viewers_judge_guests(viewer, left->guests, left->guest_count, true);
		else
			viewers_judge_guests(viewer, old, old_count, viewer->serves);
		free(old);
		viewer->serves = true;
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

// An edge that serves others is told whom to cut, and stays itself unless it is named.
static bool
is_meant(const struct viewer *viewer, const struct view_cut *cut)
{
	bool watches = (viewer->state == VIEWER_VIEW && (!viewer->serves || *cut->name)) ||
		       viewer->state == VIEWER_ASKED;
	bool asks = viewer->state == VIEWER_QUERY && !viewer->host;

	return (watches || asks) && view_cut_matches(cut, viewer->person);
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
		viewer_bye(viewer, EX_NOPERM, "the host has ended your access");
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
		if (viewer->state != VIEWER_VIEW || *count == LIMIT_PEOPLE)
			continue;
		people[*count] = person_of(viewers, viewer, NULL);
		people[*count].fps10 = fps_tenths(&viewer->fps, now);
		people[(*count)++].printed = printed - viewer->printed;
		for (size_t i = 0; i < viewer->guest_count && *count < LIMIT_PEOPLE; i++)
			people[(*count)++] = person_of(viewers, viewer, &viewer->guests[i]);
	}
	return people;
}
