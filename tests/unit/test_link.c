// SPDX-License-Identifier: ISC
// Both ends of a link, joined by memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/words.h"
#include "server/link/linkrecv.h"
#include "server/link/linksend.h"
#include "vt/model.h"

#include <stdlib.h>
#include <zlib.h>

#define T0 1000000
#define LINE_BYTES 54 // of ssh -C for a printed line of seven words and numbers

struct pair {
	struct model *model;
	struct linksend send;
	struct linkrecv recv;
	uint64_t now;
	struct view_bye bye;
	size_t carried; // bytes to the watcher on this link
};

static void
say(struct pair *pair, const char *text)
{
	struct screen *screen;

	model_feed(pair->model, (const uint8_t *)text, strlen(text));
	screen = model_screen(pair->model);
	linksend_show(&pair->send, screen);
	screen_unref(screen);
}

// A new connection, HELLO said and heard.
static void
dial(struct pair *pair)
{
	struct link_hello hello;
	struct buf out = {0};
	struct msg msg;
	size_t used = 0;

	linksend_init(&pair->send, pair->now);
	linkrecv_start(&pair->recv, 24, 80, "s", &out);
	assert_int_equal(msg_get(&out, &used, LIMIT_LINK_HELLO_BYTES, &msg), MSG_ONE);
	assert_true(link_hello_get(&msg, &hello));
	assert_string_equal(hello.session, "s");
	linksend_hello(&pair->send, &hello);
	buf_fini(&out);
	pair->carried = 0;
}

static void
hang_up(struct pair *pair)
{
	linksend_fini(&pair->send);
}

static struct pair
pair_new(void)
{
	struct pair pair = {.now = T0, .model = model_new(24, 80, NULL)};

	linkrecv_init(&pair.recv);
	dial(&pair);
	return pair;
}

static void
pair_free(struct pair *pair)
{
	hang_up(pair);
	linkrecv_fini(&pair->recv);
	model_free(pair->model);
}

// Carries at most `limit` bytes to the watcher, in pieces, and its ACKs back. The last event.
static enum linkrecv_event
carry(struct pair *pair, size_t limit)
{
	enum linkrecv_event last = LINKRECV_NONE, event;
	size_t len;

	for (;;) {
		const uint8_t *data;

		while (linksend_due(&pair->send, pair->now) <= pair->now)
			linksend_frame(&pair->send, pair->now);
		data = linksend_peek(&pair->send, &len);
		if (len > 7)
			len = 7;
		if (len > limit - pair->carried)
			len = limit - pair->carried;
		if (!len)
			return last;
		linkrecv_feed(&pair->recv, data, len);
		linksend_wrote(&pair->send, len);
		pair->carried += len;
		while (
		    (event = linkrecv_next(&pair->recv, pair->now, &pair->bye)) != LINKRECV_NONE) {
			last = event;
			if (event == LINKRECV_BROKEN || event == LINKRECV_BYE)
				return event;
		}
		pair->now += 200000;
		if (linkrecv_ack_due(&pair->recv) <= pair->now) {
			struct buf out = {0};

			linkrecv_ack(&pair->recv, pair->now, &out);
			assert_true(linksend_feed(&pair->send, pair->now, out.data, out.len));
			buf_fini(&out);
		}
	}
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

static const char page[] = "\x1b[H\x1b[2Jone \x1b[31mred\x1b[m\r\ntwo \xe6\x97\xa5\r\nthree\r\n"
			   "\x1b[44mfour with a background\x1b[K\x1b[m\r\nfive\r\nsix\r\n";

static void
the_watcher_has_the_hosts_screen(void **state)
{
	struct pair pair = pair_new();
	(void)state;

	for (int i = 0; i < 100; i++) {
		char line[64];

		snprintf(line, sizeof(line), "line %d \x1b[%dm%d\x1b[m\r\n", i, 31 + i % 7, i * i);
		say(&pair, line);
		assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_SCREEN);
		same(&pair);
	}
	assert_int_equal(pair.send.frames, 100);
	say(&pair, ""); // nothing changed
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_NONE);
	model_resize(pair.model, 10, 33);
	say(&pair, "x");
	carry(&pair, SIZE_MAX);
	same(&pair);
	pair_free(&pair);
}

