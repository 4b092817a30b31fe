// SPDX-License-Identifier: ISC
#include "vt/ansi_glyph.h"

#include <stddef.h>
#include <utf8proc.h>

struct range {
	uint32_t first, last;
};

static bool
in_ranges(const struct range *ranges, size_t count, uint32_t cp)
{
	for (size_t i = 0; i < count && ranges[i].first <= cp; i++)
		if (cp <= ranges[i].last)
			return true;
	return false;
}
#define IN(ranges, cp) in_ranges(ranges, sizeof(ranges) / sizeof(ranges[0]), cp)

// Common blocks without a hole or an invisible character: no need to ask utf8proc.
static const struct range plain[] = {
    {0xa0, 0xac},
    {0xae, 0x2ff},
    {0x391, 0x3a1},
    {0x3a3, 0x482},
    {0x2010, 0x2027},
    {0x2190, 0x23ff},
    {0x2500, 0x2b73},
    {0x3041, 0x3096},
    {0x30a0, 0x30ff},
    {0x3400, 0x9ffc},
    {0xac00, 0xd7a3},
    {0xe000, 0xf8ff}, // private use: the icons of patched fonts
    {0xff01, 0xff5e},
    {0x1f600, 0x1f64f},
};

static const struct range always_wide[] = {
    {0x3001, 0x303e},
    {0x3041, 0x3096},
    {0x3099, 0x30ff},
    {0x3105, 0x312d},
    {0x3131, 0x318e},
    {0x3400, 0x4db5},
    {0x4e00, 0x9fcc},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xff01, 0xff60},
    {0xffe0, 0xffe6},
};

// Scripts, punctuation, arrows, line drawing, symbols, braille and private use, in one column.
static const struct range always_narrow[] = {
    {0x20, 0x7e},
    {0xa1, 0x2ff},
    {0x370, 0x482},
    {0x48a, 0x590},
    {0x5be, 0x5be},
    {0x5d0, 0x5f4},
    {0x2010, 0x2e7f},
    {0xe000, 0xf8ff},
    {0xfffd, 0xfffd},
    {0xf0000, 0x10ffff},
};

bool
ansi_glyph_width_agreed(uint32_t cp, uint8_t width)
{
	return width == 2 ? IN(always_wide, cp) : IN(always_narrow, cp);
}

bool
ansi_glyph_may_be_wide(uint32_t cp)
{
	return (cp >= 0x3248 && cp <= 0x324f) || (cp >= 0x4dc0 && cp <= 0x4dff);
}

// Vowels and finals that complete a Hangul syllable begun in the cell before.
static bool
is_jamo(uint32_t cp)
{
	return (cp >= 0x1160 && cp <= 0x11ff) || (cp >= 0xd7b0 && cp <= 0xd7fb);
}

// General categories (Unicode 4.5) whose characters are seen: letters, spacing marks, numbers,
// punctuation, symbols, spaces and private use. Not: controls, formats (bidi, tags, joiners),
// surrogates, unassigned, line and paragraph separators, and marks that need a base.
static bool
is_visible(uint32_t cp)
{
	const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)cp);

	if (property->ignorable || is_jamo(cp))
		return false;
	switch ((utf8proc_category_t)property->category) {
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_ME: return false;
	default: return true;
	}
}

uint32_t
ansi_glyph(uint32_t cp)
{
	if (cp >= 0x20 && cp < 0x7f)
		return cp;
	if (cp == 0xad) // a soft hyphen in a cell of its own is a hyphen
		return '-';
	if (cp > 0x10ffff || cp < 0xa0)
		return GLYPH_REPLACEMENT;
	if (IN(plain, cp) || is_visible(cp))
		return cp;
	return GLYPH_REPLACEMENT;
}

enum glyph_mark
ansi_glyph_mark(uint32_t cp)
{
	const utf8proc_property_t *property;
	utf8proc_category_t category;

	if (cp > 0x10ffff)
		return GLYPH_MARK_HOSTILE;
	if ((cp >= 0x200b && cp <= 0x200d) || cp == 0x2060 || cp == 0xfeff || cp == 0xad)
		return GLYPH_MARK_DROP;
	property = utf8proc_get_property((utf8proc_int32_t)cp);
	category = (utf8proc_category_t)property->category;
	if (category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
	    category == UTF8PROC_CATEGORY_ME)
		return property->ignorable ? GLYPH_MARK_DROP : GLYPH_MARK_SHOW;
	if (is_jamo(cp) && cp != 0x1160)
		return category == UTF8PROC_CATEGORY_LO ? GLYPH_MARK_SHOW : GLYPH_MARK_DROP;
	return GLYPH_MARK_HOSTILE;
}

