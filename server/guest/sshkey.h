// SPDX-License-Identifier: ISC
// OpenSSH's public keys in their one-line form: "TYPE BASE64 [COMMENT]".
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SSHKEY_COMMENT_MAX 512 // bytes of a comment; what is kept of it is shorter
#define SSHKEY_TYPE 48         // bytes of the longest type, and a NUL
#define SSHKEY_COMMENT 65      // bytes of a comment that are kept, and a NUL
#define SSHKEY_FINGERPRINT 51  // "SHA256:", 43 digits, NUL
#define SSHKEY_WHY 160

enum sshkey_verdict {
	SSHKEY_OK,
	SSHKEY_REFUSED, // a key, but none that we let in: too short, of an old or unknown type, ...
	SSHKEY_BAD,     // no key
};

struct sshkey {
	char type[SSHKEY_TYPE];
	unsigned bits;
	char fingerprint[SSHKEY_FINGERPRINT]; // as `ssh-keygen -l` prints it
	char comment[SSHKEY_COMMENT];         // printable ASCII, '?' for what is not; cut
	const char *base64;                   // borrowed from the line; no NUL behind it
	size_t base64_len;
};

// Whether a line begins with a type of key that we let in.
bool sshkey_has_type(const char *line, size_t len);
// Reads one line without its end. All but SSHKEY_BAD fill `key`; all but SSHKEY_OK say in `why` what
// is wrong, as the rest of a sentence that begins with the line's name.
enum sshkey_verdict sshkey_parse(
    const char *line, size_t len, struct sshkey *key, char why[SSHKEY_WHY]);
