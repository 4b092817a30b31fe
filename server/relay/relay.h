// SPDX-License-Identifier: ISC
// The far end of `mirrord publish`: what ssh runs there (relay.c) hands its connection to the
// process that serves the session (relay_serve.c), which outlives it.
#pragma once

#include "server/base/session.h"
#include "server/link/keyline.h"
#include "server/link/linkproto.h"

struct relay_claim {
	struct link_publish who; // who has the name, which is `session.name`
	struct session session;
	const char *as;            // what the key is confined to, or NULL; borrowed
	uint64_t keep_ms;          // a session whose host does not come back is kept so long
	gid_t guests;              // group of the session's directory
	char host[LIMIT_NAME + 1]; // login name of the account
	int view_fd, control_fd;   // its listening sockets
	pid_t keeper;              // the process that holds them
	bool again;                // another process served it before, and died
};

// `mirrord relay [--as NAME] [--keep=TIME] [--keyboard]`
int relay_publish(int argc, char **argv);
// Lends the keyboard of a session that is published to a guest who watches here, until anybody ends that.
// `in`: what came after the publisher's first message. Returns the exit status, and `why`.
int relay_lend(const struct session *session, const struct keyline_lend *lend, struct buf *in,
    char why[SESSION_WHY]);
// Serves the session until it ends. Returns the exit status: EX_OK if it is over.
int relay_serve(const struct relay_claim *claim);
