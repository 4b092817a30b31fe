// SPDX-License-Identifier: ISC
// A publisher and its relay, joined by memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/link/linkrecv.h"
#include "server/relay/publink.h"
#include "vt/model.h"

#define T0 1000000

static const struct link_publish who = {.version = LINK_VERSION,
    .name = "s",
    .origin = "me@here",
    .token = "0123456789abcde",
    .since = 7};

struct pair {
	struct model *model;
	struct publink link;
	struct linkrecv recv; // the relay's
	struct buf down;      // to the publisher
	uint64_t now;
	size_t carried; // bytes to the relay after PUBLISH
	bool ack;
};

static void
say(struct pair *pair, const char *text)
{
	struct screen *screen;

	model_feed(pair->model, (const uint8_t *)text, strlen(text));
	screen = model_screen(pair->model);
	if (pair->link.open)
		linksend_show(&pair->link.send, screen);
	screen_unref(screen);
}

static enum publink_event
hear(struct pair *pair)
{
	enum publink_event event, last = PUBLINK_NONE;
	struct view_bye bye;

	publink_feed(&pair->link, pair->down.data, pair->down.len);
	pair->down.len = 0;
	while ((event = publink_next(&pair->link, pair->now, &bye)) != PUBLINK_NONE) {
		last = event;
		if (event == PUBLINK_BYE || event == PUBLINK_BROKEN)
			break;
	}
	return last;
}

// PUBLISH, WELCOME and HELLO; the relay keeps its screen.
static void
dial(struct pair *pair)
{
	struct link_publish got;
	struct buf in = {0};
	struct msg msg;
	size_t len, used = 0;
	const uint8_t *data;

	publink_init(&pair->link, &who);
	data = publink_peek(&pair->link, &len);
	buf_put(&in, data, len);
	publink_wrote(&pair->link, len);
	assert_int_equal(msg_get(&in, &used, LIMIT_PUBLISH_BYTES, &msg), MSG_ONE);
	assert_true(link_publish_get(&msg, &got));
	assert_int_equal(used, len);
	assert_memory_equal(&got, &who, sizeof(who));
	buf_fini(&in);
	link_welcome_put(&pair->down);
	pair->recv.relay = true;
	linkrecv_start(&pair->recv, 24, 80, "me/s", &pair->down);
	assert_int_equal(hear(pair), PUBLINK_OPEN);
	assert_string_equal(pair->link.name, "me/s");
	pair->carried = 0;
}

static enum linkrecv_event
carry(struct pair *pair, struct view_bye *bye)
{
	enum linkrecv_event event, last = LINKRECV_NONE;

	for (;;) {
		const uint8_t *data;
		size_t len;

		if (linksend_due(&pair->link.send, pair->now) <= pair->now)
			linksend_frame(&pair->link.send, pair->now);
		data = publink_peek(&pair->link, &len);
		if (!len)
			return last;
		linkrecv_feed(&pair->recv, data, len);
		publink_wrote(&pair->link, len);
		pair->carried += len;
		while ((event = linkrecv_next(&pair->recv, pair->now, bye)) != LINKRECV_NONE) {
			last = event;
			if (event == LINKRECV_BYE || event == LINKRECV_BROKEN)
				return event;
		}
		pair->now += 300000;
		if (pair->ack && linkrecv_ack_due(&pair->recv) <= pair->now) {
			linkrecv_ack(&pair->recv, pair->now, &pair->down);
			assert_int_equal(hear(pair), PUBLINK_ACK);
		}
	}
}

static struct pair
pair_new(void)
{
	struct pair pair = {.now = T0, .ack = true, .model = model_new(24, 80, NULL)};

	linkrecv_init(&pair.recv);
	dial(&pair);
	return pair;
}

static void
pair_free(struct pair *pair)
{
	publink_fini(&pair->link);
	linkrecv_fini(&pair->recv);
	buf_fini(&pair->down);
	model_free(pair->model);
}

