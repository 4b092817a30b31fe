// SPDX-License-Identifier: ISC
#include "vt/width.h"

#include <utf8proc.h>

uint8_t
width_of(uint32_t cp)
{
	int width;

	if (cp >= 0x20 && cp < 0x300)
		return 1;
	// Hangul medial vowels and final consonants conjoin
	if ((cp >= 0x1160 && cp <= 0x11ff) || (cp >= 0xd7b0 && cp <= 0xd7ff))
		return 0;
	width = utf8proc_charwidth((utf8proc_int32_t)cp);
	return width < 0 ? 1 : width > 2 ? 2 : (uint8_t)width;
}
