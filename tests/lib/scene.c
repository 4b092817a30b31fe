// SPDX-License-Identifier: ISC
#include "tests/lib/scene.h"

#include <stdlib.h>
#include <string.h>

#define EDITS_MAX 12

struct scene {
	struct screen *screen; // being made; its rows may be shared until they are edited
	struct reader *in;
};

static uint32_t
pick(struct scene *scene, uint32_t count)
{
	uint32_t value = reader_u8(scene->in);

	if (count > 256)
		value = value << 8 | reader_u8(scene->in);
	return value % count;
}

// Glyphs by kind: text is likelier than the rest.
static const struct {
	uint32_t first, count;
	uint8_t width;
} glyphs[] = {
    {'a', 26, 1}, {'0', 10, 1}, {' ', 1, 1}, {'#', 1, 1}, {'A', 26, 1}, {0xe0, 30, 1}, // Latin
    {0x2500, 128, 1},  // line drawing
    {0x4e00, 64, 2},   // CJK
    {0x1f600, 64, 2},  // emoji
    {0x1f900, 256, 2}, // newer emoji, narrow in old tables
    {0xe0a0, 48, 1},   // private use
    {0x4dc0, 64, 1},   // hexagrams: wide in old tables
    {0x80, 32, 1},     // C1
    {0x200b, 5, 1},    // joiners and bidi marks
    {0x202a, 5, 1},    // bidi
    {0xe0020, 95, 1},  // tags
    {0x1f1e6, 26, 2},  // flags
    {0xd7ff, 2050, 1}, // surrogates
    {0xfdd0, 32, 2},   // noncharacters
    {0x300, 112, 1},   // marks without a base
    {0x900, 128, 1},   // Devanagari
    {0x115f, 4, 1},    // Hangul fillers
    {0x10fffe, 4, 1},  // past the end
};
#define GLYPHS (sizeof(glyphs) / sizeof(glyphs[0]))
#define GLYPHS_PLAIN 9

static const uint32_t marks[] = {
    0x301, 0x308, 0x20dd, 0x200d, 0xfe0f, 0x202e, 0x5b4, 0x1161, 0xe0101, 0x5555, 0x85, 0x93e};

static uint32_t
pick_colour(struct scene *scene)
{
	switch (pick(scene, 6)) {
	case 0: return COLOUR_INDEXED(pick(scene, 256));
	case 1: return COLOUR_RGB(pick(scene, 256) * 0x010203u & 0xffffff);
	case 2:
	case 3: return COLOUR_INDEXED(pick(scene, 16));
	default: return COLOUR_DEFAULT;
	}
}

static struct style
pick_style(struct scene *scene)
{
	struct style style = {0};

	if (pick(scene, 3) == 0)
		return style;
	style.fg = pick_colour(scene);
	style.bg = pick_colour(scene);
	switch (pick(scene, 4)) {
	case 0: style.attrs = (uint16_t)(1u << pick(scene, 8)); break;
	case 1:
		style.attrs = (uint16_t)(pick(scene, 256) | pick(scene, UNDERLINE_COUNT)
								<< ATTR_UNDERLINE_SHIFT);
		style.ul = pick_colour(scene);
		break;
	default: break;
	}
	return style;
}

static size_t
pick_row(struct scene *scene)
{
	return pick(scene, scene->screen->rows);
}

static struct row *
own(struct scene *scene, size_t index)
{
	scene->screen->row[index] = row_own(scene->screen->row[index]);
	return scene->screen->row[index];
}

static void
put_glyph(struct scene *scene, struct row *row, size_t col, const struct style *style)
{
	size_t kind = pick(scene, pick(scene, 4) == 0 ? GLYPHS : GLYPHS_PLAIN);
	uint8_t width = glyphs[kind].width;

	if (col + width > row->cols)
		return;
	row_put(row, col, glyphs[kind].first + pick(scene, glyphs[kind].count), width, style);
	if (pick(scene, 16) != 0)
		return;
	for (uint32_t left = 1 + pick(scene, 3); left > 0; left--)
		row_add_mark(row, col, marks[pick(scene, sizeof(marks) / sizeof(marks[0]))]);
}

static void
edit_text(struct scene *scene)
{
	struct row *row = own(scene, pick_row(scene));
	size_t col = pick(scene, row->cols), len = 1 + pick(scene, 20);
	struct style style = pick_style(scene);

	for (; len > 0 && col < row->cols; len--, col++)
		put_glyph(scene, row, col, &style);
}

