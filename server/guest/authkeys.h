// SPDX-License-Identifier: ISC
// An authorized_keys file as sshd reads it (sshd(8), AUTHORIZED_KEYS FILE FORMAT): lines, the options
// in front of their keys, and which lines stand in the part that mirrord writes.
#pragma once

#include "server/guest/sshkey.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTHKEYS_MAX (4u << 20) // bytes of a file; larger ones are refused
#define AUTHKEYS_WHY 384
#define AUTHKEYS_BEGIN "# BEGIN mirrord guests (written by `mirrord guest`)"
#define AUTHKEYS_END "# END mirrord guests"

enum authkeys_kind {
	AUTHKEYS_BLANK,
	AUTHKEYS_COMMENT,
	AUTHKEYS_KEY, // one that sshd knows the form of; its type may be one that we refuse
	AUTHKEYS_BAD, // what sshd skips; `why`
};

struct authkeys_line {
	size_t number;    // from 1
	const char *text; // borrowed; all of the line, its end too
	size_t len;
	size_t read; // bytes that sshd looks at: up to a NUL, or the line's end
	enum authkeys_kind kind;
	bool managed;                // between AUTHKEYS_BEGIN and AUTHKEYS_END
	const char *options;         // borrowed; of a KEY, or of a BAD line that has nothing else
	size_t options_len;          // 0: none
	enum sshkey_verdict verdict; // of a KEY: SSHKEY_OK or SSHKEY_REFUSED
	struct sshkey key;
	char why[SSHKEY_WHY]; // of a BAD line, and of a refused key
};

struct authkeys {
	struct authkeys_line *line; // owned
	size_t count;
	size_t begin, end; // indices of the two markers; both `count` if there is no part of ours
};

// Reads all of a file. `data` must outlive `keys`. False, with `why`, only if the markers are not one
// pair; authkeys_fini() is called either way.
bool authkeys_parse(const char *data, size_t len, struct authkeys *keys, char why[AUTHKEYS_WHY]);
void authkeys_fini(struct authkeys *keys);
