// SPDX-License-Identifier: ISC
// What a set-up makes of the system's: an account, directories, files.
#include "server/setup/make.h"

#include "server/base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKE_SHELL "/bin/sh" // sshd runs a forced command through it

bool
make_init(struct make *make, const char *record, bool dry)
{
	char why[SESSION_WHY];

	*make = (struct make){.dry = dry};
	if (!record_load(&make->record, record, why)) {
		fprintf(stderr, MIRRORD_NAME ": %s\n", why);
		return false;
	}
	make->found = make->record.count;
	return true;
}

void
make_fini(struct make *make)
{
	for (size_t i = 0; i < make->before_count; i++) {
		free(make->before[i].path);
		free(make->before[i].text);
	}
	record_fini(&make->record);
}

void
make_say(const char *verb, const char *format, ...)
{
	va_list args;

	printf("%-7s ", verb);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout); // what programs of the system's say comes in between
}

__attribute__((format(printf, 1, 2))) static bool
in_the_way(const char *format, ...)
{
	va_list args;

	fputs(MIRRORD_NAME ": relay setup: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return false;
}

// Before it is made: a run that is killed leaves nothing that --undo would not find.
static bool
put_record(struct make *make, enum record_kind kind, const char *name, uint32_t sum)
{
	if (record_put(&make->record, kind, name, sum))
		return true;
	return in_the_way("cannot write %s: %s", make->record.path, strerror(errno));
}

// ---- accounts ------------------------------------------------------------------------------------

static bool
add_user(const char *name, const char *home)
{
	// A password of * fits none; with ! sshd without PAM would take the account for locked.
	char *argv[] = {"useradd", "--system", "--user-group", "--no-create-home", "--home-dir",
	    (char *)home, "--shell", MAKE_SHELL, "--password", "*", "--comment",
	    "guests of mirrord", (char *)name, NULL};
	char said[512];
	int status = run_program(argv, said, sizeof(said));

	if (status == RUN_NOT_FOUND)
		return in_the_way("there is no useradd here to make the account with");
	said[strcspn(said, "\n")] = 0;
	return status == 0 || in_the_way("useradd: %s", said);
}

bool
make_user(struct make *make, const char *name, const char *home)
{
	const struct passwd *user = getpwnam(name);
	bool ours = record_find(&make->record, RECORD_USER, name);

	if (user && !ours)
		return in_the_way(
		    "there is an account %s already, which mirrord did not make: choose "
		    "another name with --user, or remove it",
		    name);
	if (user && (strcmp(user->pw_shell, MAKE_SHELL) != 0 || strcmp(user->pw_dir, home) != 0))
		return in_the_way("the account %s has been changed: its shell was " MAKE_SHELL
				  " and its home %s",
		    name, home);
	if (user) {
		make_say("have", "account %s", name);
		return true;
	}
	make_say("make", "account %s: shell " MAKE_SHELL ", no password, nothing of its own", name);
	make->changed = true;
	return make->dry || (put_record(make, RECORD_USER, name, 0) && add_user(name, home));
}

static bool
remove_user(const char *name)
{
	char *argv[] = {"userdel", (char *)name, NULL};
	char said[512];

	if (!getpwnam(name) || run_program(argv, said, sizeof(said)) == 0)
		return true;
	said[strcspn(said, "\n")] = 0;
	return in_the_way("the account %s stays: %s", name, said);
}

// Accounts among the entries from `first` on.
static bool
undo_users_from(struct make *make, size_t first)
{
	bool ok = true;

	for (size_t i = make->record.count; i-- > first;) {
		struct record_entry *entry = &make->record.entry[i];

		if (entry->kind != RECORD_USER)
			continue;
		make_say("remove", "account %s", entry->name);
		make->changed = true;
		if (!make->dry)
			ok = remove_user(entry->name) && record_drop(&make->record, entry) && ok;
	}
	return ok;
}

// ---- directories ---------------------------------------------------------------------------------

static bool
set_owner(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	return (lchown(path, uid, gid) == 0 && chmod(path, mode) == 0) ||
	       in_the_way("%s: %s", path, strerror(errno));
}

bool
make_dir(struct make *make, const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	bool ours = record_find(&make->record, RECORD_DIR, path);
	struct stat st;
	bool there = lstat(path, &st) == 0;
	bool right = there && st.st_uid == uid && st.st_gid == gid && (st.st_mode & 07777) == mode;

	if (there && !S_ISDIR(st.st_mode))
		return in_the_way("%s is there already and is no directory", path);
	if (there && !right && !ours)
		return in_the_way(
		    "%s is there already, of mode %04o and uid %lu: mode %04o and uid "
		    "%lu, gid %lu are needed",
		    path, (unsigned)(st.st_mode & 07777), (unsigned long)st.st_uid, (unsigned)mode,
		    (unsigned long)uid, (unsigned long)gid);
	make_say(right ? "have" : there ? "mend" : "make", "directory %s", path);
	if (right)
		return true;
	make->changed = true;
	if (make->dry)
		return true;
	if (!put_record(make, RECORD_DIR, path, 0))
		return false;
	if (!there && mkdir(path, 0700) < 0)
		return in_the_way("cannot make %s: %s", path, strerror(errno));
	return set_owner(path, uid, gid, mode);
}

// ---- files ---------------------------------------------------------------------------------------

static bool
remember(struct make *make, const char *path, char *text)
{
	char *copy = strdup(path);

	if (make->before_count == MAKE_BEFORE_MAX || !copy) {
		free(text);
		free(copy);
		return in_the_way("%s: %s", path, strerror(ENOMEM));
	}
	make->before[make->before_count].path = copy;
	make->before[make->before_count++].text = text;
	return true;
}

static bool
write_file(struct make *make, const char *path, const char *text)
{
	if (!put_record(make, RECORD_FILE, path, record_sum(text, strlen(text))))
		return false;
	return record_write_file(path, text, strlen(text)) ||
	       in_the_way("cannot write %s: %s", path, strerror(errno));
}

bool
make_file(struct make *make, const char *path, const char *text)
{
	struct record_entry *entry = record_find(&make->record, RECORD_FILE, path);
	size_t len;
	char *there = record_read_file(path, &len);
	bool ours, same;

	if (!there && errno != ENOENT)
		return in_the_way("cannot read %s: %s", path, strerror(errno));
	same = there && strlen(text) == len && memcmp(there, text, len) == 0;
	ours = !there || (entry && (same || record_sum(there, len) == entry->sum));
	if (!ours || same || make->dry) {
		if (ours)
			make_say(same ? "have" : "write", "%s", path);
		make->changed |= ours && !same;
		free(there);
		return ours || in_the_way("%s is there already and is not as mirrord made it: move "
					  "it out of the way",
				   path);
	}
	make_say("write", "%s", path);
	make->changed = true;
	if (there && !remember(make, path, there))
		return false;
	return write_file(make, path, text);
}

bool
make_empty(struct make *make, const char *path)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return make_file(make, path, "");
	make_say("have", "%s", path);
	return true;
}

