// SPDX-License-Identifier: ISC
// What is handed out of a relay's words.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/setup/invite.h"

static void
a_relay_is_named_as_it_was_to_ssh(void **state)
{
	static const struct {
		const char *relay;
		struct link_invite invite;
		const char *address;
	} cases[] = {
	    {"me@relay", {"guest", 22, 1, 0}, "guest@relay"},
	    {"relay", {"guest", 0, 2, 0}, "guest@relay"},
	    {"me@relay", {"me", 2222, 1, 0}, "-p 2222 me@relay"},
	    {"me@relay", {"guest", 22, 0, 0}, "guest@relay, nobody yet"},
	    {"me@relay", {"guest", 2, 3, 1900000000},
		"-p 2 guest@relay, until 2030-03-17T17:46:40Z"},
	    {"ssh://me@relay:2222", {"guest", 2222, 1, 0}, "-p 2222 guest@relay"},
	    {"me@relay", {"", 22, 1, 0}, ""},
	};
	char address[LIMIT_TEXT + 1], host[LIMIT_TEXT];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		invite_address(cases[i].relay, &cases[i].invite, address);
		assert_string_equal(address, cases[i].address);
	}
	memset(host, 'h', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	invite_address(host, &cases[4].invite, address);
	assert_true(strlen(address) < sizeof(address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_relay_is_named_as_it_was_to_ssh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
