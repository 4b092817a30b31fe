// SPDX-License-Identifier: ISC
// authorized_keys as sshd reads it: lines, options, and the part between mirrord's markers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/guest/authkeys.h"
#include "server/guest/keyopts.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg"
#define FINGERPRINT "SHA256:ymAsmkAaSwggqvjb+chziHzIhvkBCWH7EXlt45rbLU4"

static void
lines_are_what_sshd_takes_them_for(void **state)
{
	static const struct {
		const char *text;
		enum authkeys_kind kind;
		const char *options; // NULL: none
	} cases[] = {
	    {"\n", AUTHKEYS_BLANK, NULL},
	    {" \t\n", AUTHKEYS_BLANK, NULL},
	    {"\r\n", AUTHKEYS_BLANK, NULL},
	    {"# " ED25519 "\n", AUTHKEYS_COMMENT, NULL},
	    {"  # x", AUTHKEYS_COMMENT, NULL},
	    {ED25519, AUTHKEYS_KEY, NULL},
	    {ED25519 "\r\n", AUTHKEYS_KEY, NULL},
	    {"\t " ED25519 " bob\n", AUTHKEYS_KEY, NULL},
	    {"restrict,pty " ED25519 " bob\n", AUTHKEYS_KEY, "restrict,pty"},
	    {"command=\"a \\\"b c\\\" d\"\t" ED25519, AUTHKEYS_KEY, "command=\"a \\\"b c\\\" d\""},
	    {"restrict,pty\n", AUTHKEYS_BAD, "restrict,pty"},
	    {"command=\"tmux\",no-pty \n", AUTHKEYS_BAD, "command=\"tmux\",no-pty"},
	    {"command=\"never closed " ED25519, AUTHKEYS_BAD, "command=\"never closed " ED25519},
	    {"a b " ED25519, AUTHKEYS_BAD, "a"},
	    {"ssh-ed25519 AAAA\n", AUTHKEYS_BAD, NULL},
	    {"nothing of sense\n", AUTHKEYS_BAD, "nothing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct authkeys_line *line;
		struct authkeys keys;
		char why[AUTHKEYS_WHY];

		assert_true(authkeys_parse(cases[i].text, strlen(cases[i].text), &keys, why));
		assert_int_equal(keys.count, 1);
		line = &keys.line[0];
		if (line->kind != cases[i].kind)
			fail_msg("%s: %d", cases[i].text, (int)line->kind);
		assert_int_equal(
		    line->options_len, cases[i].options ? strlen(cases[i].options) : 0);
		if (cases[i].options)
			assert_memory_equal(line->options, cases[i].options, line->options_len);
		if (line->kind == AUTHKEYS_KEY)
			assert_string_equal(line->key.fingerprint, FINGERPRINT);
		if (line->kind == AUTHKEYS_BAD)
			assert_true(*line->why);
		authkeys_fini(&keys);
	}
}

static void
a_line_ends_for_sshd_at_a_nul_but_is_kept_whole(void **state)
{
	static const char text[] = ED25519 "\0 behind\nrest\0";
	struct authkeys keys;
	char why[AUTHKEYS_WHY];

	(void)state;
	assert_true(authkeys_parse(text, sizeof(text) - 1, &keys, why));
	assert_int_equal(keys.count, 2);
	assert_int_equal(keys.line[0].kind, AUTHKEYS_KEY);
	assert_int_equal(keys.line[0].len, sizeof(ED25519) + 8);
	assert_int_equal(keys.line[1].len, 5);
	authkeys_fini(&keys);
}

static void
markers_are_one_pair_or_the_file_is_refused(void **state)
{
#define B AUTHKEYS_BEGIN "\n"
#define E AUTHKEYS_END "\n"
	static const struct {
		const char *text;
		const char *why; // NULL: fine
	} cases[] = {
	    {"x\n" B "y\n" E "z\n", NULL},
	    {"x\n", NULL},
	    {B E, NULL},
	    {AUTHKEYS_BEGIN " \r\n" AUTHKEYS_END "\r\n", NULL},
	    {"x\n" B "y\n", "line 2 begins the part of mirrord's guests, and nothing ends it"},
	    {"x\n" E, "line 2 ends a part"},
	    {B E B E, "line 3 begins the part of mirrord's guests once more"},
	    {B B E, "line 2 begins"},
	    {B E E, "line 3 ends"},
	};
	struct authkeys keys;
	char why[AUTHKEYS_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = authkeys_parse(cases[i].text, strlen(cases[i].text), &keys, why);

		assert_int_equal(ok, !cases[i].why);
		if (!ok)
			assert_non_null(strstr(why, cases[i].why));
		authkeys_fini(&keys);
	}
	assert_true(authkeys_parse(cases[0].text, strlen(cases[0].text), &keys, why));
	assert_true(keys.begin == 1 && keys.end == 3);
	assert_true(!keys.line[0].managed && keys.line[2].managed && !keys.line[4].managed);
	authkeys_fini(&keys);
}

static void
options_do_what_sshd_lets_them(void **state)
{
	static const struct {
		const char *options;
		const char *does; // of "rpPAXuC": restrict, pty, port, agent, X11, user-rc, command
		const char *why;  // NULL: usable
	} cases[] = {
	    {"", "pPAXu", NULL},
	    {"restrict", "r", NULL},
	    {"restrict,pty", "rp", NULL},
	    {"pty,restrict", "r", NULL},
	    {"RESTRICT,Pty,command=\"a, \\\"b\\\"\"", "rpC", NULL},
	    {"no-port-forwarding,no-X11-forwarding,no-agent-forwarding", "pu", NULL},
	    {"restrict,port-forwarding", "rP", NULL},
	    {"restrict,no-touch-required,verify-required", "r", NULL},
	    {"expiry-time=\"20300101\",from=\"10.0.0.0/8\"", "pPAXu", NULL},
	    {"no-agent-forwardin", "pPAXu", "knows no option \"no-agent-forwardin\""},
	    {"restrict,,pty", "r", "knows no option \"\""},
	    {"restrict,", "", "malformed after \"restrict\""},
	    {"no-restrict", "pPAXu", "knows no option"},
	    {"touch-required", "pPAXu", "knows no option"},
	    {"pty=\"yes\"", "pPAXu", "knows no option"},
	    {"command=tmux", "pPAXu", "not in quotes"},
	    {"command=\"tmux", "pPAXu", "not closed"},
	    {"command", "pPAXu", "knows no option"},
	    {"command=\"a\"b", "pPAXu", "malformed after \"command=\"a\"\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keyopts may;
		char does[8] = "";

		keyopts_read(cases[i].options, strlen(cases[i].options), &may);
		strcat(does, may.restricted ? "r" : "");
		strcat(does, may.pty ? "p" : "");
		strcat(does, may.port_forwarding ? "P" : "");
		strcat(does, may.agent_forwarding ? "A" : "");
		strcat(does, may.x11_forwarding ? "X" : "");
		strcat(does, may.user_rc ? "u" : "");
		strcat(does, may.has_command ? "C" : "");
		assert_int_equal(may.usable, !cases[i].why);
		if (cases[i].why && !strstr(may.why, cases[i].why))
			fail_msg("%s: %s", cases[i].options, may.why);
		if (!cases[i].why)
			assert_string_equal(does, cases[i].does);
		if (may.has_command)
			assert_string_equal(may.command, "a, \"b\"");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_what_sshd_takes_them_for),
	    cmocka_unit_test(a_line_ends_for_sshd_at_a_nul_but_is_kept_whole),
	    cmocka_unit_test(markers_are_one_pair_or_the_file_is_refused),
	    cmocka_unit_test(options_do_what_sshd_lets_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
