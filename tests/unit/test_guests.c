// SPDX-License-Identifier: ISC
// Guests in authorized_keys: what is written is read again, hands that edit it are respected, and times are
// those that people mean.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/when.h"
#include "server/guest/guests.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg"
#define BEGIN AUTHKEYS_BEGIN "\n"
#define END AUTHKEYS_END "\n"
#define ALICE "restrict,pty,command=\"/bin/mirrord view --as=alice --keys=/k\" " KEY " laptop\n"

static struct authkeys
parse(const char *text)
{
	struct authkeys keys;
	char why[AUTHKEYS_WHY];

	assert_true(authkeys_parse(text, strlen(text), &keys, why));
	return keys;
}

static void
a_guest_that_is_written_is_read_again(void **state)
{
	const struct guest_note note = {
	    .name = "alice", .source = "github:alice", .added = 1700000000, .by = "root"};
	const struct guest_line line = {.name = "alice",
	    .role = GUEST_PAIR,
	    .until = 1800000000,
	    .session = "me/shared",
	    .keys = "/var/lib/mirrord/guest/.ssh/authorized_keys"};
	struct authkeys keys = parse("");
	const struct guest *guest;
	struct guests guests;
	struct buf lines = {0}, out = {0};
	struct sshkey key;
	char why[SSHKEY_WHY];

	(void)state;
	assert_int_equal(sshkey_parse(KEY " a \"b\"", strlen(KEY) + 6, &key, why), SSHKEY_OK);
	guest_note_put(&lines, &note);
	guest_line_put(&lines, &line, "/usr/local/bin/mirrord", &key);
	guests_edit(&keys, "alice", &lines, &out);
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.data,
	    BEGIN "# guest alice from github:alice, added 2023-11-14T22:13:20Z by root\n"
		  "restrict,pty,expiry-time=\"20270115080000Z\",command=\"/usr/local/bin/mirrord "
		  "view --as=alice --role=pair --until=2027-01-15T08:00:00Z "
		  "--keys=/var/lib/mirrord/guest/.ssh/authorized_keys "
		  "--key=SHA256:ymAsmkAaSwggqvjb+chziHzIhvkBCWH7EXlt45rbLU4 me/shared\" " KEY
		  " a \"b\"\n" END);
	keys = parse((char *)out.data);
	guests_read(&keys, &guests);
	assert_int_equal(guests.count, 1);
	guest = guests_find(&guests, "alice");
	assert_int_equal(guest->key_count, 1);
	assert_string_equal(guest->note.source, note.source);
	assert_string_equal(guest->note.by, note.by);
	assert_true(guest->note.added == note.added && guest->line.until == line.until);
	assert_true(guest->line.role == line.role);
	assert_string_equal(guest->line.session, line.session);
	assert_string_equal(guest->line.keys, line.keys);
	assert_true(guest_has_key(guest, key.fingerprint));
	guests_fini(&guests);
	authkeys_fini(&keys);
	buf_fini(&lines);
	buf_fini(&out);
}

static void
a_guests_line_that_a_hand_has_changed_goes_with_the_guest(void **state)
{
	static const char *const cases[] = {ALICE, "from=\"10.0.0.0/8\"," ALICE,
	    "restrict,pty,command=\"mirrord view --wait --as alice --max-fps 5\" " KEY "\n",
	    "command=\"mirrord view --max-fps=5 --as=alice\",no-pty " KEY "\n",
	    "# guest alice from file, added 2026-11-22T03:10:00Z by me\n"};
	struct buf none = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = {0}, out = {0};
		struct authkeys keys;

		buf_printf(&text, "x\n" BEGIN "%s" END "y", cases[i]);
		buf_put_u8(&text, 0);
		keys = parse((char *)text.data);
		guests_edit(&keys, "alice", &none, &out);
		assert_int_equal(out.len, 3);
		assert_memory_equal(out.data, "x\ny", 3);
		authkeys_fini(&keys);
		buf_fini(&text);
		buf_fini(&out);
	}
}

