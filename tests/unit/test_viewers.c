// SPDX-License-Identifier: ISC
// Those who watch, over real sockets and a loop that is turned by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/base/viewclient.h"
#include "server/edge/replica.h"
#include "server/mirror/viewers.h"
#include "vt/model.h"

#define ROWS 24
#define COLS 80

struct served {
	uv_loop_t loop;
	struct sockaddr_un address;
	socklen_t len;
	struct model *model;
	struct viewers *viewers;
};

static struct screen *
give_screen(void *user)
{
	return model_screen(((struct served *)user)->model);
}

static void
give_dump(void *user, struct buf *out)
{
	model_dump(((struct served *)user)->model, out);
}

static void
on_count(void *user, size_t count)
{
	(void)user;
	(void)count;
}

// They live as long as the process, as in a mirror.
static struct served *
served_new(void)
{
	static struct served all[16];
	static size_t count;
	struct served *served = &all[count++];
	const struct viewers_session session = {
	    .name = "s", .host = "host", .owner = getuid(), .guests = getgid()};
	const struct viewers_source source = {
	    .screen = give_screen, .dump = give_dump, .count = on_count, .user = served};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	served->address.sun_family = AF_UNIX;
	served->len = sizeof(served->address);
	// Bound to no path: Linux picks a name.
	assert_int_equal(
	    bind(listener, (struct sockaddr *)&served->address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 8), 0);
	getsockname(listener, (struct sockaddr *)&served->address, &served->len);
	uv_loop_init(&served->loop);
	served->model = model_new(ROWS, COLS, NULL);
	served->viewers = viewers_new(&served->loop, listener, &session, &source);
	return served;
}

static void
turn(struct served *served)
{
	for (int i = 0; i < 4; i++)
		uv_run(&served->loop, UV_RUN_NOWAIT);
}

static struct viewclient
join_as(struct served *served, uint8_t role, const char *name, const char *key)
{
	struct viewclient client = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	struct view_hello hello;
	struct buf out = {0};

	assert_int_equal(connect(client.fd, (struct sockaddr *)&served->address, served->len), 0);
	viewclient_hello(&hello, role, ROWS, COLS);
	strcpy(hello.name, name);
	strcpy(hello.key, key);
	view_hello_put(&out, &hello);
	assert_true(viewclient_send(&client, &out));
	buf_fini(&out);
	turn(served);
	return client;
}

static struct viewclient
join(struct served *served)
{
	return join_as(served, VIEW_ROLE_VIEW, "", "");
}

static void
show(struct served *served, const char *text)
{
	struct screen *screen;

	model_feed(served->model, text, strlen(text));
	screen = model_screen(served->model);
	viewers_show(served->viewers, screen);
	screen_unref(screen);
	turn(served);
}

// Reads all there is. The types of the messages, a letter each, into `types`; the last notice.
static void
read_all(
    struct served *served, struct viewclient *client, char types[256], char notice[LIMIT_TEXT + 1])
{
	size_t count = 0, before;
	struct view_bye bye;
	struct msg msg;

	do {
		before = count;
		turn(served);
		viewclient_read(client);
		while (viewclient_next(client, &msg, &bye) == VIEWCLIENT_MSG) {
			if (msg.type == VIEW_NOTICE)
				assert_true(view_notice_get(&msg, notice));
			if (count < 255)
				types[count++] = msg.type == VIEW_NOTICE  ? 'n'
						 : msg.type != VIEW_FRAME ? 'w'
						 : msg.data[0] & 1        ? 'K'
									  : 'f';
		}
	} while (count != before);
	types[count] = '\0';
}

static void
a_notice_reaches_those_who_watch_and_those_who_come(void **state)
{
	struct served *served = served_new();
	struct viewclient early = join(served), late;
	char types[256], notice[LIMIT_TEXT + 1] = "";
	(void)state;

	read_all(served, &early, types, notice);
	assert_string_equal(types, "wK");
	viewers_notice(served->viewers, "wait");
	read_all(served, &early, types, notice);
	assert_string_equal(types, "n");
	assert_string_equal(notice, "wait");
	late = join(served);
	read_all(served, &late, types, notice);
	assert_string_equal(types, "wKn");
	assert_string_equal(notice, "wait");
	viewers_notice(served->viewers, NULL);
	read_all(served, &early, types, notice);
	assert_string_equal(types, "n");
	assert_string_equal(notice, "");
	viewclient_close(&early);
	viewclient_close(&late);
	turn(served);
}

