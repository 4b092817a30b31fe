// SPDX-License-Identifier: ISC
// What mirrord writes into authorized_keys: for each guest a comment that says where the keys are from,
// and a line for each key, whose forced command says what the guest may see and until when.
#pragma once

#include "server/base/proto.h"
#include "server/guest/authkeys.h"
#include "vt/buf.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define GUEST_SOURCE 300 // bytes of "github:NAME", a URL or "file", and a NUL
#define GUEST_SESSION (2 * LIMIT_NAME + 2)

enum guest_role { GUEST_VIEW, GUEST_PAIR }; // may watch; may be granted the keyboard
extern const char *const guest_roles[2];

// The comment.
struct guest_note {
	char name[LIMIT_NAME + 1];
	char source[GUEST_SOURCE];
	uint64_t added;          // unix seconds
	char by[LIMIT_NAME + 1]; // the login name of who did it
};

// What the line of a key says.
struct guest_line {
	char name[LIMIT_NAME + 1];
	enum guest_role role;
	uint64_t until;                       // unix seconds; 0: for ever
	char session[GUEST_SESSION];          // NAME or USER/NAME; empty: any
	char keys[PATH_MAX];                  // the file that the line is in
	char fingerprint[SSHKEY_FINGERPRINT]; // of the key
};

// Whether a text can stand in a forced command as it is: no character that a shell, sshd or a reader
// of it could take for more.
bool guest_word_ok(const char *word);
// Whether a guest may be called so; else `why` is the rule it breaks.
bool guest_name_ok(const char *name, char why[AUTHKEYS_WHY]);

void guest_note_put(struct buf *out, const struct guest_note *note);
void guest_line_put(
    struct buf *out, const struct guest_line *line, const char *program, const struct sshkey *key);

// Each reads one line of the managed part. False: it is none of that kind, or not ours to change.
bool guest_note_get(const struct authkeys_line *line, struct guest_note *note);
bool guest_line_get(const struct authkeys_line *line, struct guest_line *guest);