static void
what_is_not_ours_is_nobodys_guest(void **state)
{
	static const char *const cases[] = {ALICE, // outside of the part
	    BEGIN KEY "\n" END, BEGIN "command=\"mirrord dump --as=alice\" " KEY "\n" END,
	    BEGIN "command=\"mirrord view\" " KEY "\n" END,
	    BEGIN "command=\"mirrord view --as=a'b\" " KEY "\n" END,
	    BEGIN "restrict,pty " KEY "\n" END, BEGIN "# guest alice\n" END,
	    BEGIN "# guest alice from here\n" END,
	    BEGIN "# guest alice from file, added yesterday by me\n" END,
	    BEGIN "# guest a b from file, added 2026-11-22T03:10:00Z by me\n" END};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct authkeys keys = parse(cases[i]);
		struct guests guests;

		guests_read(&keys, &guests);
		if (guests.count)
			fail_msg("%s", cases[i]);
		guests_fini(&guests);
		authkeys_fini(&keys);
	}
}

static void
a_change_of_anything_else_is_seen(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
	    {"x\n", BEGIN ALICE END "x\n", true},
	    {BEGIN ALICE "y\n" END "x\n", BEGIN "y\n" END "x\n", true},
	    {"x\n", BEGIN ALICE END "x", false},
	    {"x\ny\n", BEGIN ALICE END "x\n", false},
	    {"x\n", BEGIN ALICE END "x\ny\n", false},
	    {"x\n", BEGIN "x\n" ALICE END, false},
	    {"x\ny\n", "y\nx\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct authkeys a = parse(cases[i].a), b = parse(cases[i].b);

		assert_true(guests_same_but(&a, &b, "alice") == cases[i].same);
		authkeys_fini(&a);
		authkeys_fini(&b);
	}
}

static void
times_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t when; // 0: refused
	} cases[] = {
	    {"30s", 1000030},
	    {"90m", 1005400},
	    {"2h", 1007200},
	    {"1d", 1086400},
	    {"2w", 2209600},
	    {"2026-11-22T05:05:06Z", 1795323906},
	    {"2026-11-22 05:05:06Z", 1795323906},
	    {"2026-11-22T05:05Z", 1795323900},
	    {"2026-11-22Z", 1795392000},
	    {"2026-11-22T05:05", 1795316700}, // two hours east
	    {"2026-11-22", 1795384800},       // to its end
	    {"2024-02-29Z", 1709251200},
	    {"9999-12-31T23:59:59Z", WHEN_MAX},
	    {"", 0},
	    {"2", 0},
	    {"h", 0},
	    {"-2h", 0},
	    {"2h30m", 0},
	    {"2 h", 0},
	    {"1234567890s", 0},
	    {"999999999w", 0},
	    {"2026-13-01", 0},
	    {"2026-00-01", 0},
	    {"2026-02-29", 0},
	    {"2026-04-31", 0},
	    {"2026-1-1", 0},
	    {"2026-11-22T24:00", 0},
	    {"2026-11-22T05", 0},
	    {"2026-11-22T05:60", 0},
	    {"2026-11-22T05:05:61Z", 0},
	    {"2026-11-22T05:05:06ZZ", 0},
	    {"1969-12-31Z", 0},
	    {"20261122", 0},
	    {"tomorrow", 0},
	};
	char text[WHEN_TEXT];

	(void)state;
	setenv("TZ", "EAST-2", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t when = 0;
		bool ok = when_parse(cases[i].text, 1000000, &when);

		if (ok != (cases[i].when != 0) || (ok && when != cases[i].when))
			fail_msg("%s: %llu", cases[i].text, (unsigned long long)when);
	}
	when_put_utc(1795323906, text);
	assert_string_equal(text, "2026-11-22T05:05:06Z");
	when_put_sshd(1795323906, text);
	assert_string_equal(text, "20261122050506Z");
	when_put_local(1795323906, text);
	assert_string_equal(text, "2026-11-22 07:05");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_guest_that_is_written_is_read_again),
	    cmocka_unit_test(a_guests_line_that_a_hand_has_changed_goes_with_the_guest),
	    cmocka_unit_test(what_is_not_ours_is_nobodys_guest),
	    cmocka_unit_test(a_change_of_anything_else_is_seen),
	    cmocka_unit_test(times_are_read_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
