// SPDX-License-Identifier: ISC
// samples_main FILE.cast COUNT: plays a recording through model and painters at 20 frames a second of
// its time and stops COUNT times, the last at its end. Prints a line for each stop:
// {"rows","cols","ansi","frames","screen"}: what the guest's terminal got since the stop before (all of
// one size, starting with entering), what a page got (frames in hexadecimal, the first of all a key
// frame), and the host's screen as `mirrord dump --format=json` gives it.
// samples_main FILE COLSxROWS: the same for plain bytes, with one stop at the end.

#include "tests/lib/cast.h"
#include "tests/lib/feed.h"
#include "vt/ansi.h"
#include "vt/format.h"
#include "vt/frame.h"
#include "vt/model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAME_S 0.05

struct stage {
	struct model *model;
	struct ansi *ansi;
	struct screen *sent; // what the page has, or NULL
	struct buf out;      // since the last stop
	json_t *frames;      // since the last stop
};

static void
put_frame(struct stage *stage, struct screen *screen)
{
	struct buf frame = {0}, hex = {0};

	if (stage->sent == screen)
		return;
	frame_encode(stage->sent, screen, &frame);
	for (size_t i = 0; i < frame.len; i++)
		buf_printf(&hex, "%02x", frame.data[i]);
	json_array_append_new(stage->frames, json_stringn((const char *)hex.data, hex.len));
	screen_unref(stage->sent);
	stage->sent = screen_ref(screen);
	buf_fini(&frame);
	buf_fini(&hex);
}

static void
paint(struct stage *stage)
{
	struct screen *screen = model_screen(stage->model);

	ansi_paint(stage->ansi, screen, &stage->out);
	put_frame(stage, screen);
	screen_unref(screen);
}

static void
stop(struct stage *stage)
{
	model_sync_end(stage->model); // what a viewer would see in the end
	paint(stage);

	struct screen *screen = model_screen(stage->model);
	struct buf text = {0};
	json_t *json = json_object();

	format_json(screen, &text);
	json_object_set_new(json, "rows", json_integer(screen->rows));
	json_object_set_new(json, "cols", json_integer(screen->cols));
	json_object_set_new(
	    json, "ansi", json_stringn((const char *)stage->out.data, stage->out.len));
	json_object_set_new(json, "frames", stage->frames);
	stage->frames = json_array();
	json_object_set_new(json, "screen", json_loadb((const char *)text.data, text.len, 0, NULL));
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
	buf_fini(&text);
	screen_unref(screen);
	stage->out.len = 0;
}

static void
play(struct stage *stage, const struct cast *cast, size_t count)
{
	double painted = 0;
	size_t stops = 0;

	for (size_t i = 0; i < cast->count; i++) {
		const struct cast_event *event = &cast->events[i];

		if (event->kind == 'r') {
			stop(stage);
			model_resize(stage->model, event->rows, event->cols);
			ansi_reset(stage->ansi);
		} else {
			model_feed(stage->model, cast->bytes.data + event->at, event->len);
		}
		if ((i + 1) * count / cast->count > stops) {
			stop(stage);
			stops = (i + 1) * count / cast->count;
			painted = event->time;
		} else if (event->time - painted >= FRAME_S) {
			paint(stage);
			painted = event->time;
		}
	}
}

static bool
play_cast(struct stage *stage, const char *path, int count)
{
	struct cast cast = {0};
	char why[512];

	if (!cast_load(&cast, path, why, sizeof(why))) {
		fprintf(stderr, "samples_main: %s\n", why);
		return false;
	}
	stage->model = model_new(cast.rows, cast.cols, NULL);
	play(stage, &cast, (size_t)count);
	cast_fini(&cast);
	return true;
}

static bool
play_bytes(struct stage *stage, const char *path, uint16_t rows, uint16_t cols)
{
	size_t len;
	uint8_t *bytes = feed_file(path, &len);

	if (bytes == NULL) {
		fprintf(stderr, "samples_main: %s cannot be read\n", path);
		return false;
	}
	stage->model = model_new(rows, cols, NULL);
	model_feed(stage->model, bytes, len);
	stop(stage);
	free(bytes);
	return true;
}

int
main(int argc, char **argv)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct stage stage = {.ansi = ansi_new(&caps), .frames = json_array()};
	uint16_t rows, cols;
	bool read;

	if (argc != 3 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: samples_main FILE.cast COUNT | FILE COLSxROWS\n");
		return 64;
	}
	ansi_enter(stage.ansi, &stage.out);
	if (sscanf(argv[2], "%hux%hu", &cols, &rows) == 2)
		read = play_bytes(&stage, argv[1], rows, cols);
	else
		read = play_cast(&stage, argv[1], atoi(argv[2]));
	screen_unref(stage.sent);
	json_decref(stage.frames);
	buf_fini(&stage.out);
	ansi_free(stage.ansi);
	if (stage.model != NULL)
		model_free(stage.model);
	return read ? 0 : 66;
}
