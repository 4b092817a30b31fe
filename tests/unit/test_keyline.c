// SPDX-License-Identifier: ISC
// A key line, its two ends joined by memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/link/keyline.h"

#define T0 1000

struct pair {
	struct keytyper typer;
	struct keygiver giver;
	struct buf up, down; // what is on its way: typed, beats
	struct buf typed;    // for the keyboard's socket
	uint64_t now;
};

// The beats arrive.
static void
hear(struct pair *pair)
{
	size_t used = 0;
	struct msg msg;

	while (msg_get(&pair->down, &used, LIMIT_KEYBOARD_BYTES, &msg) == MSG_ONE)
		assert_true(keytyper_beat(&pair->typer, &msg, pair->now));
	buf_take(&pair->down, used);
}

// What was typed arrives, in pieces of `piece`.
static enum keygiver_event
carry(struct pair *pair, size_t piece)
{
	enum keygiver_event event = KEYGIVER_NONE, last = KEYGIVER_NONE;
	struct msg msg;

	while (pair->up.len) {
		size_t len = pair->up.len < piece ? pair->up.len : piece;

		keygiver_feed(&pair->giver, pair->up.data, len);
		buf_take(&pair->up, len);
		while ((event = keygiver_next(&pair->giver, pair->now, &msg, &pair->typed,
			    &pair->down)) != KEYGIVER_NONE) {
			last = event;
			if (event == KEYGIVER_STALE || event == KEYGIVER_BROKEN)
				return event;
		}
	}
	return last;
}

static void
type(struct pair *pair, const char *text)
{
	keytyper_put(&pair->typer, pair->now, (const uint8_t *)text, strlen(text), &pair->up);
}

static struct pair
pair_new(void)
{
	struct pair pair = {.now = T0};

	keygiver_start(&pair.giver, pair.now, &pair.down);
	pair.now += 50; // on its way
	hear(&pair);
	return pair;
}

static void
pair_free(struct pair *pair)
{
	keygiver_fini(&pair->giver);
	buf_fini(&pair->up);
	buf_fini(&pair->down);
	buf_fini(&pair->typed);
}

static void
expect_typed(const struct pair *pair, const char *text)
{
	struct buf got = {0};
	struct msg msg;
	size_t used = 0;

	while (msg_get(&pair->typed, &used, LIMIT_KEYBOARD_BYTES, &msg) == MSG_ONE) {
		assert_int_equal(msg.type, KEYBOARD_INPUT);
		buf_put(&got, msg.data, msg.len);
	}
	assert_int_equal(got.len, strlen(text));
	if (got.len)
		assert_memory_equal(got.data, text, got.len);
	buf_fini(&got);
}

static void
what_is_typed_arrives_however_it_is_cut(void **state)
{
	char text[5000];
	(void)state;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * 7919 % 26);
	text[sizeof(text) - 1] = 0;
	for (size_t piece = 1; piece < 3000; piece += 1 + piece) {
		struct pair pair = pair_new();

		type(&pair, text);
		assert_int_equal(carry(&pair, piece), KEYGIVER_TYPED);
		expect_typed(&pair, text);
		pair_free(&pair);
	}
}

static void
who_has_not_typed_for_long_is_not_late(void **state)
{
	struct pair pair = pair_new();
	(void)state;

	pair.now += 3600000;
	type(&pair, "a");
	pair.now += 100;
	assert_int_equal(carry(&pair, 99), KEYGIVER_TYPED);
	expect_typed(&pair, "a");
	pair_free(&pair);
}

static void
what_was_held_back_for_too_long_is_not_typed(void **state)
{
	struct pair pair = pair_new();
	(void)state;

	pair.now += 500;
	type(&pair, "a");
	pair.now += LIMIT_GRANT_LAG_MS - 100;
	assert_int_equal(carry(&pair, 99), KEYGIVER_TYPED);
	type(&pair, "b");
	type(&pair, "c");
	pair.now += LIMIT_GRANT_LAG_MS;
	assert_int_equal(carry(&pair, 99), KEYGIVER_STALE);
	expect_typed(&pair, "a");
	pair_free(&pair);
}

// A typer whose clock runs differently: without beats the time between would be counted as lateness.
static void
beats_follow_what_is_typed_for_clocks_drift(void **state)
{
	struct pair pair = pair_new();
	uint64_t theirs = pair.now;
	(void)state;

	for (int i = 0; i < 1000; i++) {
		struct keytyper slow;

		pair.now += 10000;
		theirs += 9900; // one part in a hundred
		slow = pair.typer;
		keytyper_put(&slow, theirs, (const uint8_t *)"x", 1, &pair.up);
		assert_int_equal(carry(&pair, 99), KEYGIVER_TYPED);
		pair.typed.len = 0;
		assert_true(pair.down.len < 16);
		pair.now += 10;
		theirs += 10;
		hear(&pair);
		pair.typer.came_ms = theirs;
	}
	assert_int_equal(pair.typer.beat, 1001);
	pair_free(&pair);
}

static void
a_beat_that_never_was_is_the_end(void **state)
{
	(void)state;
	for (uint64_t beat = 0; beat < 4; beat++) {
		struct pair pair = pair_new();

		pair.typer.beat = beat;
		type(&pair, "a");
		assert_int_equal(carry(&pair, 99), beat == 1 ? KEYGIVER_TYPED : KEYGIVER_BROKEN);
		pair_free(&pair);
	}
}

static void
claims_and_loans_are_read_as_they_were_written(void **state)
{
	struct keyline_claim claim = {.session = "s", .token = "0123456789abcdef0123456789abcde"},
			     got_claim;
	struct keyline_lend lend = {.session = "s",
				.token = "0123456789abcde",
				.who = {.key = "SHA256:x", .name = "bob"},
				.modes = {.mouse = 2, .bracketed_paste = true}},
			    got_lend;
	struct buf out = {0};
	struct msg msg;
	size_t used = 0;
	(void)state;

	keyline_claim_put(&out, &claim);
	keyline_lend_put(&out, &lend);
	lend.who = (struct order_who){.uid = 0}; // to nobody in particular
	keyline_lend_put(&out, &lend);
	assert_int_equal(msg_get(&out, &used, LIMIT_PUBLISH_BYTES, &msg), MSG_ONE);
	assert_true(keyline_claim_get(&msg, &got_claim));
	assert_false(keyline_lend_get(&msg, &got_lend));
	assert_string_equal(got_claim.session, "s");
	assert_memory_equal(got_claim.token, claim.token, GRANT_TOKEN);
	assert_int_equal(msg_get(&out, &used, LIMIT_PUBLISH_BYTES, &msg), MSG_ONE);
	assert_true(keyline_lend_get(&msg, &got_lend));
	assert_false(keyline_claim_get(&msg, &got_claim));
	assert_string_equal(got_lend.who.name, "bob");
	assert_string_equal(got_lend.who.key, "SHA256:x");
	assert_int_equal(got_lend.modes.mouse, 2);
	assert_true(got_lend.modes.bracketed_paste);
	assert_int_equal(msg_get(&out, &used, LIMIT_PUBLISH_BYTES, &msg), MSG_ONE);
	assert_false(keyline_lend_get(&msg, &got_lend));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_typed_arrives_however_it_is_cut),
	    cmocka_unit_test(who_has_not_typed_for_long_is_not_late),
	    cmocka_unit_test(what_was_held_back_for_too_long_is_not_typed),
	    cmocka_unit_test(beats_follow_what_is_typed_for_clocks_drift),
	    cmocka_unit_test(a_beat_that_never_was_is_the_end),
	    cmocka_unit_test(claims_and_loans_are_read_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
