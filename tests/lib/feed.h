// SPDX-License-Identifier: ISC
// Feeding models in tests, and saying what they show.
#pragma once

#include "vt/model.h"

// A small generator, the same on every machine (xorshift64*).
struct prng {
	uint64_t state; // not 0
};
uint64_t prng_next(struct prng *prng);
uint32_t prng_below(struct prng *prng, uint32_t limit);

// A whole file; NULL if it cannot be read. The caller frees it.
uint8_t *feed_file(const char *path, size_t *len);
// Dumps `model` and restores it: the copy, which the caller frees. NULL if that failed.
struct model *feed_copy(const struct model *model);
// True if both show the same screen, hold the same history and would give the same dump; else says
// how they differ.
bool feed_same(struct model *a, struct model *b, char *why, size_t why_len);
// Rows of text as the conformance suites have them: blanks trimmed, empty rows at the end dropped.
void feed_text(struct model *model, struct buf *out);
