// SPDX-License-Identifier: ISC
// What the doctor finds in files of keys.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/setup/doctor.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMh"
#define VIEW "command=\"mirrord view --as bob\""
#define GOOD "restrict,pty," VIEW " "

static const struct doctor_account guests = {.name = "guest", .home = "/var/x", .guests = true};
static const struct doctor_account own = {.name = "alice", .home = "/home/alice"};

// All that is found, a line for each hole: "WHERE: TEXT".
static void
look(const struct doctor_account *account, const char *text, char *found, size_t size)
{
	struct doctor doctor = {0};
	size_t len = 0;

	*found = 0;
	doctor_keys(&doctor, account, "keys", text, strlen(text));
	for (size_t i = 0; i < doctor.count; i++) {
		const struct doctor_finding *finding = &doctor.finding[i];

		if (finding->result == DOCTOR_OK)
			continue;
		assert_int_not_equal(*finding->advice, 0);
		len += (size_t)snprintf(
		    found + len, size - len, "%s: %s\n", finding->where, finding->text);
	}
	assert_true(doctor.count > 0);
	free(doctor.finding);
}

static void
each_hole_is_named_with_its_line(void **state)
{
	static const struct {
		const struct doctor_account *account;
		const char *keys, *found;
	} cases[] = {
	    {&guests, KEY "\n", "keys:1: nothing is forced on the key"},
	    {&guests, "# guests\n\nrestrict,pty " KEY "\n", "keys:3: nothing is forced"},
	    {&guests, VIEW " " KEY "\n", "keys:1: the key may forward ports, agents, displays"},
	    {&guests, VIEW " " KEY "\n", "keys:1: the key runs ~/.ssh/rc"},
	    {&guests, VIEW ",no-port-forwarding,no-X11-forwarding " KEY "\n", "may forward agents"},
	    {&guests, "restrict,port-forwarding,pty," VIEW " " KEY "\n", "may forward ports"},
	    {&guests, "restrict," VIEW " " KEY "\n", "keys:1: the key gets no terminal"},
	    {&guests, "restrict,pty,command=\"tmux attach -r\" " KEY "\n", "something else"},
	    {&guests, "restrict,pty,command=\"mirrord view; sh\" " KEY "\n", "something else"},
	    {&guests, "restrict,pty,command=\"mirrord dump\" " KEY "\n", "something else"},
	    {&guests, "cert-authority," GOOD KEY "\n", "signs others"},
	    // the line of the first seed, and that of the second
	    {&own,
		"command=\"tmux "
		"attach\",no-port-forwarding,no-X11-forwarding,no-agent-forwardin " KEY,
		"keys:1: sshd refuses the key"},
	    {&own,
		"command=\"wemux\",no-port-forwarding,no-x11-forwarding,no-agent-forwarding \n" KEY,
		"keys:1: these options stand on a line of their own"},
	    {&guests, "restrict,pty," VIEW "\n" KEY "\n", "keys:1: these options"},
	    {&guests, "restrict,pty," VIEW "\n" KEY "\n", "keys:2: nothing is forced"},
	    {&guests, "restrikt,pty," VIEW " " KEY "\n", "keys:1: sshd refuses the key"},
	    {&own, "command=\"mirrord relay --as laptop\" " KEY "\n", "may forward ports"},
	    {&own, "restrict,command=\"mirrord relay; sh\" " KEY "\n", "something else"},
	    {&guests, "restrict,pty,command=\"mirrord relay\" " KEY "\n", "something else"},
	    {&guests, "nonsense\n", "keys:1: sshd skips the line"},
	    {&guests, GOOD KEY "\n" GOOD KEY " bob\n", "keys:2: the key stands in line 1 too"},
	    {&own, KEY "\n" GOOD KEY " bob\n", "keys:2: the key stands in line 1 too"},
	    {&own, KEY "\n" VIEW " " OTHER " bob\n", "keys:2: the key may forward"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char found[2000];

		look(cases[i].account, cases[i].keys, found, sizeof(found));
		if (!strstr(found, cases[i].found))
			fail_msg("%s: %s", cases[i].keys, found);
	}
}

static void
a_good_file_is_good(void **state)
{
	static const struct {
		const struct doctor_account *account;
		const char *keys;
	} cases[] = {
	    {&guests, ""},
	    {&guests, "# nobody yet\n\n"},
	    {&guests, GOOD KEY " bob\n" GOOD OTHER " eve\n"},
	    {&guests, "restrict,pty,command=\"/usr/local/bin/mirrord view\" " KEY "\n"},
	    // the keys of the account's own user are not guests'
	    {&own, KEY "\n" GOOD OTHER "\n"},
	    {&own, "command=\"backup\" " KEY "\n"},
	    {&own, "restrict,command=\"mirrord relay --as laptop\" " KEY "\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char found[2000];

		look(cases[i].account, cases[i].keys, found, sizeof(found));
		if (*found)
			fail_msg("%s: %s", cases[i].keys, found);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_hole_is_named_with_its_line),
	    cmocka_unit_test(a_good_file_is_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
