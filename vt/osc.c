// SPDX-License-Identifier: ISC
// Operating system commands: the window's title (xterm ctlseqs, OSC 0 and 2). Colours, clipboard,
// notifications and the rest have no part in a mirrored screen and are dropped.
#include "vt/model_impl.h"

#include <string.h>

// Length of a well-formed UTF-8 character at `data` that is not a control, or 0.
static size_t
character(const uint8_t *data, size_t len)
{
	uint8_t first = data[0];
	size_t need = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (need == 0 || need > len || first > 0xf4 || first < 0x20 || first == 0x7f)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((data[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xc2 && data[1] < 0xa0) || (first == 0xe0 && data[1] < 0xa0) ||
	    (first == 0xed && data[1] > 0x9f) || (first == 0xf0 && data[1] < 0x90) ||
	    (first == 0xf4 && data[1] > 0x8f))
		return 0;
	return need;
}

// Keeps whole characters that fit; drops controls and malformed bytes.
static void
set_title(struct model *model, const uint8_t *data, size_t len)
{
	size_t used = 0;

	for (size_t pos = 0; pos < len;) {
		size_t size = character(data + pos, len - pos);

		if (used + size > SCREEN_TITLE_MAX)
			break;
		memcpy(model->title + used, data + pos, size);
		used += size;
		pos += size == 0 ? 1 : size;
	}
	model->title[used] = '\0';
	model->dirty = true;
}

void
osc_dispatch(struct model *model, const uint8_t *data, size_t len)
{
	model->last_glyph = 0;
	if (len >= 2 && (data[0] == '0' || data[0] == '2') && data[1] == ';')
		set_title(model, data + 2, len - 2);
}

void
osc_title_push(struct model *model)
{
	if (model->title_stack_len == TITLE_STACK_MAX) {
		memmove(model->title_stack[0], model->title_stack[1],
		    sizeof(model->title_stack) - sizeof(model->title_stack[0]));
		model->title_stack_len--;
	}
	memcpy(model->title_stack[model->title_stack_len++], model->title, sizeof(model->title));
}

void
osc_title_pop(struct model *model)
{
	if (model->title_stack_len == 0)
		return;
	memcpy(model->title, model->title_stack[--model->title_stack_len], sizeof(model->title));
	model->dirty = true;
}