// It takes nothing while notices count on: it gets the newest, after one key frame.
static void
notices_are_not_queued_for_a_viewer_that_does_not_read(void **state)
{
	struct served *served = served_new();
	struct viewclient slow = join(served);
	char types[256], notice[LIMIT_TEXT + 1] = "", text[64];
	(void)state;

	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "waited for %d s", i);
		viewers_notice(served->viewers, text);
		if (i % 100 == 0)
			show(served, "more\r\n");
	}
	for (int i = 0; i < 10000 && strcmp(notice, text) != 0; i++)
		read_all(served, &slow, types, notice);
	assert_string_equal(notice, text);
	assert_true(types[strlen(types) - 1] == 'n');
	viewclient_close(&slow);
	turn(served);
}

static void
say(struct served *served, struct viewclient *client, struct buf *out)
{
	assert_true(viewclient_send(client, out));
	buf_fini(out);
	turn(served);
}

static void
guests_of_an_edge_are_listed_and_can_be_cut_there(void **state)
{
	struct served *served = served_new();
	struct viewclient edge = join(served), other = join(served);
	struct view_person guests[2] = {
	    {.name = "alice", .via = "relay", .key = "k1"}, {.name = "bob", .via = "relay"}};
	struct view_cut cut = {.name = "alice"}, got = {.name = ""};
	struct view_person *people;
	struct buf out = {0};
	struct view_bye bye;
	struct msg msg;
	size_t count;
	(void)state;

	view_guests_put(&out, VIEW_GUESTS, 1, guests, 2);
	say(served, &edge, &out);
	people = viewers_people(served->viewers, &count);
	assert_int_equal(count, 4);
	assert_string_equal(people[1].name, "alice");
	assert_string_equal(people[2].name, "bob");
	free(people);
	assert_int_equal(viewers_cut_guests(served->viewers, &cut), 1);
	strcpy(cut.key, "k2"); // hers is another
	assert_int_equal(viewers_cut_guests(served->viewers, &cut), 0);
	turn(served);
	viewclient_read(&edge);
	while (viewclient_next(&edge, &msg, &bye) == VIEWCLIENT_MSG)
		if (msg.type == VIEW_GUEST_CUT)
			assert_true(view_cut_get(&msg, &got));
	assert_string_equal(got.name, "alice");
	assert_string_equal(got.key, "");
	view_guests_put(&out, VIEW_GUESTS, 1, NULL, 0);
	say(served, &edge, &out);
	free(viewers_people(served->viewers, &count));
	assert_int_equal(count, 2);
	viewclient_close(&edge);
	viewclient_close(&other);
	turn(served);
}

// The names that the edge is told to cut since the last time, each with a comma behind it.
static void
cuts_of(struct served *served, struct viewclient *edge, char names[256])
{
	struct view_cut got;
	struct view_bye bye;
	struct msg msg;

	turn(served);
	viewclient_read(edge);
	names[0] = '\0';
	while (viewclient_next(edge, &msg, &bye) == VIEWCLIENT_MSG) {
		if (msg.type != VIEW_GUEST_CUT)
			continue;
		assert_true(view_cut_get(&msg, &got));
		strcat(strcat(names, got.name), ",");
	}
}

