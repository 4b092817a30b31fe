// SPDX-License-Identifier: ISC
// The other end of server/link/fan.h: from untrusted messages to the screens that they lead to. A browser
// does the same; tests and benches use this.
#pragma once

#include "vt/screen.h"
#include "vt/zstream.h"

// A screen outlives its connection: begin the next with fan_reader_restart() and say epoch and seq.
struct fan_reader {
	struct inflater *inflater; // owned; NULL before a START
	struct screen *screen;     // a reference, or NULL
	uint64_t seq;              // of `screen`
};

void fan_reader_init(struct fan_reader *reader);
void fan_reader_fini(struct fan_reader *reader);
void fan_reader_restart(struct fan_reader *reader);
// Takes one message. False, and *why says how, if it is malformed: then the connection is of no more
// use, but the screen still is.
bool fan_reader_put(struct fan_reader *reader, const uint8_t *data, size_t len, const char **why);
