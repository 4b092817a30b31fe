// SPDX-License-Identifier: ISC
// What a set-up makes of the system's: an account, directories, files. Each step says in one line what it
// does, is left out if it has been done, is recorded, and can be taken back.
#pragma once

#include "server/setup/record.h"

#include <sys/types.h>

#define MAKE_BEFORE_MAX 8 // files that one run changes

struct make {
	struct record record; // owned
	bool dry;             // say it, do nothing
	size_t found;         // entries of the record that were there when it began
	struct {
		char *path, *text; // owned: a file of ours as it was before
	} before[MAKE_BEFORE_MAX];
	size_t before_count;
	bool changed; // something was done, or would be
};

bool make_init(struct make *make, const char *record, bool dry);
void make_fini(struct make *make);
// One line of what is done: a verb, and the rest.
__attribute__((format(printf, 2, 3))) void make_say(const char *verb, const char *format, ...);

// Each returns false after it has said on standard error what is in the way.
// A system account of no password and no home of its own; its shell runs what sshd forces.
bool make_user(struct make *make, const char *name, const char *home);
// A directory of that owner and mode. One that is there and not ours has to be as wanted.
bool make_dir(struct make *make, const char *path, uid_t uid, gid_t gid, mode_t mode);
// A file of that text, root's, 0644. One that is there and not ours, or was changed, is in the way.
bool make_file(struct make *make, const char *path, const char *text);
// An empty file, root's, 0644, for others to write to.
bool make_empty(struct make *make, const char *path);

// Takes back what this run did: after a failure.
void make_take_back(struct make *make);
// Takes back all that is in the record, the last first and accounts at the end. What others have put there
// since stays. False if something could not be removed: it is in the record still.
bool make_undo(struct make *make);