static void
guests_of_an_edge_are_under_the_hosts_orders(void **state)
{
	static struct orders orders;
	struct served *served = served_new();
	struct viewclient edge = join(served);
	struct view_person guests[] = {{.name = "alice", .via = "relay"},
	    {.name = "bob", .via = "relay"}, {.name = "carol", .via = "relay"}, {.via = "relay"}};
	struct buf out = {0};
	char names[256];
	(void)state;

	viewers_order(served->viewers, &orders);
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 2);
	say(served, &edge, &out);
	cuts_of(served, &edge, names);
	assert_string_equal(names, "");
	orders.locked = true;
	viewers_order(served->viewers, &orders);
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 4);
	say(served, &edge, &out);
	cuts_of(served, &edge, names);
	assert_string_equal(names, "carol,"); // who were in stay
	orders.rules = 1;
	orders.rule[0] = (struct order_rule){.who = {.name = "alice"}};
	viewers_order(served->viewers, &orders);
	cuts_of(served, &edge, names);
	assert_string_equal(names, "alice,");
	viewclient_close(&edge);
	turn(served);
}

// What the edge is told since the last time: a letter for each message. D and d: a door that is open, or is
// not; serial: of the last of these.
static void
heard_by(struct served *served, struct viewclient *edge, char letters[64], uint64_t *serial)
{
	static const char known[] = {[VIEW_FRAME] = 'f', [VIEW_GUEST_CUT] = 'c', [VIEW_DOOR] = 'd'};
	struct view_door door;
	struct view_bye bye;
	struct msg msg;
	size_t len = 0;

	turn(served);
	viewclient_read(edge);
	while (viewclient_next(edge, &msg, &bye) == VIEWCLIENT_MSG && len < 63) {
		letters[len] = msg.type < sizeof(known) ? known[msg.type] : 0;
		if (msg.type == VIEW_DOOR) {
			assert_true(view_door_get(&msg, &door));
			*serial = door.serial;
			letters[len] = door.open ? 'D' : 'd';
		}
		len += letters[len] != 0;
	}
	letters[len] = '\0';
}

static void
an_edge_hears_of_a_door_that_is_shut_and_of_no_other(void **state)
{
	static struct orders orders;
	struct view_person guests[] = {{.name = "alice"}, {.name = "bob"}};
	struct served *served = served_new();
	struct viewclient edge = join(served), late;
	struct buf out = {0};
	uint64_t serial = 99;
	char letters[64];
	(void)state;

	viewers_order(served->viewers, &orders);
	view_guests_put(&out, VIEW_GUESTS, 5, guests, 1);
	say(served, &edge, &out);
	heard_by(served, &edge, letters, &serial);
	assert_string_equal(letters, "f");
	orders.locked = true;
	viewers_order(served->viewers, &orders);
	heard_by(served, &edge, letters, &serial);
	assert_string_equal(letters, "d");
	assert_int_equal(serial, 5);
	view_guests_put(&out, VIEW_GUESTS, 6, guests, 2);
	say(served, &edge, &out);
	heard_by(served, &edge, letters, &serial);
	assert_string_equal(letters, "cd"); // who is cut is so before the others come in
	assert_int_equal(serial, 6);
	late = join(served);
	heard_by(served, &late, letters, &serial);
	assert_string_equal(letters, "df"); // before it has anything to show
	assert_int_equal(serial, 0);
	orders.locked = false;
	viewers_order(served->viewers, &orders);
	heard_by(served, &edge, letters, &serial);
	assert_string_equal(letters, "D");
	viewclient_close(&edge);
	viewclient_close(&late);
	turn(served);
}

// A relay's: the host's answer counts for those alone whom the list named.
static void
whoever_comes_to_a_door_that_is_shut_far_away_waits(void **state)
{
	struct served *served = served_new();
	struct viewclient alice, bob;
	uint64_t serial = 0;
	char letters[64];
	size_t count;
	(void)state;

	viewers_door(served->viewers, false);
	alice = join_as(served, VIEW_ROLE_VIEW, "alice", "");
	free(viewers_people(served->viewers, &count));
	assert_int_equal(count, 1);
	viewers_named(served->viewers, count);
	bob = join_as(served, VIEW_ROLE_VIEW, "bob", "");
	assert_int_equal(viewers_count(served->viewers), 0);
	viewers_let_in(served->viewers);
	assert_int_equal(viewers_count(served->viewers), 1);
	heard_by(served, &alice, letters, &serial);
	assert_string_equal(letters, "dfdf"); // the curtain, and the screen
	heard_by(served, &bob, letters, &serial);
	assert_string_equal(letters, "df");
	viewers_door(served->viewers, true);
	assert_int_equal(viewers_count(served->viewers), 2);
	viewclient_close(&alice);
	viewclient_close(&bob);
	turn(served);
}

