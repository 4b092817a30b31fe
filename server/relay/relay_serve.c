// SPDX-License-Identifier: ISC
// The process that serves a published session: a mirror that is fed frames. It outlives its links,
// and shows the last screen until the host is back. Locked down before it reads the first byte.
//
// A *feed* is one link, handed over by the process that sshd started for it. Several may have said
// HELLO; the one on which the publisher begins to send is the live one from then on.
#include "server/relay/relay_parts.h"

#include "server/base/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define FIRST_ROWS 24 // of the blank screen that is shown if none comes
#define FIRST_COLS 80
#define FIRST_MS 2000         // until it is, where another process served the session before
#define COUNT_MS 1000         // how often the notice counts on
#define GUESTS_MS 2000        // no more than one list of guests in so long,
#define GUESTS_OLD_MS 60000   // and one after so long, for what it says of their lines
#define GUESTS_AGAIN_MS 10000 // while the door is shut, for the host to answer to one
#define GOODBYE_MS 1000       // for viewers to take their last frame
#define NEVER UINT64_MAX

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// ---- to viewers --------------------------------------------------------------------------------

static struct screen *
give_screen(void *user)
{
	return screen_ref(((struct relay *)user)->screen);
}

// The publisher is to get a list of guests, so long after the last.
static void
want_guests(struct relay *relay, uint64_t after_ms)
{
	uint64_t due = relay->guests_at + after_ms;

	if (!relay->guests_due || relay->guests_due > due)
		relay->guests_due = due;
}

static void
on_count(void *user, size_t count)
{
	struct relay *relay = user;

	relay_clock(relay);
	want_guests(relay, GUESTS_MS);
	if (count && !relay->watched) { // the publisher will say that it is there
		relay->came_at = relay->now;
		relay->beat_ms = LIMIT_PUBLISH_BEAT_MS;
	}
	relay->watched = count;
	relay_soon(relay);
}

static void
on_guests(void *user)
{
	struct relay *relay = user;

	relay_clock(relay);
	want_guests(relay, GUESTS_MS);
	relay_soon(relay);
}

static void
on_seek(void *user)
{
	struct relay *relay = user;

	relay_clock(relay);
	relay->seeks = true;
	relay_soon(relay);
}

static void
on_event(void *user, enum event event, const struct view_person *person)
{
	(void)person;
	if (event == EVENT_HOLDER_LEFT)
		relay_control_take_back(user);
}

static void
on_call(void *user, struct view_person *person)
{
	const struct relay_claim *claim = ((struct relay *)user)->claim;

	if (person->uid == claim->session.owner)
		strcpy(person->name, claim->host);
	else
		snprintf(person->name, sizeof(person->name), "uid %u", (unsigned)person->uid);
}

// From the first screen on; until then viewers wait in the backlog.
static void
start_viewers(struct relay *relay)
{
	const struct relay_claim *claim = relay->claim;
	const struct viewers_session session = {.name = claim->session.name,
	    .host = claim->host,
	    .start = claim->who.start,
	    .owner = claim->session.owner,
	    .guests = claim->guests};
	const struct viewers_source source = {.screen = give_screen,
	    .seek = on_seek,
	    .count = on_count,
	    .event = on_event,
	    .guests = on_guests,
	    .call = on_call,
	    .user = relay};

	if (relay->viewers)
		return;
	if (!relay->screen)
		relay->screen = screen_blank(FIRST_ROWS, FIRST_COLS);
	relay->viewers = viewers_new(&relay->loop, claim->view_fd, &session, &source);
	if (!relay->viewers)
		abort(); // a listening socket of our own
	viewers_door(relay->viewers, !relay->shut);
	relay->first_due = NEVER;
	relay_tell(relay);
}

void
relay_tell(struct relay *relay)
{
	char text[LIMIT_TEXT + 1];

	if (relay->lost_at)
		snprintf(text, sizeof(text), "host link lost, retrying (%llu s)",
		    (unsigned long long)(relay->now - relay->lost_at) / 1000);
	else
		memcpy(text, relay->said, sizeof(text));
	if (!relay->viewers || strcmp(text, relay->told) == 0)
		return;
	memcpy(relay->told, text, sizeof(text));
	viewers_notice(relay->viewers, *text ? text : NULL);
}

