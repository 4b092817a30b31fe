// SPDX-License-Identifier: ISC
#include "tests/lib/grammar.h"

#include <string.h>
#include <utf8proc.h>

#define MARKS_MAX 5
#define DIGITS_MAX 4
#define LEFT_OUT UINT32_MAX

enum { GROUND, ESCAPE, CSI, UTF8 };

void
grammar_init(struct grammar *grammar, bool allow_query)
{
	*grammar = (struct grammar){.allow_query = allow_query};
}

static bool
bad(struct grammar *grammar, const char *why)
{
	grammar->why = why;
	return false;
}

static void
moved(struct grammar *grammar, bool absolute)
{
	grammar->glyph = grammar->run = grammar->first_col = false;
	if (absolute)
		grammar->lost = false;
}

// ---- sequences ----------------------------------------------------------------------------------

static uint32_t
param(const struct grammar *grammar, size_t index, uint32_t missing)
{
	if (index >= grammar->params_len || grammar->params[index] == LEFT_OUT)
		return missing;
	return grammar->params[index];
}

static bool
one_count(struct grammar *grammar)
{
	if (grammar->params_len > 1 || param(grammar, 0, 1) == 0)
		return bad(grammar, "a count is missing, zero, or not alone");
	return true;
}

static bool
on_vertical(struct grammar *grammar)
{
	bool first_col = grammar->first_col;

	if (!one_count(grammar))
		return false;
	moved(grammar, false);
	grammar->first_col = first_col;
	return true;
}

// What works from the column on that the cursor is in.
static bool
on_relative(struct grammar *grammar)
{
	if (grammar->lost)
		return bad(grammar, "relative to a column that non-ASCII made uncertain");
	return one_count(grammar);
}

static bool
on_horizontal(struct grammar *grammar)
{
	if (!on_relative(grammar))
		return false;
	moved(grammar, false);
	return true;
}

static bool
on_position(struct grammar *grammar)
{
	if (grammar->params_len > 2 || param(grammar, 0, 1) == 0 || param(grammar, 1, 1) == 0)
		return bad(grammar, "CUP takes a row and a column");
	moved(grammar, true);
	grammar->first_col = param(grammar, 1, 1) == 1;
	return true;
}

static bool
on_erase_display(struct grammar *grammar)
{
	uint32_t what = param(grammar, 0, 0);

	if (grammar->params_len > 1 || (what != 0 && what != 2))
		return bad(grammar, "ED erases below or all");
	if (what == 0 && grammar->lost)
		return bad(grammar, "ED from an uncertain column");
	grammar->glyph = false;
	return true;
}

static bool
on_erase_line(struct grammar *grammar)
{
	if (grammar->params_len > 0)
		return bad(grammar, "EL erases to the right");
	if (grammar->lost)
		return bad(grammar, "EL from an uncertain column");
	grammar->glyph = false;
	return true;
}

static bool
on_erase_chars(struct grammar *grammar)
{
	grammar->glyph = false;
	return on_relative(grammar);
}

static bool
on_repeat(struct grammar *grammar)
{
	if (!grammar->glyph || grammar->marks > 0)
		return bad(grammar, "REP without a glyph before it");
	grammar->glyph = grammar->first_col = false;
	return one_count(grammar);
}

static bool
on_margins(struct grammar *grammar)
{
	bool full = grammar->params_len == 0;

	if (!full && (grammar->params_len != 2 || param(grammar, 0, 0) == 0 ||
			 param(grammar, 0, 0) >= param(grammar, 1, 0)))
		return bad(grammar, "DECSTBM takes nothing, or a top above a bottom");
	moved(grammar, true);
	grammar->first_col = true;
	return true;
}

static bool
on_mode(struct grammar *grammar)
{
	uint32_t mode = param(grammar, 0, 0);

	if (!grammar->private_mode || grammar->params_len != 1)
		return bad(grammar, "one private mode at a time");
	if (mode != 7 && mode != 25 && mode != 1049 && mode != 2026)
		return bad(grammar, "a mode that is not ours");
	grammar->glyph = false;
	if (mode == 1049)
		moved(grammar, false);
	return true;
}

static bool
on_cursor_style(struct grammar *grammar)
{
	if (!grammar->space || grammar->params_len != 1 || param(grammar, 0, 9) > 6)
		return bad(grammar, "DECSCUSR takes 0 to 6");
	return true;
}

static bool
on_query(struct grammar *grammar)
{
	if (!grammar->allow_query || grammar->params_len != 1 || param(grammar, 0, 0) != 5)
		return bad(grammar, "a query");
	grammar->glyph = false;
	return true;
}

