// SPDX-License-Identifier: ISC
// Holds bytes against the closed language of docs/protocol.md, "What a guest's terminal receives".
// It shares no code with the painter.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAMMAR_PARAMS_MAX 16

struct grammar {
	bool allow_query; // CSI 5 n
	size_t offset;    // bytes accepted; after an offence: where it is
	const char *why;  // the first offence, or NULL

	int state;
	bool private_mode, space;            // of the sequence: '?' and ' '
	uint32_t params[GRAMMAR_PARAMS_MAX]; // UINT32_MAX: left out
	bool sub[GRAMMAR_PARAMS_MAX];        // joined to the one before by ':'
	size_t params_len, digits;
	uint32_t cp, cp_min; // a character half read
	int cp_left;
	bool glyph;     // the last thing was a glyph
	bool lost;      // non-ASCII was printed: where the cursor is depends on the terminal
	bool run;       // ... and nothing has moved it since
	bool first_col; // the cursor is in the first column for certain
	size_t marks;   // on the last glyph
};

void grammar_init(struct grammar *grammar, bool allow_query);
// False from the first offence on.
bool grammar_feed(struct grammar *grammar, const void *data, size_t len);
// Nothing is half said.
bool grammar_end(struct grammar *grammar);
