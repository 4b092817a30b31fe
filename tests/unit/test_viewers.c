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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_notice_reaches_those_who_watch_and_those_who_come),
	    cmocka_unit_test(notices_are_not_queued_for_a_viewer_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
