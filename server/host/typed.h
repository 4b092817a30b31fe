// SPDX-License-Identifier: ISC
// Tells what a person types from what their terminal says by itself. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether somebody has typed any of these bytes, which begin where a key or an answer does. Answers to
// queries, reports of focus and of the mouse are not typing.
bool typed_by_hand(const uint8_t *data, size_t len);
