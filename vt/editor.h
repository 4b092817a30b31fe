// SPDX-License-Identifier: ISC
// libvterm's state layer as the editor of a grid. Each operation says where it happens and within
// which margins; the editor brings libvterm's cursor and margins there first, if they are elsewhere,
// so that libvterm holds no state that a screen depends on. What comes back through its callbacks is
// checked before it touches the grid.
#pragma once

#include "vt/grid.h"

struct editor; // opaque

struct editor *editor_new(uint16_t rows, uint16_t cols);
void editor_free(struct editor *editor);
void editor_resize(struct editor *editor, uint16_t rows, uint16_t cols);
// Where edits go from now on. `history` (or NULL) gets the lines that scroll off the top.
void editor_target(struct editor *editor, struct grid *grid, struct history *history);
// The style of what is written, and, its background alone, of what is erased.
void editor_pen(struct editor *editor, const struct style *pen);
// Where what is written leads; borrowed until the next call. NULL: nowhere.
void editor_href(struct editor *editor, struct href *href);
// Callback arguments that were out of range since the beginning: a fault of libvterm or of ours.
uint64_t editor_faults(const struct editor *editor);

// Text goes straight to the grid (as from the beginning) or through libvterm: the same in the end.
void editor_set_shortcut(struct editor *editor, bool on);

// `len` cells of printable ASCII, or one glyph, which the caller knows to fit before the edge.
void editor_text(struct editor *editor, int row, int col, const uint8_t *ascii, size_t len);
void editor_glyph(struct editor *editor, int row, int col, uint32_t cp, uint8_t width);

enum erase { ERASE_AFTER, ERASE_BEFORE, ERASE_ALL }; // ED and EL 0, 1, 2; the cursor included
void editor_erase_line(struct editor *editor, int row, int col, enum erase what, bool selective);
void editor_erase_screen(struct editor *editor, int row, int col, enum erase what, bool selective);
void editor_erase_chars(struct editor *editor, int row, int col, uint32_t count);
// Within [left, right), which holds `col`.
void editor_insert_chars(
    struct editor *editor, int row, int col, int left, int right, uint32_t count);
void editor_delete_chars(
    struct editor *editor, int row, int col, int left, int right, uint32_t count);
// Within the margins, which hold the cursor: IL, DL; DECIC, DECDC; SU, SD.
void editor_insert_lines(struct editor *editor, int row, struct rect margins, uint32_t count);
void editor_delete_lines(struct editor *editor, int row, struct rect margins, uint32_t count);
void editor_insert_cols(struct editor *editor, int col, struct rect margins, uint32_t count);
void editor_delete_cols(struct editor *editor, int col, struct rect margins, uint32_t count);
void editor_scroll_up(struct editor *editor, struct rect margins, uint32_t count);
void editor_scroll_down(struct editor *editor, struct rect margins, uint32_t count);
