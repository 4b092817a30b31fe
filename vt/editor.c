// SPDX-License-Identifier: ISC
#include "vt/editor.h"

#include <stdlib.h>
#include <string.h>
#include <vterm.h>

// What libvterm prints in place of glyphs whose width it may see differently: U+4E00.
#define STANDIN_WIDE "\xe4\xb8\x80"
// libvterm 0.1.4 crashes on a single row or column; the cells beyond ours are clipped.
#define VTERM_SIZE_MIN 2

struct editor {
	VTerm *vterm;            // owned
	VTermState *state;       // borrowed from vterm
	struct grid *grid;       // borrowed
	struct history *history; // borrowed, or NULL
	struct style pen;
	struct href *href;   // borrowed, or NULL
	int rows, cols;      // libvterm's
	VTermPos pos;        // where libvterm's cursor is
	struct rect margins; // what libvterm was told
	uint32_t glyph;      // what the next putglyph stands for, or 0 for itself
	uint8_t glyph_width;
	bool shortcut;   // text goes to the grid directly
	bool to_history; // the scroll under way is one that history keeps
	uint64_t faults;
	size_t out_len;
	char out[128]; // one operation for libvterm
};

// ---- to libvterm -------------------------------------------------------------------------------

static void
put(struct editor *editor, const char *text)
{
	size_t len = strlen(text);

	memcpy(editor->out + editor->out_len, text, len);
	editor->out_len += len;
}

static void
put_number(struct editor *editor, uint32_t value)
{
	char digits[10];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	while (len > 0)
		editor->out[editor->out_len++] = digits[--len];
}

static void
flush(struct editor *editor)
{
	vterm_input_write(editor->vterm, editor->out, editor->out_len);
	editor->out_len = 0;
}

static void
put_csi2(struct editor *editor, int a, int b, const char *final)
{
	put(editor, "\x1b[");
	put_number(editor, (uint32_t)a);
	put(editor, ";");
	put_number(editor, (uint32_t)b);
	put(editor, final);
}

static void
go_to(struct editor *editor, int row, int col)
{
	if (editor->pos.row == row && editor->pos.col == col)
		return;
	put_csi2(editor, row + 1, col + 1, "H");
	flush(editor);
}

static void
set_margins(struct editor *editor, struct rect margins)
{
	struct rect *now = &editor->margins;

	// cells beyond ours, at sizes that libvterm cannot have, belong to the margins
	if (margins.right == editor->grid->cols)
		margins.right = editor->cols;
	if (margins.bottom == editor->grid->rows)
		margins.bottom = editor->rows;
	if (now->top != margins.top || now->bottom != margins.bottom)
		put_csi2(editor, margins.top + 1, margins.bottom, "r");
	if (now->left != margins.left || now->right != margins.right) {
		put(editor, "\x1b[?69h");
		put_csi2(editor, margins.left + 1, margins.right, "s");
		if (margins.left == 0 && margins.right == editor->cols)
			put(editor, "\x1b[?69l");
	}
	if (editor->out_len > 0)
		flush(editor);
	*now = margins;
}

static void
send_count(struct editor *editor, uint32_t count, const char *final)
{
	put(editor, "\x1b[");
	put_number(editor, count);
	put(editor, final);
	flush(editor);
}

// ---- from libvterm -----------------------------------------------------------------------------

// The part of a rectangle that lies in the grid. What lies outside of libvterm's own size is a
// fault.
static bool
clip(struct editor *editor, VTermRect from, struct rect *rect)
{
	if (from.start_row < 0 || from.end_row > editor->rows || from.start_col < 0 ||
	    from.end_col > editor->cols || from.start_row > from.end_row ||
	    from.start_col > from.end_col)
		editor->faults++;
	*rect = (struct rect){from.start_row, from.end_row, from.start_col, from.end_col};
	if (rect->top < 0)
		rect->top = 0;
	if (rect->left < 0)
		rect->left = 0;
	if (rect->bottom > editor->grid->rows)
		rect->bottom = editor->grid->rows;
	if (rect->right > editor->grid->cols)
		rect->right = editor->grid->cols;
	return rect->top < rect->bottom && rect->left < rect->right;
}

static void
put_glyph(struct editor *editor, struct row *row, size_t col, uint32_t cp, uint8_t width)
{
	row_put(row, col, cp, width, &editor->pen);
	if (editor->href != NULL)
		row_set_href(row, col, col + width, editor->href);
}

