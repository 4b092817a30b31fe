// SPDX-License-Identifier: ISC
// The detach chord, in every encoding and cut at every place.
#include "server/base/chord.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KITTY_KEY "\033[92;5u"
#define XTERM_KEY "\033[27;5;92~"
#define T0 1000

struct result {
	uint8_t out[4096];
	size_t len;
	enum chord_action action;
};

// Feeds `text` in two pieces, cut at `cut`, at one moment.
static struct result
feed_cut(const char *key, const char *text, size_t len, size_t cut)
{
	struct chord chord;
	struct result r = {.len = 0};

	assert_true(chord_init(&chord, key));
	r.len = chord_feed(&chord, (const uint8_t *)text, cut, T0, r.out, &r.action);
	if (r.action == CHORD_NONE)
		r.len += chord_feed(
		    &chord, (const uint8_t *)text + cut, len - cut, T0, r.out + r.len, &r.action);
	if (r.action == CHORD_NONE) // what is held back is given up in the end
		r.len += chord_tick(&chord, T0 + CHORD_WAIT_MS, r.out + r.len);
	return r;
}

// Whatever the cut, `text` gives `want` and the action.
static void
expect(const char *text, const char *want, enum chord_action action)
{
	size_t len = strlen(text);

	for (size_t cut = 0; cut <= len; cut++) {
		struct result r = feed_cut("^\\", text, len, cut);

		assert_int_equal(r.action, action);
		assert_int_equal(r.len, strlen(want));
		assert_memory_equal(r.out, want, r.len);
	}
}

static void
key_then_d_detaches_in_every_encoding(void **state)
{
	static const char *const keys[] = {"\034", KITTY_KEY, XTERM_KEY, "\033[92;5:1u",
	    "\033[92:124;5u", "\033[92:124;5:1u", "\033[92:124:92;69u", "\033[92;133u",
	    "\033[1234:92;5u"};
	static const char *const letters[] = {
	    "d", "\033[100u", "\033[100;1u", "\033[100:68;1:1u", "\033[100;65u", "\033[27;1;100~"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (size_t j = 0; j < sizeof(letters) / sizeof(letters[0]); j++) {
			snprintf(text, sizeof(text), "a%s%s", keys[i], letters[j]);
			expect(text, "a", CHORD_DETACH);
		}
	}
}

static void
keys_let_go_in_between_do_not_count(void **state)
{
	(void)state;
	expect(KITTY_KEY "\033[92;5:3u\033[57442;1:3ud", "", CHORD_DETACH);
	expect(KITTY_KEY "\033[92;5:2u\033[92;5:3u\033[100u", "", CHORD_DETACH);
	expect(KITTY_KEY "\033[92;5:3ux", KITTY_KEY "\033[92;5:3ux", CHORD_NONE);
}

static void
any_other_key_passes_with_the_first_one(void **state)
{
	(void)state;
	expect("\034x", "\034x", CHORD_NONE);
	expect("\034xd", "\034xd", CHORD_NONE);
	expect("\034\033[A", "\034\033[A", CHORD_NONE);
	expect("\034\033d", "\034\033d", CHORD_NONE); // alt-d
	expect("\034D", "\034D", CHORD_NONE);
	expect("\034\033[100;5u", "\034\033[100;5u", CHORD_NONE); // ctrl-d
	expect(XTERM_KEY "\033Od", XTERM_KEY "\033Od", CHORD_NONE);
}

static void
twice_the_key_passes_once(void **state)
{
	(void)state;
	expect("\034\034", "\034", CHORD_NONE);
	expect("\034\034d", "\034d", CHORD_NONE);
	expect("\034\034\034d", "\034", CHORD_DETACH);
	expect(KITTY_KEY "\033[92;5:3u" KITTY_KEY "x", KITTY_KEY "x", CHORD_NONE);
}

