// SPDX-License-Identifier: ISC
// The host's orders, carried out on those who watch and those who come.
#include "server/mirror/viewers_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

// The host who watches the own session on this machine: nobody to shut out or to ask about.
static bool
is_self(const struct viewer *viewer)
{
	return viewer->host && !*viewer->person->name;
}

// The host's own publisher or gateway: those who come through it are judged, one by one.
static bool
is_own_edge(const struct viewer *viewer)
{
	const char *via = viewer->person->via;

	return viewer->host && (strcmp(via, "publish") == 0 || strcmp(via, "web") == 0);
}

enum orders_verdict
viewers_judge(const struct viewers *viewers, const struct viewer *viewer, bool was_in)
{
	enum orders_verdict verdict;

	if (is_self(viewer))
		return VERDICT_IN;
	if (!viewers->host_orders)
		return viewers->shut ? VERDICT_ASK : VERDICT_IN;
	verdict = orders_judge(viewers->host_orders, viewer->person, was_in);
	return verdict != VERDICT_OUT && is_own_edge(viewer) ? VERDICT_IN : verdict;
}

static void
tell(struct viewers *viewers, enum event event, const struct view_person *person)
{
	if (viewers->source.event)
		viewers->source.event(viewers->source.user, event, person);
}

void
viewers_tell(struct viewers *viewers, enum event event, const struct viewer *viewer)
{
	tell(viewers, event, viewer->person);
}

void
viewers_refuse(struct viewers *viewers, struct viewer *viewer, enum orders_verdict verdict)
{
	static const char *const texts[] = {
	    [VERDICT_ASK] = "the host has to be asked first",
	    [VERDICT_LOCKED] = "the host lets nobody else in",
	    [VERDICT_OUT] = "the host has shut you out",
	};

	viewers_tell(viewers, viewer->state == VIEWER_VIEW ? EVENT_KICKED : EVENT_REFUSED, viewer);
	viewer_bye(viewer, EX_NOPERM, texts[verdict]);
}

static void
judge_again(struct viewers *viewers, struct viewer *viewer)
{
	enum orders_verdict verdict = viewers_judge(viewers, viewer, viewer->state == VIEWER_VIEW);

	switch (verdict) {
	case VERDICT_IN:
		if (viewer->state == VIEWER_ASKED)
			viewer_admit(viewer);
		break;
	case VERDICT_ASK: break;
	default: viewers_refuse(viewers, viewer, verdict);
	}
}

static bool
is_among(const struct view_person *guest, const struct view_person *people, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct view_person *other = &people[i];

		if (guest->since == other->since && guest->pid == other->pid &&
		    strcmp(guest->name, other->name) == 0 && strcmp(guest->key, other->key) == 0)
			return true;
	}
	return false;
}

// False: the guest is to be cut. The edge is told, which knows nothing of the host's orders; who has to be
// asked about can come again once the host has said yes.
static bool
judge_guest(struct viewers *viewers, const struct view_person *guest, bool was_in)
{
	enum orders_verdict verdict = orders_judge(viewers->host_orders, guest, was_in);
	struct view_cut cut;

	if (!was_in && verdict == VERDICT_IN)
		tell(viewers, EVENT_JOINED, guest);
	if (verdict == VERDICT_IN)
		return true;
	tell(viewers,
	    verdict == VERDICT_ASK ? EVENT_ASKS
	    : was_in               ? EVENT_KICKED
				   : EVENT_REFUSED,
	    guest);
	strcpy(cut.name, guest->name);
	strcpy(cut.key, guest->key);
	if (*cut.name || *cut.key) // else it would be all of them
		viewers_cut_guests(viewers, &cut);
	return false;
}

// Keeps the order of the others.
static void
forget_guests(struct viewer *viewer, const bool *strangers, size_t count)
{
	size_t stay = 0;

	for (size_t i = 0; i < count && i < viewer->guest_count; i++) {
		if (!strangers[i])
			viewer->guests[stay++] = viewer->guests[i];
	}
	viewer->guest_count = stay;
}

void
viewers_judge_guests(
    struct viewer *viewer, const struct view_person *before, size_t before_count, bool told)
{
	struct viewers *viewers = viewer->viewers;
	size_t count = viewer->guest_count;
	bool *strangers;

	if (!viewers->host_orders)
		return;
	strangers = calloc(count + 1, sizeof(*strangers));
	if (!strangers)
		abort();
	for (size_t i = 0; i < count; i++) {
		const struct view_person *guest = &viewer->guests[i];
		bool was_in = told ? is_among(guest, before, before_count) : viewer->back;

		strangers[i] = !judge_guest(viewers, guest, was_in) && !was_in;
	}
	forget_guests(viewer, strangers, count);
	free(strangers);
	for (size_t i = 0; i < before_count; i++) {
		if (!is_among(&before[i], viewer->guests, viewer->guest_count))
			tell(viewers, EVENT_LEFT, &before[i]);
	}
}

// ---- the keyboard --------------------------------------------------------------------------------

// Whom of those who watch through this edge it is lent to, if to one of them; borrowed.
static const struct view_person *
guest_meant(const struct viewers *viewers, const struct viewer *viewer)
{
	for (size_t i = 0; viewer->person->pair && i < viewer->guest_count; i++) {
		if (orders_holds(&viewers->lent_to, &viewer->guests[i]))
			return &viewer->guests[i];
	}
	return NULL;
}

