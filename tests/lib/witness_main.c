// SPDX-License-Identifier: ISC
// witness_main --size=COLSxROWS: feeds stdin to a terminal of that size that shares no code with
// vt/ and prints its screen: {"rows":R,"cols":C,"cursor":{"row","col","visible"},"screen":[[cell]]},
// a cell being {"text","width","fg","bg","attrs"}. A colour is null, 0..255 or "#rrggbb"; the right
// half of a wide glyph has width 0 and no text.
#include "tests/lib/witness.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vt/buf.h"

static const struct {
	uint16_t attr;
	const char *name;
} names[] = {
    {ATTR_BOLD, "bold"},
    {ATTR_ITALIC, "italic"},
    {ATTR_BLINK, "blink"},
    {ATTR_REVERSE, "reverse"},
    {ATTR_STRIKE, "strike"},
};
static const char *const underlines[] = {NULL, "underline", "double", "curly", "dotted", "dashed"};

static json_t *
colour_json(uint32_t colour)
{
	char text[8];

	if (colour_kind(colour) == COLOUR_KIND_DEFAULT)
		return json_null();
	if (colour_kind(colour) == COLOUR_KIND_INDEXED)
		return json_integer(colour & 0xff);
	snprintf(text, sizeof(text), "#%06x", colour & 0xffffff);
	return json_string(text);
}

static json_t *
attrs_json(uint16_t attrs)
{
	json_t *list = json_array();
	unsigned underline = (unsigned)(attrs & ATTR_UNDERLINE_MASK) >> ATTR_UNDERLINE_SHIFT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((attrs & names[i].attr) != 0)
			json_array_append_new(list, json_string(names[i].name));
	if (underline != 0 && underline < UNDERLINE_COUNT)
		json_array_append_new(list, json_string(underlines[underline]));
	return list;
}

static json_t *
cell_json(const struct witness_cell *cell)
{
	struct buf text = {0};
	json_t *json = json_object();

	for (size_t i = 0; i < 1 + CELL_MARKS_MAX && cell->cp[i] != 0; i++)
		buf_put_utf8(&text, cell->cp[i]);
	json_object_set_new(
	    json, "text", json_stringn(text.len ? (char *)text.data : "", text.len));
	json_object_set_new(json, "width", json_integer(cell->width));
	json_object_set_new(json, "fg", colour_json(cell->style.fg));
	json_object_set_new(json, "bg", colour_json(cell->style.bg));
	json_object_set_new(json, "attrs", attrs_json(cell->style.attrs));
	buf_fini(&text);
	return json;
}

static json_t *
screen_json(const struct witness *witness, uint16_t rows, uint16_t cols)
{
	json_t *json = json_object(), *screen = json_array();
	struct cursor cursor;

	witness_cursor(witness, &cursor);
	for (uint16_t row = 0; row < rows; row++) {
		json_t *line = json_array();

		for (uint16_t col = 0; col < cols; col++) {
			struct witness_cell cell;

			witness_cell(witness, row, col, &cell);
			json_array_append_new(line, cell_json(&cell));
		}
		json_array_append_new(screen, line);
	}
	json_object_set_new(json, "rows", json_integer(rows));
	json_object_set_new(json, "cols", json_integer(cols));
	json_object_set_new(json, "cursor",
	    json_pack("{s:i,s:i,s:b}", "row", (int)cursor.row, "col", (int)cursor.col, "visible",
		(int)cursor.visible));
	json_object_set_new(json, "screen", screen);
	return json;
}

int
main(int argc, char **argv)
{
	static char data[65536];
	unsigned rows, cols;
	struct witness *witness;
	json_t *json;
	size_t len;

	if (argc != 2 || sscanf(argv[1], "--size=%ux%u", &cols, &rows) != 2 || rows < 1 ||
	    rows > SCREEN_ROWS_MAX || cols < 2 || cols > SCREEN_COLS_MAX) {
		fprintf(stderr, "usage: witness_main --size=COLSxROWS\n");
		return 64;
	}
	witness = witness_new((uint16_t)rows, (uint16_t)cols);
	while ((len = fread(data, 1, sizeof(data), stdin)) > 0)
		witness_feed(witness, data, len);
	json = screen_json(witness, (uint16_t)rows, (uint16_t)cols);
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
	witness_free(witness);
	return 0;
}
