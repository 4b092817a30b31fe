// SPDX-License-Identifier: ISC
// Tells what a person types from what their terminal says by itself.
#include "server/host/typed.h"

#include <string.h>

#define ESC 0x1b
#define BEL 0x07

static bool
is_one_of(uint8_t byte, const char *set)
{
	return byte && strchr(set, byte); // strchr would find the set's end as well
}

// Bytes of a string (OSC, DCS, APC ...) up to its end: only terminals send those.
static size_t
string_len(const uint8_t *data, size_t len)
{
	for (size_t i = 2; i < len; i++) {
		if (data[i] == BEL)
			return i + 1;
		if (data[i] == ESC && i + 1 < len && data[i + 1] == '\\')
			return i + 2;
	}
	return len;
}

// Bytes of a CSI that is no key; 0: it is one. xterm ctlseqs: CPR ends in R, DA in c, DSR in n, DECRPM
// in y, sizes in t, focus in I and O, the mouse in M and m; kitty answers CSI ? flags u.
static size_t
answer_len(const uint8_t *data, size_t len)
{
	size_t end = 2;

	while (end < len && data[end] >= 0x20 && data[end] < 0x40)
		end++;
	if (end == len)
		return len;
	if (data[end] == 'M' && end == 2) // three bytes follow
		return end + 4 < len ? end + 4 : len;
	if (is_one_of(data[end], "RcnytIOMm") || (data[end] == 'u' && data[2] == '?'))
		return end + 1;
	return 0;
}

// Two bytes by themselves are a key with Alt held.
bool
typed_by_hand(const uint8_t *data, size_t len)
{
	while (len) {
		size_t part = 0;

		if (len >= 2 && data[0] == ESC && data[1] == '[')
			part = answer_len(data, len);
		else if (len > 2 && data[0] == ESC && is_one_of(data[1], "]PX^_"))
			part = string_len(data, len);
		if (!part)
			return true;
		data += part;
		len -= part;
	}
	return false;
}
