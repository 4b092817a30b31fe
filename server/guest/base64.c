// SPDX-License-Identifier: ISC
// Base64 (RFC 4648, section 4), as public keys and their fingerprints have it.
#include "server/guest/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool
base64_get(const char *text, size_t len, struct buf *out)
{
	uint32_t bits = 0;
	int count = 0; // of bits that are in `bits` and not yet in `out`
	size_t padding = 0;

	if (len % 4)
		return false;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len - padding; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		bits = bits << 6 | (uint32_t)(digit - digits);
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_put_u8(out, (uint8_t)(bits >> count));
			bits &= (1u << count) - 1;
		}
	}
	return bits == 0;
}

void
base64_put(const uint8_t *data, size_t len, char *to)
{
	for (size_t bit = 0; bit < len * 8; bit += 6) {
		size_t byte = bit / 8;
		uint32_t pair = (uint32_t)data[byte] << 8 | (byte + 1 < len ? data[byte + 1] : 0);

		*to++ = digits[pair >> (10 - bit % 8) & 63];
	}
	*to = '\0';
}