// ---- back ----------------------------------------------------------------------------------------

static void
remove_file(const struct record_entry *entry, bool dry)
{
	size_t len;
	char *text = record_read_file(entry->name, &len);

	if (!dry)
		record_remove_new(entry->name);
	if (text && record_sum(text, len) == entry->sum) {
		make_say("remove", "%s", entry->name);
		if (!dry)
			unlink(entry->name);
	} else if (text) {
		make_say("keep", "%s: it has been changed since", entry->name);
	}
	free(text);
}

static void
remove_dir(const struct record_entry *entry, bool dry)
{
	if (dry ? access(entry->name, F_OK) == 0 : rmdir(entry->name) == 0)
		make_say("remove", "directory %s", entry->name);
	else if (!dry && errno != ENOENT)
		make_say("keep", "directory %s: %s", entry->name, strerror(errno));
}

// Entries from `first` on, but accounts.
static bool
undo_from(struct make *make, size_t first)
{
	for (size_t i = make->record.count; i-- > first;) {
		struct record_entry *entry = &make->record.entry[i];

		if (entry->kind == RECORD_USER)
			continue;
		make->changed = true;
		if (entry->kind == RECORD_FILE)
			remove_file(entry, make->dry);
		else
			remove_dir(entry, make->dry);
		if (!make->dry && !record_drop(&make->record, entry))
			return in_the_way(
			    "cannot write %s: %s", make->record.path, strerror(errno));
	}
	return true;
}

static void
restore_file(struct make *make, const char *path, const char *text)
{
	size_t len = strlen(text);

	make_say("restore", "%s", path);
	if (!record_write_file(path, text, len) ||
	    !record_put(&make->record, RECORD_FILE, path, record_sum(text, len)))
		in_the_way("cannot write %s: %s", path, strerror(errno));
}

void
make_take_back(struct make *make)
{
	if (make->dry || (make->record.count == make->found && !make->before_count))
		return;
	fputs(MIRRORD_NAME ": relay setup: what was done is taken back\n", stderr);
	for (size_t i = make->before_count; i-- > 0;)
		restore_file(make, make->before[i].path, make->before[i].text);
	if (undo_from(make, make->found))
		undo_users_from(make, make->found);
}

bool
make_undo(struct make *make)
{
	return undo_from(make, 0) && undo_users_from(make, 0);
}
