// SPDX-License-Identifier: ISC
#include "tests/lib/cast.h"

#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const char *path;
	size_t line; // from 1
	char *why;
	size_t why_len;
};

static bool
fail(const struct source *source, const char *expected)
{
	snprintf(source->why, source->why_len, "%s:%zu: expected %s", source->path, source->line,
	    expected);
	return false;
}

static bool
take_header(struct cast *cast, const struct source *source, const char *line)
{
	json_t *header = json_loads(line, 0, NULL);
	json_int_t version = json_integer_value(json_object_get(header, "version"));
	json_int_t width = json_integer_value(json_object_get(header, "width"));
	json_int_t height = json_integer_value(json_object_get(header, "height"));

	json_decref(header);
	if (version != 2 || width < 1 || width > UINT16_MAX || height < 1 || height > UINT16_MAX)
		return fail(source,
		    "an asciicast v2 header: {\"version\": 2, \"width\": W, \"height\": H}");
	cast->cols = (uint16_t)width;
	cast->rows = (uint16_t)height;
	return true;
}

static bool
fill_event(struct cast *cast, struct cast_event *event, const json_t *data)
{
	unsigned cols, rows;

	event->at = cast->bytes.len;
	if (event->kind == 'o') {
		event->len = json_string_length(data);
		buf_put(&cast->bytes, json_string_value(data), event->len);
	} else if (event->kind == 'r') {
		if (sscanf(json_string_value(data), "%5ux%5u", &cols, &rows) != 2)
			return false;
		event->cols = (uint16_t)cols;
		event->rows = (uint16_t)rows;
	}
	return true;
}

static bool
take_event(struct cast *cast, const struct source *source, const char *line)
{
	json_t *json = json_loads(line, 0, NULL);
	const char *kind = json_string_value(json_array_get(json, 1));
	const json_t *data = json_array_get(json, 2);
	struct cast_event event = {.time = json_number_value(json_array_get(json, 0))};
	bool good = json_is_array(json) && json_is_number(json_array_get(json, 0)) &&
		    kind != NULL && json_is_string(data);

	if (good) {
		event.kind = kind[0];
		good = fill_event(cast, &event, data);
	}
	json_decref(json);
	if (!good)
		return fail(source, "an event: [seconds, \"o\" or \"r\", \"text\"]");
	if (event.kind != 'o' && event.kind != 'r')
		return true;
	if ((cast->count & (cast->count - 1)) == 0) { // room for twice as many at each power of two
		size_t cap = cast->count == 0 ? 1 : cast->count * 2;

		cast->events = realloc(cast->events, cap * sizeof(event));
		if (cast->events == NULL)
			abort();
	}
	cast->events[cast->count++] = event;
	return true;
}

bool
cast_load(struct cast *cast, const char *path, char *why, size_t why_len)
{
	struct source source = {path, 0, why, why_len};
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	bool good = true;

	*cast = (struct cast){0};
	if (file == NULL) {
		snprintf(why, why_len, "%s: %s", path, strerror(errno));
		return false;
	}
	while (good && getline(&line, &cap, file) > 0) {
		source.line++;
		if (source.line == 1)
			good = take_header(cast, &source, line);
		else if (line[0] != '\n')
			good = take_event(cast, &source, line);
	}
	if (good && source.line == 0) {
		source.line = 1;
		good = fail(&source, "an asciicast v2 header, and the file is empty");
	}
	free(line);
	fclose(file);
	if (!good)
		cast_fini(cast);
	return good;
}

void
cast_fini(struct cast *cast)
{
	buf_fini(&cast->bytes);
	free(cast->events);
	*cast = (struct cast){0};
}

char **
cast_corpus(void)
{
	glob_t found;
	char **paths;

	if (glob(SOURCE_DIR "/../shared/corpus/casts/dev/*.cast", 0, NULL, &found) != 0)
		return NULL;
	paths = calloc(found.gl_pathc + 1, sizeof(*paths));
	if (paths == NULL)
		abort();
	for (size_t i = 0; i < found.gl_pathc; i++)
		paths[i] = strdup(found.gl_pathv[i]);
	globfree(&found);
	return paths;
}

void
cast_corpus_free(char **paths)
{
	for (size_t i = 0; paths != NULL && paths[i] != NULL; i++)
		free(paths[i]);
	free(paths);
}