// How many parameters an extended colour takes from `at` on; 0: malformed. 38 and 48 with
// semicolons, 58 with colons.
static size_t
extended_colour(const struct grammar *grammar, size_t at)
{
	bool colons = grammar->params[at] == 58;
	uint32_t kind = param(grammar, at + 1, 0);
	size_t count = kind == 5 ? 3 : kind == 2 ? (colons ? 6 : 5) : 0;

	if (count == 0 || at + count > grammar->params_len)
		return 0;
	for (size_t i = at + 1; i < at + count; i++) {
		bool space_id = colons && kind == 2 && i == at + 2; // colour space, left out

		if (grammar->sub[i] != colons || (grammar->params[i] == LEFT_OUT) != space_id ||
		    (!space_id && grammar->params[i] > 255))
			return 0;
	}
	return count;
}

static bool
simple_attribute(uint32_t n)
{
	return (n >= 1 && n <= 5) || (n >= 7 && n <= 9) || (n >= 22 && n <= 25) ||
	       (n >= 27 && n <= 37) || (n >= 39 && n <= 47) || n == 49 || n == 53 || n == 55 ||
	       n == 59 || (n >= 90 && n <= 97) || (n >= 100 && n <= 107);
}

static bool
on_sgr(struct grammar *grammar)
{
	size_t at = 0;

	while (at < grammar->params_len) {
		uint32_t n = grammar->params[at];
		size_t count = 1;

		if (n == LEFT_OUT && at == 0) {
			// a reset
		} else if (n == 38 || n == 48 || n == 58) {
			count = extended_colour(grammar, at);
		} else if (n == 4 && at + 1 < grammar->params_len && grammar->sub[at + 1]) {
			count = param(grammar, at + 1, 0) >= 2 && param(grammar, at + 1, 9) <= 5
				    ? 2
				    : 0;
		} else if (!simple_attribute(n)) {
			count = 0;
		}
		if (count == 0 || grammar->sub[at])
			return bad(grammar, "an SGR that is not ours");
		at += count;
	}
	grammar->glyph = false; // but a run of non-ASCII may go on
	return true;
}

static const struct {
	char final;
	bool private_mode, space;
	bool (*run)(struct grammar *grammar);
} sequences[] = {
    {'A', false, false, on_vertical},
    {'B', false, false, on_vertical},
    {'C', false, false, on_horizontal},
    {'D', false, false, on_horizontal},
    {'H', false, false, on_position},
    {'J', false, false, on_erase_display},
    {'K', false, false, on_erase_line},
    {'X', false, false, on_erase_chars},
    {'b', false, false, on_repeat},
    {'h', true, false, on_mode},
    {'l', true, false, on_mode},
    {'m', false, false, on_sgr},
    {'n', false, false, on_query},
    {'q', false, true, on_cursor_style},
    {'r', false, false, on_margins},
};

static bool
on_final(struct grammar *grammar, uint8_t byte)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		if (sequences[i].final != byte)
			continue;
		if (sequences[i].private_mode != grammar->private_mode ||
		    sequences[i].space != grammar->space)
			break;
		grammar->state = GROUND;
		for (size_t p = 0; p < grammar->params_len && byte != 'm'; p++)
			if (grammar->sub[p])
				return bad(grammar, "a colon outside of SGR");
		return sequences[i].run(grammar);
	}
	return bad(grammar, "a control sequence that is not ours");
}

static bool
next_param(struct grammar *grammar, bool sub)
{
	if (grammar->params_len == 0)
		grammar->params[grammar->params_len++] = LEFT_OUT;
	if (grammar->params_len == GRAMMAR_PARAMS_MAX)
		return bad(grammar, "more parameters than a terminal need have room for");
	grammar->sub[grammar->params_len] = sub;
	grammar->params[grammar->params_len++] = LEFT_OUT;
	grammar->digits = 0;
	return true;
}

static bool
on_digit(struct grammar *grammar, uint32_t digit)
{
	uint32_t *value;

	if (grammar->params_len == 0)
		grammar->params[grammar->params_len++] = LEFT_OUT;
	value = &grammar->params[grammar->params_len - 1];
	if (++grammar->digits > DIGITS_MAX)
		return bad(grammar, "a number too long");
	*value = (*value == LEFT_OUT ? 0 : *value * 10) + digit;
	return true;
}

static bool
on_csi(struct grammar *grammar, uint8_t byte)
{
	if (grammar->space && byte != 'q')
		return bad(grammar, "an intermediate that is not ours");
	if (byte >= '0' && byte <= '9')
		return on_digit(grammar, byte - '0');
	if (byte == ';' || byte == ':')
		return next_param(grammar, byte == ':');
	if (byte == '?' && grammar->params_len == 0 && !grammar->private_mode) {
		grammar->private_mode = true;
		return true;
	}
	if (byte == ' ') {
		grammar->space = true;
		return true;
	}
	return on_final(grammar, byte);
}

