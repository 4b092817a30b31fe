// SPDX-License-Identifier: ISC
// What a forced command says about the guest who came with a key, and whether that still holds.
#pragma once

#include "server/base/viewclient.h"

#include <stdbool.h>
#include <stdint.h>

struct pass {
	const char *as;   // who it is, or ""
	const char *key;  // the fingerprint of their key, or ""
	const char *keys; // the authorized_keys that it has to be in, or NULL
	uint64_t until;   // unix seconds; 0: for ever
};

// sshd looks a key up when the guest logs in, but lets them run the command again for as long as that
// connection lasts. So each `view` looks it up. False with `why`, a sentence for the guest.
bool pass_ok(const struct pass *pass, char why[LIMIT_TEXT + 1]);
// Says HELLO to the mirror, and then looks: who is removed before is refused, and who is removed after it is
// one that the mirror knows, and cuts. Without --keys there is nothing to look at, and `client` is not yet
// connected. False with `bye`.
bool pass_dial(const struct pass *pass, const char *path, const struct view_hello *hello,
    struct viewclient *client, struct view_bye *bye);