void
relay_end(struct relay *relay, int status, const char *text)
{
	if (relay->end_at)
		return;
	relay->end_at = relay->now + GOODBYE_MS;
	relay_control_take_back(relay);
	for (size_t i = 0; i < RELAY_FEEDS; i++) {
		if (relay->feed[i])
			feed_bye(relay->feed[i], status, text);
	}
	if (relay->viewers)
		viewers_bye(relay->viewers, status, text);
	relay_soon(relay);
}

// ---- a link is lost, and found -----------------------------------------------------------------

static void
lost(struct relay *relay, uint64_t since)
{
	if (relay->lost_at || relay->end_at)
		return;
	relay->lost_at = since ? since : 1;
	relay_control_take_back(relay); // nobody sees what they type into
	relay_tell(relay);
	relay_history_seek(relay);
}

static void
found(struct relay *relay)
{
	relay->lost_at = 0;
	relay_tell(relay);
}

// A session that there never was anything to see of is none.
void
relay_left(struct relay *relay)
{
	bool any = false;

	for (size_t i = 0; i < RELAY_FEEDS; i++)
		any |= relay->feed[i] != NULL;
	if (!relay->live)
		lost(relay, relay->now);
	if (!any && !relay->screen && !relay->claim->again)
		relay_end(relay, EX_UNAVAILABLE, "");
}

// Nobody new sees anything before the host has had the list that names them; one list at a time.
void
relay_door(struct relay *relay, const struct view_door *door)
{
	relay->heard = true;
	relay->shut = !door->open;
	if (!relay->viewers)
		return;
	viewers_door(relay->viewers, door->open);
	if (relay->guests_asked && (door->open || door->serial == relay->guests_serial)) {
		relay->guests_asked = false;
		viewers_let_in(relay->viewers);
	}
}

// Until the publisher of this link says how its door stands. Who was in stays.
static void
shut_door(struct relay *relay)
{
	relay_door(relay, &(struct view_door){0});
	relay->heard = relay->guests_asked = false;
}

// The publisher sends on this one.
void
relay_chosen(struct relay *relay, struct feed *feed)
{
	struct feed *old = relay->live;

	relay->live = feed;
	relay->since = feed->since;
	if (old && old->since != feed->since)
		feed_bye(old, EX_UNAVAILABLE, "the session is published by another process now");
	else if (old)
		feed_close(old);
	relay->said[0] = '\0'; // the publisher says it again
	relay->came_at = relay->now;
	relay->beat_ms = LIMIT_PUBLISH_BEAT_MS;
	shut_door(relay);
	relay->guests_due = relay->viewers && !viewers_gone(relay->viewers) ? relay->now : 0;
	if (relay->lost_at)
		found(relay);
	relay_history_restart(relay);
}

void
relay_show(struct relay *relay, struct screen *screen)
{
	struct screen *old = relay->screen;
	bool beat = old && screen_equal(old, screen);

	relay->came_at = relay->now;
	relay->beat_ms = !beat ? LIMIT_PUBLISH_BEAT_MS
			 : relay->beat_ms * 2 < LIMIT_PUBLISH_BEAT_MAX_MS
			     ? relay->beat_ms * 2
			     : LIMIT_PUBLISH_BEAT_MAX_MS;
	if (relay->lost_at)
		found(relay);
	if (relay->watched && !beat) // what the list says of their lines has changed
		want_guests(relay, GUESTS_OLD_MS);
	relay->screen = screen_ref(screen);
	start_viewers(relay);
	if (!relay->heard) // who shuts the door says so first
		relay_door(relay, &(struct view_door){.open = true});
	viewers_show(relay->viewers, screen);
	screen_unref(old);
}

// ---- what is due -------------------------------------------------------------------------------

// Without guests the publisher need not say that it is there.
static uint64_t
silent_due(const struct relay *relay)
{
	if (!relay->live || relay->lost_at || !relay->watched)
		return NEVER;
	return relay->came_at + relay->beat_ms + LIMIT_PUBLISH_LATE_MS;
}

