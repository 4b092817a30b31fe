// SPDX-License-Identifier: ISC
// Frames that any decoder must read alike: the golden vectors, and the example in docs/protocol.md.
// With MIRRORD_UPDATE=1 the expected screens are written anew; look at the difference.
#include "vt/format.h"
#include "vt/frame.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VECTORS SOURCE_DIR "/tests/golden/frames.jsonl"
#define PROTOCOL SOURCE_DIR "/docs/protocol.md"
#define VECTORS_MAX 256

// ---- Hexadecimal -------------------------------------------------------------------------------

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

// Appends the bytes that `text` begins with, one space at most between them.
static void
put_hex(struct buf *out, const char *text)
{
	while (hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0) {
		buf_put_u8(out, (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1])));
		text += text[2] == ' ' ? 3 : 2;
	}
}

// ---- Golden vectors ----------------------------------------------------------------------------

struct vectors {
	json_t *line[VECTORS_MAX];
	struct screen *made[VECTORS_MAX]; // NULL: refused
	size_t count;
};

static struct screen *
find_base(const struct vectors *vectors, const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "base"));

	for (size_t i = 0; name != NULL && i < vectors->count; i++)
		if (strcmp(json_string_value(json_object_get(vectors->line[i], "name")), name) == 0)
			return vectors->made[i];
	assert_null(name); // a base that is not there
	return NULL;
}

static json_t *
to_json(const struct screen *screen)
{
	struct buf text = {0};
	json_t *json;

	if (screen == NULL)
		return json_null();
	format_json(screen, &text);
	json = json_loadb((const char *)text.data, text.len, 0, NULL);
	assert_non_null(json);
	buf_fini(&text);
	return json;
}

static void
run_vector(struct vectors *vectors, json_t *line, bool update)
{
	struct buf frame = {0};
	const char *why = NULL;
	struct screen *made;
	json_t *screen;

	put_hex(&frame, json_string_value(json_object_get(line, "frame")));
	made = frame_apply(find_base(vectors, line), frame.data, frame.len, &why);
	assert_true((made == NULL) == (why != NULL));
	screen = to_json(made);
	if (update)
		json_object_set(line, "screen", screen);
	else if (!json_equal(screen, json_object_get(line, "screen")))
		fail_msg("%s: %s", json_string_value(json_object_get(line, "name")),
		    why != NULL ? why : "another screen");
	json_decref(screen);
	buf_fini(&frame);
	assert_true(vectors->count < VECTORS_MAX);
	vectors->line[vectors->count] = line;
	vectors->made[vectors->count++] = made;
}

static void
write_vectors(const struct vectors *vectors)
{
	FILE *file = fopen(VECTORS, "w");

	assert_non_null(file);
	for (size_t i = 0; i < vectors->count; i++) {
		json_dumpf(vectors->line[i], file, JSON_COMPACT | JSON_PRESERVE_ORDER);
		fputc('\n', file);
	}
	fclose(file);
}

static void
golden_frames_lead_to_golden_screens(void **state)
{
	struct vectors vectors = {0};
	bool update = getenv("MIRRORD_UPDATE") != NULL;
	FILE *file = fopen(VECTORS, "r");
	char *text = NULL;
	size_t cap = 0;

	(void)state;
	assert_non_null(file);
	while (getline(&text, &cap, file) > 0) {
		json_t *line = json_loads(text, 0, NULL);

		assert_non_null(line);
		run_vector(&vectors, line, update);
	}
	fclose(file);
	free(text);
	assert_true(vectors.count > 40);
	if (update)
		write_vectors(&vectors);
	for (size_t i = 0; i < vectors.count; i++) {
		json_decref(vectors.line[i]);
		screen_unref(vectors.made[i]);
	}
}

// ---- The example -------------------------------------------------------------------------------

struct example {
	struct screen *screen; // NULL before the key frame
	struct buf frame, rows;
	unsigned frames, refused;
};

static void
end_frame(struct example *example)
{
	const char *why;
	struct screen *made =
	    frame_apply(example->screen, example->frame.data, example->frame.len, &why);

	example->frames++;
	if (example->rows.len == 0) { // "refused"
		assert_null(made);
		example->refused++;
	} else {
		struct buf text = {0};

		if (made == NULL)
			fail_msg("frame %u: %s", example->frames, why);
		for (size_t i = 0; i < made->rows; i++) {
			buf_put_u8(&text, '|');
			for (size_t col = 0; col < made->cols; col++)
				buf_put_utf8(&text, made->row[i]->cells[col].cp);
			buf_put(&text, "|\n", 2);
		}
		assert_int_equal(text.len, example->rows.len);
		assert_memory_equal(text.data, example->rows.data, text.len);
		buf_fini(&text);
		screen_unref(example->screen);
		example->screen = made;
	}
	example->frame.len = example->rows.len = 0;
}

static void
take_line(struct example *example, const char *line)
{
	unsigned row, col;

	if (*line == '|') {
		buf_put(&example->rows, line, strlen(line));
	} else if (sscanf(line, "cursor %u %u", &row, &col) == 2) {
		end_frame(example);
		assert_int_equal(example->screen->cursor.row, row);
		assert_int_equal(example->screen->cursor.col, col);
	} else {
		put_hex(&example->frame, line);
	}
}

static void
the_example_in_the_protocol_is_true(void **state)
{
	struct example example = {0};
	FILE *file = fopen(PROTOCOL, "r");
	char *line = NULL;
	size_t cap = 0;
	bool in = false;

	(void)state;
	assert_non_null(file);
	while (getline(&line, &cap, file) > 0) {
		if (strncmp(line, "##", 2) == 0)
			in = strcmp(line, "### Example\n") == 0;
		else if (in && strncmp(line, "    ", 4) == 0)
			take_line(&example, line + 4);
		else if (in && *line == '\n' && example.frame.len > 0)
			end_frame(&example);
	}
	fclose(file);
	free(line);
	assert_int_equal(example.frames, 4);
	assert_int_equal(example.refused, 1);
	screen_unref(example.screen);
	buf_fini(&example.frame);
	buf_fini(&example.rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_frames_lead_to_golden_screens),
	    cmocka_unit_test(the_example_in_the_protocol_is_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
