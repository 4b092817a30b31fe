// SPDX-License-Identifier: ISC
// A dump from somebody else: the first two bytes say how much of the rest is the dump; what follows is
// fed to the model that it gives, if any. That model shows a whole screen, dumps itself so that a copy
// is the same, and can be handed over to another terminal.
#include "tests/lib/feed.h"
#include "vt/parser.h"
#include "vt/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
ignore_text(void *user, const uint8_t *ascii, size_t len)
{
	(void)user;
	(void)ascii;
	(void)len;
}

static void
ignore_glyph(void *user, uint32_t cp)
{
	(void)user;
	(void)cp;
}

// What is handed to the host's terminal asks nothing and sets no more than a title.
static void
no_bell(void *user, uint8_t c0)
{
	(void)user;
	if (c0 == '\a' || c0 == '\x05')
		abort();
}

static void
no_question(void *user, const struct sequence *seq)
{
	(void)user;
	if (memchr("cntxyp", seq->final, 6) != NULL)
		abort();
}

static void
no_identify(void *user, const struct sequence *seq)
{
	(void)user;
	if (seq->intermediate == 0 && seq->final == 'Z')
		abort();
}

static void
only_title(void *user, const uint8_t *data, size_t len)
{
	(void)user;
	if (len < 2 || data[0] != '2' || data[1] != ';')
		abort();
}

static void
check_language(const struct buf *out)
{
	const struct parser_sink sink = {
	    ignore_text, ignore_glyph, no_bell, no_identify, no_question, only_title, NULL};
	struct parser parser;

	parser_init(&parser, &sink);
	parser_feed(&parser, out->data, out->len);
}

static void
check_resume(struct model *model)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct screen *screen = model_screen(model);
	struct model *other = model_new(screen->rows, screen->cols, NULL);
	struct buf out = {0};

	model_resume(model, &caps, &out);
	check_language(&out);
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