static void
same(const struct pair *pair)
{
	struct screen *screen = model_screen(pair->model);
	char why[256];

	if (!screen_explain(screen, pair->recv.screen, why, sizeof(why)))
		fail_msg("%s", why);
	screen_unref(screen);
}

static void
the_relay_has_the_hosts_screen_and_a_new_link_sends_what_changed(void **state)
{
	struct pair pair = pair_new();
	struct view_bye bye;
	char line[80];
	size_t key;
	(void)state;

	for (int i = 0; i < 24; i++) {
		snprintf(line, sizeof(line), "line %d of many %d \x1b[3%dm%d\x1b[m\r\n", i,
		    i * 7919, i % 8, i * i);
		say(&pair, line);
	}
	assert_int_equal(carry(&pair, &bye), LINKRECV_SCREEN);
	same(&pair);
	key = pair.carried;
	publink_fini(&pair.link);
	say(&pair, "one more\r\n"); // nobody hears it
	dial(&pair);
	say(&pair, "");
	assert_int_equal(carry(&pair, &bye), LINKRECV_SCREEN);
	same(&pair);
	assert_true(pair.carried * 2 < key);
	pair_free(&pair);
}

static void
a_sign_of_life_is_acknowledged_and_changes_nothing(void **state)
{
	struct pair pair = pair_new();
	struct view_bye bye;
	(void)state;

	say(&pair, "hello");
	carry(&pair, &bye);
	for (int i = 0; i < 3; i++) {
		linksend_beat(&pair.link.send, pair.now);
		assert_int_equal(carry(&pair, &bye), LINKRECV_SCREEN);
		same(&pair);
		assert_int_equal(pair.link.send.pace.sent, pair.link.send.pace.acked);
	}
	say(&pair, " there");
	linksend_beat(&pair.link.send, pair.now); // what is to be shown is not forgotten
	carry(&pair, &bye);
	same(&pair);
	pair_free(&pair);
}

static void
silence_is_told_from_a_link_that_is_slow(void **state)
{
	struct pair pair = pair_new();
	const struct linkpace *pace = &pair.link.send.pace;
	struct view_bye bye;
	(void)state;

	say(&pair, "hello");
	carry(&pair, &bye);
	assert_true(linkpace_stalled(pace) == LINKPACE_NEVER);
	pair.ack = false;
	say(&pair, "more");
	carry(&pair, &bye);
	// 300 ms there and back, 250 ms held, and a second
	assert_true(linkpace_stalled(pace) > pair.now - 300000 + 1000000);
	assert_true(linkpace_stalled(pace) < pair.now + 2500000);
	linkrecv_ack(&pair.recv, pair.now, &pair.down);
	assert_int_equal(hear(&pair), PUBLINK_ACK);
	assert_true(linkpace_stalled(pace) == LINKPACE_NEVER);
	pair_free(&pair);
}

static void
guests_and_who_is_cut_go_their_ways(void **state)
{
	struct view_person alice = {.name = "alice"};
	struct view_cut cut = {.name = "alice"};
	struct pair pair = pair_new();
	struct view_bye bye;
	(void)state;

	view_guests_put(&pair.down, LINK_GUESTS, 7, &alice, 1);
	assert_int_equal(hear(&pair), PUBLINK_GUESTS);
	assert_int_equal(pair.link.guest_count, 1);
	assert_string_equal(pair.link.guests[0].name, "alice");
	linksend_cut(&pair.link.send, &cut);
	assert_int_equal(carry(&pair, &bye), LINKRECV_CUT);
	assert_string_equal(pair.recv.cut.name, "alice");
	assert_int_equal(pair.link.serial, 7);
	linksend_door(&pair.link.send, &(struct view_door){.serial = 7});
	assert_int_equal(carry(&pair, &bye), LINKRECV_DOOR);
	assert_false(pair.recv.door.open);
	assert_int_equal(pair.recv.door.serial, 7);
	linksend_bye(&pair.link.send, 0, "the session has ended");
	assert_int_equal(carry(&pair, &bye), LINKRECV_BYE);
	assert_string_equal(bye.text, "the session has ended");
	pair_free(&pair);
}