static int
on_putglyph(VTermGlyphInfo *info, VTermPos pos, void *user)
{
	struct editor *editor = user;
	uint32_t cp = editor->glyph != 0 ? editor->glyph : info->chars[0];
	uint8_t width = editor->glyph != 0 ? editor->glyph_width : 1;
	struct row *row;

	if (pos.row < 0 || pos.row >= editor->grid->rows || pos.col < 0 ||
	    pos.col + width > editor->grid->cols) {
		editor->faults++;
		return 1;
	}
	row = grid_write(editor->grid, (size_t)pos.row);
	put_glyph(editor, row, (size_t)pos.col, cp, width);
	return 1;
}

static int
on_movecursor(VTermPos pos, VTermPos old, int visible, void *user)
{
	struct editor *editor = user;

	(void)old;
	(void)visible;
	if (pos.row < 0 || pos.row >= editor->rows || pos.col < 0 || pos.col >= editor->cols)
		editor->faults++;
	editor->pos = pos;
	return 1;
}

static int
on_scrollrect(VTermRect from, int downward, int rightward, void *user)
{
	struct editor *editor = user;
	struct rect rect;
	bool whole = from.start_row == 0 && from.start_col == 0 && from.end_col == editor->cols;

	if (clip(editor, from, &rect))
		grid_scroll(editor->grid, rect, downward, rightward, editor->pen.bg,
		    whole && editor->to_history ? editor->history : NULL);
	return 1;
}

static int
on_erase(VTermRect from, int selective, void *user)
{
	struct editor *editor = user;
	struct rect rect;

	if (editor->grid != NULL && clip(editor, from, &rect))
		grid_erase(editor->grid, rect, selective, editor->pen.bg);
	return 1;
}

static int
on_settermprop(VTermProp prop, VTermValue *value, void *user)
{
	(void)prop;
	(void)value;
	(void)user;
	return 1;
}

static const VTermStateCallbacks callbacks = {
    .putglyph = on_putglyph,
    .movecursor = on_movecursor,
    .scrollrect = on_scrollrect,
    .erase = on_erase,
    .settermprop = on_settermprop,
};

// ---- life --------------------------------------------------------------------------------------

static void
take_size(struct editor *editor, uint16_t rows, uint16_t cols)
{
	editor->rows = rows < VTERM_SIZE_MIN ? VTERM_SIZE_MIN : rows;
	editor->cols = cols < VTERM_SIZE_MIN ? VTERM_SIZE_MIN : cols;
	editor->margins = (struct rect){0, editor->rows, 0, editor->cols};
}

struct editor *
editor_new(uint16_t rows, uint16_t cols)
{
	struct editor *editor = calloc(1, sizeof(*editor));

	if (editor == NULL)
		abort();
	take_size(editor, rows, cols);
	editor->shortcut = true;
	editor->vterm = vterm_new(editor->rows, editor->cols);
	if (editor->vterm == NULL)
		abort();
	vterm_set_utf8(editor->vterm, 1);
	editor->state = vterm_obtain_state(editor->vterm);
	vterm_state_set_callbacks(editor->state, &callbacks, editor);
	vterm_state_reset(editor->state, 1);
	put(editor, "\x1b[?7l"); // wrapping is the model's business
	flush(editor);
	return editor;
}

void
editor_free(struct editor *editor)
{
	if (editor == NULL)
		return;
	vterm_free(editor->vterm);
	free(editor);
}

void
editor_resize(struct editor *editor, uint16_t rows, uint16_t cols)
{
	// 0.1.4 leaves a cursor or a region out of bounds unless both are at rest
	put(editor, "\x1b[?69l\x1b[r\x1b[H");
	flush(editor);
	take_size(editor, rows, cols);
	vterm_set_size(editor->vterm, editor->rows, editor->cols);
	vterm_state_get_cursorpos(editor->state, &editor->pos);
}

void
editor_target(struct editor *editor, struct grid *grid, struct history *history)
{
	editor->grid = grid;
	editor->history = history;
}

void
editor_pen(struct editor *editor, const struct style *pen)
{
	editor->pen = *pen;
}

void
editor_href(struct editor *editor, struct href *href)
{
	editor->href = href;
}

void
editor_set_shortcut(struct editor *editor, bool on)
{
	editor->shortcut = on;
}

uint64_t
editor_faults(const struct editor *editor)
{
	return editor->faults;
}

// ---- operations --------------------------------------------------------------------------------

