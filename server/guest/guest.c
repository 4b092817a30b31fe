// SPDX-License-Identifier: ISC
// `mirrord guest`: who may watch, by the keys in authorized_keys.
//
//   guest_add.c     add, refresh: keys from where they are published
//   guest_list.c    list
//   guest.c         remove, and what all share
//   guests.c        the guests of a file; guestline.c how each stands in it
//   keyset.c        the keys of one guest from GitHub, a URL (fetch.c) or a file
//   keysfile.c      the file on disk; authkeys.c its lines, keyopts.c their options, sshkey.c the keys
//   pass.c          what `mirrord view` does with all that
#include "server/guest/guest.h"

#include "server/base/option.h"
#include "server/base/session.h"
#include "server/base/viewclient.h"
#include "server/cli/suggest.h"
#include "server/commands.h"
#include "server/guest/keyopts.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

int
guest_fail(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout); // what it is about stands above it
	fputs(MIRRORD_NAME ": ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

bool
guest_ask(const char *format, ...)
{
	char answer[16] = "";
	va_list args;

	if (!isatty(STDIN_FILENO)) {
		guest_fail(EX_USAGE,
		    "there is no terminal to ask on: look at the fingerprints above, "
		    "and say --yes");
		return false;
	}
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fputs(" [y/N] ", stdout);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
}

void
guest_print_key(const char *mark, const struct sshkey *key)
{
	printf("%s%s %s%s%s\n", mark, key->fingerprint, key->type, *key->comment ? " " : "",
	    key->comment);
}

void
guest_note_now(struct guest_note *note)
{
	const struct passwd *user = getpwuid(getuid());
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	const char *name = sudo ? sudo : user ? user->pw_name : "";

	note->added = (uint64_t)time(NULL);
	snprintf(note->by, sizeof(note->by), "%s",
	    guest_word_ok(name) && strlen(name) < sizeof(note->by) ? name : "?");
}

// ---- writing -------------------------------------------------------------------------------------

// Why a line of somebody else's that has the key is in the way. sshd goes by the first line that fits, and by
// the next if that one has expired.
static void
explain(const struct keysfile *file, const struct authkeys_line *line, char why[KEYSFILE_WHY])
{
	struct guest_line guest;
	struct keyopts may;

	keyopts_read(line->options, line->options_len, &may);
	if (guest_line_get(line, &guest))
		snprintf(why, KEYSFILE_WHY, "the key %s is %s's already: line %zu of %.400s",
		    line->key.fingerprint, guest.name, line->number, file->path);
	else if (!may.has_command || !may.restricted)
		snprintf(why, KEYSFILE_WHY,
		    "line %zu of %.400s lets the key %s in without restrictions, and sshd would go "
		    "by "
		    "that line: remove it first",
		    line->number, file->path, line->key.fingerprint);
	else
		snprintf(why, KEYSFILE_WHY,
		    "line %zu of %.400s has the key %s already, with another command: remove it "
		    "first",
		    line->number, file->path, line->key.fingerprint);
}

bool
guest_keys_free(
    const struct keysfile *file, const char *name, const struct keyset *set, char why[KEYSFILE_WHY])
{
	for (size_t i = 0; i < file->keys.count; i++) {
		const struct authkeys_line *line = &file->keys.line[i];

		if (line->kind == AUTHKEYS_KEY && !guests_owns(name, line) &&
		    keyset_has(set, line->key.fingerprint)) {
			explain(file, line, why);
			return false;
		}
	}
	return true;
}

struct expected {
	const struct keysfile *file;
	const char *name;
	const struct guest_line *line;
	const struct keyset *set; // NULL: none
};

// The last look before the file is put in place: it holds what it is meant to, and all else as before.
static bool
check(void *user, const struct authkeys *keys, char why[KEYSFILE_WHY])
{
	const struct expected *expected = user;
	size_t wanted = expected->set ? expected->set->count : 0, found = 0;
	bool ok = guests_same_but(&expected->file->keys, keys, expected->name);

	for (size_t i = 0; i < keys->count; i++) {
		const struct authkeys_line *line = &keys->line[i];
		struct guest_line guest;

		if (!guest_line_get(line, &guest) || strcmp(guest.name, expected->name) != 0)
			continue;
		found++;
		ok = ok && expected->set && line->verdict == SSHKEY_OK &&
		     keyset_has(expected->set, guest.fingerprint) &&
		     guest.until == expected->line->until && guest.role == expected->line->role &&
		     strcmp(guest.session, expected->line->session) == 0;
	}
	if (ok && found == wanted)
		return true;
	snprintf(why, KEYSFILE_WHY, "what would be written to %.400s does not read as it is meant",
	    expected->file->path);
	return false;
}

int
guest_write(struct keysfile *file, const struct guest_note *note, const struct guest_line *line,
    const struct keyset *set, char why[KEYSFILE_WHY])
{
	const struct expected expected = {
	    .file = file, .name = note->name, .line = line, .set = set};
	char program[PATH_MAX] = "";
	struct buf lines = {0}, data = {0};
	int status;

	if (set) {
		if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0 ||
		    !guest_word_ok(program)) {
			snprintf(why, KEYSFILE_WHY,
			    "the path of this mirrord, %.400s, cannot stand in a forced command: "
			    "install "
			    "it under a plain one",
			    program);
			return EX_CONFIG;
		}
		guest_note_put(&lines, note);
		for (size_t i = 0; i < set->count; i++)
			guest_line_put(&lines, line, program, &set->key[i]);
	}
	guests_edit(&file->keys, note->name, &lines, &data);
	status = keysfile_replace(file, &data, check, (void *)(uintptr_t)&expected, why);
	buf_fini(&lines);
	buf_fini(&data);
	return status;
}

