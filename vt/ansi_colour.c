// SPDX-License-Identifier: ISC
#include "vt/ansi_colour.h"

#define WHITE 7u

static const uint32_t xterm16[16] = {
    0x000000,
    0xcd0000,
    0x00cd00,
    0xcdcd00,
    0x0000ee,
    0xcd00cd,
    0x00cdcd,
    0xe5e5e5,
    0x7f7f7f,
    0xff0000,
    0x00ff00,
    0xffff00,
    0x5c5cff,
    0xff00ff,
    0x00ffff,
    0xffffff,
};
static const uint8_t cube[6] = {0, 95, 135, 175, 215, 255};

uint32_t
ansi_colour_rgb(uint8_t index)
{
	uint32_t n = index;

	if (n < 16)
		return xterm16[n];
	if (n >= 232)
		return (8 + 10 * (n - 232)) * 0x010101;
	n -= 16;
	return (uint32_t)cube[n / 36] << 16 | (uint32_t)cube[n / 6 % 6] << 8 | cube[n % 6];
}

// Weighted by how the eye takes them: "redmean", a cheap stand-in for CIELUV.
static uint32_t
distance(uint32_t a, uint32_t b)
{
	int32_t a_red = a >> 16 & 255, b_red = b >> 16 & 255;
	int32_t red = a_red - b_red;
	int32_t green = (int32_t)(a >> 8 & 255) - (int32_t)(b >> 8 & 255);
	int32_t blue = (int32_t)(a & 255) - (int32_t)(b & 255);
	int32_t mean = (a_red + b_red) / 2;

	return (uint32_t)(((512 + mean) * red * red) >> 8) + (uint32_t)(4 * green * green) +
	       (uint32_t)(((767 - mean) * blue * blue) >> 8);
}

static uint32_t
nearest_step(uint32_t value)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < 6; i++)
		if (2 * value >= (uint32_t)(cube[i - 1] + cube[i]))
			best = i;
	return best;
}

// The nearest in the 6x6x6 cube and in the 24 greys, whichever is nearer. The first 16 are left
// out: what they look like is the guest's choice.
static uint32_t
nearest_256(uint32_t rgb)
{
	uint32_t red = rgb >> 16 & 255, green = rgb >> 8 & 255, blue = rgb & 255;
	uint32_t in_cube =
	    16 + 36 * nearest_step(red) + 6 * nearest_step(green) + nearest_step(blue);
	uint32_t mean = (red * 3 + green * 6 + blue) / 10;
	uint32_t step = mean < 8 ? 0 : (mean - 3) / 10;
	uint32_t grey = 232 + (step > 23 ? 23 : step);

	return distance(rgb, ansi_colour_rgb((uint8_t)grey)) <
		       distance(rgb, ansi_colour_rgb((uint8_t)in_cube))
		   ? grey
		   : in_cube;
}

static uint32_t
nearest_16(uint32_t rgb)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < 16; i++)
		if (distance(rgb, xterm16[i]) < distance(rgb, xterm16[best]))
			best = i;
	return best;
}

// In a palette of 16 at least.
static uint32_t
fit(uint32_t colours, uint32_t colour)
{
	uint32_t value = colour & 0xffffff;

	if (colour_kind(colour) == COLOUR_KIND_DEFAULT)
		return colour;
	if (colour_kind(colour) == COLOUR_KIND_INDEXED) {
		if (value < 16 || colours >= 256)
			return colour;
		value = ansi_colour_rgb((uint8_t)value);
	}
	if (colours >= 1 << 24)
		return colour;
	return COLOUR_INDEXED(colours >= 256 ? nearest_256(value) : nearest_16(value));
}

static bool
is_dark(uint32_t colour)
{
	uint32_t rgb = ansi_colour_rgb((uint8_t)colour);

	return (rgb >> 16 & 255) * 3 + (rgb >> 8 & 255) * 6 + (rgb & 255) < 1280;
}

void
ansi_colour_fit(uint32_t colours, struct style *style)
{
	struct style old = *style;

	if (colours >= 1 << 24)
		return;
	if (colours < 8) {
		style->fg = style->bg = style->ul = COLOUR_DEFAULT;
		return;
	}
	style->fg = fit(colours, old.fg);
	style->bg = fit(colours, old.bg);
	style->ul = fit(colours, old.ul);
	if (colours < 16) {
		if (colour_kind(style->fg) == COLOUR_KIND_INDEXED && (style->fg & 8) != 0) {
			style->fg &= ~8u;
			style->attrs |= ATTR_BOLD; // bright, where there are 8
		}
		style->bg &= ~8u;
		style->ul &= ~8u;
	}
	if (style->fg == style->bg && style->fg != COLOUR_DEFAULT && old.fg != old.bg)
		style->fg = COLOUR_INDEXED(is_dark(style->bg) ? WHITE : 0);
}