static void
edit_repeat(struct scene *scene)
{
	struct row *row = own(scene, pick_row(scene));
	size_t col = pick(scene, row->cols), len = 1 + pick(scene, row->cols);
	struct style style = pick_style(scene);
	uint32_t cp = (uint8_t) "=- x"[pick(scene, 4)];

	for (; len > 0 && col < row->cols; len--, col++)
		row_put(row, col, cp, 1, &style);
}

static void
edit_erase(struct scene *scene)
{
	struct row *row = own(scene, pick_row(scene));
	size_t from = pick(scene, row->cols), to = from + 1 + pick(scene, row->cols);

	row_blank(row, from, to < row->cols ? to : row->cols,
	    pick(scene, 2) == 0 ? COLOUR_DEFAULT : pick_colour(scene));
}

static void
edit_clear(struct scene *scene)
{
	struct screen *screen = scene->screen;

	for (size_t i = pick(scene, screen->rows); i < screen->rows; i++)
		row_blank(own(scene, i), 0, screen->cols, COLOUR_DEFAULT);
}

static void
edit_scroll(struct scene *scene)
{
	struct screen *screen = scene->screen;
	size_t top = pick_row(scene), bottom = pick_row(scene), count;
	bool up = pick(scene, 2) == 0;

	if (pick(scene, 3) == 0)
		bottom = screen->rows - 1u;
	if (top > bottom) {
		size_t swap = top;

		top = bottom;
		bottom = swap;
	}
	count = 1 + pick(scene, 4);
	for (size_t i = 0; i < count; i++) {
		struct row **rows = screen->row, *blank = row_new(screen->cols, COLOUR_DEFAULT);
		size_t out = up ? top : bottom, in = up ? bottom : top;

		row_unref(rows[out]);
		if (up)
			memmove(&rows[top], &rows[top + 1], (bottom - top) * sizeof(rows[0]));
		else
			memmove(&rows[top + 1], &rows[top], (bottom - top) * sizeof(rows[0]));
		rows[in] = blank;
	}
}

static void
edit_cursor(struct scene *scene)
{
	struct cursor *cursor = &scene->screen->cursor;

	cursor->row = (uint16_t)pick_row(scene);
	cursor->col = (uint16_t)pick(scene, scene->screen->cols);
	cursor->visible = pick(scene, 4) != 0;
	cursor->shape = (uint8_t)pick(scene, CURSOR_SHAPE_COUNT);
	cursor->blink = pick(scene, 2) == 0;
	if (pick(scene, 8) == 0)
		scene->screen->reverse = !scene->screen->reverse;
}

static void
edit_href(struct scene *scene)
{
	static const char *const uris[] = {
	    "https://example.org/", "http://a/b?c=d&e", "https://example.org/2"};
	struct row *row = own(scene, pick_row(scene));
	size_t from = pick(scene, row->cols), to = from + 1 + pick(scene, row->cols);
	const char *uri = uris[pick(scene, sizeof(uris) / sizeof(uris[0]))];
	struct href *href = href_new(uri, strlen(uri));

	row_set_href(row, from, to < row->cols ? to : row->cols, pick(scene, 4) ? href : NULL);
	href_unref(href);
}

// Text in every row, so that there is something to scroll.
static void
edit_fill(struct scene *scene)
{
	struct screen *screen = scene->screen;
	uint32_t from = pick(scene, 256);

	for (size_t i = 0; i < screen->rows; i++) {
		struct row *row = own(scene, i);
		struct style style = {.fg = COLOUR_INDEXED((from + i) % 8)};

		for (size_t col = 0; col < row->cols && col < 12; col++)
			row_put(row, col, 'a' + (uint32_t)(from + i * 7 + col * i) % 26, 1, &style);
	}
}

static void (*const edits[])(struct scene *) = {edit_text, edit_text, edit_repeat, edit_erase,
    edit_scroll, edit_cursor, edit_fill, edit_clear, edit_href};

struct screen *
scene_next(struct screen *last, struct reader *in)
{
	struct scene scene = {.in = in};
	uint32_t count;

	scene.screen = screen_alloc(last->rows, last->cols);
	screen_copy_meta(scene.screen, last);
	for (size_t i = 0; i < last->rows; i++)
		scene.screen->row[i] = row_ref(last->row[i]);
	count = pick(&scene, EDITS_MAX);
	for (uint32_t i = 0; i < count && in->len > 0; i++)
		edits[pick(&scene, sizeof(edits) / sizeof(edits[0]))](&scene);
	for (size_t i = 0; i < last->rows; i++)
		row_publish(scene.screen->row[i]);
	return scene.screen;
}

void
scene_random(uint64_t *seed, uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t word = *seed += 0x9e3779b97f4a7c15u;

		word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
		word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
		data[i] = (uint8_t)(word ^ (word >> 31));
	}
}