static bool
may_hold(const struct viewers *viewers, const struct viewer *viewer)
{
	if (viewer->state != VIEWER_VIEW)
		return false;
	return viewer->serves ? guest_meant(viewers, viewer) != NULL
			      : orders_holds(&viewers->lent_to, viewer->person);
}

static void
tell_holder(struct viewers *viewers, struct viewer *viewer, bool lent)
{
	struct view_grant grant = {.lent = lent, .modes = viewers->modes};

	if (lent)
		memcpy(grant.token, viewers->lent_token, GRANT_TOKEN);
	if (lent && viewer->serves) {
		strcpy(grant.key, viewers->lent_to.key);
		strcpy(grant.name, viewers->lent_to.name);
	}
	view_grant_put(&viewer->orders, VIEW_GRANT, &grant);
	if (viewer->orders.len > VIEWERS_ORDERS_MAX)
		viewer_close(viewer);
	else
		viewer_tell(viewer);
}

// Exactly one connection gets the token; a new grant to the same person has another.
void
viewers_lend(struct viewers *viewers)
{
	struct viewer *old = viewers->holder, *holder = viewers->first;

	if (old && viewers->lent && may_hold(viewers, old) &&
	    memcmp(viewers->holder_token, viewers->lent_token, GRANT_TOKEN) == 0)
		return;
	viewers->holder = NULL;
	if (old)
		tell_holder(viewers, old, false);
	if (!viewers->lent)
		return;
	while (holder && !may_hold(viewers, holder))
		holder = holder->next;
	viewers->holder = holder;
	memcpy(viewers->holder_token, viewers->lent_token, GRANT_TOKEN);
	if (holder)
		tell_holder(viewers, holder, true);
}

bool
viewers_keyboard(struct viewers *viewers, const struct order_who *who, const uint8_t *token)
{
	viewers->lent = who;
	if (who) {
		viewers->lent_to = *who;
		memcpy(viewers->lent_token, token, GRANT_TOKEN);
	}
	viewers_lend(viewers);
	return viewers->holder;
}

bool
viewers_holds(
    const struct viewers *viewers, const struct viewer *viewer, const struct view_person *guest)
{
	return viewer == viewers->holder && (!guest || guest == guest_meant(viewers, viewer));
}

void
viewers_left_keyboard(struct viewers *viewers, struct viewer *viewer)
{
	if (viewers->holder != viewer)
		return;
	viewers->holder = NULL;
	viewers_tell(viewers, EVENT_HOLDER_LEFT, viewer);
}

void
viewers_lend_guests(struct viewers *viewers, struct viewer *viewer)
{
	if (viewers->holder == viewer && !may_hold(viewers, viewer)) {
		tell_holder(viewers, viewer, false);
		viewers_left_keyboard(viewers, viewer);
	} else {
		viewers_lend(viewers);
	}
}

void
viewers_modes(struct viewers *viewers, const struct input_modes *modes)
{
	if (memcmp(&viewers->modes, modes, sizeof(*modes)) == 0)
		return;
	viewers->modes = *modes;
	if (viewers->holder)
		tell_holder(viewers, viewers->holder, true);
}

// ---- what is said --------------------------------------------------------------------------------

static void
add(char text[LIMIT_TEXT + 1], const char *who, const char *what)
{
	size_t len = strlen(text);

	snprintf(text + len, LIMIT_TEXT + 1 - len, "%s%s%s", len ? " - " : "", who, what);
}

// What every edge shows over the screen.
static void
say(struct viewers *viewers)
{
	const struct orders *orders = viewers->host_orders;
	const char *holder = *orders->holder.name ? orders->holder.name : "a viewer";
	char text[LIMIT_TEXT + 1] = "";

	if (orders->hidden)
		add(text, "", "typing hidden");
	if (orders->granted && strlen(orders->say) + strlen(holder) < LIMIT_SAY)
		add(text, holder, " has the keyboard");
	else if (orders->granted)
		add(text, "a viewer", " has the keyboard");
	if (*orders->say)
		add(text, "", orders->say);
	if (strcmp(text, viewers->said) == 0)
		return;
	strcpy(viewers->said, text);
	viewers_notice(viewers, text);
}

void
viewers_order(struct viewers *viewers, const struct orders *orders)
{
	bool shut = !orders_open(orders), same = shut == viewers->shut;

	viewers->host_orders = orders;
	viewers->shut = shut;
	if (!same)
		viewers_tell_door(viewers);
	blob_unref(viewers->asked); // it may show what is not to be seen any more
	viewers->asked = NULL;
	for (struct viewer *viewer = viewers->first, *next; viewer; viewer = next) {
		next = viewer->next;
		if (viewer->state == VIEWER_VIEW || viewer->state == VIEWER_ASKED)
			judge_again(viewers, viewer);
		if (viewer->state == VIEWER_VIEW && viewer->guests)
			viewers_judge_guests(viewer, viewer->guests, viewer->guest_count, true);
	}
	viewers_keyboard(viewers, orders->granted ? &orders->holder : NULL, orders->token);
	say(viewers);
	viewers_listen(viewers, true);
}
