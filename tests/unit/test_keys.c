// SPDX-License-Identifier: ISC
// The keys of a viewer, and all that is none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/edge/keys.h"

// The keys that a read of these bytes gives, one letter each: l eave, b ack, u d L R, f ollow, e nd,
// P age up, p age down, E scape, a nswer.
static const char *
read_bytes(struct keys *keys, const char *data, size_t len)
{
	static const char letters[] = "-lbudLRfePpEa";
	static char got[64];
	size_t count = 0, used;

	keys_read(keys, len);
	while (len && count < sizeof(got) - 1) {
		enum key key = keys_next(keys, (const uint8_t *)data, len, &used);

		if (key != KEY_NONE)
			got[count++] = letters[key];
		data += used;
		len -= used;
	}
	got[count] = '\0';
	return got;
}

static const char *
read_text(struct keys *keys, const char *text)
{
	return read_bytes(keys, text, strlen(text));
}

static void
keys_are_known_in_each_coding(void **state)
{
	struct keys keys = {0};
	(void)state;

	assert_string_equal(read_text(&keys, "q"), "b");
	assert_string_equal(read_text(&keys, "\x03"), "l");
	assert_string_equal(read_text(&keys, "\x1b[A\x1b[B\x1b[C\x1b[D"), "udRL");
	assert_string_equal(read_text(&keys, "\x1bOA\x1bOB\x1bOC\x1bOD"), "udRL");
	assert_string_equal(read_text(&keys, "\x1b[1;5A"), "u");
	assert_string_equal(read_text(&keys, "0\x1b[H\x1bOH\x1b[1~\x1b[7~"), "fffff");
	assert_string_equal(read_text(&keys, "b\x1b[5~\x1b[5;2~f\x1b[6~"), "PPPpp");
	assert_string_equal(read_text(&keys, "\x1b[F\x1bOF\x1b[4~\x1b[8~\x1b[1;5F"), "eeeee");
}

static void
a_sequence_cut_anywhere_is_the_same(void **state)
{
	struct keys keys = {0};
	(void)state;

	assert_string_equal(read_text(&keys, "\x1b"), "");
	assert_string_equal(read_text(&keys, "["), "");
	assert_string_equal(read_text(&keys, "A"), "u");
}

static void
everything_else_does_nothing(void **state)
{
	struct keys keys = {0};
	(void)state;

	for (int byte = 0; byte < 256; byte++) {
		char text = (char)byte;

		if (strchr("0bfq\x03\x1b", byte) && byte)
			continue;
		assert_string_equal(read_bytes(&keys, &text, 1), "");
	}
	assert_string_equal(
	    read_text(&keys, "\x1b[<0;10;10M\x1b[I\x1b[200~\x1b[5n\x1b[?62;4c"), "");
	assert_string_equal(read_text(&keys, "\x1bq\x1b[113q"), ""); // Alt-q, and a final q
}

static void
an_answer_to_a_question_is_told_from_keys(void **state)
{
	struct keys keys = {0};
	(void)state;

	assert_string_equal(read_text(&keys, "\x1b[0n"), "a");
	assert_string_equal(read_text(&keys, "x\x1b[0n\x1b[3n\x1b[A"), "aau");
	assert_string_equal(read_text(&keys, "\x1b[n\x1b[5n\x1b[00n\x1b[?0n\x1b[0;0n\x1b[An"), "u");
	assert_string_equal(read_text(&keys, "\x1b["), "");
	assert_string_equal(read_text(&keys, "0"), "");
	assert_string_equal(read_text(&keys, "nq"), "ab");
}

static void
strings_that_a_terminal_answers_with_are_swallowed(void **state)
{
	struct keys keys = {0};
	(void)state;

	assert_string_equal(read_text(&keys, "\x1b]11;rgb:q0q0\x07"), "");
	assert_string_equal(read_text(&keys, "\x1bP1+r q0q\x1b\\"), "");
	assert_string_equal(read_text(&keys, "\x1b]cut into two re"), "");
	assert_string_equal(read_text(&keys, "q0q\x1b\\q"), "b");
}

static void
no_state_keeps_a_guest_from_leaving(void **state)
{
	static const char *const begins[] = {
	    "\x1b", "\x1b[", "\x1bO", "\x1b]", "\x1bP", "\x1b_", "\x1b[1;;;;;;", "\x1b]52;c;"};
	(void)state;

	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		struct keys keys = {0};
		const char *got = "";

		read_text(&keys, begins[i]);
		for (int tries = 0; tries < 2 && !*got; tries++) // one may end the sequence
			got = read_text(&keys, "q");
		assert_string_equal(got, "b");
		read_text(&keys, begins[i]);
		assert_string_equal(read_text(&keys, "\x03"), "l");
	}
}

static void
an_escape_that_nothing_follows_is_a_key(void **state)
{
	struct keys keys = {0};
	(void)state;

	assert_string_equal(read_text(&keys, "\x1b"), "");
	assert_int_equal(keys_pause(&keys), KEY_ESCAPE);
	assert_string_equal(read_text(&keys, "q"), "b");
	assert_string_equal(read_text(&keys, "\x1b\x1b[A"), "Eu");
	read_text(&keys, "\x1b[");
	assert_int_equal(keys_pause(&keys), KEY_NONE);
	assert_string_equal(read_text(&keys, "B"), "d");
}

static void
endless_sequences_end(void **state)
{
	struct keys keys = {0};
	char flood[5000];
	(void)state;

	memset(flood, '1', sizeof(flood));
	read_text(&keys, "\x1b[");
	read_bytes(&keys, flood, 100);
	assert_int_equal(keys.state, KEYS_GROUND);
	read_text(&keys, "\x1b]");
	read_bytes(&keys, flood, sizeof(flood));
	assert_int_equal(keys.state, KEYS_GROUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_known_in_each_coding),
	    cmocka_unit_test(a_sequence_cut_anywhere_is_the_same),
	    cmocka_unit_test(everything_else_does_nothing),
	    cmocka_unit_test(an_answer_to_a_question_is_told_from_keys),
	    cmocka_unit_test(strings_that_a_terminal_answers_with_are_swallowed),
	    cmocka_unit_test(no_state_keeps_a_guest_from_leaving),
	    cmocka_unit_test(an_escape_that_nothing_follows_is_a_key),
	    cmocka_unit_test(endless_sequences_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
