// SPDX-License-Identifier: ISC
// samples_main FILE.cast COUNT: plays a recording through model and painter at 20 frames a second of
// its time and stops COUNT times, the last at its end. Prints a line for each stop:
// {"rows","cols","ansi","screen"}: what the guest's terminal got since the stop before (all of one
// size, starting with entering), and the host's screen as `mirrord dump --format=json` gives it.

#include "tests/lib/cast.h"
#include "vt/ansi.h"
#include "vt/format.h"
#include "vt/model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAME_S 0.05

struct stage {
	struct model *model;
	struct ansi *ansi;
	struct buf out; // since the last stop
};

static void
paint(struct stage *stage)
{
	struct screen *screen = model_screen(stage->model);

	ansi_paint(stage->ansi, screen, &stage->out);
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

int
main(int argc, char **argv)
{
	struct cast cast = {0};
	char why[512];

	if (argc != 3 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: samples_main FILE.cast COUNT\n");
		return 64;
	}
	if (!cast_load(&cast, argv[1], why, sizeof(why))) {
		fprintf(stderr, "samples_main: %s\n", why);
		return 66;
	}

	struct ansi_caps caps = ansi_caps_modern();
	struct stage stage = {
	    .model = model_new(cast.rows, cast.cols, NULL),
	    .ansi = ansi_new(&caps),
	};
	ansi_enter(stage.ansi, &stage.out);
	play(&stage, &cast, (size_t)atoi(argv[2]));
	buf_fini(&stage.out);
	ansi_free(stage.ansi);
	model_free(stage.model);
	cast_fini(&cast);
	return 0;
}