// Where the far end sees without ACKs what has gone.
static void
a_watcher_that_is_told_so_acknowledges_seldom(void **state)
{
	const struct link_hold seldom = {.bytes = 32768, .frames = 96, .ms = 30000};
	struct pair pair = pair_new();
	(void)state;

	say(&pair, page);
	carry(&pair, SIZE_MAX);
	linksend_hold(&pair.send, &seldom);
	pair.send.pace.rate = LINKPACE_RATE_MAX; // what carry() takes is no link's time
	for (int i = 0; i < 40; i++, pair.now += LINKPACE_MAX_US) {
		say(&pair, i % 2 ? "\rtock" : "\rtick");
		carry(&pair, SIZE_MAX);
	}
	assert_true(pair.send.pace.sent > pair.send.pace.acked + LIMIT_LINK_HOLD_FRAMES);
	assert_int_equal(linkrecv_ack_due(&pair.recv), pair.recv.held_at + 30000000);
	linksend_hold(&pair.send,
	    &(struct link_hold){LIMIT_LINK_HOLD_BYTES, LIMIT_LINK_HOLD_FRAMES, LIMIT_LINK_HOLD_MS});
	carry(&pair, SIZE_MAX);
	assert_int_equal(pair.send.pace.sent, pair.send.pace.acked); // at once
	pair_free(&pair);
}

static void
limits_and_holds_are_read_within_their_range(void **state)
{
	const struct link_limits wanted = {.max_fps = LIMIT_MAX_FPS, .budget = LIMIT_BUDGET};
	const struct {
		uint32_t bytes, frames, ms;
		bool good;
	} holds[] = {{LIMIT_LINK_OUTSTANDING, 1, 0, true},
	    {LIMIT_LINK_OUTSTANDING + 1, 1, 0, false}, {0, 1, 1, false}, {1, 0, 1, false},
	    {1, 65536, 1, false}, {1, 1, 65536, false}};
	struct link_limits limits;
	struct link_hold hold;
	struct buf out = {0};
	struct msg msg;
	size_t used = 0;
	(void)state;

	link_limits_put(&out, &wanted);
	assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
	assert_true(link_limits_get(&msg, &limits));
	assert_int_equal(limits.max_fps, LIMIT_MAX_FPS);
	assert_int_equal(limits.budget, LIMIT_BUDGET);
	used = out.len;
	link_limits_put(&out, &(struct link_limits){.max_fps = LIMIT_MAX_FPS + 1});
	assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
	assert_false(link_limits_get(&msg, &limits));
	for (size_t i = 0; i < sizeof(holds) / sizeof(*holds); i++) {
		used = out.len;
		link_hold_put(
		    &out, &(struct link_hold){holds[i].bytes, holds[i].frames, holds[i].ms});
		assert_int_equal(msg_get(&out, &used, MSG_MAX, &msg), MSG_ONE);
		assert_int_equal(link_hold_get(&msg, &hold), holds[i].good);
	}
	buf_fini(&out);
}

static void
a_link_cut_at_any_byte_resumes(void **state)
{
	size_t whole;
	(void)state;

	for (size_t cut = 0, end = 1; cut < end; cut++) {
		struct pair pair = pair_new();

		say(&pair, page);
		carry(&pair, SIZE_MAX);
		whole = pair.carried;
		say(&pair, "seven\r\n\x1b[2;1H\x1b[Lbetween\x1b[9H");
		carry(&pair, SIZE_MAX);
		hang_up(&pair);
		dial(&pair);
		say(&pair, "and \x1b[1mmore\x1b[m\r\n");
		carry(&pair, cut);
		if (cut == 0)
			end = whole * 2;
		if (cut >= pair.carried + 1)
			end = 0; // all of it fits: the last one
		hang_up(&pair);
		dial(&pair);
		say(&pair, "after\r\n");
		assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_SCREEN);
		same(&pair);
		pair_free(&pair);
	}
}

