// SPDX-License-Identifier: ISC
// What a forced command says about the guest who came with a key, and whether that still holds.
#include "server/edge/pass.h"

#include "server/base/until.h"
#include "server/guest/guestline.h"
#include "server/guest/keysfile.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define DIAL_TRIES 40
#define DIAL_AGAIN_MS 50

static bool
is_listed(const struct authkeys *keys, const struct pass *pass)
{
	struct guest_line guest;

	for (size_t i = 0; i < keys->count; i++) {
		if (guest_line_get(&keys->line[i], &guest) && strcmp(guest.name, pass->as) == 0 &&
		    strcmp(guest.fingerprint, pass->key) == 0)
			return true;
	}
	return false;
}

bool
pass_ok(const struct pass *pass, char why[LIMIT_TEXT + 1])
{
	char reason[KEYSFILE_WHY];
	struct keysfile file;
	bool ok;

	if (until_over(pass->until)) {
		snprintf(why, LIMIT_TEXT + 1, "%s", UNTIL_TEXT);
		return false;
	}
	if (!pass->keys)
		return true;
	if (keysfile_open(&file, pass->keys, false, reason) != EX_OK) {
		snprintf(
		    why, LIMIT_TEXT + 1, "cannot tell whether you may still watch: %.200s", reason);
		return false;
	}
	ok = is_listed(&file.keys, pass);
	keysfile_close(&file);
	if (!ok)
		snprintf(why, LIMIT_TEXT + 1, "your key has been removed");
	return ok;
}

bool
pass_dial(const struct pass *pass, const char *path, const struct view_hello *hello,
    struct viewclient *client, struct view_bye *bye)
{
	client->fd = -1;
	if (!pass->keys)
		return true;
	for (int tries = DIAL_TRIES; viewclient_dial(client, path, hello) != 0; tries--) {
		if (errno != EAGAIN || !tries) {
			bye->status = EX_UNAVAILABLE;
			snprintf(bye->text, sizeof(bye->text), "cannot connect to the session: %s",
			    strerrordesc_np(errno));
			return false;
		}
		poll(NULL, 0, DIAL_AGAIN_MS); // as many others want to
	}
	if (pass_ok(pass, bye->text))
		return true;
	viewclient_close(client);
	bye->status = EX_NOPERM;
	return false;
}
