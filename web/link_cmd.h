// SPDX-License-Identifier: ISC
// `mirrord web invite`, `invites`, `revoke`: the host's side of the file of links.
#pragma once

#include "server/base/session.h"

int link_invite(int argc, char **argv);
int link_invites(int argc, char **argv);
int link_revoke(int argc, char **argv);

// A gateway at `url` starts: says so in the file of `dir`, makes a link to `session` (NULL: all) and
// prints it. An exit status, with `why`.
int link_first(const char *dir, const char *url, const char *session, char why[SESSION_WHY]);
// The same for a gateway that runs there already, errors and all.
int link_print_first(const char *dir, const char *session);