static void
a_resumed_link_sends_what_changed(void **state)
{
	struct pair pair = pair_new();
	size_t key;
	(void)state;

	say(&pair, page);
	for (int i = 0; i < 30; i++) {
		char line[96];

		snprintf(
		    line, sizeof(line), "%d %d a longer line of text %d\r\n", i, i * 7919, i * i);
		say(&pair, line);
	}
	carry(&pair, SIZE_MAX);
	key = pair.carried;
	hang_up(&pair);
	dial(&pair);
	say(&pair, "just this\r\n"); // scrolls all by one
	carry(&pair, SIZE_MAX);
	same(&pair);
	print_message("key frame %d bytes, resumed %d\n", (int)key, (int)pair.carried);
	assert_true(pair.carried * 4 < key);
	hang_up(&pair);
	dial(&pair);
	say(&pair, ""); // nothing: one empty frame says that the link is up
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_SCREEN);
	same(&pair);
	model_resize(pair.model, 20, 70);
	hang_up(&pair);
	dial(&pair);
	say(&pair, "narrower");
	carry(&pair, SIZE_MAX);
	same(&pair);
	pair_free(&pair);
}

static void
notices_and_goodbyes_arrive(void **state)
{
	struct pair pair = pair_new();
	(void)state;

	linksend_notice(&pair.send, "wait");
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_NOTICE);
	assert_string_equal(pair.bye.text, "wait");
	linksend_notice(&pair.send, NULL);
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_NOTICE);
	assert_string_equal(pair.bye.text, "");
	linksend_bye(&pair.send, 69, "gone");
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_BYE);
	assert_int_equal(pair.bye.status, 69);
	assert_string_equal(pair.bye.text, "gone");
	pair_free(&pair);
}

static void
the_far_end_refuses_what_a_watcher_may_not_say(void **state)
{
	static const struct {
		const char *said;
		size_t len;
	} cases[] = {{"\x00", 1}, {"\x01\x01", 2}, {"\x02\x07x", 3}, {"\x7f", 1},
	    {"\x03\x02\x01\x00", 4}, // an ACK of a frame that was not sent
	    {"\x03\x03\x00\x10", 4}, {"\x02\x03\x10", 3}, {"\x04\x03\x10\x10\x10", 5},
	    {"\x04\x02\x00\x00\x00", 5}};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair pair = pair_new();

		assert_false(linksend_feed(
		    &pair.send, pair.now, (const uint8_t *)cases[i].said, cases[i].len));
		pair_free(&pair);
	}
}

static void
a_base_of_a_screen_that_is_not_there_is_refused(void **state)
{
	struct screen *have = screen_blank(9, 80);
	const uint8_t bits[] = {1, 0, 0};
	struct msg msg = {.type = LINK_BASE, .data = bits, .len = 2};
	struct screen *base = link_base_get(&msg, have);
	(void)state;

	assert_non_null(base);
	screen_unref(base);
	assert_null(link_base_get(&msg, NULL));
	msg.len = 3;
	assert_null(link_base_get(&msg, have));
	msg.len = 1;
	assert_null(link_base_get(&msg, have));
	screen_unref(have);
}

// What ssh -C makes of a write: a packet's size without what is around each (RFC 4253, 6; OpenSSH's header
// of channel data, padding to 8 bytes).
static size_t
ssh_packet(z_stream *z, const uint8_t *data, size_t len)
{
	uint8_t payload[4096] = {94, 0, 0, 0, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len};
	uint8_t out[8192];

	assert_true(len + 9 <= sizeof(payload));
	memcpy(payload + 9, data, len);
	z->next_in = payload;
	z->avail_in = (uInt)len + 9;
	z->next_out = out;
	z->avail_out = sizeof(out);
	assert_int_equal(deflate(z, Z_PARTIAL_FLUSH), Z_OK);
	len = sizeof(out) - z->avail_out;
	return (1 + len + 4 + 7) / 8 * 8;
}

