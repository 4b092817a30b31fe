// SPDX-License-Identifier: ISC
// The guests of an authorized_keys file, and the file without one of them, or with another.
#pragma once

#include "server/guest/guestline.h"

struct guest {
	struct guest_note note; // its name alone is set if the comment is missing
	struct guest_line line; // of the first key
	struct sshkey *key;     // owned; `base64` is borrowed from the file
	size_t key_count;
};
struct guests {
	struct guest *guest; // owned, in the file's order
	size_t count;
};

void guests_read(const struct authkeys *keys, struct guests *guests);
void guests_fini(struct guests *guests);
const struct guest *guests_find(const struct guests *guests, const char *name);
bool guest_has_key(const struct guest *guest, const char *fingerprint);

// Whether a line is this guest's: the comment, or a key.
bool guests_owns(const char *name, const struct authkeys_line *line);
// Appends to `out` the file without this guest's lines, and with `lines` at the end of the managed part,
// which is at the head of the file if there was none, and gone if nothing is in it. All else stays byte
// for byte.
void guests_edit(
    const struct authkeys *keys, const char *name, const struct buf *lines, struct buf *out);
// Whether two files differ in this guest's lines and the markers alone.
bool guests_same_but(const struct authkeys *a, const struct authkeys *b, const char *name);
