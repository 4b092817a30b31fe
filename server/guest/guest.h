// SPDX-License-Identifier: ISC
// `mirrord guest`: what its subcommands share.
#pragma once

#include "server/guest/guests.h"
#include "server/guest/keyset.h"
#include "server/guest/keysfile.h"

// Each gets its own name as argv[0] and returns the exit status.
int guest_add(int argc, char **argv);
int guest_refresh(int argc, char **argv);
int guest_remove(int argc, char **argv);
int guest_list(int argc, char **argv);

// Prints a sentence to standard error; returns `status`.
__attribute__((format(printf, 2, 3))) int guest_fail(int status, const char *format, ...);
// Asks on the terminal. False: no, or there is none, and a sentence has said so.
__attribute__((format(printf, 1, 2))) bool guest_ask(const char *format, ...);
// One line for a key, behind `mark`.
void guest_print_key(const char *mark, const struct sshkey *key);

// Puts `set` in the place of the guest's keys (NULL: removes the guest) as `line` and `note` say, if that
// is possible: then `file`, which is open for writing, is replaced. Returns EX_OK, or another with `why`.
int guest_write(struct keysfile *file, const struct guest_note *note, const struct guest_line *line,
    const struct keyset *set, char why[KEYSFILE_WHY]);
// Whether these keys can become this guest's; else the reason, a line that stands in the way, is in `why`.
bool guest_keys_free(const struct keysfile *file, const char *name, const struct keyset *set,
    char why[KEYSFILE_WHY]);
// This moment, and who we are.
void guest_note_now(struct guest_note *note);

// Ends what is watched with this key in each session that we may ask. Returns how many viewers that were; a
// session that did not answer is named on standard error, and `*status` says so.
uint32_t guest_cut(const char *fingerprint, int *status);
