// SPDX-License-Identifier: ISC
// Columns that a code point takes.
#pragma once

#include <stdint.h>

// 0 (joins the cell before it), 1 or 2. From Unicode's tables (utf8proc), as wcwidth(3) has it:
// each code point by itself, for that is what programs count.
uint8_t width_of(uint32_t cp);
