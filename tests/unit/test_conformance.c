// SPDX-License-Identifier: ISC
// The cases of alacritty, xterm.js and tmux, against the list of differences in
// docs/conformance.md: a case that is not on the list passes, and one that is on it does not.
#include "tests/lib/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CORPUS SOURCE_DIR "/../shared/corpus/conformance"
#define PASSES_MIN 162

struct tally {
	char *documented; // text of docs/conformance.md
	size_t cases, passed, wrong;
};

static bool
is_documented(const struct tally *tally, const char *suite, const char *name)
{
	char row[256];

	snprintf(row, sizeof(row), "| %s | %s |", suite, name);
	return strstr(tally->documented, row) != NULL;
}

static bool
passes(const char *input, const char *expected, int cols, int rows)
{
	char path[512];
	size_t in_len, want_len;
	uint8_t *in, *want;
	struct model *model = model_new((uint16_t)rows, (uint16_t)cols, NULL);
	struct buf got = {0};
	bool same;

	snprintf(path, sizeof(path), CORPUS "/%s", input);
	in = feed_file(path, &in_len);
	snprintf(path, sizeof(path), CORPUS "/%s", expected);
	want = feed_file(path, &want_len);
	assert_non_null(in);
	assert_non_null(want);
	model_feed(model, in, in_len);
	feed_text(model, &got);
	while (want_len > 0 && want[want_len - 1] == '\n')
		want_len--;
	same = got.len == want_len && (want_len == 0 || memcmp(got.data, want, want_len) == 0);
	buf_fini(&got);
	model_free(model);
	free(in);
	free(want);
	return same;
}

static void
check_line(struct tally *tally, char *line)
{
	char *field[6];

	for (size_t i = 0; i < 6; i++)
		field[i] = strsep(&line, "\t");
	if (field[5] == NULL || strcmp(field[0], "suite") == 0)
		return;
	tally->cases++;
	if (passes(field[2], field[5], atoi(field[3]), atoi(field[4]))) {
		tally->passed++;
		if (!is_documented(tally, field[0], field[1]))
			return;
		print_error("%s %s passes, but is listed as a difference\n", field[0], field[1]);
	} else {
		if (is_documented(tally, field[0], field[1]))
			return;
		print_error("%s %s differs and is not listed\n", field[0], field[1]);
	}
	tally->wrong++;
}

static void
every_case_passes_or_is_listed_with_a_reason(void **state)
{
	size_t len;
	uint8_t *manifest = feed_file(CORPUS "/MANIFEST.tsv", &len);
	struct tally tally = {0};
	char *text, *line, *rest;

	(void)state;
	if (manifest == NULL) {
		print_message("skipped: " CORPUS " is not there\n");
		skip();
	}
	text = rest = strndup((char *)manifest, len);
	free(manifest);
	manifest = feed_file(SOURCE_DIR "/docs/conformance.md", &len);
	assert_non_null(manifest);
	tally.documented = strndup((char *)manifest, len);
	free(manifest);
	while ((line = strsep(&rest, "\n")) != NULL)
		check_line(&tally, line);
	print_message("%zu of %zu cases pass\n", tally.passed, tally.cases);
	free(text);
	free(tally.documented);
	assert_int_equal(tally.wrong, 0);
	assert_true(tally.passed >= PASSES_MIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_case_passes_or_is_listed_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
