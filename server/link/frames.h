// SPDX-License-Identifier: ISC
// `mirrord view --frames`: the far end of `mirrord watch`, a session as frames on standard output.
#pragma once

#include "server/edge/pace.h"
#include "server/edge/pass.h"
#include "server/link/linksend.h"

struct frames {
	struct linksend send;
};

// Whether sshd was asked for exactly this, in place of the forced command.
bool frames_wanted(void);
// Says WELCOME and waits for HELLO, within LIMIT_LINK_HELLO_MS. False: there is nobody to talk to,
// or the other side is told why not; `*status` is what to exit with.
bool frames_greet(struct frames *frames, struct link_hello *hello, int *status);
// Sends the session at `path`, within the limits, until the watcher leaves, the session ends or the pass no
// longer holds; in the sandbox from here on. Returns the exit status.
int frames_run(struct frames *frames, const char *path, const struct view_hello *hello,
    const struct pace_limits *limits, const struct pass *pass);
// Tells the watcher how it ends, if it takes that within a moment; the last thing.
int frames_bye(struct frames *frames, int status, const char *text);
