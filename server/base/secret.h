// SPDX-License-Identifier: ISC
// Comparing what only the right peer can know.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In a time that depends on `len` alone: how long it takes tells nothing about where they differ.
static inline bool
secret_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	volatile uint8_t differ = 0; // or the compiler may stop at the first that does

	for (size_t i = 0; i < len; i++)
		differ = (uint8_t)(differ | (a[i] ^ b[i]));
	return differ == 0;
}
