// SPDX-License-Identifier: ISC
// `mirrord guest add` and `refresh`: keys are got and looked at first, then the file is changed in one
// step. Nothing is held while a network or a person is waited for.
#include "server/guest/guest.h"

#include "server/base/option.h"
#include "server/base/session.h"
#include "server/base/until.h"
#include "server/base/when.h"
#include "server/guest/fetch.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

struct wish {
	const char *github, *url, *file; // one of these: where the keys are
	const char *keys;                // the file to change, or NULL
	bool yes;
	struct guest_note note;
	struct guest_line line;
};

// ---- the command line ----------------------------------------------------------------------------

// "/home/me/alice.pub", "https://example.com/alice.keys": alice. What ssh-keygen names a file says nothing.
static void
name_after(const char *path, const char *suffix, char name[LIMIT_NAME + 1])
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = strlen(base), cut = strlen(suffix);

	if (len > cut && strcmp(base + len - cut, suffix) == 0)
		len -= cut;
	*name = '\0';
	if (len <= LIMIT_NAME && strncmp(base, "id_", 3) != 0 && len > 0)
		snprintf(name, LIMIT_NAME + 1, "%.*s", (int)len, base);
}

static int
set_source(struct wish *wish)
{
	char derived[LIMIT_NAME + 1] = "", why[AUTHKEYS_WHY];
	struct guest_note *note = &wish->note;

	if ((wish->github != NULL) + (wish->url != NULL) + (wish->file != NULL) != 1)
		return guest_fail(EX_USAGE, "guest add takes one of --github, --url and --file");
	if (wish->url && !fetch_url_ok(wish->url))
		return guest_fail(
		    EX_USAGE, "\"%.100s\" is no URL that begins with https://", wish->url);
	if (wish->github && !keyset_github_ok(wish->github))
		return guest_fail(EX_USAGE,
		    "\"%.80s\" is no name that GitHub has: letters, digits and dashes, at most 39",
		    wish->github);
	snprintf(note->source, sizeof(note->source), "%s%s", wish->github ? "github:" : "",
	    wish->github ? wish->github
	    : wish->url  ? wish->url
			 : "file");
	if (wish->github)
		snprintf(derived, sizeof(derived), "%s", wish->github);
	else
		name_after(
		    wish->url ? wish->url : wish->file, wish->url ? ".keys" : ".pub", derived);
	if (!*note->name && !guest_name_ok(derived, why))
		return guest_fail(EX_USAGE, "say who this is, with --name");
	if (!*note->name)
		strcpy(note->name, derived);
	strcpy(wish->line.name, note->name);
	return EX_OK;
}

static int
set_session(struct wish *wish, const char *name)
{
	const char *slash = strchr(name, '/');
	char why[SESSION_WHY], rule[AUTHKEYS_WHY], user[LIMIT_NAME + 1] = "-";

	if (slash && slash - name < (ptrdiff_t)sizeof(user))
		snprintf(user, sizeof(user), "%.*s", (int)(slash - name), name);
	if (!session_name_ok(slash ? slash + 1 : name, why))
		return guest_fail(EX_USAGE, "%s", why);
	if (!guest_word_ok(name) || (slash && !guest_name_ok(user, rule)))
		return guest_fail(EX_USAGE,
		    "a session that a key is bound to is NAME or USER/NAME, of letters, digits and "
		    "._@+- alone");
	strcpy(wish->line.session, name);
	return EX_OK;
}

static int
set_option(struct wish *wish, int option, char **argv)
{
	uint64_t now = (uint64_t)time(NULL);
	char why[AUTHKEYS_WHY];

	switch (option) {
	case 'a': wish->keys = optarg; return EX_OK;
	case 'e':
		if (!when_parse(optarg, now, &wish->line.until) || wish->line.until <= now)
			return guest_fail(EX_USAGE,
			    "--expires takes a time to come, like 2h, 7d, 2026-12-31 or "
			    "2026-12-31T18:00");
		return EX_OK;
	case 'f': wish->file = optarg; return EX_OK;
	case 'g': wish->github = optarg; return EX_OK;
	case 'n':
		if (!guest_name_ok(optarg, why))
			return guest_fail(EX_USAGE, "%s", why);
		strcpy(wish->note.name, optarg);
		return EX_OK;
	case 'r':
		for (size_t i = 0; i < 2; i++) {
			if (strcmp(optarg, guest_roles[i]) == 0) {
				wish->line.role = (enum guest_role)i;
				return EX_OK;
			}
		}
		return guest_fail(EX_USAGE, "--role is view or pair");
	case 's': return set_session(wish, optarg);
	case 'u': wish->url = optarg; return EX_OK;
	case 'y': wish->yes = true; return EX_OK;
	default: return option_bad("guest", option, argv);
	}
}

