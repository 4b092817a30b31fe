// SPDX-License-Identifier: ISC
// Operating system commands: the window's title (xterm ctlseqs, OSC 0 and 2) and links (OSC 8, as
// terminals agreed on it). Colours, clipboard, notifications and the rest have no part in a mirrored screen and are dropped.
#include "vt/model_impl.h"

#include <string.h>

// Keeps whole characters that fit; drops controls and malformed bytes.
static void
set_title(struct model *model, const uint8_t *data, size_t len)
{
	size_t used = 0;

	for (size_t pos = 0; pos < len;) {
		struct reader in = {.data = data + pos, .len = len - pos};
		size_t size = reader_utf8(&in) == 0 ? 0 : len - pos - in.len;

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
osc_set_href(struct model *model, const void *uri, size_t len)
{
	href_unref(model->href);
	model->href = href_ok(uri, len) ? href_new(uri, len) : NULL;
	editor_href(model->editor, model->href);
}

// 8 ; parameters ; URI. Parameters group links that are marked together; we have no use for them.
static void
set_href(struct model *model, const uint8_t *data, size_t len)
{
	const uint8_t *uri = memchr(data, ';', len);

	if (uri != NULL)
		osc_set_href(model, uri + 1, len - (size_t)(uri + 1 - data));
}

void
osc_dispatch(struct model *model, const uint8_t *data, size_t len)
{
	model->last_glyph = 0;
	if (len >= 2 && (data[0] == '0' || data[0] == '2') && data[1] == ';')
		set_title(model, data + 2, len - 2);
	if (len >= 2 && data[0] == '8' && data[1] == ';')
		set_href(model, data + 2, len - 2);
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
