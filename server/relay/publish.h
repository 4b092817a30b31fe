// SPDX-License-Identifier: ISC
// A session's way to a relay: an edge that sends what it sees up through ssh, and finds its way
// back when the link is lost. Runs in the background, for as long as the session does.
#pragma once

#include "server/base/session.h"
#include "server/base/ssh.h"
#include "server/link/linkproto.h"

#include <stdbool.h>

struct publish_options {
	struct ssh_way way;
	const char *relay;       // [USER@]RELAY as ssh takes it; borrowed, as the rest
	const char *path;        // of the session's view socket,
	const char *keyboard;    // and of that of its keyboard
	char *const *first;      // ssh, with the terminal to ask questions on,
	char *const *again;      // and without;
	char *const *aside;      // for a key line
	struct link_publish who; // what the relay is told
};

struct publishing {
	int fd;                      // owned: to the process in the background
	char name[LIMIT_NAME + 1];   // as the relay calls the session
	char invite[LIMIT_TEXT + 1]; // as invite_address() makes it
};

// All of it for a session of ours: `start` is when it began (unix seconds).
int publish_session(const struct session *session, const struct ssh_way *way, const char *relay,
    uint64_t start, struct publishing *publishing);

// Starts it, and waits until the relay has taken the session, however long ssh asks for: what ssh
// says goes to standard error. The view socket need not answer before that. Returns EX_OK, or
// another exit status and a sentence.
int publish_start(const struct publish_options *options, struct publishing *publishing,
    char text[LIMIT_TEXT + 1]);
// The session is there: from here on it lives by itself.
void publish_go(struct publishing *publishing);
// There is none: ends it.
void publish_abort(struct publishing *publishing);
