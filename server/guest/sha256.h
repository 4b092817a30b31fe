// SPDX-License-Identifier: ISC
// SHA-256 (FIPS 180-4) of bytes in memory.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

void sha256(const void *data, size_t len, uint8_t digest[SHA256_BYTES]);
