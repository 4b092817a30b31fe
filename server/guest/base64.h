// SPDX-License-Identifier: ISC
// Base64 (RFC 4648, section 4), as public keys and their fingerprints have it.
#pragma once

#include "vt/buf.h"

#include <stdbool.h>
#include <stddef.h>

// Appends what `text` stands for to `out`. False if it is not base64 in its only right form: other
// characters (blanks and line ends too), missing padding, bits left over.
bool base64_get(const char *text, size_t len, struct buf *out);
// Writes the base64 of `data` without padding, and a NUL; `to` has room for BASE64_SIZE(len).
#define BASE64_SIZE(len) (((len)*4 + 2) / 3 + 1)
void base64_put(const uint8_t *data, size_t len, char *to);
