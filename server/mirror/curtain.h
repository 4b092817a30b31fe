// SPDX-License-Identifier: ISC
// A screen of ours in place of the session's: blank but for a few words in the middle.
#pragma once

#include "vt/screen.h"

// A new reference. `text` is ASCII; what does not fit is cut off.
struct screen *curtain_new(uint16_t rows, uint16_t cols, const char *text);
