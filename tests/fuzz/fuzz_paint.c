// SPDX-License-Identifier: ISC
// Screens made from the input, painted one over the other on a terminal whose abilities the input
// chooses. Every byte must be in the language; where nothing is lost by those abilities, libvterm's
// screen layer must show exactly the screen. Seen through a window, too.
#include "tests/lib/grammar.h"
#include "tests/lib/scene.h"
#include "tests/lib/witness.h"
#include "vt/ansi.h"
#include "vt/window.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SCREENS_MAX 64

struct guest {
	struct ansi *ansi;
	struct witness *witness;
	struct grammar grammar;
	struct buf out;
	bool lossless;
};

static void
guest_send(struct guest *guest)
{
	if (!grammar_feed(&guest->grammar, guest->out.data, guest->out.len) ||
	    !grammar_end(&guest->grammar)) {
		fprintf(stderr, "not in the language at %zu: %s\n", guest->grammar.offset,
		    guest->grammar.why);
		abort();
	}
	witness_feed(guest->witness, guest->out.data, guest->out.len);
	guest->out.len = 0;
}

static void
guest_paint(struct guest *guest, struct screen *screen)
{
	char why[256];

	ansi_paint(guest->ansi, screen, &guest->out);
	guest_send(guest);
	if (guest->lossless && !witness_shows(guest->witness, screen, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	ansi_paint(guest->ansi, screen, &guest->out);
	if (guest->out.len != 0)
		abort(); // an equal screen costs nothing
}

// Each bit of the input takes something away.
static bool
read_caps(struct reader *in, struct ansi_caps *caps)
{
	static const uint32_t colours[] = {1 << 24, 1 << 24, 256, 16, 8, 0};
	uint8_t bits = reader_u8(in), more = reader_u8(in);

	*caps = ansi_caps_modern();
	caps->colours = colours[more % 6];
	caps->bce = (bits & 1) != 0;
	caps->ech = (bits & 2) != 0;
	caps->el = (bits & 4) != 0;
	caps->scroll = (bits & 8) != 0;
	caps->autowrap = (bits & 16) != 0;
	caps->rep = caps->autowrap && (bits & 32) != 0; // else libvterm wraps a column early
	caps->sync = (bits & 64) != 0;
	caps->utf8 = (more & 64) == 0;
	caps->attrs = (more & 128) == 0;
	return caps->colours == 1 << 24 && caps->utf8 && caps->attrs;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = {.data = data, .len = size};
	struct ansi_caps caps;
	bool lossless = read_caps(&in, &caps);
	uint16_t rows = (uint16_t)(1 + reader_u8(&in) % 30);
	uint16_t cols = (uint16_t)(2 + reader_u8(&in) % 80);
	struct guest guest = {
	    .ansi = ansi_new(&caps), .witness = witness_new(rows, cols), .lossless = lossless};
	struct screen *screen = screen_blank(rows, cols);
	struct window window;

	// a wide glyph over all of a row: then CR does not move libvterm's cursor, and it goes on to wrap
	if (!caps.autowrap && cols == 2)
		guest.lossless = false;
	grammar_init(&guest.grammar, false);
	window_init(&window, rows, cols);
	ansi_enter(guest.ansi, &guest.out);
	for (int i = 0; i < SCREENS_MAX && in.len > 0; i++) {
		struct screen *next = scene_next(screen, &in), *seen;

		screen_unref(screen);
		screen = next;
		if (reader_u8(&in) % 16 == 0)
			ansi_reset(guest.ansi);
		window.notice = reader_u8(&in) % 16 == 0 ? "a notice" : NULL;
		seen = window_compose(&window, screen);
		guest_paint(&guest, seen);
		screen_unref(seen);
	}
	ansi_leave(guest.ansi, &guest.out);
	guest_send(&guest);
	screen_unref(screen);
	buf_fini(&guest.out);
	witness_free(guest.witness);
	ansi_free(guest.ansi);
	return 0;
}
