// SPDX-License-Identifier: ISC
// Between the gateway, which is locked down, and its porter, which is not: messages on one socket pair,
// connections to sessions over another. The porter holds what the gateway must not be able to reach.
#pragma once

#include "server/base/msg.h"
#include "server/base/proto.h"

#include <stdbool.h>
#include <stdint.h>

#define CHANNEL_MAX (256u << 10) // bytes of a message: the largest is a list of sessions

enum channel_msg {
	// gateway to porter
	CHANNEL_READY = 0x01,   // it serves
	CHANNEL_ADMIT = 0x02,   // varint serial, string token: may its holder come in?
	CHANNEL_CONFIRM = 0x03, // varint pass: its page has the newest token
	CHANNEL_COUNT = 0x04,   // string session: how many watch it?
	// porter to gateway
	CHANNEL_ADMITTED = 0x41, // varint serial, pass, string token, name, session (empty: all)
	CHANNEL_REFUSED = 0x42,  // varint serial, string: why
	CHANNEL_CUT = 0x43,      // varint pass, string: why
	CHANNEL_SESSIONS = 0x44, // varint count, as many string name, string host, varint start
	CHANNEL_COUNTED = 0x46,  // string session, varint viewers
	CHANNEL_STOP = 0x45,     // say goodbye
};

// The dialing pair's ends. A request is a session's name in one packet; the answer an errno and, if
// that is 0, a connection to its mirror on which HELLO has been said.
int channel_dial(int fd, const char *session); // -1 with errno
bool channel_dial_asked(int fd, char session[LIMIT_NAME + 1]);
void channel_dial_answer(int fd, int error, int connection);