// What line drawing, arrows and typographers' quotes look like in ASCII.
static const struct {
	struct range range;
	char stand_in;
} stand_ins[] = {
    {{0xa0, 0xa0}, ' '},
    {{0xa9, 0xa9}, 'c'},
    {{0xab, 0xab}, '<'},
    {{0xb0, 0xb0}, 'o'},
    {{0xb7, 0xb7}, '.'},
    {{0xbb, 0xbb}, '>'},
    {{0xd7, 0xd7}, 'x'},
    {{0x2000, 0x200a}, ' '},
    {{0x2010, 0x2015}, '-'},
    {{0x2018, 0x201b}, '\''},
    {{0x201c, 0x201f}, '"'},
    {{0x2022, 0x2023}, '*'},
    {{0x2024, 0x2024}, '.'},
    {{0x2026, 0x2026}, '.'},
    {{0x2039, 0x2039}, '<'},
    {{0x203a, 0x203a}, '>'},
    {{0x2190, 0x2190}, '<'},
    {{0x2191, 0x2191}, '^'},
    {{0x2192, 0x2192}, '>'},
    {{0x2193, 0x2193}, 'v'},
    {{0x2212, 0x2212}, '-'},
    {{0x2500, 0x2501}, '-'},
    {{0x2502, 0x2503}, '|'},
    {{0x2504, 0x2505}, '-'},
    {{0x2506, 0x2507}, '|'},
    {{0x2508, 0x2509}, '-'},
    {{0x250a, 0x250b}, '|'},
    {{0x250c, 0x254b}, '+'},
    {{0x254c, 0x254d}, '-'},
    {{0x254e, 0x254f}, '|'},
    {{0x2550, 0x2550}, '='},
    {{0x2551, 0x2551}, '|'},
    {{0x2552, 0x256c}, '+'},
    {{0x256d, 0x2570}, '+'},
    {{0x2571, 0x2571}, '/'},
    {{0x2572, 0x2572}, '\\'},
    {{0x2573, 0x2573}, 'X'},
    {{0x2574, 0x257f}, '-'},
    {{0x2580, 0x2580}, '"'},
    {{0x2581, 0x2584}, '_'},
    {{0x2585, 0x258b}, '#'},
    {{0x258c, 0x2590}, '|'},
    {{0x2591, 0x2591}, '.'},
    {{0x2592, 0x2592}, ':'},
    {{0x2593, 0x2593}, '#'},
    {{0x2594, 0x259f}, '#'},
    {{0x25a0, 0x25ab}, '#'},
    {{0x25b2, 0x25b5}, '^'},
    {{0x25b6, 0x25bb}, '>'},
    {{0x25bc, 0x25bf}, 'v'},
    {{0x25c0, 0x25c5}, '<'},
    {{0x25c6, 0x25c8}, '*'},
    {{0x25c9, 0x25cf}, 'o'},
    {{0x2713, 0x2714}, 'v'},
    {{0x2715, 0x2718}, 'x'},
    {{0x276e, 0x276e}, '<'},
    {{0x276f, 0x276f}, '>'},
    {{0x2800, 0x2800}, ' '},
    {{0x2801, 0x28ff}, ':'},
    {{0x3000, 0x3000}, ' '},
    {{0xe0b0, 0xe0b1}, '>'},
    {{0xe0b2, 0xe0b3}, '<'},
};

// The letter under the accents, and fullwidth forms as ASCII (compatibility decomposition).
static uint32_t
base_letter(uint32_t cp)
{
	utf8proc_int32_t parts[8];
	int boundary = 0;
	utf8proc_ssize_t count = utf8proc_decompose_char((utf8proc_int32_t)cp, parts,
	    sizeof(parts) / sizeof(parts[0]), UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, &boundary);

	if (count >= 1 && parts[0] >= 0x20 && parts[0] < 0x7f)
		return (uint32_t)parts[0];
	return '?';
}

uint32_t
ansi_glyph_ascii(uint32_t cp)
{
	if (cp < 0x7f)
		return cp;
	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++)
		if (cp >= stand_ins[i].range.first && cp <= stand_ins[i].range.last)
			return (uint32_t)stand_ins[i].stand_in;
	return base_letter(cp);
}
