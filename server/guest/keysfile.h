// SPDX-License-Identifier: ISC
// The authorized_keys file on disk: found, locked, read, and replaced as a whole or not at all.
#pragma once

#include "server/guest/authkeys.h"
#include "vt/buf.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#define KEYSFILE_GUEST "guest" // the account whose keys are root's to write
#define KEYSFILE_WHY 1024

struct keysfile {
	char path[PATH_MAX];     // without links
	char base[NAME_MAX + 1]; // its last part
	char account[64];        // whose keys they are; empty: the file was named
	int dir;                 // owned; the lock is on it
	bool exists;
	struct stat stat;     // if it exists
	struct buf data;      // owned: all of the file
	struct authkeys keys; // what stands in `data`
};

// Opens the file: `wanted`, or, if NULL, the guest account's for root, if there is such an account, and
// else one's own. It need not exist. With `write`, one's own ~/.ssh is made, and whoever else wants to
// write waits until keysfile_close(). Returns EX_OK, or another of sysexits with `why`; then nothing is
// open.
int keysfile_open(struct keysfile *file, const char *wanted, bool write, char why[KEYSFILE_WHY]);
// Looks at what is about to be the file, read again from the disk. False with `why`: it must not be.
typedef bool keysfile_check(void *user, const struct authkeys *keys, char why[KEYSFILE_WHY]);
// Puts `data` in the place of the file, with its owner and mode. Until the moment when it is all there,
// on the disk and checked, the file is the old one. Returns EX_OK, or another with `why`: nothing changed.
int keysfile_replace(struct keysfile *file, const struct buf *data, keysfile_check *check,
    void *user, char why[KEYSFILE_WHY]);
void keysfile_close(struct keysfile *file);