static void
other_keys_and_modifiers_are_not_the_key(void **state)
{
	static const char *const texts[] = {"\033[92ud", "\033[92;1ud", "\033[92;7ud",
	    "\033[92;13ud", "\033[93;5ud", "\033[27;1;92~d", "\033[27;5;93~d", "\033[?92;5ud",
	    "\033[92;5:3ud", "\033[92;5~d", "\033[1;5Ad", "\035d", "\\d", "\034\033[200~d"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(texts[i], texts[i], CHORD_NONE);
}

static void
within_a_paste_nothing_is_the_key(void **state)
{
	static const char open[] = "\033[200~\034d" KITTY_KEY "d" XTERM_KEY "d\033[201\033[201";
	static const char closed[] = "\033[200~\034d\033[201~\034d";
	static const char twice[] = "\033[200~\033\033[201~x\034d";

	(void)state;
	expect(open, open, CHORD_NONE);
	expect(closed, "\033[200~\034d\033[201~", CHORD_DETACH);
	expect(twice, "\033[200~\033\033[201~x", CHORD_DETACH);
}

static void
a_paste_is_known_even_if_its_start_came_slowly(void **state)
{
	struct chord chord;
	uint8_t out[1024];
	enum chord_action action;
	size_t len;

	(void)state;
	assert_true(chord_init(&chord, "^\\"));
	len = chord_feed(&chord, (const uint8_t *)"\033[2", 3, T0, out, &action);
	assert_int_equal(len, 0);
	len = chord_tick(&chord, T0 + CHORD_PARTIAL_MS, out);
	assert_int_equal(len, 3);
	len = chord_feed(
	    &chord, (const uint8_t *)"00~\034d", 5, T0 + 2 * CHORD_PARTIAL_MS, out, &action);
	assert_int_equal(action, CHORD_NONE);
	assert_int_equal(len, 5);
	assert_memory_equal(out, "00~\034d", 5);
}

static void
the_key_alone_passes_after_its_time(void **state)
{
	struct chord chord;
	uint8_t out[1024];
	enum chord_action action;

	(void)state;
	assert_true(chord_init(&chord, "^\\"));
	assert_int_equal(chord_due(&chord), UINT64_MAX);
	assert_int_equal(chord_feed(&chord, (const uint8_t *)"\034", 1, T0, out, &action), 0);
	assert_int_equal(chord_due(&chord), T0 + CHORD_WAIT_MS);
	assert_int_equal(chord_tick(&chord, T0 + CHORD_WAIT_MS - 1, out), 0);
	assert_int_equal(chord_tick(&chord, T0 + CHORD_WAIT_MS, out), 1);
	assert_int_equal(out[0], 034);
	assert_int_equal(chord_due(&chord), UINT64_MAX);
	// And a d that comes after is just that, also if nobody asked for the time in between.
	assert_int_equal(
	    chord_feed(&chord, (const uint8_t *)"\034", 1, T0 + 1000, out, &action), 0);
	assert_int_equal(
	    chord_feed(&chord, (const uint8_t *)"d", 1, T0 + 1000 + CHORD_WAIT_MS, out, &action),
	    2);
	assert_int_equal(action, CHORD_NONE);
}

static void
the_escape_key_alone_passes_soon(void **state)
{
	struct chord chord;
	uint8_t out[1024];
	enum chord_action action;

	(void)state;
	assert_true(chord_init(&chord, "^\\"));
	assert_int_equal(chord_feed(&chord, (const uint8_t *)"\033", 1, T0, out, &action), 0);
	assert_int_equal(chord_due(&chord), T0 + CHORD_PARTIAL_MS);
	assert_int_equal(chord_tick(&chord, T0 + CHORD_PARTIAL_MS, out), 1);
	assert_int_equal(chord_due(&chord), UINT64_MAX);
	assert_int_equal(chord_tick(&chord, T0 + 100000, out), 0);
}

static void
other_keys_can_be_chosen(void **state)
{
	static const char *const bad[] = {"", "x", "^", "^[", "^M", "^aa", "^1", "C-a", "None"};
	struct chord chord;
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(chord_init(&chord, bad[i]));
	r = feed_cut("^]", "\034d\035d", 4, 1);
	assert_int_equal(r.action, CHORD_DETACH);
	assert_int_equal(r.len, 2);
	r = feed_cut("^A", "\033[97;5ud", 8, 3);
	assert_int_equal(r.action, CHORD_DETACH);
	r = feed_cut("^a", "\001d", 2, 1);
	assert_int_equal(r.action, CHORD_DETACH);
	r = feed_cut("none", "\034d\001d" KITTY_KEY "d", 12, 1);
	assert_int_equal(r.action, CHORD_NONE);
	assert_int_equal(r.len, 12);
}

// Whatever is typed comes out once and in order, but for the chord itself.
static void
random_bytes_pass_unchanged(void **state)
{
	static const char *const pieces[] = {"\033", "[", "92", ";5", "u", "d", "x", "\033[200~",
	    "\033[201~", "~", "27;", "\x9b", "\xc3\xa9", "\033[", ":3", "\177", "7"};
	struct chord chord;

	(void)state;
	srand(7);
	for (int round = 0; round < 3000; round++) {
		uint8_t in[512] = {0}, out[2048];
		size_t in_len = 0, out_len = 0;
		uint64_t now = T0;
		enum chord_action action = CHORD_NONE;

		assert_true(chord_init(&chord, "^\\"));
		for (int i = 0; i < 40 && action == CHORD_NONE; i++) {
			const char *piece = pieces[(size_t)rand() % 17];
			bool raw = rand() % 3 == 0;
			uint8_t byte = (uint8_t)(1 + rand() % 255);
			size_t len = raw ? 1 : strlen(piece);

			if (raw && byte == 034)
				byte = 'q';
			memcpy(in + in_len, raw ? (char *)&byte : piece, len);
			now += (uint64_t)(rand() % 40);
			out_len +=
			    chord_feed(&chord, in + in_len, len, now, out + out_len, &action);
			in_len += len;
		}
		if (action == CHORD_DETACH)
			continue;
		out_len += chord_tick(&chord, now + 10000, out + out_len);
		if (out_len != in_len && in_len - out_len >= 7)
			continue; // the key twice in a row: once is dropped
		assert_int_equal(out_len, in_len);
		assert_memory_equal(out, in, in_len);
	}
}

static void
a_flood_of_key_releases_is_bounded(void **state)
{
	static const char release[] = "\033[92;5:3u";
	struct chord chord;
	uint8_t out[4096];
	enum chord_action action;
	size_t len = 0, fed = 1;

	(void)state;
	assert_true(chord_init(&chord, "^\\"));
	len += chord_feed(&chord, (const uint8_t *)"\034", 1, T0, out, &action);
	for (int i = 0; i < 100; i++) {
		len += chord_feed(
		    &chord, (const uint8_t *)release, sizeof(release) - 1, T0, out + len, &action);
		fed += sizeof(release) - 1;
	}
	assert_int_equal(len, fed);
}

// Feeds all of `text` and returns the actions that it had, one after the other.
static size_t
feed_all(struct chord *chord, const char *text, uint8_t *out, char *actions)
{
	static const char names[] = {
	    [CHORD_DETACH] = 'd', [CHORD_PAUSE] = 'p', [CHORD_YES] = 'y', [CHORD_NO] = 'n'};
	const uint8_t *data = (const uint8_t *)text;
	size_t len = strlen(text), out_len = 0, count = 0;
	enum chord_action action;

	while (len) {
		out_len += chord_feed(chord, data, len, T0, out + out_len, &action);
		if (action)
			actions[count++] = names[action];
		data += chord->used;
		len -= chord->used;
	}
	actions[count] = '\0';
	return out_len;
}

static void
expect_all(bool asked, const char *text, const char *want, const char *want_actions)
{
	struct chord chord;
	uint8_t out[4096];
	char actions[64];
	size_t len;

	assert_true(chord_init(&chord, "^\\"));
	chord.asked = asked;
	len = feed_all(&chord, text, out, actions);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(out, want, len);
	assert_string_equal(actions, want_actions);
}

static void
other_letters_do_other_things_and_the_rest_passes(void **state)
{
	(void)state;
	expect_all(
	    false, "a\034pb" KITTY_KEY "\033[112uc" XTERM_KEY "\033[27;1;112~d", "abcd", "ppp");
	expect_all(true, "\034y\034nx", "x", "yn");
	expect_all(false, "\034y\034nx", "\034y\034nx", ""); // nobody asks
	expect_all(true, "\033[200~\034p\034y\033[201~", "\033[200~\034p\034y\033[201~", "");
}

static void
keys_of_a_chord_are_let_go_unseen(void **state)
{
	(void)state;
	expect_all(false, KITTY_KEY "\033[92;5:3u\033[112;1:1u\033[112;1:3ux", "x", "p");
	expect_all(false, KITTY_KEY "\033[112;1:1u\033[92;5:3u\033[112;1:3ux", "x", "p");
	expect_all(false, "\033[112;1:3ux", "\033[112;1:3ux", ""); // was pressed before us
	expect_all(false, KITTY_KEY "\033[112;1:1u\033[112;1:3u\033[112;1:1u\033[112;1:3u",
	    "\033[112;1:1u\033[112;1:3u", "p");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(key_then_d_detaches_in_every_encoding),
	    cmocka_unit_test(keys_let_go_in_between_do_not_count),
	    cmocka_unit_test(any_other_key_passes_with_the_first_one),
	    cmocka_unit_test(twice_the_key_passes_once),
	    cmocka_unit_test(other_keys_and_modifiers_are_not_the_key),
	    cmocka_unit_test(within_a_paste_nothing_is_the_key),
	    cmocka_unit_test(a_paste_is_known_even_if_its_start_came_slowly),
	    cmocka_unit_test(the_key_alone_passes_after_its_time),
	    cmocka_unit_test(the_escape_key_alone_passes_soon),
	    cmocka_unit_test(other_keys_can_be_chosen),
	    cmocka_unit_test(random_bytes_pass_unchanged),
	    cmocka_unit_test(a_flood_of_key_releases_is_bounded),
	    cmocka_unit_test(other_letters_do_other_things_and_the_rest_passes),
	    cmocka_unit_test(keys_of_a_chord_are_let_go_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
