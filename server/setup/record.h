// SPDX-License-Identifier: ISC
// What a set-up has made of the system's, so that it can be taken back: a small file of lines.
#pragma once

#include "server/base/session.h"

#include <stdint.h>

enum record_kind { RECORD_USER, RECORD_DIR, RECORD_FILE };

struct record_entry {
	enum record_kind kind;
	char *name;   // owned: an account, or a path
	uint32_t sum; // of a file's contents: changed since, it is no longer ours
};
struct record {
	const char *path;           // borrowed
	struct record_entry *entry; // owned, in the order of making
	size_t count;
};

// Reads the record at `path`; none is an empty one. False with `why`: it is not to be trusted.
bool record_load(struct record *record, const char *path, char why[SESSION_WHY]);
void record_fini(struct record *record);
// The entry of that kind and name, or NULL.
struct record_entry *record_find(
    const struct record *record, enum record_kind kind, const char *name);
// Adds an entry, or renews its sum, and writes the record (and makes its directory). False with errno.
bool record_put(struct record *record, enum record_kind kind, const char *name, uint32_t sum);
// Takes an entry out and writes the record; with the last it goes, and so does its directory if empty.
bool record_drop(struct record *record, struct record_entry *entry);

// Takes away what a record that is empty has left, of one that was killed too. False with errno.
bool record_remove(const struct record *record);

// The whole of a file, with a NUL after it, to be freed; NULL with errno (EFBIG: over 1 MiB).
char *record_read_file(const char *path, size_t *len);
uint32_t record_sum(const char *text, size_t len);
// Puts a file in place whole or not at all: 0644, the writer's. False with errno. Who is killed leaves the
// new one at most, which record_remove_new() takes away.
bool record_write_file(const char *path, const char *text, size_t len);
void record_remove_new(const char *path);