static void
send_guests(struct relay *relay)
{
	struct view_person *people;
	size_t count, put;

	relay->guests_at = relay->now;
	relay->guests_due = 0;
	if (!relay->live || !relay->viewers)
		return;
	people = viewers_people(relay->viewers, &count);
	for (size_t i = 0; i < count; i++) {
		if (*people[i].name)
			continue;
		people[i].pair = false; // the host has no word for whom it would lend to
		on_call(relay, &people[i]);
	}
	put = feed_guests(relay->live, ++relay->guests_serial, people, count);
	relay->guests_asked = relay->shut;
	if (relay->shut)
		viewers_named(relay->viewers, put);
	free(people);
}

// One list at a time waits for an answer; one on its way to the mirror may be lost.
static uint64_t
list_due(const struct relay *relay)
{
	if (!relay->live)
		return NEVER;
	if (relay->guests_asked)
		return relay->guests_at + GUESTS_AGAIN_MS;
	return relay->guests_due ? relay->guests_due : NEVER;
}

static uint64_t
next_due(const struct relay *relay)
{
	uint64_t due = earlier(relay->first_due, silent_due(relay));

	if (relay->end_at)
		return relay->end_at;
	if (relay->seeks)
		return relay->now;
	if (relay->lost_at) {
		due = earlier(due, relay->lost_at + relay->claim->keep_ms);
		if (relay->watched)
			due = earlier(due, relay->count_at + COUNT_MS);
	}
	due = earlier(due, list_due(relay));
	for (size_t i = 0; i < RELAY_FEEDS; i++) {
		if (relay->feed[i])
			due = earlier(due, feed_due(relay->feed[i]));
	}
	return earlier(due, relay_control_due(relay));
}

static void
do_due(struct relay *relay)
{
	uint64_t now = relay->now;

	if (relay->first_due <= now)
		start_viewers(relay);
	if (silent_due(relay) <= now)
		lost(relay, relay->came_at);
	if (relay->lost_at && relay->count_at + COUNT_MS <= now) {
		relay->count_at = now;
		relay_tell(relay);
	}
	if (relay->lost_at && relay->lost_at + relay->claim->keep_ms <= now)
		relay_end(relay, EX_UNAVAILABLE, "the host has not come back");
	if (relay->seeks)
		relay_history_seek(relay);
	relay->seeks = false;
	if (list_due(relay) <= now)
		send_guests(relay);
	for (size_t i = 0; i < RELAY_FEEDS; i++) {
		if (relay->feed[i] && feed_due(relay->feed[i]) <= now)
			feed_act(relay->feed[i]);
	}
	relay_control_tick(relay);
}

static void
on_timer(uv_timer_t *timer)
{
	struct relay *relay = timer->data;

	relay_clock(relay);
	if (relay->end_at &&
	    (relay->end_at <= relay->now || !relay->viewers || viewers_gone(relay->viewers))) {
		uv_stop(&relay->loop);
		return;
	}
	if (!relay->end_at)
		do_due(relay);
	relay_schedule(relay);
}

void
relay_clock(struct relay *relay)
{
	relay->now = uv_now(&relay->loop);
}

void
relay_soon(struct relay *relay)
{
	uv_timer_start(&relay->timer, on_timer, 1, 0);
}

void
relay_schedule(struct relay *relay)
{
	uint64_t due = next_due(relay);

	if (due == NEVER)
		uv_timer_stop(&relay->timer);
	else
		uv_timer_start(&relay->timer, on_timer, due > relay->now ? due - relay->now : 1, 0);
}

// ---- start -------------------------------------------------------------------------------------

int
relay_serve(const struct relay_claim *claim)
{
	static struct relay relay; // for the leak checker; nothing else names it
	struct sandbox_state sandbox;

	relay.claim = claim;
	relay.since = claim->who.since;
	relay.guests_serial = uv_hrtime() / 1000; // none of the process before this one
	relay.shut = true;
	if (uv_loop_init(&relay.loop) != 0)
		return EX_OSERR;
	uv_timer_init(&relay.loop, &relay.timer);
	relay.timer.data = &relay;
	relay_clock(&relay);
	relay.first_due = claim->again ? relay.now + FIRST_MS : NEVER;
	lost(&relay, relay.now); // until a publisher is there
	if (!relay_control_start(&relay) || !sandbox_enter(SANDBOX_RELAY, &sandbox))
		return EX_OSERR;
	relay_schedule(&relay);
	uv_run(&relay.loop, UV_RUN_DEFAULT);
	return EX_OK;
}
