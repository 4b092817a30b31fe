// SPDX-License-Identifier: ISC
// A session as the gateway has it: a replica of its screen, and the fan that makes frames from it for all
// who watch. Nobody watches: no connection to the session.
#include "web/channel.h"
#include "web/gateway_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TELL_MS 1000  // between two messages about who watches
#define IDLE_MS 10000 // without anybody, then the connection to the session is closed

struct source *
source_find(struct gateway *gateway, const char *name)
{
	for (struct source *source = gateway->sources; source; source = source->next) {
		if (strcmp(source->name, name) == 0 && source->listed)
			return source;
	}
	return NULL;
}

static uint64_t
random_epoch(void)
{
	uint64_t epoch;

	if (getrandom(&epoch, sizeof(epoch), 0) != (ssize_t)sizeof(epoch))
		abort();
	return epoch;
}

struct source *
source_add(struct gateway *gateway, const char *name, const char *host, uint64_t start)
{
	struct source *source = calloc(1, sizeof(*source)), **end = &gateway->sources;

	if (!source)
		abort();
	source->gateway = gateway;
	source->listed = true;
	source->start = start;
	strcpy(source->name, name);
	strcpy(source->host, host);
	source->fan = fan_new(random_epoch());
	while (*end)
		end = &(*end)->next;
	*end = source;
	return source;
}

// ---- from the session --------------------------------------------------------------------------

// Another mirror numbers rows that scrolled away anew, and has not heard what we asked.
static void
begin_anew(struct source *source)
{
	source->fresh = source->asked = false;
	for (struct client *client = source->clients; source->shown && client;
	     client = client->next)
		client_tell_joined(client);
}

static void
on_screen(void *user, struct screen *screen)
{
	struct source *source = user;

	source->changed_ms = uv_now(&source->gateway->loop);
	fan_show(source->fan, screen);
	if (source->fresh)
		begin_anew(source);
	source->shown = true;
}

static void
on_notice(void *user, const char *text)
{
	struct source *source = user;

	strcpy(source->notice, text ? text : "");
	for (struct client *client = source->clients; client; client = client->next)
		client_tell_notice(client);
}

static void
on_end(void *user, int status, const char *text)
{
	source_end(user, status, *text ? text : "the session has ended");
}

static void
on_cut(void *user, const struct view_cut *cut)
{
	struct source *source = user;
	struct client *next;

	for (struct client *client = source->clients; client; client = next) {
		struct view_person person = {0};

		next = client->next;
		strcpy(person.name, client->name);
		if (!view_cut_matches(cut, &person))
			continue;
		client_bye(client, WEB_SENT_AWAY, "the host has sent you away");
	}
}

// Who came before the session has said how its door stands has been told of no wait.
static void
on_door(void *user, const struct view_door *door)
{
	struct source *source = user;
	bool first = !source->heard;

	source->shut = !door->open;
	source->heard = true;
	for (struct client *client = source->clients; client; client = client->next) {
		if (!client->held)
			continue;
		client->held = source->shut && (!client->named || client->named > door->serial);
		if (client->held == first)
			client_tell_notice(client);
	}
}

static void
on_turn(void *user)
{
	struct source *source = user;

	source_ask(source);
	for (struct client *client = source->clients; client; client = client->next)
		client_schedule(client);
}

// ---- rows that scrolled away -------------------------------------------------------------------

static bool
same_ask(const struct view_history_ask *a, const struct view_history_ask *b)
{
	return a->first == b->first && a->count == b->count;
}

// One question at a time, of a page that has taken all it was sent: nobody piles up answers.
void
source_ask(struct source *source)
{
	if (source->asked || !source->shown)
		return;
	for (struct client *client = source->clients; client; client = client->next) {
		if (!client->asks || client->held || client->out.len)
			continue;
		source->asked = true;
		source->ask = client->ask;
		upstream_ask(&source->up, &source->ask);
		return;
	}
}

static void
on_history(void *user, const struct msg *msg)
{
	struct source *source = user;
	struct view_history history;

	if (!source->asked || !view_history_get(msg, &history))
		return;
	source->asked = false;
	for (struct client *client = source->clients; client; client = client->next) {
		if (client->asks && !client->held && same_ask(&client->ask, &source->ask))
			client_history(client, &history);
	}
	screen_unref(history.rows);
	source_ask(source);
}

// ---- the connection ----------------------------------------------------------------------------

static int
on_dial(void *user)
{
	struct source *source = user;

	source->fresh = true;
	return channel_dial(source->gateway->dial, source->name);
}

static void
open_source(struct source *source)
{
	const struct upstream_sink sink = {.user = source,
	    .screen = on_screen,
	    .notice = on_notice,
	    .history = on_history,
	    .end = on_end,
	    .cut = on_cut,
	    .door = on_door,
	    .turn = on_turn,
	    .dial = on_dial};
	const struct view_hello hello = {0};

	source->state = SOURCE_OPEN;
	source->shown = source->asked = source->heard = false;
	source->shut = true;
	*source->notice = '\0';
	upstream_init(&source->up, &source->gateway->loop, NULL, &hello, &sink);
	upstream_open(&source->up, &source->client);
}

