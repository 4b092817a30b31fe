// SPDX-License-Identifier: ISC
// The sessions of a directory, as the porter knows them.
#pragma once

#include "server/base/session.h"
#include "server/base/viewproto.h"

#include <stdbool.h>
#include <sys/types.h>

struct lobby_session {
	struct session session;
	ino_t socket; // of its view socket: another one is another session
	char host[LIMIT_TEXT + 1];
	uint64_t start; // unix seconds
};

struct lobby {
	const char *dir; // borrowed
	size_t count;
	struct lobby_session *sessions; // owned
	bool unsure;                    // one did not answer: look again at `again_ms`
	uint64_t again_ms;
	unsigned tries;
};

void lobby_init(struct lobby *lobby, const char *dir);
void lobby_fini(struct lobby *lobby);
// Looks what there is. True if that has changed.
bool lobby_scan(struct lobby *lobby);
// NULL: there is none of that name.
const struct lobby_session *lobby_find(const struct lobby *lobby, const char *name);
// Count and records, as in CHANNEL_SESSIONS.
void lobby_put(const struct lobby *lobby, struct buf *out);
// A connection to the mirror of one of these sessions, as one who watches. -1 with errno.
int lobby_dial(const struct lobby *lobby, const char *name);
