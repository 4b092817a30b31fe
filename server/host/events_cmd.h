// SPDX-License-Identifier: ISC
// Listening to a session's events.
#pragma once

#include "server/base/control.h"

// Connects, and hears of everything from now on. EX_OK, or another of sysexits with `why`.
int events_open(const struct session *session, struct control *control, char why[SESSION_WHY]);
// Prints each event as a line of JSON; with `command` runs that in a shell for each, one after the
// other, with the line on its standard input. Returns when the session has ended.
int events_run(struct control *control, const char *command);
