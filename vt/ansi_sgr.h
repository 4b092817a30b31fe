// SPDX-License-Identifier: ISC
// SGR: the shortest way from one pen to another (ECMA-48 8.3.117, xterm ctlseqs, colons as in
// ITU T.416 where only newer terminals listen anyway).
#pragma once

#include "vt/ansi.h"

// Appends what changes the pen from `from` (NULL: unknown) to `to`. Nothing if they are equal.
void ansi_sgr(const struct ansi_caps *caps, const struct style *from, const struct style *to,
    struct buf *out);
