// SPDX-License-Identifier: ISC
// A frame: the bytes that lead from one screen to another. docs/protocol.md specifies them.
#pragma once

#include "vt/buf.h"
#include "vt/screen.h"

// Appends the frame from `base` to `target` to `out`. A NULL base makes a key frame: one from the
// blank screen of the target's size. Sizes may differ (a resize): then the rows kept are those of
// the base cut or padded. Equal screens give an empty frame (0 bytes).
void frame_encode(const struct screen *base, const struct screen *target, struct buf *out);

// The screen that `data` leads to from `base` (NULL for a key frame); the caller owns a reference.
// Rows that the frame does not touch are shared with the base. NULL if the bytes are malformed, and
// *why says how; memory is bounded by the screen's limits before it is asked for.
struct screen *frame_apply(struct screen *base, const uint8_t *data, size_t len, const char **why);