// The short way for text, which is most of what programs print: libvterm would put each glyph where
// the cursor is and no more, and its cursor is brought along when it is needed next. Off only where
// a fuzzer holds it equal to the long way.
static void
write_run(struct editor *editor, int at, int col, const uint8_t *ascii, size_t len)
{
	struct row *row = grid_write(editor->grid, (size_t)at);
	struct cell *cell = &row->cells[col];
	const struct cell *end = cell + len;
	struct cell fresh = {.style = editor->pen, .width = 1};

	// halves of wide glyphs that the run cuts off
	if (cell->width == 0 || (col + (int)len < row->cols && end->width == 0))
		row_blank(row, (size_t)col, (size_t)col + len, editor->pen.bg);
	for (; cell < end; cell++) {
		fresh.cp = *ascii++;
		*cell = fresh;
	}
	if (editor->href != NULL)
		row_set_href(row, (size_t)col, (size_t)col + len, editor->href);
}

void
editor_text(struct editor *editor, int row, int col, const uint8_t *ascii, size_t len)
{
	if (editor->shortcut) {
		write_run(editor, row, col, ascii, len);
		return;
	}
	go_to(editor, row, col);
	editor->glyph = 0;
	vterm_input_write(editor->vterm, (const char *)ascii, len);
}

void
editor_glyph(struct editor *editor, int row, int col, uint32_t cp, uint8_t width)
{
	if (editor->shortcut) {
		put_glyph(editor, grid_write(editor->grid, (size_t)row), (size_t)col, cp, width);
		return;
	}
	go_to(editor, row, col);
	editor->glyph = cp;
	editor->glyph_width = width;
	put(editor, width == 2 ? STANDIN_WIDE : "x");
	flush(editor);
	editor->glyph = 0;
}

static const char *const erase_line_finals[2][3] = {{"K", "1K", "2K"}, {"?K", "?1K", "?2K"}};
static const char *const erase_screen_finals[2][3] = {{"J", "1J", "2J"}, {"?J", "?1J", "?2J"}};

void
editor_erase_line(struct editor *editor, int row, int col, enum erase what, bool selective)
{
	go_to(editor, row, col);
	put(editor, "\x1b[");
	put(editor, erase_line_finals[selective][what]);
	flush(editor);
}

void
editor_erase_screen(struct editor *editor, int row, int col, enum erase what, bool selective)
{
	go_to(editor, row, col);
	put(editor, "\x1b[");
	put(editor, erase_screen_finals[selective][what]);
	flush(editor);
}

void
editor_erase_chars(struct editor *editor, int row, int col, uint32_t count)
{
	go_to(editor, row, col);
	send_count(editor, count, "X");
}

static struct rect
whole_rows(const struct editor *editor, int left, int right)
{
	return (struct rect){0, editor->grid->rows, left, right};
}

void
editor_insert_chars(struct editor *editor, int row, int col, int left, int right, uint32_t count)
{
	set_margins(editor, whole_rows(editor, left, right));
	go_to(editor, row, col);
	send_count(editor, count, "@");
}

void
editor_delete_chars(struct editor *editor, int row, int col, int left, int right, uint32_t count)
{
	set_margins(editor, whole_rows(editor, left, right));
	go_to(editor, row, col);
	send_count(editor, count, "P");
}

void
editor_insert_lines(struct editor *editor, int row, struct rect margins, uint32_t count)
{
	set_margins(editor, margins);
	go_to(editor, row, margins.left);
	send_count(editor, count, "L");
}

void
editor_delete_lines(struct editor *editor, int row, struct rect margins, uint32_t count)
{
	set_margins(editor, margins);
	go_to(editor, row, margins.left);
	send_count(editor, count, "M");
}

void
editor_insert_cols(struct editor *editor, int col, struct rect margins, uint32_t count)
{
	set_margins(editor, margins);
	go_to(editor, margins.top, col);
	send_count(editor, count, "'}");
}

void
editor_delete_cols(struct editor *editor, int col, struct rect margins, uint32_t count)
{
	set_margins(editor, margins);
	go_to(editor, margins.top, col);
	send_count(editor, count, "'~");
}

void
editor_scroll_up(struct editor *editor, struct rect margins, uint32_t count)
{
	set_margins(editor, margins);
	editor->to_history = true;
	send_count(editor, count, "S");
	editor->to_history = false;
}

void
editor_scroll_down(struct editor *editor, struct rect margins, uint32_t count)
{
	set_margins(editor, margins);
	send_count(editor, count, "T");
}
