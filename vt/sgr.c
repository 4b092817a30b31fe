// SPDX-License-Identifier: ISC
// SGR: ECMA-48 8.3.117, colours after ITU-T T.416 13.1.8 and as xterm takes them with semicolons.
#include "vt/model_impl.h"

enum sgr_kind { SGR_ON, SGR_OFF, SGR_FG, SGR_BG, SGR_DOUBLE };

struct sgr_rule {
	uint8_t from, to; // parameters, inclusive
	uint8_t kind;
	uint16_t value; // attributes, or the first colour's index
};

static const struct sgr_rule sgr_rules[] = {
    {1, 1, SGR_ON, ATTR_BOLD},
    {2, 2, SGR_ON, ATTR_FAINT},
    {3, 3, SGR_ON, ATTR_ITALIC},
    {5, 6, SGR_ON, ATTR_BLINK},
    {7, 7, SGR_ON, ATTR_REVERSE},
    {8, 8, SGR_ON, ATTR_CONCEAL},
    {9, 9, SGR_ON, ATTR_STRIKE},
    {21, 21, SGR_DOUBLE, 0},
    {22, 22, SGR_OFF, ATTR_BOLD | ATTR_FAINT},
    {23, 23, SGR_OFF, ATTR_ITALIC},
    {24, 24, SGR_OFF, ATTR_UNDERLINE_MASK},
    {25, 25, SGR_OFF, ATTR_BLINK},
    {27, 27, SGR_OFF, ATTR_REVERSE},
    {28, 28, SGR_OFF, ATTR_CONCEAL},
    {29, 29, SGR_OFF, ATTR_STRIKE},
    {30, 37, SGR_FG, 0},
    {40, 47, SGR_BG, 0},
    {53, 53, SGR_ON, ATTR_OVERLINE},
    {55, 55, SGR_OFF, ATTR_OVERLINE},
    {90, 97, SGR_FG, 8},
    {100, 107, SGR_BG, 8},
};

static void
set_underline(struct style *pen, uint32_t kind)
{
	pen->attrs &= (uint16_t)~ATTR_UNDERLINE_MASK;
	pen->attrs |=
	    (uint16_t)((kind < UNDERLINE_COUNT ? kind : UNDERLINE_SINGLE) << ATTR_UNDERLINE_SHIFT);
}

static void
apply_rule(struct style *pen, const struct sgr_rule *rule, uint32_t value)
{
	switch ((enum sgr_kind)rule->kind) {
	case SGR_ON: pen->attrs |= rule->value; break;
	case SGR_OFF: pen->attrs &= (uint16_t)~rule->value; break;
	case SGR_FG: pen->fg = COLOUR_INDEXED(value - rule->from + rule->value); break;
	case SGR_BG: pen->bg = COLOUR_INDEXED(value - rule->from + rule->value); break;
	case SGR_DOUBLE: set_underline(pen, UNDERLINE_DOUBLE); break;
	}
}

// Parameters that belong to the one at `index`: those after it with a colon.
static size_t
sub_count(const struct sequence *seq, size_t index)
{
	size_t count = 0;

	while (index + 1 + count < seq->count && (seq->sub >> (index + 1 + count) & 1))
		count++;
	return count;
}

static bool
byte_params(const struct sequence *seq, size_t index, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (index + i >= seq->count || seq->param[index + i] > 255)
			return false;
	return true;
}

static uint32_t
rgb_at(const struct sequence *seq, size_t index)
{
	return COLOUR_RGB((uint32_t)seq->param[index] << 16 | (uint32_t)seq->param[index + 1] << 8 |
			  seq->param[index + 2]);
}

// 38, 48, 58: a colour in the parameters that follow. Returns how many of them it took.
static size_t
extended_colour(const struct sequence *seq, size_t index, uint32_t *colour)
{
	size_t subs = sub_count(seq, index);
	uint32_t model_kind = sequence_or(seq, index + 1, 0);

	if (subs > 0) {
		// 38:2:R:G:B as some write it, 38:2:SPACE:R:G:B as the standard has it
		size_t first = index + (subs >= 5 ? 3 : 2);

		if (model_kind == 2 && subs >= 4 && byte_params(seq, first, 3))
			*colour = rgb_at(seq, first);
		else if (model_kind == 5 && subs >= 2 && byte_params(seq, index + 2, 1))
			*colour = COLOUR_INDEXED(seq->param[index + 2]);
		return subs;
	}
	if (model_kind == 2) {
		if (byte_params(seq, index + 2, 3))
			*colour = rgb_at(seq, index + 2);
		return 4;
	}
	if (model_kind == 5) {
		if (byte_params(seq, index + 2, 1))
			*colour = COLOUR_INDEXED(seq->param[index + 2]);
		return 2;
	}
	return 1;
}

static void
apply_plain(struct style *pen, uint32_t value)
{
	for (size_t i = 0; i < sizeof(sgr_rules) / sizeof(sgr_rules[0]); i++) {
		if (value >= sgr_rules[i].from && value <= sgr_rules[i].to) {
			apply_rule(pen, &sgr_rules[i], value);
			return;
		}
	}
}

static size_t
apply_one(struct style *pen, const struct sequence *seq, size_t index)
{
	uint32_t value = sequence_or(seq, index, 0);

	switch (value) {
	case 0: *pen = (struct style){.attrs = pen->attrs & ATTR_PROTECTED}; break;
	case 4:
		set_underline(
		    pen, sub_count(seq, index) > 0 ? seq->param[index + 1] : UNDERLINE_SINGLE);
		break;
	case 38: return extended_colour(seq, index, &pen->fg);
	case 48: return extended_colour(seq, index, &pen->bg);
	case 58: return extended_colour(seq, index, &pen->ul);
	case 39: pen->fg = COLOUR_DEFAULT; break;
	case 49: pen->bg = COLOUR_DEFAULT; break;
	case 59: pen->ul = COLOUR_DEFAULT; break;
	default: apply_plain(pen, value); break;
	}
	return sub_count(seq, index);
}

void
sgr_apply(struct style *pen, const struct sequence *seq)
{
	if (seq->count == 0)
		*pen = (struct style){.attrs = pen->attrs & ATTR_PROTECTED};
	for (size_t i = 0; i < seq->count; i++)
		i += apply_one(pen, seq, i);
}
