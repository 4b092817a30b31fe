// SPDX-License-Identifier: ISC
// SM, RM, DECSET, DECRST, DECRQM: a table of the modes that a screen or its keyboard depends on.
#include "vt/model_impl.h"

static void
origin_changed(struct model *model, bool on)
{
	(void)on;
	move_address(model, 0, 0);
}

static void
margins_changed(struct model *model, bool on)
{
	(void)on;
	model->margins.left = 0;
	model->margins.right = model->cols;
}

static void
autowrap_changed(struct model *model, bool on)
{
	if (!on)
		model->pending_wrap = false;
}

static void
sync_changed(struct model *model, bool on)
{
	if (on && model->held == NULL) {
		model->modes &= ~(uint32_t)MODE_SYNC;
		model->held = model_screen(model);
		model->modes |= MODE_SYNC;
	} else if (!on)
		mode_sync_end(model);
}

void
mode_sync_end(struct model *model)
{
	screen_unref(model->held);
	model->held = NULL;
	model->modes &= ~(uint32_t)MODE_SYNC;
}

struct mode {
	uint16_t number;
	uint32_t bit;
	uint32_t excludes; // bits of its group, which it replaces
	void (*changed)(struct model *model, bool on);
};

static const struct mode private_modes[] = {
    {1, MODE_CURSOR_KEYS, 0, NULL},
    {5, MODE_REVERSE, 0, NULL},
    {6, MODE_ORIGIN, 0, origin_changed},
    {7, MODE_AUTOWRAP, 0, autowrap_changed},
    {9, MODE_MOUSE_X10, MODE_MOUSE_ANY, NULL},
    {12, MODE_BLINK, 0, NULL},
    {25, MODE_VISIBLE, 0, NULL},
    {45, MODE_REVERSE_WRAP, 0, NULL},
    {66, MODE_KEYPAD, 0, NULL},
    {69, MODE_MARGINS, 0, margins_changed},
    {1000, MODE_MOUSE_CLICK, MODE_MOUSE_ANY, NULL},
    {1002, MODE_MOUSE_DRAG, MODE_MOUSE_ANY, NULL},
    {1003, MODE_MOUSE_MOVE, MODE_MOUSE_ANY, NULL},
    {1004, MODE_FOCUS, 0, NULL},
    {1005, MODE_CODING_UTF8, MODE_CODING_ANY, NULL},
    {1006, MODE_CODING_SGR, MODE_CODING_ANY, NULL},
    {1007, MODE_ALT_SCROLL, 0, NULL},
    {1015, MODE_CODING_URXVT, MODE_CODING_ANY, NULL},
    {1016, MODE_CODING_PIXEL, MODE_CODING_ANY, NULL},
    {2004, MODE_PASTE, 0, NULL},
    {2026, MODE_SYNC, 0, sync_changed},
};

static const struct mode ansi_modes[] = {
    {4, MODE_INSERT, 0, NULL},
    {20, MODE_NEWLINE, 0, NULL},
};

static const struct mode *
find(const struct mode *modes, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (modes[i].number == number)
			return &modes[i];
	return NULL;
}

static const struct mode *
find_private(uint32_t number)
{
	return find(private_modes, sizeof(private_modes) / sizeof(private_modes[0]), number);
}

static const struct mode *
find_ansi(uint32_t number)
{
	return find(ansi_modes, sizeof(ansi_modes) / sizeof(ansi_modes[0]), number);
}

static void
set(struct model *model, const struct mode *mode, bool on)
{
	if (on)
		model->modes = (model->modes & ~mode->excludes) | mode->bit;
	else
		model->modes &= ~mode->bit;
	model->dirty = true;
	if (mode->changed != NULL)
		mode->changed(model, on);
}

// ---- the alternate screen ----------------------------------------------------------------------

void
screen_switch(struct model *model, bool alt)
{
	model->now = alt ? &model->alt : &model->main;
	editor_target(model->editor, &model->now->grid, alt ? NULL : &model->history);
	model->dirty = true;
}

// 47 switches; 1047 leaves a clear one behind; 1048 saves the cursor; 1049 does it all (xterm).
static bool
set_buffer(struct model *model, uint32_t number, bool on)
{
	bool alt = model->now == &model->alt;

	if (number != 47 && (number < 1047 || number > 1049))
		return false;
	if (on && number >= 1048)
		move_save(model, &model->now->saved);
	if (!on && number == 1047 && alt)
		grid_clear(&model->alt.grid, model->pen.bg);
	if (number != 1048)
		screen_switch(model, on);
	if (on && number == 1049)
		grid_clear(&model->alt.grid, model->pen.bg);
	if (!on && number >= 1048)
		move_restore(model, &model->now->saved);
	return true;
}

void
mode_set_private(struct model *model, uint32_t number, bool on)
{
	const struct mode *mode = find_private(number);

	if (mode != NULL)
		set(model, mode, on);
	else
		set_buffer(model, number, on);
}

void
mode_set_ansi(struct model *model, uint32_t number, bool on)
{
	const struct mode *mode = find_ansi(number);

	if (mode != NULL)
		set(model, mode, on);
}

void
mode_save_private(struct model *model, uint32_t number)
{
	const struct mode *mode = find_private(number);

	if (mode != NULL)
		model->saved_modes = (model->saved_modes & ~mode->bit) | (model->modes & mode->bit);
}

void
mode_restore_private(struct model *model, uint32_t number)
{
	const struct mode *mode = find_private(number);

	if (mode != NULL)
		set(model, mode, (model->saved_modes & mode->bit) != 0);
}

static uint32_t
report(const struct model *model, const struct mode *mode)
{
	return mode == NULL ? 0 : (model->modes & mode->bit) ? 1 : 2;
}

uint32_t
mode_report_private(const struct model *model, uint32_t number)
{
	if (number == 47 || number == 1047 || number == 1049)
		return model->now == &model->alt ? 1 : 2;
	return report(model, find_private(number));
}

uint32_t
mode_report_ansi(const struct model *model, uint32_t number)
{
	return report(model, find_ansi(number));
}