static void
close_source(struct source *source)
{
	if (source->state != SOURCE_OPEN)
		return;
	source->state = SOURCE_CLOSING;
	source->shown = false;
	upstream_stop(&source->up);
}

void
source_end(struct source *source, int status, const char *text)
{
	while (source->clients) {
		struct client *client = source->clients;

		source_leave(client);
		client_left(client, status, text);
	}
	close_source(source);
}

// ---- who watches -------------------------------------------------------------------------------

size_t
source_watching(const struct source *source)
{
	return source->count + source->others;
}

static void
describe(const struct client *client, struct view_person *person)
{
	const struct in6_addr *address = &client->conn->address;
	const struct screen *screen = client->source->up.replica.screen;

	strcpy(person->name, client->name);
	strcpy(person->via, "web");
	if (IN6_IS_ADDR_V4MAPPED(address))
		inet_ntop(AF_INET, &address->s6_addr[12], person->from, sizeof(person->from));
	else
		inet_ntop(AF_INET6, address, person->from, sizeof(person->from));
	person->since = client->since;
	person->status = (struct view_status){.rows = screen ? screen->rows : 0,
	    .cols = screen ? screen->cols : 0, // a page shows all of it
	    .rtt_us = client->viewer.pace.srtt_us,
	    .lag_us = client->viewer.pace.lag_us,
	    .bytes = client->viewer.bytes,
	    .frames = client->viewer.messages};
}

// For `mirrord who` at the host.
static void
tell_guests(struct source *source)
{
	struct view_person *people;
	size_t count = 0, put;

	if (source->state != SOURCE_OPEN)
		return;
	people = calloc(source->count + 1, sizeof(*people));
	if (!people)
		abort();
	for (struct client *client = source->clients; client; client = client->next)
		describe(client, &people[count++]);
	put = upstream_guests(&source->up, ++source->serial, people, count);
	for (struct client *client = source->clients; client && put; client = client->next, put--)
		client->named = client->named ? client->named : source->serial;
	free(people);
}

static void
tell_all(struct source *source)
{
	tell_guests(source);
	for (struct client *client = source->clients; client; client = client->next)
		client_tell_watching(client);
}

static void
on_late(uv_timer_t *timer)
{
	struct gateway *gateway = timer->data;

	gateway->told_ms = uv_now(&gateway->loop);
	for (struct source *source = gateway->sources; source; source = source->next) {
		if (source->told_late)
			tell_all(source);
		source->told_late = false;
	}
}

// A mirror drops who sends it too much, and a crowd comes at once.
void
source_changed(struct source *source)
{
	struct gateway *gateway = source->gateway;
	uint64_t since = uv_now(&gateway->loop) - gateway->told_ms;

	source->told_late = true;
	if (since >= TELL_MS)
		on_late(&gateway->late);
	else if (!uv_is_active((uv_handle_t *)&gateway->late))
		uv_timer_start(&gateway->late, on_late, TELL_MS - since, 0);
}

// Our own connection is one of the session's viewers.
void
source_counted(struct source *source, size_t viewers)
{
	size_t others = viewers > 0 ? viewers - 1 : 0;

	if (source->others == others)
		return;
	source->others = others;
	source_changed(source);
}

bool
source_join(struct source *source, struct client *client)
{
	source_leave(client);
	if (source->state == SOURCE_CLOSING)
		return false;
	client->source = source;
	client->next = source->clients;
	client->link = &source->clients;
	if (client->next)
		client->next->link = &client->next;
	source->clients = client;
	source->count++;
	client->named = 0;
	fan_viewer_init(source->fan, &client->viewer, gateway_now_us(), client->epoch, client->seq);
	if (source->state == SOURCE_IDLE)
		open_source(source);
	if (client->source != source) // nobody was there
		return false;
	client->held = source->shut;
	gateway_count(source->gateway);
	client_schedule(client);
	return true;
}

void
source_leave(struct client *client)
{
	struct source *source = client->source;

	if (!source)
		return;
	fan_viewer_fini(source->fan, &client->viewer);
	if (client->next)
		client->next->link = client->link;
	*client->link = client->next;
	client->source = NULL;
	client->asks = client->held = false;
	uv_timer_stop(&client->due);
	if (--source->count == 0)
		source->idle_ms = uv_now(&source->gateway->loop);
	source_changed(source);
}

// ---- the end of one ----------------------------------------------------------------------------

void
sources_drop_unlisted(struct gateway *gateway)
{
	for (struct source *source = gateway->sources; source; source = source->next) {
		if (!source->listed)
			source_end(source, 0, "the session has ended");
	}
}

void
sources_sweep(struct gateway *gateway)
{
	uint64_t now = uv_now(&gateway->loop);
	struct source **link = &gateway->sources;

	while (*link) {
		struct source *source = *link;

		if (source->state == SOURCE_CLOSING) {
			upstream_fini(&source->up);
			source->state = SOURCE_IDLE;
		}
		if (source->state == SOURCE_OPEN && !source->count &&
		    now - source->idle_ms >= IDLE_MS)
			close_source(source);
		if (source->listed || source->state != SOURCE_IDLE) {
			link = &source->next;
			continue;
		}
		*link = source->next;
		fan_free(source->fan);
		free(source);
	}
}
