// SPDX-License-Identifier: ISC
// The line to hand out to guests: how they reach a session.
#pragma once

#include "server/base/session.h"

#define INVITE_LINE 400 // bytes of one, with its NUL

// For a session that is published at `relay` ([USER@]HOST): by the account that `relay setup` makes there.
void invite_published(const char *relay, char line[INVITE_LINE]);
// For guests of this machine, into whose directory the session's sockets went. False: it is not for them.
bool invite_here(const struct session *session, char line[INVITE_LINE]);
