// SPDX-License-Identifier: ISC
// What a viewer types: a handful of keys mean something to `mirrord view`, and everything else, typed,
// pasted or answered by the terminal, is read and thrown away. Bounded, and stuck in no state.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key {
	KEY_NONE,
	KEY_LEAVE, // ^C
	KEY_BACK,  // q: to the live screen, or away from there
	KEY_UP,
	KEY_DOWN,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_FOLLOW, // Home, 0: the window follows the cursor again
	KEY_END,
	KEY_PAGE_UP,   // and b, as pagers have it
	KEY_PAGE_DOWN, // f
	KEY_ESCAPE,    // alone: keys_pause()
	KEY_ANSWER, // none: the terminal's answer to DSR (ECMA-48 8.3.35), `CSI 0 n` or, not well, `3 n`
};

enum keys_state {
	KEYS_GROUND,
	KEYS_ESCAPE, // after ESC
	KEYS_CSI,    // after ESC [
	KEYS_SS3,    // after ESC O
	KEYS_STRING, // after ESC ] P X ^ _: until BEL or ESC \.
	KEYS_STATE_COUNT,
};

struct keys {
	enum keys_state state;
	uint32_t param; // first parameter of a CSI
	bool rest;      // of the parameters: they are not looked at
	uint32_t len;   // bytes since ESC
};

// Takes bytes up to the first that complete a key; returns that, and in *used how many bytes. KEY_NONE: all were used.
enum key keys_next(struct keys *keys, const uint8_t *data, size_t len, size_t *used);
// Call before each read's bytes with their number.
void keys_read(struct keys *keys, size_t len);
// Nothing more has come for a while: an ESC that begins nothing was the key.
enum key keys_pause(struct keys *keys);
