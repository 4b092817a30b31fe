// SPDX-License-Identifier: ISC
// Who watches a session, as its mirror tells.
#pragma once

#include "server/base/session.h"
#include "server/base/viewproto.h"

struct who {
	uint16_t rows, cols; // of the session
	size_t count;
	struct view_person *people; // owned
};

// Asks. EX_OK, or another of sysexits after a line on standard error. who_fini() either way.
int who_ask(const struct session *session, struct who *who);
void who_fini(struct who *who);
// What to call somebody: the name after --as; without one the login name; without that, the number.
#define WHO_NAME (LIMIT_TEXT + 1)
void who_name(const struct view_person *person, char name[WHO_NAME]);
