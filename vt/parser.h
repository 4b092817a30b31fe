// SPDX-License-Identifier: ISC
// Cuts a terminal's byte stream into text and control functions: ECMA-48 and the DEC-ANSI state
// machine, with UTF-8 decoded in front of it. Knows nothing of what they mean.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARSER_PARAMS_MAX 32 // further ones are dropped
#define PARSER_PARAM_VALUE_MAX 65535u
#define PARSER_STRING_MAX 4096 // bytes of a control string that are kept
#define PARSER_PARTIAL_MAX (PARSER_STRING_MAX + 64)

// A control sequence (CSI) or escape sequence.
struct sequence {
	uint8_t leader;       // one of < = > ? or 0
	uint8_t intermediate; // 0x20..0x2f or 0
	uint8_t final;
	uint8_t count;                     // parameters present, 0..PARSER_PARAMS_MAX
	uint16_t param[PARSER_PARAMS_MAX]; // clamped; 0 where missing
	uint32_t missing;                  // bit i: parameter i was left out
	uint32_t sub;                      // bit i: parameter i came after a colon
};

// Parameter `index`, or `fallback` if it is absent; as parameter_or, but 0 counts as absent too.
uint32_t sequence_or(const struct sequence *seq, size_t index, uint32_t fallback);
uint32_t sequence_count(const struct sequence *seq, size_t index);

struct parser_sink {
	void (*text)(void *user, const uint8_t *ascii, size_t len); // 0x20..0x7e
	void (*glyph)(void *user, uint32_t cp);                     // U+00A0 and up, or U+FFFD
	void (*control)(void *user, uint8_t c0);                    // 0x00..0x1f
	void (*escape)(void *user, const struct sequence *seq);
	void (*csi)(void *user, const struct sequence *seq);
	void (*osc)(void *user, const uint8_t *data, size_t len); // whole, or nothing
	void *user;                                               // borrowed
};

struct parser {
	const struct parser_sink *sink; // borrowed
	uint8_t state;
	bool too_many;     // intermediates or leaders out of place: the sequence is ignored
	uint8_t utf8_need; // continuation bytes still to come
	uint32_t utf8_cp;  // of those that came
	uint32_t utf8_min; // a smaller result was written too long
	struct sequence seq;
	size_t string_len; // bytes of the control string so far, kept or not
	uint8_t string[PARSER_STRING_MAX];
	size_t partial_len; // bytes of what is unfinished, kept or not, without controls within
	size_t partial_raw; // likewise, with the controls: counts from its first byte
	uint8_t partial[PARSER_PARTIAL_MAX];
	size_t consumed; // bytes of this feed, for events
};

void parser_init(struct parser *parser, const struct parser_sink *sink);
void parser_feed(struct parser *parser, const uint8_t *data, size_t len);
// What is unfinished, as bytes that bring a new parser to the same state; returns their count.
// `out` has room for PARSER_PARTIAL_MAX + 1.
size_t parser_partial(const struct parser *parser, uint8_t *out);