// ---- those who watch now -------------------------------------------------------------------------

// Nobody listens, or this account cannot watch there either.
static bool
is_out_of_reach(const struct session *session)
{
	int fd = session_connect(session->view), error = errno;

	if (fd >= 0)
		close(fd);
	return fd < 0 && error != EAGAIN;
}

uint32_t
guest_cut(const char *fingerprint, int *status)
{
	struct view_cut cut = {0};
	char why[SESSION_WHY];
	uint32_t total = 0;
	size_t count;
	struct session *list = session_list(SESSION_ALL, &count, why);

	strcpy(cut.key, fingerprint);
	for (size_t i = 0; i < count; i++) {
		struct view_bye bye;
		uint32_t gone = 0;

		// Others' sessions cut what runs as this account, whatever session it watches.
		if (is_out_of_reach(&list[i]))
			continue;
		if (!viewclient_cut(list[i].view, &cut, &gone, &bye))
			*status = guest_fail(EX_TEMPFAIL,
			    "the session %s could not be told to cut whoever watches with that "
			    "key: "
			    "%s",
			    list[i].name, bye.text);
		total += gone;
	}
	free(list);
	return total;
}

// ---- remove --------------------------------------------------------------------------------------

static int
no_guest(const struct guests *guests, const char *name, const char *path)
{
	const char **names = calloc(guests->count + 1, sizeof(*names)), *meant;

	if (!names)
		abort();
	for (size_t i = 0; i < guests->count; i++)
		names[i] = guests->guest[i].note.name;
	meant = suggest_name(name, names, guests->count);
	guest_fail(EX_NOUSER, "%s has no guest %.64s%s%s%s", path, name,
	    meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
	free(names);
	return EX_NOUSER;
}

static int
cut_all(const struct guest *guest, const char *path)
{
	int status = EX_OK;
	uint32_t cut = 0;

	for (size_t i = 0; i < guest->key_count; i++)
		cut += guest_cut(guest->key[i].fingerprint, &status);
	printf("removed %s: %zu key%s from %s", guest->note.name, guest->key_count,
	    guest->key_count == 1 ? "" : "s", path);
	if (cut)
		printf("; sent away %u who watched", cut);
	putchar('\n');
	return status;
}

int
guest_remove(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"authorized-keys", required_argument, NULL, 'a'}, {NULL, 0, NULL, 0}};
	const struct guest *guest;
	const char *path = NULL;
	char why[KEYSFILE_WHY];
	struct keysfile file;
	struct guests guests;
	int option, status;

	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (option != 'a')
			return option_bad("guest", option, argv);
		path = optarg;
	}
	if (argc - optind != 1)
		return guest_fail(EX_USAGE, "guest remove takes one guest's name");
	status = keysfile_open(&file, path, true, why);
	if (status != EX_OK)
		return guest_fail(status, "%s", why);
	guests_read(&file.keys, &guests);
	guest = guests_find(&guests, argv[optind]);
	if (!guest) {
		status = no_guest(&guests, argv[optind], file.path);
	} else {
		status = guest_write(&file, &guest->note, NULL, NULL, why);
		keysfile_close(&file); // sessions take their time to answer
		status =
		    status == EX_OK ? cut_all(guest, file.path) : guest_fail(status, "%s", why);
	}
	guests_fini(&guests);
	keysfile_close(&file);
	return status;
}

// ---- the command ---------------------------------------------------------------------------------

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
    {"add", guest_add},
    {"list", guest_list},
    {"refresh", guest_refresh},
    {"remove", guest_remove},
};
#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

int
cmd_guest(int argc, char **argv)
{
	const char *names[SUBCOMMANDS], *word = argc > 1 ? argv[1] : "", *meant;

	optind = 1;
	opterr = 0;
	for (size_t i = 0; i < SUBCOMMANDS; i++) {
		names[i] = subcommands[i].name;
		if (strcmp(word, names[i]) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	}
	meant = suggest_name(word, names, SUBCOMMANDS);
	return guest_fail(EX_USAGE, "guest takes add, list, refresh or remove%s%s%s",
	    meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
}
