// SPDX-License-Identifier: ISC
// A watcher who has been lent the keyboard of a session far away.
#include "server/link/farkeys.h"

#include <string.h>
#include <unistd.h>

#define DIALS_MAX 16   // of ssh, that who grants can have us run
#define DIALS_MS 10000 // within so long

static void
on_keyboard(void *user)
{
	struct farkeys *keys = user;

	view_modes(keys->view, &keys->grant.modes);
	view_turn(keys->view);
}

// ssh might only notice when the network does.
static void
on_keyboard_over(void *user)
{
	struct farkeys *keys = user;

	view_modes(keys->view, NULL);
	view_turn(keys->view);
	if (keys->running)
		dialer_end(keys->dialer, DIALER_ASIDE);
}

void
farkeys_init(struct farkeys *keys, struct view *view, struct dialer *dialer, const char *session)
{
	*keys =
	    (struct farkeys){.view = view, .dialer = dialer, .session = session, .errors_fd = -1};
	typing_init(&keys->typing, view_loop(view), on_keyboard, on_keyboard_over, keys);
}

static bool
may_dial(struct farkeys *keys)
{
	uint64_t now = uv_now(view_loop(keys->view));

	if (now - keys->dials_ms >= DIALS_MS) {
		keys->dials_ms = now;
		keys->dials = 0;
	}
	return keys->dials++ < DIALS_MAX;
}

// Once for each grant: a guest whose ssh would have to ask something has none, nor has one of too many.
static void
dial(struct farkeys *keys)
{
	if (!keys->due || keys->running)
		return;
	keys->due = false;
	if (!may_dial(keys))
		return;
	keys->running = true;
	dialer_dial(keys->dialer, DIALER_ASIDE);
}

void
farkeys_grant(struct farkeys *keys, const struct view_grant *grant)
{
	bool same = grant->lent && keys->grant.lent &&
		    memcmp(grant->token, keys->grant.token, GRANT_TOKEN) == 0;

	keys->grant = *grant;
	if (same) {
		if (typing_is_on(&keys->typing))
			view_modes(keys->view, &grant->modes);
		return;
	}
	farkeys_over(keys);
	keys->grant = *grant;
	keys->due = grant->lent;
	dial(keys);
}

void
farkeys_over(struct farkeys *keys)
{
	keys->due = keys->grant.lent = false;
	typing_end(&keys->typing);
	if (keys->running)
		dialer_end(keys->dialer, DIALER_ASIDE);
}

static void
on_open(struct farkeys *keys, const struct dialer_news *news)
{
	struct keyline_claim claim;

	keys->errors_fd = news->errors; // unread: the host is told that nobody came
	memcpy(claim.token, keys->grant.token, GRANT_TOKEN);
	memcpy(claim.session, keys->session, strlen(keys->session) + 1);
	if (keys->due || !keys->grant.lent) // that was before
		close(news->stream);
	else if (typing_begin_far(&keys->typing, news->stream, &claim))
		return;
	dialer_end(keys->dialer, DIALER_ASIDE);
}

static void
on_exit_of_ssh(struct farkeys *keys)
{
	keys->running = false;
	if (keys->errors_fd >= 0)
		close(keys->errors_fd);
	keys->errors_fd = -1;
	typing_end(&keys->typing);
	dial(keys);
}

void
farkeys_news(struct farkeys *keys, enum dialer_event event, const struct dialer_news *news)
{
	if (event == DIALER_OPEN)
		on_open(keys, news);
	else if (event == DIALER_EXIT || event == DIALER_FAILED)
		on_exit_of_ssh(keys);
}

void
farkeys_stop(struct farkeys *keys)
{
	if (keys->errors_fd >= 0)
		close(keys->errors_fd);
	keys->errors_fd = -1;
	typing_stop(&keys->typing);
}
