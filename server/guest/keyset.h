// SPDX-License-Identifier: ISC
// The keys of one guest, from where they are published: GitHub, a page, or a file.
#pragma once

#include "server/guest/sshkey.h"
#include "vt/buf.h"

#include <stdbool.h>

#define KEYSET_MAX 64             // keys of one guest
#define KEYSET_BYTES (256u << 10) // of what is read
#define KEYSET_WHY 768

struct keyset {
	struct buf text; // owned: what was read
	struct sshkey key[KEYSET_MAX];
	size_t count;
};

// Whether GitHub gives out such names: letters, digits, dashes and underscores, at most 39.
bool keyset_github_ok(const char *name);
// Reads the keys of `source`: "github:NAME", a URL, or "file", which is the one at `path` ("-": standard
// input). A key that is none we let in is left out, with a line on standard error, if there are others.
// Returns EX_OK, or another of sysexits with `why`.
int keyset_read(struct keyset *set, const char *source, const char *path, char why[KEYSET_WHY]);
void keyset_fini(struct keyset *set);
bool keyset_has(const struct keyset *set, const char *fingerprint);
