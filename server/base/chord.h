// SPDX-License-Identifier: ISC
// Finds the host's chords (a control key, then d, p, y or n) in what the host types. Pure: bytes and
// time in, bytes out.
//
// The key is known as terminals send it plainly (1c), with the kitty protocol (CSI 92 ; 5 u, also
// with alternates and event types) and with xterm's modifyOtherKeys (CSI 27 ; 5 ; 92 ~), and never
// within a bracketed paste. Alone it is passed on after CHORD_WAIT_MS, or at once with the next key;
// twice in a row it is passed on once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHORD_WAIT_MS 500   // from the key to the letter
#define CHORD_PARTIAL_MS 25 // within one sequence; then what is there is passed on (the ESC key)
#define CHORD_SEQ_MAX 48    // bytes of a sequence that is looked at
#define CHORD_HELD_MAX 256  // bytes held back after the key, e.g. reports of keys let go

enum chord_action {
	CHORD_NONE,
	CHORD_DETACH, // d
	CHORD_PAUSE,  // p
	CHORD_YES,    // y and n, while somebody asks
	CHORD_NO,
};

struct chord {
	uint8_t key;   // 0x01..0x1f, or 0: no chord
	uint8_t state; // of the sequence in `seq`
	uint8_t seq[CHORD_SEQ_MAX];
	size_t seq_len;
	size_t seq_passed; // of seq: what has been passed on already, too late to hold back
	bool asked;        // y and n are chords too
	bool only_detach;  // and p is none
	size_t used;       // of the data last given: more than that has not been looked at
	uint8_t letter;    // that which was found last
	uint8_t owed; // keys of a chord that was found, whose letting go is no news for the program
	bool armed;   // the key came; it and what followed is in `held`
	uint8_t held[CHORD_HELD_MAX];
	size_t held_len;
	bool paste;          // within a bracketed paste
	size_t paste_match;  // bytes seen of the sequence that ends it
	uint64_t wait_ms;    // when the key is given up; only if armed
	uint64_t partial_ms; // when the sequence is passed on; only if some is held back
};

// "^A" to "^_" (not ^[ and ^M), or "none". False if it is neither.
bool chord_init(struct chord *chord, const char *key);
// Takes `len` bytes and puts what the program shall get at `out`, which has room for len +
// CHORD_ROOM; returns how much. With an action, what follows the chord is still to be given: all from
// chord->used on.
#define CHORD_ROOM (CHORD_SEQ_MAX + CHORD_HELD_MAX)
size_t chord_feed(struct chord *chord, const uint8_t *data, size_t len, uint64_t now_ms,
    uint8_t *out, enum chord_action *action);
// Passes on what has waited long enough.
size_t chord_tick(struct chord *chord, uint64_t now_ms, uint8_t *out);
// When chord_tick() has something to do, or UINT64_MAX.
uint64_t chord_due(const struct chord *chord);
