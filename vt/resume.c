// SPDX-License-Identifier: ISC
// From a model to the control functions that make its like (ECMA-48, xterm ctlseqs, kitty's keyboard
// protocol). The order matters: what moves the cursor or changes how text is printed comes after the
// painting, the cursor after the margins, insert mode and character sets after the last glyph.
#include "vt/resume.h"

#include "vt/ansi_look.h"
#include "vt/ansi_sgr.h"
#include "vt/model_impl.h"

#include <string.h>

static const struct {
	uint32_t bit;
	const char *set, *reset; // said where the model differs from a terminal's usual state
} resumed_modes[] = {
    {MODE_REVERSE, "\033[?5h", NULL},
    {MODE_AUTOWRAP, NULL, "\033[?7l"},
    {MODE_REVERSE_WRAP, "\033[?45h", NULL},
    {MODE_NEWLINE, "\033[20h", NULL},
    {MODE_CURSOR_KEYS, "\033[?1h", NULL},
    {MODE_KEYPAD, "\033=", NULL},
    {MODE_MOUSE_X10, "\033[?9h", NULL},
    {MODE_MOUSE_CLICK, "\033[?1000h", NULL},
    {MODE_MOUSE_DRAG, "\033[?1002h", NULL},
    {MODE_MOUSE_MOVE, "\033[?1003h", NULL},
    {MODE_FOCUS, "\033[?1004h", NULL},
    {MODE_CODING_UTF8, "\033[?1005h", NULL},
    {MODE_CODING_SGR, "\033[?1006h", NULL},
    {MODE_CODING_URXVT, "\033[?1015h", NULL},
    {MODE_CODING_PIXEL, "\033[?1016h", NULL},
    {MODE_ALT_SCROLL, NULL, "\033[?1007l"},
    {MODE_PASTE, "\033[?2004h", NULL},
};

static void
put_modes(const struct model *model, struct buf *out)
{
	for (size_t i = 0; i < sizeof(resumed_modes) / sizeof(resumed_modes[0]); i++) {
		const char *text = model->modes & resumed_modes[i].bit ? resumed_modes[i].set
								       : resumed_modes[i].reset;

		if (text != NULL)
			buf_printf(out, "%s", text);
	}
	if (model->modify_other_keys)
		buf_printf(out, "\033[>4;%um", (unsigned)model->modify_other_keys);
}

// Each entry is pushed: the program will pop them.
static void
put_kitty(const struct buffer *buffer, struct buf *out)
{
	for (size_t i = 0; i < buffer->kitty_len; i++)
		buf_printf(out, "\033[>%uu", (unsigned)buffer->kitty[i]);
}

static void
put_charsets(const uint8_t charset[4], uint8_t gl, struct buf *out)
{
	static const char finals[CHARSET_COUNT] = {'B', '0', 'A'};
	static const char *const shifts[4] = {"\017", "\016", "\033n", "\033o"};

	for (size_t i = 0; i < 4; i++) {
		if (charset[i] < CHARSET_COUNT)
			buf_printf(out, "\033%c%c", "()*+"[i], finals[charset[i]]);
	}
	buf_printf(out, "%s", shifts[gl & 3]);
}

static void
put_pen(const struct ansi_caps *caps, const struct style *pen, struct buf *out)
{
	ansi_sgr(caps, NULL, pen, out);
	if (pen->attrs & ATTR_PROTECTED)
		buf_printf(out, "\033[1\"q");
}

static void
put_usual(struct buf *out)
{
	buf_printf(out, "\033[0\"q\033[m\033[?6l\033(B\033)B\033*B\033+B\017");
}

// The state that DECSC takes, to be taken by what the caller says next. Margins are not set yet, so
// positions are the screen's with origin mode, too.
static void
put_saved(const struct ansi_caps *caps, const struct saved_cursor *saved, struct buf *out)
{
	if (saved->origin)
		buf_printf(out, "\033[?6h");
	buf_printf(out, "\033[%d;%dH", saved->row + 1, saved->col + 1);
	put_pen(caps, &saved->pen, out);
	put_charsets(saved->charset, saved->gl, out);
}

