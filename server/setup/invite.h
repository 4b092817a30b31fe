// SPDX-License-Identifier: ISC
// The line to hand out to guests: how they reach a session.
#pragma once

#include "server/base/session.h"
#include "server/link/linkproto.h"

#include <stdio.h>

#define INVITE_LINE 400 // bytes of one, with its NUL

// At a relay: by what account guests come to the session, and how many may.
void invite_look(const struct session *session, struct link_invite *invite);
// At the host, of a relay ([USER@]HOST) that said so: what stands behind `ssh -C`, and until when; empty:
// nobody can come. It is where a publisher is from, for `mirrord who`.
void invite_address(
    const char *relay, const struct link_invite *invite, char address[LIMIT_TEXT + 1]);
// That as lines, the first behind `before`.
void invite_print(FILE *to, const char *before, const char *address);
// For guests of this machine, into whose directory the session's sockets went. False: it is not for them.
bool invite_here(const struct session *session, char line[INVITE_LINE]);
