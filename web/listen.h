// SPDX-License-Identifier: ISC
// The socket that browsers connect to.
#pragma once

#include "server/base/session.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_PORT                                                                                \
	6477 // MIRR on a telephone's keys; another if it is taken and none was asked for

struct listen {
	int fd;        // listening, nonblocking
	uint16_t port; // the one it got
	char host[64]; // the address as it stands in a URL
	bool loopback; // only this machine can reach it
	bool any;      // every address of this machine
};

// `where` is ADDR:PORT, ADDR, :PORT, or NULL for 127.0.0.1. False with `why`.
bool listen_open(struct listen *listen, const char *where, char why[SESSION_WHY]);
