// SPDX-License-Identifier: ISC
// The formats in which `mirrord dump` and `mirrord render` print a screen.
#pragma once

#include "vt/buf.h"
#include "vt/screen.h"

typedef void show_format(const struct screen *screen, struct buf *out);

// NULL if there is no such format.
show_format *show_format_of(const char *name);
// Writes it all to standard output. Returns an exit status; has said what went wrong.
int show_bytes(const void *data, size_t len);
int show_screen(const struct screen *screen, show_format *format);