static int
parse(int argc, char **argv, struct wish *wish)
{
	static const struct option longs[] = {{"authorized-keys", required_argument, NULL, 'a'},
	    {"expires", required_argument, NULL, 'e'}, {"file", required_argument, NULL, 'f'},
	    {"github", required_argument, NULL, 'g'}, {"name", required_argument, NULL, 'n'},
	    {"role", required_argument, NULL, 'r'}, {"session", required_argument, NULL, 's'},
	    {"url", required_argument, NULL, 'u'}, {"yes", no_argument, NULL, 'y'},
	    {NULL, 0, NULL, 0}};
	int option;

	*wish = (struct wish){0};
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		int status = set_option(wish, option, argv);

		if (status != EX_OK)
			return status;
	}
	if (argc > optind)
		return guest_fail(
		    EX_USAGE, "guest add takes options alone: a name comes after --name");
	return set_source(wish);
}

// ---- what is about to happen ---------------------------------------------------------------------

static void
print_wish(const struct wish *wish, const struct keyset *set)
{
	char until[WHEN_TEXT];

	printf("%s, from %s:\n", wish->note.name, wish->file ? wish->file : wish->note.source);
	for (size_t i = 0; i < set->count; i++)
		guest_print_key("    ", &set->key[i]);
	printf("may watch %s", *wish->line.session ? "session " : "any session");
	fputs(wish->line.session, stdout);
	if (wish->line.until) {
		when_put_local(wish->line.until, until);
		printf(" until %s", until);
	}
	puts(wish->line.role == GUEST_PAIR ? ", and may be given the keyboard." : ".");
}

// Whether these keys can be another edition of this guest's: a name alone says nothing. From the same place,
// and files all have that one; there a key must be the same.
static bool
is_same_guest(const struct guest *before, const struct wish *wish, const struct keyset *set)
{
	bool known = strcmp(wish->note.source, "file") != 0;

	for (size_t i = 0; i < set->count; i++)
		known = known || guest_has_key(before, set->key[i].fingerprint);
	return known && strcmp(before->note.source, wish->note.source) == 0;
}

// Opens the file and sees whether the guest can be written into it. `before`: the guest as it is, if it is
// there. On EX_OK the file is open.
static int
open_for(struct wish *wish, const struct keyset *set, bool write, struct keysfile *file,
    char why[KEYSFILE_WHY])
{
	int status = keysfile_open(file, wish->keys, write, why);
	const struct guest *before;
	struct guests guests;

	if (status != EX_OK)
		return status;
	guests_read(&file->keys, &guests);
	before = guests_find(&guests, wish->note.name);
	strcpy(wish->line.keys, file->path);
	if (!guest_word_ok(file->path)) {
		snprintf(why, KEYSFILE_WHY, "the path %.400s cannot stand in a forced command",
		    file->path);
		status = EX_CONFIG;
	} else if (before && !is_same_guest(before, wish, set)) {
		snprintf(why, KEYSFILE_WHY,
		    "%s is a guest already, with other keys, from %s: give another --name, or "
		    "remove "
		    "%s first",
		    wish->note.name, *before->note.source ? before->note.source : "elsewhere",
		    wish->note.name);
		status = EX_CANTCREAT;
	} else if (!guest_keys_free(file, wish->note.name, set, why)) {
		status = EX_CANTCREAT;
	}
	guests_fini(&guests);
	if (status != EX_OK)
		keysfile_close(file);
	return status;
}

static bool
same_terms(const struct guest_line *a, const struct guest_line *b)
{
	return a->role == b->role && a->until == b->until && strcmp(a->session, b->session) == 0;
}

// Ends what is watched by keys that the guest had and no longer has, or that now let them see something
// else: who may still watch logs in again.
static int
cut_old(const struct guests *old, const struct wish *wish, const struct keyset *set)
{
	const struct guest *guest = guests_find(old, wish->note.name);
	int status = EX_OK;

	for (size_t i = 0; guest && i < guest->key_count; i++) {
		if (!keyset_has(set, guest->key[i].fingerprint) ||
		    !same_terms(&guest->line, &wish->line))
			guest_cut(guest->key[i].fingerprint, &status);
	}
	return status;
}

static int
put(struct wish *wish, const struct keyset *set)
{
	char why[KEYSFILE_WHY];
	struct keysfile file;
	struct guests old;
	int status = open_for(wish, set, true, &file, why);

	if (status != EX_OK)
		return guest_fail(status, "%s", why);
	guest_note_now(&wish->note);
	guests_read(&file.keys, &old);
	status = guest_write(&file, &wish->note, &wish->line, set, why);
	keysfile_close(&file);
	status = status == EX_OK ? cut_old(&old, wish, set) : guest_fail(status, "%s", why);
	guests_fini(&old);
	return status;
}

