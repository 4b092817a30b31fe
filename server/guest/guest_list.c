// SPDX-License-Identifier: ISC
// `mirrord guest list`: who may watch, until when, and by which keys.
#include "server/guest/guest.h"

#include "server/base/option.h"
#include "server/base/until.h"
#include "server/base/when.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void
print_guest(const struct guest *guest)
{
	const struct guest_line *line = &guest->line;
	char until[WHEN_TEXT + 8] = "", added[WHEN_TEXT];

	if (line->until)
		when_put_local(line->until, until);
	if (until_over(line->until))
		strcat(until, " (over)");
	printf("%-12s %-5s %-23s %-16s %s\n", guest->note.name, guest_roles[line->role],
	    *until ? until : "-", *line->session ? line->session : "-",
	    *guest->note.source ? guest->note.source : "-");
	for (size_t i = 0; i < guest->key_count; i++)
		guest_print_key("    ", &guest->key[i]);
	if (guest->note.added) {
		when_put_local(guest->note.added, added);
		printf("    added %s by %s\n", added, guest->note.by);
	}
}

static void
print_table(const struct guests *guests, const char *path)
{
	if (!guests->count) {
		printf("no guests in %s\n", path);
		return;
	}
	printf("%-12s %-5s %-23s %-16s %s\n", "NAME", "ROLE", "UNTIL", "SESSION", "FROM");
	for (size_t i = 0; i < guests->count; i++)
		print_guest(&guests->guest[i]);
}

static json_t *
json_of(const struct guest *guest)
{
	const struct guest_line *line = &guest->line;
	json_t *keys = json_array();

	for (size_t i = 0; i < guest->key_count; i++) {
		const struct sshkey *key = &guest->key[i];

		json_array_append_new(
		    keys, json_pack("{s:s, s:s, s:i, s:s}", "fingerprint", key->fingerprint, "type",
			      key->type, "bits", (int)key->bits, "comment", key->comment));
	}
	return json_pack("{s:s, s:s, s:o, s:b, s:s, s:s, s:I, s:s, s:o}", "name", guest->note.name,
	    "role", guest_roles[line->role], "until",
	    line->until ? json_integer((json_int_t)line->until) : json_null(), "over",
	    (int)until_over(line->until), "session", line->session, "from", guest->note.source,
	    "added", (json_int_t)guest->note.added, "by", guest->note.by, "keys", keys);
}

static void
print_json(const struct guests *guests, const char *path)
{
	json_t *list = json_array();

	(void)path;
	for (size_t i = 0; i < guests->count; i++)
		json_array_append_new(list, json_of(&guests->guest[i]));
	json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(list);
}

int
guest_list(int argc, char **argv)
{
	static const struct option longs[] = {{"authorized-keys", required_argument, NULL, 'a'},
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	const char *path = NULL;
	char why[KEYSFILE_WHY];
	struct keysfile file;
	struct guests guests;
	bool json = false;
	int option, status;

	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'a': path = optarg; break;
		case 'j': json = true; break;
		default: return option_bad("guest", option, argv);
		}
	}
	if (argc > optind)
		return guest_fail(EX_USAGE, "guest list takes no names");
	status = keysfile_open(&file, path, false, why);
	if (status != EX_OK)
		return guest_fail(status, "%s", why);
	guests_read(&file.keys, &guests);
	(json ? print_json : print_table)(&guests, file.path);
	guests_fini(&guests);
	keysfile_close(&file);
	return EX_OK;
}
