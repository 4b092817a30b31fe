// SPDX-License-Identifier: ISC
#include "vt/ansi_sgr.h"

#include <assert.h>
#include <string.h>

// A parser may have room for no more than 16 parameters (libvterm; xterm has 30).
#define PARAMS_MAX 15

struct sgr {
	char text[160];
	size_t len;
	size_t params; // in the sequence that is open
	bool open;
};

static void
sgr_char(struct sgr *sgr, char c)
{
	assert(sgr->len < sizeof(sgr->text));
	sgr->text[sgr->len++] = c;
}

static void
sgr_close(struct sgr *sgr)
{
	if (sgr->open)
		sgr_char(sgr, 'm');
	sgr->open = false;
}

// Room for `count` parameters that belong together.
static void
sgr_begin(struct sgr *sgr, size_t count)
{
	if (sgr->open && sgr->params + count > PARAMS_MAX)
		sgr_close(sgr);
	if (sgr->open) {
		sgr_char(sgr, ';');
	} else {
		sgr_char(sgr, '\x1b');
		sgr_char(sgr, '[');
		sgr->open = true;
		sgr->params = 0;
	}
	sgr->params += count;
}

static void
sgr_number(struct sgr *sgr, uint32_t n)
{
	if (n >= 100)
		sgr_char(sgr, (char)('0' + n / 100 % 10));
	if (n >= 10)
		sgr_char(sgr, (char)('0' + n / 10 % 10));
	sgr_char(sgr, (char)('0' + n % 10));
}

static void
sgr_put(struct sgr *sgr, uint32_t n)
{
	sgr_begin(sgr, 1);
	sgr_number(sgr, n);
}

// A reset as an empty first parameter, which is 0 by default.
static void
sgr_put_reset(struct sgr *sgr)
{
	sgr_begin(sgr, 1);
}

static void
sgr_put_rgb(struct sgr *sgr, uint32_t base, uint32_t rgb)
{
	sgr_begin(sgr, 5);
	sgr_number(sgr, base + 8);
	sgr_char(sgr, ';');
	sgr_char(sgr, '2');
	for (int shift = 16; shift >= 0; shift -= 8) {
		sgr_char(sgr, ';');
		sgr_number(sgr, rgb >> shift & 255);
	}
}

// `base` is 30 or 40.
static void
sgr_put_colour(struct sgr *sgr, uint32_t base, uint32_t colour)
{
	uint32_t value = colour & 0xffffff;

	if (colour_kind(colour) == COLOUR_KIND_DEFAULT) {
		sgr_put(sgr, base + 9);
	} else if (colour_kind(colour) == COLOUR_KIND_RGB) {
		sgr_put_rgb(sgr, base, value);
	} else if (value < 8) {
		sgr_put(sgr, base + value);
	} else if (value < 16) {
		sgr_put(sgr, base + 60 + value - 8);
	} else {
		sgr_begin(sgr, 3);
		sgr_number(sgr, base + 8);
		sgr_char(sgr, ';');
		sgr_char(sgr, '5');
		sgr_char(sgr, ';');
		sgr_number(sgr, value);
	}
}

// With colons: a terminal that does not know SGR 58 skips it as a whole.
static void
sgr_put_underline_colour(struct sgr *sgr, uint32_t colour)
{
	uint32_t value = colour & 0xffffff;

	if (colour_kind(colour) == COLOUR_KIND_DEFAULT) {
		sgr_put(sgr, 59);
		return;
	}
	sgr_begin(sgr, 6);
	sgr_number(sgr, 58);
	if (colour_kind(colour) == COLOUR_KIND_INDEXED) {
		sgr_char(sgr, ':');
		sgr_char(sgr, '5');
		sgr_char(sgr, ':');
		sgr_number(sgr, value);
		return;
	}
	sgr_char(sgr, ':');
	sgr_char(sgr, '2');
	sgr_char(sgr, ':');
	for (int shift = 16; shift >= 0; shift -= 8) {
		sgr_char(sgr, ':');
		sgr_number(sgr, value >> shift & 255);
	}
}

static uint32_t
underline(uint16_t attrs)
{
	return (uint32_t)(attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT;
}

static void
sgr_put_underline(struct sgr *sgr, uint32_t kind)
{
	if (kind == UNDERLINE_NONE) {
		sgr_put(sgr, 24);
	} else if (kind == UNDERLINE_SINGLE) {
		sgr_put(sgr, 4);
	} else {
		sgr_begin(sgr, 2);
		sgr_number(sgr, 4);
		sgr_char(sgr, ':');
		sgr_number(sgr, kind);
	}
}

// Attributes that one parameter sets and one clears.
static const struct {
	uint16_t attr;
	uint8_t set, clear;
} simple[] = {
    {ATTR_ITALIC, 3, 23},
    {ATTR_BLINK, 5, 25},
    {ATTR_REVERSE, 7, 27},
    {ATTR_CONCEAL, 8, 28},
    {ATTR_STRIKE, 9, 29},
    {ATTR_OVERLINE, 53, 55},
};

static void
sgr_put_changes(struct sgr *sgr, const struct style *from, const struct style *to)
{
	uint16_t weight = ATTR_BOLD | ATTR_FAINT, on = to->attrs & weight;

	if ((from->attrs & weight & ~to->attrs) != 0)
		sgr_put(sgr, 22); // clears both
	else
		on &= (uint16_t)~from->attrs;
	if ((on & ATTR_BOLD) != 0)
		sgr_put(sgr, 1);
	if ((on & ATTR_FAINT) != 0)
		sgr_put(sgr, 2);
	if (underline(from->attrs) != underline(to->attrs))
		sgr_put_underline(sgr, underline(to->attrs));
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		if (((from->attrs ^ to->attrs) & simple[i].attr) == 0)
			continue;
		sgr_put(sgr, (to->attrs & simple[i].attr) != 0 ? simple[i].set : simple[i].clear);
	}
	if (from->fg != to->fg)
		sgr_put_colour(sgr, 30, to->fg);
	if (from->bg != to->bg)
		sgr_put_colour(sgr, 40, to->bg);
	if (from->ul != to->ul)
		sgr_put_underline_colour(sgr, to->ul);
	sgr_close(sgr);
}

// A terminal without colours is of the VT100's time: it knows no way to clear one attribute.
static bool
must_reset(const struct ansi_caps *caps, const struct style *from, const struct style *to)
{
	if (from == NULL)
		return true;
	return caps->colours < 8 && (from->attrs & ~to->attrs) != 0;
}

void
ansi_sgr(
    const struct ansi_caps *caps, const struct style *from, const struct style *to, struct buf *out)
{
	struct style none = {0};
	struct sgr change = {0}, reset = {0};

	if (!caps->attrs || (from != NULL && style_equal(from, to)))
		return;
	sgr_put_reset(&reset);
	sgr_put_changes(&reset, &none, to);
	if (!must_reset(caps, from, to)) {
		sgr_put_changes(&change, from, to);
		if (change.len < reset.len) {
			buf_put(out, change.text, change.len);
			return;
		}
	}
	buf_put(out, reset.text, reset.len);
}
