// SPDX-License-Identifier: ISC
// What `mirrord doctor` looks at, and what it has found.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DOCTOR_TEXT 400 // bytes of one sentence, with its NUL

enum doctor_result {
	DOCTOR_OK,
	DOCTOR_HOLE,    // open, or so that it does not work as it is meant to
	DOCTOR_UNKNOWN, // could not be told
};

struct doctor_finding {
	enum doctor_result result;
	char where[DOCTOR_TEXT];  // a file with its line, an account, a door
	char text[DOCTOR_TEXT];   // what is so
	char advice[DOCTOR_TEXT]; // what to do; may be empty
};

struct doctor {
	struct doctor_finding *finding; // owned
	size_t count, holes, unknown;
	const char *where; // borrowed: of the findings that come next
};

__attribute__((format(printf, 3, 4))) void doctor_add(
    struct doctor *doctor, enum doctor_result result, const char *format, ...);
// What to do about the last finding.
__attribute__((format(printf, 2, 3))) void doctor_advise(
    struct doctor *doctor, const char *format, ...);

// An account whose keys are looked at.
struct doctor_account {
	const char *name, *home;
	uid_t uid;
	bool guests; // it is for guests and nobody else: all of its keys are theirs
	bool made;   // by `mirrord relay setup`, which holds for every key
};

// The lines of a file of keys; pure.
void doctor_keys(struct doctor *doctor, const struct doctor_account *account, const char *path,
    const char *text, size_t len);
// All that can be seen on this machine. `file`: the only file of keys to look at, or NULL.
void doctor_local(struct doctor *doctor, const struct doctor_account *account, const char *file);
// Tries each door of `dest` by `ssh`, words for a shell. False, with `why`, if it cannot be reached.
bool doctor_doors(struct doctor *doctor, const char *ssh, const char *dest, char why[DOCTOR_TEXT]);