static void
how_guests_come_is_said_once_and_before_hello(void **state)
{
	const struct link_invite invite = {
	    .account = "guest", .port = 2222, .guests = 3, .until = 1900000000};
	struct pair pair = {.now = T0};
	(void)state;

	publink_init(&pair.link, &who);
	link_welcome_put(&pair.down);
	link_invite_put(&pair.down, &invite);
	assert_int_equal(hear(&pair), PUBLINK_INVITED);
	assert_string_equal(pair.link.invite.account, "guest");
	assert_int_equal(pair.link.invite.port, 2222);
	assert_int_equal(pair.link.invite.guests, 3);
	assert_int_equal(pair.link.invite.until, 1900000000);
	link_invite_put(&pair.down, &invite);
	assert_int_equal(hear(&pair), PUBLINK_BROKEN);
	publink_fini(&pair.link);
	buf_fini(&pair.down);
	pair = pair_new();
	link_invite_put(&pair.down, &invite);
	assert_int_equal(hear(&pair), PUBLINK_BROKEN);
	pair_free(&pair);
}

static void
lines_are_asked_for_and_the_answer_comes_between_frames(void **state)
{
	const struct view_history_ask ask = {.first = 7, .count = 2};
	struct view_history answer = {.end = 9, .first = 7, .rows = screen_blank(2, 80)};
	struct pair pair = pair_new();
	struct view_bye bye;
	struct buf out = {0};
	struct msg msg;
	size_t used = 0;
	(void)state;

	view_history_ask_put(&pair.down, LINK_HISTORY, &ask);
	assert_int_equal(hear(&pair), PUBLINK_ASKED);
	assert_true(pair.link.send.asked);
	assert_int_equal(pair.link.send.ask.first, 7);
	assert_int_equal(pair.link.send.ask.count, 2);
	view_history_put(&out, &answer);
	assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
	linksend_history(&pair.link.send, pair.now, &msg);
	assert_int_equal(carry(&pair, &bye), LINKRECV_HISTORY);
	assert_int_equal(pair.recv.history.first, 7);
	assert_true(screen_equal(pair.recv.history.rows, answer.rows));
	out.len = 0;
	view_history_put(&out, &(struct view_history){.away = true});
	used = 0;
	assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
	linksend_history(&pair.link.send, pair.now, &msg);
	assert_int_equal(carry(&pair, &bye), LINKRECV_HISTORY);
	assert_true(pair.recv.history.away);
	screen_unref(answer.rows);
	buf_fini(&out);
	pair_free(&pair);
}

// The same messages break a link that is a watcher's.
static void
a_watcher_is_no_relay(void **state)
{
	struct view_cut cut = {.name = ""};
	struct pair pair = pair_new();
	struct view_bye bye;
	(void)state;

	pair.recv.relay = false;
	linksend_cut(&pair.link.send, &cut);
	assert_int_equal(carry(&pair, &bye), LINKRECV_BROKEN);
	pair_free(&pair);
}

static void
a_relay_cannot_say_what_could_be_typed(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct pair pair = pair_new();
		enum publink_event event;

		msg_put(&pair.down, (uint8_t)type, "\x01q", 2);
		event = hear(&pair);
		assert_true(event == PUBLINK_BROKEN || type == LINK_BYE || type == LINK_HISTORY);
		pair_free(&pair);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_relay_has_the_hosts_screen_and_a_new_link_sends_what_changed),
	    cmocka_unit_test(a_sign_of_life_is_acknowledged_and_changes_nothing),
	    cmocka_unit_test(silence_is_told_from_a_link_that_is_slow),
	    cmocka_unit_test(guests_and_who_is_cut_go_their_ways),
	    cmocka_unit_test(how_guests_come_is_said_once_and_before_hello),
	    cmocka_unit_test(lines_are_asked_for_and_the_answer_comes_between_frames),
	    cmocka_unit_test(a_watcher_is_no_relay),
	    cmocka_unit_test(a_relay_cannot_say_what_could_be_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
