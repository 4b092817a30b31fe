// SPDX-License-Identifier: ISC
// Real recordings through the model: however the bytes are cut, the screen is the same, and a dump
// made anywhere leads to the same end.
#include "tests/lib/cast.h"
#include "tests/lib/feed.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEED 0x6d6972726f7264u
#define CUTS 4        // places in each recording where it is dumped and restored
#define INPUT_CUTS 12 // in each conformance input
#define PIECE_MAX 97

enum cutting { WHOLE, PIECES, BYTES };

static void
feed_cut(
    struct model *model, const uint8_t *data, size_t len, enum cutting cutting, struct prng *prng)
{
	while (len > 0) {
		size_t piece = cutting == WHOLE   ? len
			       : cutting == BYTES ? 1
						  : 1 + prng_below(prng, PIECE_MAX);

		if (piece > len)
			piece = len;
		model_feed(model, data, piece);
		data += piece;
		len -= piece;
	}
}

static void
play(struct model *model, const struct cast *cast, size_t from, size_t to, enum cutting cutting,
    struct prng *prng)
{
	for (size_t i = from; i < to; i++) {
		const struct cast_event *event = &cast->events[i];

		if (event->kind == 'r')
			model_resize(model, event->rows, event->cols);
		else
			feed_cut(model, cast->bytes.data + event->at, event->len, cutting, prng);
	}
}

static void
expect_same(struct model *a, struct model *b, const char *path)
{
	char why[256];

	if (!feed_same(a, b, why, sizeof(why)))
		fail_msg("%s: %s", path, why);
}

static void
check_cuttings(const struct cast *cast, const char *path, struct prng *prng)
{
	struct model *whole = model_new(cast->rows, cast->cols, NULL);

	play(whole, cast, 0, cast->count, WHOLE, prng);
	for (enum cutting cutting = PIECES; cutting <= BYTES; cutting++) {
		struct model *cut = model_new(cast->rows, cast->cols, NULL);

		play(cut, cast, 0, cast->count, cutting, prng);
		expect_same(whole, cut, path);
		model_free(cut);
	}
	model_free(whole);
}

// Replaces the model by its restored dump at random events, and within them.
static void
check_dumps(const struct cast *cast, const char *path, struct prng *prng)
{
	struct model *straight = model_new(cast->rows, cast->cols, NULL);
	struct model *dumped = model_new(cast->rows, cast->cols, NULL);
	size_t at = 0;

	for (size_t n = 0; n < CUTS && at < cast->count; n++) {
		size_t to = at + prng_below(prng, (uint32_t)(cast->count - at));
		const struct cast_event *event = &cast->events[to];
		const uint8_t *data = cast->bytes.data + event->at;
		size_t half = event->kind == 'o' ? prng_below(prng, (uint32_t)event->len + 1) : 0;
		struct model *copy;

		play(dumped, cast, at, to, WHOLE, prng);
		model_feed(dumped, data, half);
		copy = feed_copy(dumped);
		assert_non_null(copy);
		expect_same(dumped, copy, path);
		model_free(dumped);
		dumped = copy;
		if (event->kind == 'r')
			model_resize(dumped, event->rows, event->cols);
		else
			model_feed(dumped, data + half, event->len - half);
		at = to + 1;
	}
	play(dumped, cast, at, cast->count, WHOLE, prng);
	play(straight, cast, 0, cast->count, WHOLE, prng);
	expect_same(straight, dumped, path);
	model_free(straight);
	model_free(dumped);
}

static void
each_recording(void (*check)(const struct cast *cast, const char *path, struct prng *prng))
{
	char **paths = cast_corpus();
	struct prng prng = {SEED};
	char why[256];

	if (paths == NULL) {
		print_message("skipped: the corpus of recordings is not there\n");
		skip();
	}
	for (size_t i = 0; paths[i] != NULL; i++) {
		struct cast cast;

		if (!cast_load(&cast, paths[i], why, sizeof(why)))
			fail_msg("%s", why);
		check(&cast, paths[i], &prng);
		cast_fini(&cast);
	}
	cast_corpus_free(paths);
}

static void
the_screen_does_not_depend_on_how_bytes_are_cut(void **state)
{
	(void)state;
	each_recording(check_cuttings);
}

static void
a_dump_at_any_place_leads_to_the_same_end(void **state)
{
	(void)state;
	each_recording(check_dumps);
}

// At several places in each conformance input: the restored model ends as the other does.
static void
a_dump_within_a_conformance_input_leads_to_the_same_end(void **state)
{
	struct prng prng = {SEED};
	glob_t found;

	(void)state;
	if (glob(SOURCE_DIR "/../shared/corpus/conformance/*/*.in", 0, NULL, &found) != 0) {
		print_message("skipped: the conformance inputs are not there\n");
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len;
		uint8_t *data = feed_file(found.gl_pathv[i], &len);

		assert_non_null(data);
		for (size_t n = 0; n < INPUT_CUTS; n++) {
			struct model *straight = model_new(25, 80, NULL);
			struct model *dumped = model_new(25, 80, NULL), *copy;
			size_t at = prng_below(&prng, (uint32_t)len + 1);

			model_feed(straight, data, len);
			model_feed(dumped, data, at);
			copy = feed_copy(dumped);
			assert_non_null(copy);
			model_feed(copy, data + at, len - at);
			expect_same(straight, copy, found.gl_pathv[i]);
			model_free(straight);
			model_free(dumped);
			model_free(copy);
		}
		free(data);
	}
	globfree(&found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_screen_does_not_depend_on_how_bytes_are_cut),
	    cmocka_unit_test(a_dump_at_any_place_leads_to_the_same_end),
	    cmocka_unit_test(a_dump_within_a_conformance_input_leads_to_the_same_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
