// SPDX-License-Identifier: ISC
// Fits colours to a palette of 0, 8, 16 or 256.
#pragma once

#include "vt/cell.h"

// Replaces the colours of `style` by the nearest that a terminal with `colours` colours has. Text
// that could be read before stays readable: two colours that differ do not become one.
void ansi_colour_fit(uint32_t colours, struct style *style);
// 0xRRGGBB of palette entry 0..255, as xterm has it.
uint32_t ansi_colour_rgb(uint8_t index);
