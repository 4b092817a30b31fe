// SPDX-License-Identifier: ISC
// What tests of the painter share: a guest with a terminal that is looked at, and screens made by hand.
#pragma once

#include "vt/ansi.h"

#include "tests/lib/grammar.h"
#include "tests/lib/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A guest: painter, terminal and grammar.
struct guest {
	struct ansi *ansi;
	struct witness *witness;
	struct grammar grammar;
	struct buf out; // of the last paint
	uint16_t rows, cols;
};

static inline void
guest_flush(struct guest *guest)
{
	if (!grammar_feed(&guest->grammar, guest->out.data, guest->out.len) ||
	    !grammar_end(&guest->grammar))
		fail_msg(
		    "not in the language at %zu: %s", guest->grammar.offset, guest->grammar.why);
	witness_feed(guest->witness, guest->out.data, guest->out.len);
}

static inline void
guest_init(struct guest *guest, uint16_t rows, uint16_t cols, const struct ansi_caps *caps)
{
	*guest = (struct guest){.rows = rows, .cols = cols};
	guest->ansi = ansi_new(caps);
	guest->witness = witness_new(rows, cols);
	grammar_init(&guest->grammar, false);
	ansi_enter(guest->ansi, &guest->out);
	guest_flush(guest);
}

static inline void
guest_fini(struct guest *guest)
{
	guest->out.len = 0;
	ansi_leave(guest->ansi, &guest->out);
	guest_flush(guest);
	buf_fini(&guest->out);
	witness_free(guest->witness);
	ansi_free(guest->ansi);
}

static inline void
guest_send(struct guest *guest, struct screen *screen)
{
	guest->out.len = 0;
	ansi_paint(guest->ansi, screen, &guest->out);
	guest_flush(guest);
}

static inline void
guest_paint(struct guest *guest, struct screen *screen)
{
	char why[256];

	guest_send(guest, screen);
	if (!witness_shows(guest->witness, screen, why, sizeof(why)))
		fail_msg("%s", why);
}

// ---- screens by hand ----------------------------------------------------------------------------

static const struct style plain = {0};

static inline void
write_at(struct screen *screen, size_t row, size_t col, const char *text, struct style style)
{
	screen->row[row] = row_own(screen->row[row]);
	for (; *text != '\0'; text++, col++)
		row_put(screen->row[row], col, (uint32_t)*text, 1, &style);
	row_publish(screen->row[row]);
}

static inline void
put_at(struct screen *screen, size_t row, size_t col, uint32_t cp, uint8_t width)
{
	screen->row[row] = row_own(screen->row[row]);
	row_put(screen->row[row], col, cp, width, &plain);
	row_publish(screen->row[row]);
}

static inline void
add_mark(struct screen *screen, size_t row, size_t col, uint32_t cp)
{
	screen->row[row] = row_own(screen->row[row]);
	row_add_mark(screen->row[row], col, cp);
	row_publish(screen->row[row]);
}

static inline struct screen *
copy_of(const struct screen *screen)
{
	struct screen *copy = screen_alloc(screen->rows, screen->cols);

	screen_copy_meta(copy, screen);
	for (size_t i = 0; i < screen->rows; i++)
		copy->row[i] = row_ref(screen->row[i]);
	return copy;
}

static inline void
scroll_up(struct screen *screen, size_t top, size_t bottom)
{
	row_unref(screen->row[top]);
	memmove(&screen->row[top], &screen->row[top + 1], (bottom - top) * sizeof(screen->row[0]));
	screen->row[bottom] = row_new(screen->cols, COLOUR_DEFAULT);
	row_publish(screen->row[bottom]);
}

static inline struct screen *
numbered_lines(uint16_t rows, uint16_t cols)
{
	struct screen *screen = screen_blank(rows, cols);
	char line[64];

	for (size_t i = 0; i < rows; i++) {
		snprintf(line, sizeof(line), "%zu: some text that is line %zu", i * 37, i);
		write_at(screen, i, 0, line, plain);
	}
	return screen;
}

#define EXPECT_BYTES(guest, text)                                                                  \
	do {                                                                                       \
		assert_int_equal((guest)->out.len, sizeof(text) - 1);                              \
		assert_memory_equal((guest)->out.data, text, sizeof(text) - 1);                    \
	} while (0)

static inline struct ansi_caps
dumb_caps(void)
{
	return (struct ansi_caps){.utf8 = true, .el = true};
}

// Finds `text` in what was painted last.
static inline bool
painted(const struct guest *guest, const char *text)
{
	return memmem(guest->out.data, guest->out.len, text, strlen(text)) != NULL;
}