static bool
on_escape(struct grammar *grammar, uint8_t byte)
{
	grammar->state = GROUND;
	if (byte == 'M') {
		grammar->glyph = grammar->run = false;
		return true;
	}
	if (byte != '[')
		return bad(grammar, "an escape sequence that is not ours");
	grammar->state = CSI;
	grammar->private_mode = grammar->space = false;
	grammar->params_len = grammar->digits = 0;
	memset(grammar->sub, 0, sizeof(grammar->sub));
	return true;
}

// ---- text ---------------------------------------------------------------------------------------

static bool
on_mark(struct grammar *grammar)
{
	if (!grammar->glyph)
		return bad(grammar, "a combining mark without a glyph before it");
	if (++grammar->marks > MARKS_MAX)
		return bad(grammar, "too many combining marks");
	grammar->lost = grammar->run = true;
	return true;
}

static bool
on_glyph(struct grammar *grammar, bool ascii)
{
	if (grammar->lost && (ascii || !grammar->run))
		return bad(grammar, "printed where non-ASCII made the column uncertain");
	grammar->glyph = true;
	grammar->first_col = false;
	grammar->marks = 0;
	if (!ascii)
		grammar->lost = grammar->run = true;
	return true;
}

static bool
on_character(struct grammar *grammar, uint32_t cp)
{
	const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)cp);
	const char *category = utf8proc_category_string((utf8proc_int32_t)cp);

	if ((cp >= 0x1161 && cp <= 0x11ff) || (cp >= 0xd7b0 && cp <= 0xd7fb))
		return on_mark(grammar); // Hangul vowels and finals have no width of their own
	if (property->ignorable)
		return bad(grammar, "a character that is not seen");
	switch (category[0]) {
	case 'L':
	case 'N':
	case 'P':
	case 'S': return on_glyph(grammar, false);
	case 'M':
		if (category[1] == 'c' && !grammar->glyph)
			return on_glyph(grammar, false); // spacing marks may stand alone
		return on_mark(grammar);
	case 'Z':
		if (category[1] == 's')
			return on_glyph(grammar, false);
		break;
	case 'C':
		if (category[1] == 'o')
			return on_glyph(grammar, false);
		break;
	}
	return bad(grammar, "a character that is a control, or not assigned");
}

static bool
on_utf8(struct grammar *grammar, uint8_t byte)
{
	if ((byte & 0xc0) != 0x80)
		return bad(grammar, "malformed UTF-8");
	grammar->cp = grammar->cp << 6 | (byte & 0x3f);
	if (--grammar->cp_left > 0)
		return true;
	grammar->state = GROUND;
	if (grammar->cp < grammar->cp_min || grammar->cp > 0x10ffff ||
	    (grammar->cp >= 0xd800 && grammar->cp < 0xe000))
		return bad(grammar, "malformed UTF-8");
	return on_character(grammar, grammar->cp);
}

static bool
on_lead(struct grammar *grammar, uint8_t byte)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t min;
	} leads[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (int i = 0; i < 3; i++) {
		if ((byte & leads[i].mask) != leads[i].lead)
			continue;
		grammar->state = UTF8;
		grammar->cp = byte & (uint8_t)~leads[i].mask;
		grammar->cp_min = leads[i].min;
		grammar->cp_left = i + 1;
		return true;
	}
	return bad(grammar, "malformed UTF-8");
}

static bool
on_control(struct grammar *grammar, uint8_t byte)
{
	switch (byte) {
	case '\r':
		moved(grammar, true);
		grammar->first_col = true;
		return true;
	case '\n': // a tty may make it CR LF, so it must not matter
		grammar->glyph = false;
		return grammar->first_col || bad(grammar, "LF outside of the first column");
	case '\b':
		if (grammar->lost)
			return bad(grammar, "BS from an uncertain column");
		moved(grammar, false);
		return true;
	case 0x1b: grammar->state = ESCAPE; return true;
	}
	return bad(grammar, "a control that is not ours");
}

static bool
on_byte(struct grammar *grammar, uint8_t byte)
{
	switch (grammar->state) {
	case ESCAPE: return on_escape(grammar, byte);
	case CSI: return on_csi(grammar, byte);
	case UTF8: return on_utf8(grammar, byte);
	}
	if (byte < 0x20 || byte == 0x7f)
		return on_control(grammar, byte);
	return byte < 0x7f ? on_glyph(grammar, true) : on_lead(grammar, byte);
}

bool
grammar_feed(struct grammar *grammar, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len && grammar->why == NULL; i++)
		if (on_byte(grammar, bytes[i]))
			grammar->offset++;
	return grammar->why == NULL;
}

bool
grammar_end(struct grammar *grammar)
{
	if (grammar->why == NULL && grammar->state != GROUND)
		return bad(grammar, "ends within a sequence or character");
	return grammar->why == NULL;
}