static void
put_buffer(
    struct model *model, struct buffer *buffer, const struct ansi_caps *caps, struct buf *out)
{
	struct screen *screen = screen_alloc(model->rows, model->cols);
	struct ansi *ansi = ansi_new(caps);

	screen->cursor.visible = (model->modes & MODE_VISIBLE) != 0;
	screen->cursor.shape = model->shape;
	screen->cursor.blink = (model->modes & MODE_BLINK) != 0;
	for (size_t i = 0; i < model->rows; i++) {
		row_publish(buffer->grid.row[i]);
		screen->row[i] = row_ref(buffer->grid.row[i]);
	}
	ansi_paint(ansi, screen, out);
	ansi_settle(ansi, out);
	ansi_free(ansi);
	screen_unref(screen);
	put_kitty(buffer, out);
}

// Tab stops stand every 8 columns in a terminal's usual state.
static void
put_tabs(const struct model *model, struct buf *out)
{
	size_t usual = 0;

	while (usual < (model->cols + 7u) / 8 && model->tabs[usual] == 1)
		usual++;
	if (usual == (model->cols + 7u) / 8)
		return;
	buf_printf(out, "\033[3g");
	for (size_t col = 0; col < model->cols; col++) {
		if (model->tabs[col / 8] & 1 << col % 8)
			buf_printf(out, "\033[1;%zuH\033H", col + 1);
	}
}

static void
put_margins(const struct model *model, struct buf *out)
{
	const struct rect *m = &model->margins;

	if (m->top > 0 || m->bottom < model->rows)
		buf_printf(out, "\033[%d;%dr", m->top + 1, m->bottom);
	if (model->modes & MODE_MARGINS)
		buf_printf(out, "\033[?69h\033[%d;%ds", m->left + 1, m->right);
	if (model->modes & MODE_ORIGIN)
		buf_printf(out, "\033[?6h");
}

// A cursor that waits to wrap does so only after a glyph was printed before the edge.
static void
put_cursor(struct model *model, const struct ansi_caps *caps, struct buf *out)
{
	bool origin = model->modes & MODE_ORIGIN;
	int row = model->row - (origin ? model->margins.top : 0);
	int col = model->col - (origin ? model->margins.left : 0);
	const struct row *line = model->now->grid.row[model->row];
	size_t at = (size_t)model->col;
	struct look looks[SCREEN_COLS_MAX]; // by column
	const struct look *look = &looks[at];

	if (model->pending_wrap && at > 0 && line->cells[at].width == 0) {
		look--;
		col--;
	}
	buf_printf(out, "\033[%d;%dH", row + 1, col + 1);
	if (!model->pending_wrap)
		return;
	ansi_look_row(caps, false, line, (size_t)(look - looks), at + 1, looks);
	ansi_sgr(caps, NULL, &look->style, out);
	buf_put_utf8(out, look->cp);
	for (size_t i = 0; i < look->marks_len; i++)
		buf_put_utf8(out, look->marks[i]);
}

void
model_resume(struct model *model, const struct ansi_caps *caps, struct buf *out)
{
	static const char *const single_shifts[4] = {"", "", "\033N", "\033O"};

	put_usual(out);
	put_buffer(model, &model->main, caps, out);
	put_saved(caps, &model->main.saved, out);
	if (model->now == &model->alt) {
		buf_printf(out, "\033[?1049h"); // saves, as the program's own did
		put_usual(out);
		put_buffer(model, &model->alt, caps, out);
		put_saved(caps, &model->alt.saved, out);
	}
	buf_printf(out, "\0337");
	put_usual(out);
	if (*model->title && caps->alt_screen) // the Linux console knows no titles
		buf_printf(out, "\033]2;%s\033\\", model->title);
	put_tabs(model, out);
	put_modes(model, out);
	put_margins(model, out);
	put_cursor(model, caps, out);
	put_pen(caps, &model->pen, out);
	put_charsets(model->charset, model->gl, out);
	if (model->modes & MODE_INSERT)
		buf_printf(out, "\033[4h");
	buf_printf(out, "%s", single_shifts[model->single_shift & 3]);
}
