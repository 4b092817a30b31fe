// SPDX-License-Identifier: ISC
// All recordings, painted as a guest would get them: every byte in the language, and sampled
// screens shown exactly by a terminal that shares no code with us.
#include "tests/lib/cast.h"
#include "tests/lib/grammar.h"
#include "tests/lib/witness.h"
#include "vt/ansi.h"
#include "vt/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_S 0.05
#define SAMPLE 16 // every so many frames the whole screen is compared

struct guest {
	struct ansi *ansi;
	struct witness *witness;
	struct grammar grammar;
	struct buf out;
	size_t frames;
};

static void
guest_resize(struct guest *guest, uint16_t rows, uint16_t cols)
{
	if (guest->witness != NULL)
		witness_free(guest->witness);
	guest->witness = witness_new(rows, cols);
	ansi_reset(guest->ansi);
}

static void
guest_send(struct guest *guest, const char *path)
{
	if (!grammar_feed(&guest->grammar, guest->out.data, guest->out.len) ||
	    !grammar_end(&guest->grammar))
		fail_msg("%s: frame %zu: not in the language at %zu: %s", path, guest->frames,
		    guest->grammar.offset, guest->grammar.why);
	witness_feed(guest->witness, guest->out.data, guest->out.len);
	guest->out.len = 0;
}

static void
guest_frame(struct guest *guest, struct model *model, bool compare, const char *path)
{
	struct screen *screen = model_screen(model);
	char why[256];

	ansi_paint(guest->ansi, screen, &guest->out);
	guest_send(guest, path);
	if (compare && !witness_shows(guest->witness, screen, why, sizeof(why)))
		fail_msg("%s: frame %zu: %s", path, guest->frames, why);
	guest->frames++;
	screen_unref(screen);
}

static void
replay(const struct cast *cast, const struct ansi_caps *caps, bool lossless, const char *path)
{
	struct model *model = model_new(cast->rows, cast->cols, NULL);
	struct guest guest = {.ansi = ansi_new(caps)};
	double due = 0;

	grammar_init(&guest.grammar, false);
	guest_resize(&guest, cast->rows, cast->cols);
	ansi_enter(guest.ansi, &guest.out);
	for (size_t i = 0; i < cast->count; i++) {
		const struct cast_event *event = &cast->events[i];

		if (event->time >= due) {
			guest_frame(&guest, model, lossless && guest.frames % SAMPLE == 0, path);
			due = event->time + FRAME_S;
		}
		if (event->kind == 'o') {
			model_feed(model, cast->bytes.data + event->at, event->len);
		} else if (event->kind == 'r') {
			model_resize(model, event->rows, event->cols);
			guest_resize(&guest, event->rows, event->cols);
		}
	}
	model_sync_end(model);
	guest_frame(&guest, model, lossless, path);
	ansi_leave(guest.ansi, &guest.out);
	guest_send(&guest, path);
	buf_fini(&guest.out);
	witness_free(guest.witness);
	ansi_free(guest.ansi);
	model_free(model);
}

static void
replay_all(const struct ansi_caps *caps, bool lossless)
{
	char **paths = cast_corpus();

	if (paths == NULL) {
		print_message("the recordings in ../shared/corpus are not there: skipped\n");
		skip();
	}
	for (size_t i = 0; paths[i] != NULL; i++) {
		struct cast cast;
		char why[256];

		if (!cast_load(&cast, paths[i], why, sizeof(why)))
			fail_msg("%s", why);
		replay(&cast, caps, lossless, paths[i]);
		cast_fini(&cast);
	}
	cast_corpus_free(paths);
}

static void
recordings_are_shown_exactly(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();

	(void)state;
	replay_all(&caps, true);
}

static void
recordings_are_shown_exactly_without_bce_and_with_rep(void **state)
{
	struct ansi_caps caps = ansi_caps_modern();

	(void)state;
	caps.bce = caps.sync = false;
	caps.rep = true;
	replay_all(&caps, true);
}

static void
recordings_stay_in_the_language_on_a_console(void **state)
{
	struct ansi_caps caps = {.colours = 8, .attrs = true, .el = true, .scroll = true};

	(void)state;
	replay_all(&caps, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(recordings_are_shown_exactly),
	    cmocka_unit_test(recordings_are_shown_exactly_without_bce_and_with_rep),
	    cmocka_unit_test(recordings_stay_in_the_language_on_a_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
