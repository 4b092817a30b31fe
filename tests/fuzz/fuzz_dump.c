// SPDX-License-Identifier: ISC
// A dump from somebody else: the first two bytes say how much of the rest is the dump; what follows is
// fed to the model that it gives, if any. That model shows a whole screen, dumps itself so that a copy
// is the same, and can be handed over to another terminal.
#include "tests/lib/feed.h"
#include "vt/resume.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_copy(struct model *model)
{
	struct model *copy = feed_copy(model);
	char why[256];

	if (!copy || !feed_same(model, copy, why, sizeof(why))) {
		fprintf(stderr, "fuzz_dump: %s\n", copy ? why : "its own dump was refused");
		abort();
	}
	model_free(copy);
}

static void
check_resume(struct model *model)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = model_screen(model);
	struct model *other = model_new(screen->rows, screen->cols, NULL);
	struct buf out = {0};

	model_resume(model, &caps, &out);
	model_feed(other, out.data, out.len);
	buf_fini(&out);
	model_free(other);
	screen_unref(screen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < 2 ? 0 : (size_t)data[0] << 8 | data[1];
	struct model *model;

	if (size < 2)
		return 0;
	data += 2;
	size -= 2;
	len = len < size ? len : size;
	model = model_restore(data, len, NULL);
	if (!model)
		return 0;
	check_copy(model);
	check_resume(model);
	model_feed(model, data + len, size - len);
	model_resize(model, 7, 31);
	check_copy(model);
	model_free(model);
	return 0;
}
