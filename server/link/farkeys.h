// SPDX-License-Identifier: ISC
// A watcher who has been lent the keyboard of a session far away: runs a second ssh, a key line, for as
// long as that. The link that brings the frames says when, and carries none of it.
#pragma once

#include "server/edge/typing.h"
#include "server/edge/view.h"
#include "server/link/dialer.h"

struct farkeys {
	struct view *view; // borrowed, as the next two
	struct dialer *dialer;
	const char *session; // its name, or empty
	struct typing typing;
	struct view_grant grant; // the newest
	bool due;                // for which no ssh has been started yet
	bool running;            // ssh is, or will be
	uint64_t dials_ms;       // since when
	unsigned dials;          // so many were started
	int errors_fd;           // owned: what it says; or -1
};

void farkeys_init(
    struct farkeys *keys, struct view *view, struct dialer *dialer, const char *session);
void farkeys_grant(struct farkeys *keys, const struct view_grant *grant);
// The link that lent it is gone.
void farkeys_over(struct farkeys *keys);
// Of the slot DIALER_ASIDE.
void farkeys_news(struct farkeys *keys, enum dialer_event event, const struct dialer_news *news);
// Closes what it opened; run the loop once more after this.
void farkeys_stop(struct farkeys *keys);
