// SPDX-License-Identifier: ISC
// The gateway's trusted half: knows who may come in and which sessions there are, and starts the
// gateway (again, when it dies). Never sees a byte of a browser's but tokens.
#pragma once

#include "server/base/session.h"

#include <stdbool.h>

struct gateway_options {
	const char *cert, *key; // paths of PEM files, or NULL: no TLS
	char *const *hosts;     // names that browsers may use
	size_t hosts_len;
	int listen_fd; // borrowed: of the supervisor, which outlives the porter
};

struct porter_options {
	struct gateway_options gateway;
	const char *dir;     // of the sessions
	bool until_sessions; // ends with the last session
};

// Serves until it is told to end. Returns the exit status; *why says what went wrong, or is empty.
int porter_run(const struct porter_options *options, char why[SESSION_WHY]);
