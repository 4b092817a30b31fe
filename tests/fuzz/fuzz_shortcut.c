// SPDX-License-Identifier: ISC
// The editor's short way for text against the long one, through libvterm: the same bytes lead to
// the same screens and the same hidden state.
#include "tests/lib/feed.h"
#include "vt/model_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define SIDE_MAX 24u // rows and columns

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect_same(struct model *a, struct model *b)
{
	struct screen *x = model_screen(a), *y = model_screen(b);
	char why[256];

	if (!screen_explain(x, y, why, sizeof(why))) {
		fprintf(stderr, "fuzz_shortcut: %s\n", why);
		abort();
	}
	screen_unref(x);
	screen_unref(y);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t rows, cols;
	struct model *quick, *slow;
	char why[256];

	if (size < 3)
		return 0;
	rows = (uint16_t)(1 + data[0] % SIDE_MAX);
	cols = (uint16_t)(1 + data[1] % SIDE_MAX);
	quick = model_new(rows, cols, NULL);
	slow = model_new(rows, cols, NULL);
	editor_set_shortcut(slow->editor, false);
	for (size_t at = 3; at < size;) {
		size_t piece = 1 + data[2] % 64u;

		if (piece > size - at)
			piece = size - at;
		model_feed(quick, data + at, piece);
		model_feed(slow, data + at, piece);
		expect_same(quick, slow);
		at += piece;
	}
	if (!feed_same(quick, slow, why, sizeof(why))) {
		fprintf(stderr, "fuzz_shortcut: %s\n", why);
		abort();
	}
	model_free(quick);
	model_free(slow);
	return 0;
}