// What the edge told of last is what counts, also if another process does its work from now on.
static void
an_edge_that_comes_again_brings_nobody_in_under_a_lock(void **state)
{
	static struct orders orders;
	struct served *served = served_new();
	struct viewclient edge = join_as(served, VIEW_ROLE_VIEW, "me@relay", "");
	struct view_person guests[] = {{.name = "alice", .since = 1}, {.name = "bob", .since = 2},
	    {.name = "carol", .since = 3}};
	struct buf out = {0};
	char names[256];
	(void)state;

	viewers_order(served->viewers, &orders);
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 1);
	say(served, &edge, &out);
	orders.locked = true;
	viewers_order(served->viewers, &orders);
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 2);
	say(served, &edge, &out);
	cuts_of(served, &edge, names);
	assert_string_equal(names, "bob,");
	viewclient_close(&edge);
	turn(served);
	edge = join_as(served, VIEW_ROLE_BACK, "me@relay", "");
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 3);
	say(served, &edge, &out);
	cuts_of(served, &edge, names);
	assert_true(strcmp(names, "bob,carol,") == 0 || strcmp(names, "carol,bob,") == 0);
	// a mirror that knows nothing believes an edge that says that it was there before, the first time
	viewclient_close(&edge);
	turn(served);
	served = served_new();
	viewers_order(served->viewers, &orders);
	edge = join_as(served, VIEW_ROLE_BACK, "me@relay", "");
	view_guests_put(&out, VIEW_GUESTS, 1, NULL, 0);
	say(served, &edge, &out);
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 1);
	say(served, &edge, &out);
	cuts_of(served, &edge, names);
	assert_string_equal(names, "alice,");
	viewclient_close(&edge);
	turn(served);
}

// However many they are, the message is one that the other side takes.
static void
a_list_of_guests_is_cut_where_the_message_ends(void **state)
{
	static struct view_person guests[LIMIT_GUESTS + 1];
	struct view_person *people;
	uint64_t serial;
	struct buf out = {0};
	struct msg msg;
	size_t count, used = 0;
	(void)state;

	for (int i = 0; i <= LIMIT_GUESTS; i++)
		memset(guests[i].key, 'k', LIMIT_TEXT);
	for (int i = 0; i < 2; i++) {
		used = 0;
		view_guests_put(&out, VIEW_GUESTS, 1, guests, LIMIT_GUESTS + 1);
		assert_int_equal(msg_get(&out, &used, LIMIT_GUESTS_BYTES, &msg), MSG_ONE);
		assert_true(view_guests_get(&msg, &serial, &people, &count));
		assert_true(i ? count < LIMIT_GUESTS && count > 100 : count > 100);
		free(people);
		buf_fini(&out);
		for (int k = 0; k <= LIMIT_GUESTS; k++)
			memset(guests[k].from, 'f', LIMIT_TEXT);
	}
}

// Asks for a cut and returns how many the mirror says have gone.
static uint32_t
cut(struct served *served, struct viewclient *host, const char *name, const char *key)
{
	struct view_cut cut = {0};
	struct view_bye bye;
	struct reader reader;
	struct buf out = {0};
	struct msg msg;

	strcpy(cut.name, name);
	strcpy(cut.key, key);
	view_cut_put(&out, VIEW_CUT, &cut);
	assert_true(viewclient_send(host, &out));
	buf_fini(&out);
	do {
		turn(served);
		viewclient_read(host);
		assert_int_equal(viewclient_next(host, &msg, &bye), VIEWCLIENT_MSG);
	} while (msg.type == VIEW_WELCOME);
	assert_int_equal(msg.type, VIEW_CUT_IS);
	reader = msg_reader(&msg);
	return reader_bounded(&reader, UINT32_MAX);
}

