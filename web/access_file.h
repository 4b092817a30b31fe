// SPDX-License-Identifier: ISC
// Who may watch in a browser, on disk: DIR/.web, 0600, changed by commands and by the gateway's porter
// one at a time, and replaced as a whole.
#pragma once

#include "server/base/session.h"
#include "web/access.h"

#define ACCESS_FILE ".web"

struct access_file {
	char path[PATH_MAX];
	int lock; // owned
};

// Waits for its turn and reads the file; a missing one is an empty one. False with `why`.
bool access_begin(
    struct access_file *file, const char *dir, struct access *access, char why[SESSION_WHY]);
// Ends the turn; with `save` the file becomes what `access` is. False with `why`: it is as before.
bool access_end(
    struct access_file *file, const struct access *access, bool save, char why[SESSION_WHY]);
// A new token.
void access_random_token(char text[ACCESS_TOKEN_TEXT + 1]);