// What to hand out, as far as it is known here: others may know this machine by another name.
static void
print_way(const struct wish *wish, const char *account)
{
	char host[256] = "RELAY", until[WHEN_TEXT];

	gethostname(host, sizeof(host) - 1);
	printf("%s watches with:   ssh -C %s@%s", wish->note.name, account, host);
	if (wish->line.until) {
		when_put_local(wish->line.until, until);
		printf("   until %s", until);
	}
	putchar('\n');
}

static int
add(struct wish *wish, const struct keyset *set)
{
	char why[KEYSFILE_WHY];
	struct keysfile file;
	int status = open_for(wish, set, false, &file, why);

	if (status != EX_OK)
		return guest_fail(status, "%s", why);
	keysfile_close(&file);
	print_wish(wish, set);
	if (!wish->yes && !guest_ask("Write %s to %s?", set->count == 1 ? "this key" : "these keys",
			      wish->line.keys))
		return EX_USAGE;
	status = put(wish, set);
	if (status != EX_OK)
		return status;
	printf("added %s to %s\n", wish->note.name, wish->line.keys);
	if (*file.account)
		print_way(wish, file.account);
	return EX_OK;
}

int
guest_add(int argc, char **argv)
{
	char why[KEYSET_WHY];
	struct keyset set;
	struct wish wish;
	int status = parse(argc, argv, &wish);

	if (status != EX_OK)
		return status;
	status = keyset_read(&set, wish.note.source, wish.file, why);
	if (status != EX_OK)
		return guest_fail(status, "%s", why);
	status = add(&wish, &set);
	keyset_fini(&set);
	return status;
}

// ---- refresh -------------------------------------------------------------------------------------

static bool
print_changes(const struct guest *guest, const struct keyset *set)
{
	bool changed = false;

	for (size_t i = 0; i < set->count; i++)
		changed = changed || !guest_has_key(guest, set->key[i].fingerprint);
	for (size_t i = 0; i < guest->key_count; i++)
		changed = changed || !keyset_has(set, guest->key[i].fingerprint);
	printf("%s, from %s: %s\n", guest->note.name, guest->note.source,
	    changed ? "other keys than before:" : "the same keys");
	for (size_t i = 0; changed && i < guest->key_count; i++) {
		if (!keyset_has(set, guest->key[i].fingerprint))
			guest_print_key("  - ", &guest->key[i]);
	}
	for (size_t i = 0; changed && i < set->count; i++) {
		if (!guest_has_key(guest, set->key[i].fingerprint))
			guest_print_key("  + ", &set->key[i]);
	}
	return changed;
}

static int
refresh(const struct guest *guest, const char *keys, bool yes)
{
	struct wish wish = {.keys = keys, .yes = yes, .note = guest->note, .line = guest->line};
	char why[KEYSET_WHY];
	struct keyset set;
	int status;

	if (until_over(guest->line.until)) {
		printf("%s: over, left as it is\n", guest->note.name);
		return EX_OK;
	}
	status = keyset_read(&set, guest->note.source, NULL, why);
	if (status != EX_OK)
		return guest_fail(status, "%s: %s; nothing changed", guest->note.name, why);
	strcpy(wish.line.name, guest->note.name);
	if (print_changes(guest, &set)) {
		if (!yes && !guest_ask("Write that to %s?", keys))
			status = EX_USAGE;
		else
			status = put(&wish, &set);
	}
	keyset_fini(&set);
	return status;
}

int
guest_refresh(int argc, char **argv)
{
	static const struct option longs[] = {{"authorized-keys", required_argument, NULL, 'a'},
	    {"yes", no_argument, NULL, 'y'}, {NULL, 0, NULL, 0}};
	const char *path = NULL, *name;
	char why[KEYSFILE_WHY];
	struct keysfile file;
	struct guests guests;
	bool yes = false, found = false;
	int option, status;

	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'a': path = optarg; break;
		case 'y': yes = true; break;
		default: return option_bad("guest", option, argv);
		}
	}
	name = argv[optind];
	if (argc - optind > 1)
		return guest_fail(
		    EX_USAGE, "guest refresh takes one guest's name, or none for all");
	status = keysfile_open(&file, path, false, why);
	if (status != EX_OK)
		return guest_fail(status, "%s", why);
	guests_read(&file.keys, &guests);
	for (size_t i = 0; i < guests.count; i++) {
		const struct guest *guest = &guests.guest[i];
		bool published = *guest->note.source && strcmp(guest->note.source, "file") != 0;

		if (name && strcmp(name, guest->note.name) != 0)
			continue;
		found = true;
		if (published) {
			int failed = refresh(guest, file.path, yes);

			status = failed == EX_OK ? status : failed;
		} else if (name) {
			status = guest_fail(EX_USAGE,
			    "the keys of %s are from a file: add that again with guest add", name);
		}
	}
	if (name && !found)
		status = guest_fail(EX_NOUSER, "%s has no guest %.64s", file.path, name);
	guests_fini(&guests);
	keysfile_close(&file);
	return status;
}