// Bytes of ssh -C for 50 lines of seven words, each a frame of its own.
static size_t
lines_through_ssh(bool plain)
{
	static const char *const words[] = {"link", "frame", "screen", "guest", "host", "relay",
	    "packet", "cursor", "queue", "shell", "build", "test", "module", "watch", "diff",
	    "model"};
	struct pair pair = pair_new();
	uint32_t random = 1;
	size_t total = 0;
	z_stream z = {0};

	assert_int_equal(deflateInit(&z, 6), Z_OK);
	for (int i = 0; i < 50; i++) {
		char line[128];
		size_t len = (size_t)snprintf(line, sizeof(line), "=%07d:", i), bytes;
		const uint8_t *data;

		for (int k = 0; k < 7; k++) {
			random = random * 1103515245 + 12345;
			len += (size_t)snprintf(line + len, sizeof(line) - len, " %s %u",
			    words[random >> 16 & 15], random >> 20 & 1023);
		}
		snprintf(line + len, sizeof(line) - len, "\r\n");
		say(&pair, line);
		linksend_frame(&pair.send, pair.now);
		if (i == 1 && plain)
			linksend_plain(&pair.send);
		data = linksend_peek(&pair.send, &bytes);
		linkrecv_feed(&pair.recv, data, bytes);
		total += ssh_packet(&z, data, bytes);
		linksend_wrote(&pair.send, bytes);
		assert_int_equal(linkrecv_next(&pair.recv, pair.now, &pair.bye),
		    i ? LINKRECV_SCREEN : LINKRECV_WELCOME);
		while (linkrecv_next(&pair.recv, pair.now, &pair.bye) != LINKRECV_NONE)
			;
		same(&pair);
	}
	deflateEnd(&z);
	pair_free(&pair);
	return total;
}

static void
where_ssh_deflates_the_link_does_not_and_a_line_takes_less(void **state)
{
	size_t twice = lines_through_ssh(false), once = lines_through_ssh(true);
	(void)state;

	print_message("50 lines through ssh -C: %zu bytes; deflated twice %zu\n", once, twice);
	assert_true(once < twice);
	assert_true(once <= 50 * LINE_BYTES);
}

// The far end's first piece is zeros that only ssh makes smaller.
static void
a_pad_is_no_frame(void **state)
{
	struct pair pair = pair_new();
	(void)state;

	pair.send.pad = true;
	linksend_notice(&pair.send, "first");
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_NOTICE);
	say(&pair, page);
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_SCREEN);
	same(&pair);
	assert_true(pair.carried > 256);
	linksend_plain(&pair.send);
	say(&pair, "more");
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_SCREEN);
	same(&pair);
	linksend_notice(&pair.send, "said");
	assert_int_equal(carry(&pair, SIZE_MAX), LINKRECV_NOTICE);
	assert_int_equal(pair.recv.frames, 2);
	pair_free(&pair);
}

static void
words_are_those_of_a_shell(void **state)
{
	static const char *const wanted[] = {"ssh", "-p", "22", "a b", "c\"d'e", "", "f\\g"};
	char *words[8];
	size_t count = words_split("  ssh -p\t22 'a b' \"c\\\"d'e\" '' f\\\\g ", words, 8);
	(void)state;

	assert_int_equal(count, 7);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(words[i], wanted[i]);
		free(words[i]);
	}
	assert_int_equal(words_split("", words, 8), 0);
	assert_int_equal(words_split("  ", words, 8), 0);
	assert_int_equal(words_split("a 'b", words, 8), 0);
	assert_int_equal(words_split("a b c", words, 2), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_watcher_has_the_hosts_screen),
	    cmocka_unit_test(a_watcher_that_is_told_so_acknowledges_seldom),
	    cmocka_unit_test(limits_and_holds_are_read_within_their_range),
	    cmocka_unit_test(a_link_cut_at_any_byte_resumes),
	    cmocka_unit_test(a_resumed_link_sends_what_changed),
	    cmocka_unit_test(notices_and_goodbyes_arrive),
	    cmocka_unit_test(the_far_end_refuses_what_a_watcher_may_not_say),
	    cmocka_unit_test(a_base_of_a_screen_that_is_not_there_is_refused),
	    cmocka_unit_test(where_ssh_deflates_the_link_does_not_and_a_line_takes_less),
	    cmocka_unit_test(a_pad_is_no_frame),
	    cmocka_unit_test(words_are_those_of_a_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
