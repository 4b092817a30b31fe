// SPDX-License-Identifier: ISC
// Screens made from bytes: a fuzzer's, or a seeded generator's. What stands in them is what
// programs print, what hosts' enemies print, and what lies between.
#pragma once

#include "vt/buf.h"
#include "vt/screen.h"

// The next screen of a session: `last` after a few edits (text, styles, erasing, scrolling, cursor).
// A new reference. Every reading of `in` gives some screen; at its end edits are trivial.
struct screen *scene_next(struct screen *last, struct reader *in);
// Fills `data` from a generator with this state (splitmix64), for use as `in`.
void scene_random(uint64_t *seed, uint8_t *data, size_t len);