// Reads until the mirror says goodbye; the status it gives. -1: it has nothing more to say.
static int
bye_of(struct served *served, struct viewclient *client)
{
	enum viewclient_event event = VIEWCLIENT_MSG;
	struct view_bye bye = {.status = -1};
	struct msg msg;

	for (int i = 0; i < 100 && event != VIEWCLIENT_BYE && event != VIEWCLIENT_LOST; i++) {
		turn(served);
		viewclient_read(client);
		do
			event = viewclient_next(client, &msg, &bye);
		while (event == VIEWCLIENT_MSG);
	}
	return event == VIEWCLIENT_BYE ? bye.status : -1;
}

static void
a_cut_sends_away_those_with_that_name_and_key(void **state)
{
	struct served *served = served_new();
	struct viewclient host = join_as(served, VIEW_ROLE_QUERY, "", "");
	struct viewclient laptop = join_as(served, VIEW_ROLE_VIEW, "alice", "SHA256:1");
	struct viewclient phone = join_as(served, VIEW_ROLE_VIEW, "alice", "SHA256:2");
	struct viewclient bob = join_as(served, VIEW_ROLE_VIEW, "bob", "SHA256:3");
	struct viewclient local = join(served);
	(void)state;

	assert_int_equal(cut(served, &host, "bob", "SHA256:1"), 0);
	assert_int_equal(cut(served, &host, "", "SHA256:1"), 1);
	assert_int_equal(bye_of(served, &laptop), EX_NOPERM);
	assert_int_equal(bye_of(served, &phone), -1);
	assert_int_equal(cut(served, &host, "alice", ""), 1);
	assert_int_equal(bye_of(served, &phone), EX_NOPERM);
	assert_int_equal(viewers_count(served->viewers), 2);
	assert_int_equal(cut(served, &host, "", ""), 2);
	assert_int_equal(bye_of(served, &bob), EX_NOPERM);
	assert_int_equal(bye_of(served, &local), EX_NOPERM);
	assert_int_equal(cut(served, &host, "", ""), 0);
	for (struct viewclient **client =
		 (struct viewclient *[]){&host, &laptop, &phone, &bob, &local, NULL};
	     *client; client++)
		viewclient_close(*client);
	turn(served);
}

// Cut off in the middle of a frame it would take the mirror for dead, and come back.
static void
a_viewer_in_the_middle_of_a_frame_is_told_too(void **state)
{
	struct served *served = served_new();
	struct viewclient slow = join_as(served, VIEW_ROLE_VIEW, "slow", ""), host;
	char line[COLS * 16];
	(void)state;

	for (int i = 0; i < 4000; i++) { // until its socket takes no more
		size_t len = 0;

		while (len < sizeof(line) - 32)
			len += (size_t)snprintf(line + len, sizeof(line) - len, "\x1b[38;5;%zum%c",
			    (len + (size_t)i) % 256, 'a' + (char)((len * 7 + (size_t)i) % 26));
		show(served, line);
	}
	host = join_as(served, VIEW_ROLE_QUERY, "", ""); // who asks nothing for 5 s is let go
	assert_int_equal(cut(served, &host, "slow", ""), 1);
	assert_int_equal(bye_of(served, &slow), EX_NOPERM);
	viewclient_close(&host);
	viewclient_close(&slow);
	turn(served);
}

static void
a_viewer_may_not_cut(void **state)
{
	struct served *served = served_new();
	struct viewclient viewer = join(served);
	struct view_cut cut = {0};
	struct buf out = {0};
	(void)state;

	view_cut_put(&out, VIEW_CUT, &cut);
	assert_true(viewclient_send(&viewer, &out));
	buf_fini(&out);
	assert_int_equal(bye_of(served, &viewer), EX_NOPERM);
	viewclient_close(&viewer);
	turn(served);
}

// The last VIEW_GRANT that this one was told, if any.
static bool
grant_of(struct served *served, struct viewclient *client, struct view_grant *grant)
{
	struct view_bye bye;
	struct msg msg;
	bool any = false;

	turn(served);
	viewclient_read(client);
	while (viewclient_next(client, &msg, &bye) == VIEWCLIENT_MSG) {
		if (msg.type != VIEW_GRANT)
			continue;
		assert_true(view_grant_get(&msg, grant));
		any = true;
	}
	return any;
}

