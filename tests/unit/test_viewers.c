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
#include <unistd.h>

#include <cmocka.h>

#include "server/replica.h"
#include "server/viewclient.h"
#include "server/viewers.h"
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
	static struct served all[8];
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
join(struct served *served)
{
	struct viewclient client = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	struct view_hello hello;
	struct buf out = {0};

	assert_int_equal(connect(client.fd, (struct sockaddr *)&served->address, served->len), 0);
	viewclient_hello(&hello, VIEW_ROLE_VIEW, ROWS, COLS);
	view_hello_put(&out, &hello);
	assert_true(viewclient_send(&client, &out));
	buf_fini(&out);
	turn(served);
	return client;
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

	view_guests_put(&out, VIEW_GUESTS, guests, 2);
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
	view_guests_put(&out, VIEW_GUESTS, NULL, 0);
	say(served, &edge, &out);
	free(viewers_people(served->viewers, &count));
	assert_int_equal(count, 2);
	viewclient_close(&edge);
	viewclient_close(&other);
	turn(served);
}

// However many they are, the message is one that the other side takes.
static void
a_list_of_guests_is_cut_where_the_message_ends(void **state)
{
	static struct view_person guests[LIMIT_GUESTS + 1];
	struct view_person *people;
	struct buf out = {0};
	struct msg msg;
	size_t count, used = 0;
	(void)state;

	for (int i = 0; i <= LIMIT_GUESTS; i++)
		memset(guests[i].key, 'k', LIMIT_TEXT);
	for (int i = 0; i < 2; i++) {
		used = 0;
		view_guests_put(&out, VIEW_GUESTS, guests, LIMIT_GUESTS + 1);
		assert_int_equal(msg_get(&out, &used, LIMIT_GUESTS_BYTES, &msg), MSG_ONE);
		assert_true(view_guests_get(&msg, &people, &count));
		assert_true(i ? count < LIMIT_GUESTS && count > 100 : count > 100);
		free(people);
		buf_fini(&out);
		for (int k = 0; k <= LIMIT_GUESTS; k++)
			memset(guests[k].from, 'f', LIMIT_TEXT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_notice_reaches_those_who_watch_and_those_who_come),
	    cmocka_unit_test(notices_are_not_queued_for_a_viewer_that_does_not_read),
	    cmocka_unit_test(guests_of_an_edge_are_listed_and_can_be_cut_there),
	    cmocka_unit_test(a_list_of_guests_is_cut_where_the_message_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
