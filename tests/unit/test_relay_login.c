// SPDX-License-Identifier: ISC
// What a relay lets a guest's key do, by the line it has among the keys.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/setup/relay_login.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMh"
#define AS(name) "restrict,pty,command=\"mirrord view --as " name "\" "

static void
a_key_gets_the_command_of_its_line_and_nothing_else(void **state)
{
	static const struct {
		const char *keys, *command, *why; // one of the two
	} cases[] = {
	    {AS("bob") KEY " bob\n", "mirrord view --as bob", NULL},
	    {AS("eve") OTHER "\n" AS("bob") KEY "\n", "mirrord view --as bob", NULL},
	    // sshd skips what it cannot read, and so the line is not the key's
	    {"restrict,ptty,command=\"x\" " KEY "\n" AS("bob") KEY, "mirrord view --as bob", NULL},
	    {AS("bob") KEY "\n" AS("bob") KEY "\n", "mirrord view --as bob", NULL},
	    {"command=\"sh -c \\\"x\\\"\" " KEY, "sh -c \"x\"", NULL},
	    {AS("bob") KEY "\n" AS("eve") KEY "\n", NULL, "line 1 and line 2"},
	    {KEY "\n", NULL, "line 1 of the keys has no command"},
	    {AS("bob") KEY "\n" KEY "\n", NULL, "line 2 of the keys has no command"},
	    {"restrict,pty " KEY "\n", NULL, "no command"},
	    {"restrict,pty,command=\"mirrord view\"\n" KEY "\n", NULL, "line 2"},
	    {AS("eve") OTHER "\n", NULL, "not among"},
	    {"# " KEY "\n", NULL, "not among"},
	    {"", NULL, "not among"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[RELAY_LOGIN_WHY] = "";
		char *command = relay_login_command(
		    cases[i].keys, strlen(cases[i].keys), "publickey " KEY "\n", why);

		if (cases[i].command && (!command || strcmp(command, cases[i].command) != 0))
			fail_msg("%s: %s, %s", cases[i].keys, command ? command : "none", why);
		if (cases[i].why && (command || !strstr(why, cases[i].why)))
			fail_msg("%s: %s, %s", cases[i].keys, command ? command : "none", why);
		free(command);
	}
}

static void
without_a_key_that_sshd_names_there_is_none(void **state)
{
	static const char *const auths[] = {"", "\n", "password\n", "publickey \n", "publickey x\n",
	    " publickey " KEY "\n", "hostbased " KEY "\n"};
	static const char keys[] = AS("bob") KEY "\n";

	(void)state;
	for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++) {
		char why[RELAY_LOGIN_WHY] = "";

		assert_null(relay_login_command(keys, strlen(keys), auths[i], why));
		assert_non_null(strstr(why, "which key"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_gets_the_command_of_its_line_and_nothing_else),
	    cmocka_unit_test(without_a_key_that_sshd_names_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
