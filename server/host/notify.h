// SPDX-License-Identifier: ISC
// What the host is told on the own terminal, between what the program prints: never within one of its
// sequences or characters. Pure: bytes and time in, bytes out.
#pragma once

#include "vt/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notify_way {
	NOTIFY_NONE,
	NOTIFY_OSC9,  // a notification of the desktop's, where the terminal makes one of OSC 9
	NOTIFY_TITLE, // the terminal's title, for NOTIFY_TITLE_MS
};
#define NOTIFY_TITLE_MS 5000
#define NOTIFY_MAX 2048 // bytes that wait for the end of a sequence; what comes then is left out

struct notify {
	enum notify_way way;
	uint8_t state;     // of the program's stream
	uint8_t more;      // bytes that a character still lacks
	bool titled;       // our title stands; the program's is on the terminal's stack
	uint64_t title_ms; // until when
	struct buf waits;  // owned: what is to be written
};

// What puts the program's title back.
extern const char notify_title_back[];

// "osc9", "title" or "none". False if it is none of them.
bool notify_way_of(const char *word, enum notify_way *way);
void notify_fini(struct notify *notify);
// The terminal gets these bytes of the program's.
void notify_follow(struct notify *notify, const uint8_t *data, size_t len);
// One line, which can be printed as it is.
void notify_say(struct notify *notify, const char *text, uint64_t now_ms);
void notify_tick(struct notify *notify, uint64_t now_ms);
// When notify_tick() has something to do, or UINT64_MAX.
uint64_t notify_due(const struct notify *notify);
// Moves what may be written now to `out`, which is empty. False: nothing.
bool notify_take(struct notify *notify, struct buf *out);
