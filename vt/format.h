// SPDX-License-Identifier: ISC
// A screen as text, JSON, ANSI or HTML, for people and tools: `mirrord render`, `mirrord dump`.
#pragma once

#include "vt/buf.h"
#include "vt/screen.h"

// One line per row, trailing blanks removed; a wide glyph once; all rows.
void format_text(const struct screen *screen, struct buf *out);
// One object: size, cursor, title, flags, and rows of runs of equal style. docs/mirrord.1 describes it.
void format_json(const struct screen *screen, struct buf *out);
// Lines with SGR, for `cat`.
void format_ansi(const struct screen *screen, struct buf *out);
// A self-contained page.
void format_html(const struct screen *screen, struct buf *out);