static bool
holds(struct served *served, size_t at)
{
	size_t count;
	struct view_person *people = viewers_people(served->viewers, &count);
	bool is = at < count && people[at].holds && people[at].pair;

	free(people);
	return is;
}

static void
an_edge_is_told_which_of_its_guests_has_the_keyboard(void **state)
{
	const struct order_who alice = {.name = "alice", .key = "k1"}, bob = {.name = "bob"};
	const struct input_modes modes = {.mouse = 2};
	const uint8_t token[GRANT_TOKEN] = "a", other[GRANT_TOKEN] = "b";
	struct served *served = served_new();
	struct viewclient edge = join_as(served, VIEW_ROLE_VIEW | VIEW_ROLE_PAIR, "relay", "");
	struct viewclient web = join(served);
	struct view_person guests[] = {{.name = "alice", .key = "k1", .pair = true},
	    {.name = "bob", .via = "relay"}, {.name = "alice", .key = "k2", .pair = true}};
	struct view_grant grant;
	struct buf out = {0};
	(void)state;

	view_guests_put(&out, VIEW_GUESTS, 1, guests, 3);
	say(served, &web, &out); // one that passes no keyboard on
	assert_false(viewers_keyboard(served->viewers, &alice, token));
	view_guests_put(&out, VIEW_GUESTS, 1, guests, 3);
	say(served, &edge, &out); // and here she comes
	assert_true(grant_of(served, &edge, &grant) && grant.lent);
	assert_string_equal(grant.name, "alice");
	assert_string_equal(grant.key, "k1");
	assert_memory_equal(grant.token, token, GRANT_TOKEN);
	assert_true(
	    !holds(served, 0) && holds(served, 1) && !holds(served, 3) && !holds(served, 5));
	viewers_modes(served->viewers, &modes);
	assert_true(grant_of(served, &edge, &grant) && grant.lent);
	assert_int_equal(grant.modes.mouse, 2);
	assert_string_equal(grant.name, "alice");
	assert_false(viewers_keyboard(served->viewers, &bob, other)); // has no --role=pair
	assert_true(grant_of(served, &edge, &grant) && !grant.lent);
	assert_true(viewers_keyboard(served->viewers, &alice, other));
	assert_true(grant_of(served, &edge, &grant) && grant.lent);
	assert_memory_equal(grant.token, other, GRANT_TOKEN);
	view_guests_put(&out, VIEW_GUESTS, 1, guests + 1, 2);
	say(served, &edge, &out); // she goes
	assert_true(grant_of(served, &edge, &grant) && !grant.lent);
	assert_true(!holds(served, 0) && !holds(served, 1) && !holds(served, 2));
	assert_false(grant_of(served, &web, &grant));
	viewers_keyboard(served->viewers, NULL, NULL);
	viewclient_close(&edge);
	viewclient_close(&web);
	turn(served);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_notice_reaches_those_who_watch_and_those_who_come),
	    cmocka_unit_test(notices_are_not_queued_for_a_viewer_that_does_not_read),
	    cmocka_unit_test(guests_of_an_edge_are_listed_and_can_be_cut_there),
	    cmocka_unit_test(guests_of_an_edge_are_under_the_hosts_orders),
	    cmocka_unit_test(an_edge_hears_of_a_door_that_is_shut_and_of_no_other),
	    cmocka_unit_test(whoever_comes_to_a_door_that_is_shut_far_away_waits),
	    cmocka_unit_test(an_edge_that_comes_again_brings_nobody_in_under_a_lock),
	    cmocka_unit_test(an_edge_is_told_which_of_its_guests_has_the_keyboard),
	    cmocka_unit_test(a_list_of_guests_is_cut_where_the_message_ends),
	    cmocka_unit_test(a_cut_sends_away_those_with_that_name_and_key),
	    cmocka_unit_test(a_viewer_in_the_middle_of_a_frame_is_told_too),
	    cmocka_unit_test(a_viewer_may_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
